package bindingpass

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// An edit of a Service may leave it without endpoints although its former pods serve: its selector is misspelt, or
// selects pods that are yet to come, or no pod has the port that targetPort names. The former targets stay registered
// as long as their pods serve, until the Service has endpoints again. Pods that end, or are not ready, are no edit.
//
// An edit may precede the process, which then does not know the former endpoints. Registered targets whose pods serve,
// and whose addresses no EndpointSlice has, show such an edit. For a while after a start, EndpointSlices may follow it.

// emptied reports whether an edit of the Service led to a binding without endpoints.
func (b *Reconciler) emptied(ctx context.Context, o *v1beta1.TargetGroupBinding, svc *corev1.Service,
	port corev1.ServicePort, of turn) (bool, error) {
	k, now := b.memory.get(o), selects(svc, port)
	switch {
	case k.emptied:
		return true, nil
	case k.selects == 0: // nothing was registered since the start
		if !toldOfEdit(o) && len(b.lost(ctx, of)) == 0 {
			return false, nil
		}
	case now == k.selects:
		if len(b.lost(ctx, of)) == 0 {
			return false, nil
		}
		edited, _, err := b.editedLive(ctx, o, k.selects)
		if edited == nil && err == nil && b.mayFollow(k) {
			if nowhere, err := b.leadsNowhere(ctx, svc, port); err != nil || !nowhere {
				return false, err
			}
		} else if err != nil || edited == nil {
			return false, err
		}
	}
	k.emptied = true
	b.memory.put(o, k)
	return true, nil
}

// toldOfEdit reports whether the status of a binding says that its targets may depend on what was before an edit.
func toldOfEdit(o *v1beta1.TargetGroupBinding) bool {
	ready := meta.FindStatusCondition(o.Status.Conditions, "Ready")
	return ready != nil && bindings.ReportsEdit(diag.Code(ready.Reason))
}

// editedLive returns the Service of a binding, and its port, if it selects other endpoints than the last ones; nil if
// it does not. EndpointSlices may reach the cache before the Service that they follow.
func (b *Reconciler) editedLive(ctx context.Context, o *v1beta1.TargetGroupBinding, before uint64) (*corev1.Service,
	corev1.ServicePort, error) {
	none := corev1.ServicePort{}
	if b.APIReader == nil {
		return nil, none, nil
	}
	ctx, cancel := context.WithTimeout(ctx, reads.LiveTimeout)
	defer cancel()
	svc := &corev1.Service{}
	err := b.APIReader.Get(ctx, client.ObjectKey{Namespace: o.Namespace, Name: o.Spec.ServiceRef.Name}, svc)
	switch {
	case apierrors.IsNotFound(err):
		return nil, none, nil
	case err != nil:
		return nil, none, fmt.Errorf("reading Service %s/%s: %w", o.Namespace, o.Spec.ServiceRef.Name, err)
	}
	port, d := registrar.ServicePortOf(o, svc)
	if d != nil || selects(svc, port) == before {
		return nil, none, nil
	}
	return svc, port, nil
}

// followFor is how long after the first pass of a process EndpointSlices may follow an edit that precedes it.
const followFor = 5 * time.Minute

// mayFollow reports whether EndpointSlices may follow an edit of a Service that precedes the process.
func (b *Reconciler) mayFollow(k kept) bool {
	return !k.inherited.IsZero() && b.Now().Sub(k.inherited) < followFor
}

// inherit is the first comparison of a process with the targets that an earlier one registered: those whose pods serve
// count as endpoints of the last pass. known is false while it is not known what is registered.
func (b *Reconciler) inherit(ctx context.Context, o *v1beta1.TargetGroupBinding, now turn) (_ turn, known bool,
	err error) {
	k := b.memory.get(o)
	if k.inherited.IsZero() && k.selects == 0 && o.Status.ObservedGeneration != nil {
		k.inherited = b.Now()
		b.memory.put(o, k)
	}
	if k.seeded {
		return now, true, nil
	}
	registered, known := b.Registry.Members(b.group(o))
	if !known {
		return now, false, nil
	}
	former, err := b.servingAt(ctx, o, registered)
	if err != nil {
		return now, false, err
	}
	k.seeded = true
	b.memory.put(o, k)
	now.former = now.former.With(former...)
	return now, true, nil
}

// servingAt are registered targets of pods that serve, unless they are not the binding's own.
func (b *Reconciler) servingAt(ctx context.Context, o *v1beta1.TargetGroupBinding, registered []registrar.Target) (
	serving []registrar.Endpoint, err error) {
	preceding, _ := b.Preceding.get(o)
	left := registrar.KeySet(preceding.Targets)
	var recorded map[string]bool
	if o.Spec.MultiClusterTargetGroup {
		keys, _, err := b.RegisteredTargets.Load(ctx, stack.ID{Namespace: o.Namespace, Name: o.Name})
		if err != nil {
			return nil, err
		}
		recorded = registrar.KeySet(keys)
	}
	addresses := map[string]bool{}
	for _, t := range registered {
		addresses[t.ID] = true
	}
	at, err := b.servingPods(ctx, o, addresses)
	if err != nil {
		return nil, err
	}
	for _, t := range registered {
		if e := at[t.ID]; e.Pod != "" && !left[t.Key()] && (recorded == nil || recorded[t.Key()]) {
			e.Target = t
			serving = append(serving, e)
		}
	}
	return serving, nil
}

// turn are the endpoints of the last pass, those of this one, where it found them, and when it began to.
type turn struct {
	former, pods registrar.Endpoints
	behind       registrar.ServicePortEndpoints
	begun        uint64
}

// leftByEdit sets whether an edit of the Service led to there being no endpoints, or whether that could not be read.
func (b *Reconciler) leftByEdit(ctx context.Context, o *v1beta1.TargetGroupBinding, svc *corev1.Service, now turn,
	of *Resolved) {
	now, known, err := b.inherit(ctx, o, now)
	if err != nil {
		of.unproven = cmp.Or(of.unproven, err)
	}
	switch {
	case of.unproven != nil:
	case of.Endpoints.Len() > 0:
		of.emptied, of.unproven = b.filled(ctx, o, svc, now.behind.Port, now)
	case len(of.Found) == 0:
		of.emptied, of.unproven = b.emptied(ctx, o, svc, now.behind.Port, now)
		if !known && !of.emptied && o.Status.ObservedGeneration != nil && b.memory.get(o).selects == 0 {
			of.emptied, of.unsure = true, true
		}
	}
	unproven := of.unproven != nil
	if unproven {
		of.emptied = true
		b.resolved.keep(client.ObjectKeyFromObject(o), now.pods.With(b.lost(ctx, now)...), now.begun)
	}
	if k := b.memory.get(o); k.unproven != unproven || k.compared == of.unconfirmed {
		k.unproven, k.compared = unproven, !of.unconfirmed
		b.memory.put(o, k)
	}
}

// lost are the endpoints of the last pass that an edit of the Service may have taken: their pods serve, and their
// EndpointSlices have them no more. Those of pods that end or fail stay there at first, and are not ready.
func (b *Reconciler) lost(ctx context.Context, of turn) (lost []registrar.Endpoint) {
	registrar.Differ(of.former, of.pods, func(e registrar.Endpoint) {
		if e.Pod != "" && podOfServes(ctx, b.cluster(), e) {
			lost = append(lost, e)
		}
	}, func(registrar.Endpoint) {})
	return of.behind.Missing(lost)
}

// filled keeps by what a binding has endpoints, which are pods. The cache may show an edit of a Service before the
// EndpointSlices that follow it: endpoints that the last pass did not have show that they followed. EndpointSlices
// follow one by one: emptied reports whether the edit leads to no endpoints, so that those that some of them lack
// already stay as well.
func (b *Reconciler) filled(ctx context.Context, o *v1beta1.TargetGroupBinding, svc *corev1.Service,
	port corev1.ServicePort, of turn) (emptied bool, err error) {
	k, now := b.memory.get(o), selects(svc, port)
	unknown := k.selects == 0
	followed := unknown && !toldOfEdit(o) && len(b.lost(ctx, of)) == 0
	registrar.Differ(of.former, of.pods, func(registrar.Endpoint) {},
		func(registrar.Endpoint) { followed = followed || k.emptied || !unknown && !k.unproven })
	edited := svc
	switch {
	case followed:
	case k.emptied && (now == k.nowhere || now == k.selects):
		return true, nil
	case !unknown && !k.emptied && len(b.lost(ctx, of)) == 0:
		return false, nil
	case now == k.selects:
		live, livePort, err := b.editedLive(ctx, o, k.selects)
		if err != nil || live == nil && !b.mayFollow(k) {
			return false, err
		}
		if live != nil {
			edited, port = live, livePort
		}
	}
	if !followed {
		if emptied, err = b.leadsNowhere(ctx, edited, port); err != nil {
			return false, err
		}
	}
	if k.emptied = emptied; emptied {
		k.nowhere = selects(edited, port)
	} else {
		k.selects = selects(edited, port)
	}
	b.memory.put(o, k)
	return emptied, nil
}

// podsPerList is how many pods one call lists.
const podsPerList = 500

// leadsNowhere reports whether no pod that serves has the labels and the port of a Service. The caches have no labels
// of pods.
func (b *Reconciler) leadsNowhere(ctx context.Context, svc *corev1.Service, port corev1.ServicePort) (bool, error) {
	if len(svc.Spec.Selector) == 0 {
		return false, nil
	}
	api := b.APIReader
	if api == nil {
		api = b.Client
	}
	ctx, cancel := context.WithTimeout(ctx, reads.LiveTimeout)
	defer cancel()
	for next := ""; ; {
		var pods corev1.PodList
		if err := api.List(ctx, &pods, client.InNamespace(svc.Namespace), client.Limit(podsPerList),
			client.MatchingLabels(svc.Spec.Selector), client.Continue(next)); err != nil {
			return false, fmt.Errorf("reading the pods of Service %s/%s: %w", svc.Namespace, svc.Name, err)
		}
		if slices.ContainsFunc(pods.Items, func(p corev1.Pod) bool {
			_, named := bindings.ContainerPort(&p, port.TargetPort.StrVal)
			return bindings.PodServes(&p, p.Status.PodIP) && (named || port.TargetPort.StrVal == "")
		}) {
			return false, nil
		}
		if next = pods.Continue; next == "" {
			return true, nil
		}
	}
}

// selects is a hash of what decides which endpoints a port of a Service has. It is never 0.
func selects(svc *corev1.Service, port corev1.ServicePort) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %s %s %s", labels.Set(svc.Spec.Selector),
		port.TargetPort.String(), port.Protocol, port.Name)
	return h.Sum64() | 1
}

// former are the pods that may be behind the registered targets of a binding, by the addresses of these, if edits
// emptied its Service before this process began; nil = it was not. Targets without such a pod have a zero endpoint.
func (b *Reconciler) former(ctx context.Context, o *v1beta1.TargetGroupBinding) (map[string]registrar.Endpoint, error) {
	if k := b.memory.get(o); k.selects != 0 && k.inherited.IsZero() {
		return nil, nil
	}
	registered, _ := b.Registry.Unlisted(b.group(o), registrar.Endpoints{})
	serving, err := b.servingPods(ctx, o, registered)
	if err != nil {
		return nil, err
	}
	return bindings.FormerAt(registered, serving), nil
}

// servingPods are the pods of FormerPods that have one of the addresses.
func (b *Reconciler) servingPods(ctx context.Context, o *v1beta1.TargetGroupBinding, addresses map[string]bool) (
	map[string]registrar.Endpoint, error) {
	pods, err := b.podsAt(ctx, o.Namespace, addresses)
	if err != nil {
		return nil, err
	}
	return bindings.FormerPods(o, slices.Values(pods)), nil
}

// keptFindings are the findings about targets that stay registered although the Service has no endpoints for them.
func (p *pass) keptFindings(ctx context.Context) (found diag.List) {
	b, o := p.reconciler, p.binding
	svc := &corev1.Service{}
	switch {
	case len(p.kept) == 0 && !p.unread, p.unproven != nil, slices.ContainsFunc(p.found, func(d diag.Diagnostic) bool {
		return bindings.ReportsEdit(d.Code)
	}), p.unsure:
		return nil
	case !p.request.Emptied || b.Client.Get(ctx, client.ObjectKey{Namespace: o.Namespace, Name: o.Spec.ServiceRef.Name},
		svc) != nil:
		return diag.List{targetsKept(o, p.kept)}
	}
	return bindings.EmptiedByEdit(o, svc, append(b.about(ctx, o), b.declaring(ctx, o)...))
}
