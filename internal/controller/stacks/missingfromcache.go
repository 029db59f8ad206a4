package stacks

import (
	"context"
	"errors"
	"maps"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// ties are the kinds that connect members to their stack.
var ties = []objects.Kind{objects.IngressClass, objects.GatewayClass, objects.Gateway, objects.ListenerSet}

// missingFromCache returns the first object that the API server has and the cache lacks, among the members that the
// stack lost since the last compilation and the objects that connect them to it. A cache that is listed again may lack
// objects for a moment; the rules of such a member must stay. It returns an error if the API server did not answer
// whether it has the object.
func (s *Reconciler) missingFromCache(ctx context.Context, key stack.Key, w front.Input) (lacking string, err error) {
	if s.Live == nil {
		return "", nil
	}
	for _, lost := range lostMembers(s.MemoryOf(key), w.LoadBalancer.Members) {
		o, overlooked, err := s.overlooked(ctx, objects.Ref{Kind: objects.Kind(lost.Kind), Namespace: lost.Namespace,
			Name: lost.Name})
		if overlooked || err != nil {
			return lost.String(), err
		}
		if o == nil || o.GetDeletionTimestamp() != nil {
			continue
		}
		for _, to := range objects.References(o) { // the member may declare another stack, or lack its tie to this one
			if !slices.Contains(ties, to.Kind) {
				continue
			}
			if _, overlooked, err := s.overlooked(ctx, to); overlooked || err != nil {
				return string(to.Kind) + " " + to.Namespace + "/" + to.Name, err
			}
		}
	}
	return "", nil
}

// overlooked looks up an object in the cache. overlooked is true if the cache lacks it and the API server has it. o is
// nil if the cache lacks it, or if objects of its kind are not cached.
func (s *Reconciler) overlooked(ctx context.Context, at objects.Ref) (o client.Object, overlooked bool, err error) {
	kind := readable.Kinds[at.Kind]
	if kind.Object == nil || kind.List == nil || kind.Optional && s.Definitions != nil && !s.Definitions.Serves(at.Kind) {
		return nil, false, nil
	}
	o, _ = kind.Object.DeepCopyObject().(client.Object)
	overlooked, _, err = reads.ConfirmingReader{Cache: s.Client, Live: s.Live}.Find(ctx, client.ObjectKey{
		Namespace: at.Namespace, Name: at.Name}, o)
	if errors.Is(err, absence.ErrUnknown) {
		return nil, false, err
	}
	if cached := err == nil && !overlooked; !cached {
		o = nil
	}
	return o, overlooked, nil
}

// lostMembers returns the members of the last compilation that the stack no longer has.
func lostMembers(before *compile.Memory, now []intent.Member) (out []diag.Object) {
	if before == nil {
		return nil
	}
	named := func(o diag.Object) diag.Object {
		return diag.Object{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}
	}
	present := make(map[diag.Object]bool, len(now))
	for i := range now {
		present[named(now[i].Object)] = true
	}
	// a reduced memory lacks versions
	for _, o := range slices.AppendSeq(slices.Clone(before.Members), maps.Keys(before.Good)) {
		if o = named(o); !present[o] {
			present[o] = true
			out = append(out, o)
		}
	}
	return out
}
