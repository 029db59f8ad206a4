package stacks

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// withoutResources are those of the members that lack our finalizer of which AWS is proven to hold nothing, so that the
// stack can go on without them. A missing finalizer proves nothing: replacing an object takes it off, and policies
// refuse to put it on again. c is what the whole input compiles to.
func (s *Reconciler) withoutResources(ctx context.Context, key stack.Key, w front.Input, c compile.Result,
	lacking refusedWrites) (refusedWrites, error) {
	observed, err := s.observe(ctx, key, c.Stack, w)
	if err != nil {
		return nil, err
	}
	with := s.plan(basis{key: key, input: w, compiled: c, observed: observed})
	memory := s.MemoryOf(key)
	var out refusedWrites
	for _, r := range lacking {
		rest, _, err := s.compiler().Compile(ctx, key, refusedWrites{r}.without(w), memory)
		if err != nil {
			return nil, fmt.Errorf("compiling %s without %s: %w", key, r.object, err)
		}
		if rest.Stack == nil { // the others make no stack by themselves, which proves nothing of this one
			continue
		}
		without := s.plan(basis{key: key, input: w, compiled: rest, observed: observed})
		if provenAbsent(&with, &without).Proven() {
			out = append(out, r)
		}
	}
	return out, nil
}

// provenAbsent compares the plan of a whole stack with that of the same stack without one member. The member has
// nothing in AWS if leaving it out deletes nothing that stays otherwise, and modifies nothing that is left as it is
// otherwise.
func provenAbsent(with, without *plan.Plan) absence.Absence {
	touched, deleted := map[stack.Ref]bool{}, map[stack.Ref]bool{}
	for _, step := range with.Steps {
		touched[step.Resource] = true
		deleted[step.Resource] = deleted[step.Resource] || step.Action == plan.Delete
	}
	changes := 0
	for _, step := range without.Steps {
		if step.Action == plan.Delete && !deleted[step.Resource] || (step.Action == plan.Update ||
			step.Action == plan.Replace) && !touched[step.Resource] {
			changes++
		}
	}
	return absence.OfComparison(changes)
}

// markAwaited is when a pass is made again over a Gateway whose mark of deletion did not come. The mark makes one by
// itself.
const markAwaited = 10 * time.Second

// endsUnseen reports whether a Gateway that lost routes is being deleted, which its cache does not show yet. Of objects
// that are deleted together those of each kind reach their cache by themselves: rules would be deleted one by one
// before their load balancer.
func (s *Reconciler) endsUnseen(ctx context.Context, key stack.Key, w front.Input) (bool, error) {
	if w.Decisions == nil || !w.Wanted || s.Live == nil || len(w.Members) == 0 ||
		!lostMember(s.MemoryOf(key), w.LoadBalancer.Members) {
		return false, nil
	}
	shown, live := w.Members[0], &gatewayv1.Gateway{}
	switch err := s.Live.Get(ctx, client.ObjectKey{Namespace: shown.GetNamespace(), Name: shown.GetName()}, live); {
	case absence.NotFound(err):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("reading %s, which lost routes: %w", owner.Object(shown), err)
	}
	return live.DeletionTimestamp != nil || live.UID != shown.GetUID(), nil
}

// unprovenLoss returns what a member of the last compilation lacks now, the member itself or an object that it names,
// because the cache lacks it although the API server has it, as a cache that is read again may do: the member's rules
// must not go. The error says that the API server proves neither.
func (s *Reconciler) unprovenLoss(ctx context.Context, key stack.Key, w front.Input) (lacking string, err error) {
	if s.Live == nil {
		return "", nil
	}
	for _, lost := range lostMembers(s.MemoryOf(key), w.LoadBalancer.Members) {
		o, overlooked, err := s.overlooked(ctx, objects.Ref{Kind: objects.Kind(lost.Kind), Namespace: lost.Namespace,
			Name: lost.Name})
		if overlooked || err != nil {
			return lost.String(), err
		}
		if o == nil {
			continue
		}
		for _, to := range objects.References(o) { // it has left the stack, or what binds it to the stack is lacking
			if _, overlooked, err := s.overlooked(ctx, to); overlooked || err != nil {
				return string(to.Kind) + " " + to.Namespace + "/" + to.Name, err
			}
		}
	}
	return "", nil
}

// overlooked reads an object of a kind that the cache shows. overlooked is true if the cache lacks what the API server
// has. o is nil if the cache does not have it.
func (s *Reconciler) overlooked(ctx context.Context, at objects.Ref) (o client.Object, overlooked bool, err error) {
	kind := readable.Kinds[at.Kind]
	if kind.Object == nil || kind.List == nil {
		return nil, false, nil
	}
	o, _ = kind.Object.DeepCopyObject().(client.Object)
	name := client.ObjectKey{Namespace: at.Namespace, Name: at.Name}
	if err := s.Client.Get(ctx, name, o); err == nil {
		return o, false, nil
	} else if !apierrors.IsNotFound(err) {
		return nil, false, nil // its kind is not read now
	}
	gone, err := absence.OfObject(s.Live.Get(ctx, name, o))
	if err != nil {
		return nil, false, fmt.Errorf("%s %s is not in the cache, and the API server was asked: %w", at.Kind, name, err)
	}
	return nil, !gone.Proven(), nil
}

// lostMember reports whether a member of the last compilation is none any more.
func lostMember(before *compile.Memory, now []intent.Member) bool {
	return len(lostMembers(before, now)) > 0
}

// lostMembers are the members of the last compilation that are none any more.
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
	for o := range before.Good {
		if !present[named(o)] {
			out = append(out, o)
		}
	}
	return out
}
