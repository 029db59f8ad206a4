package bindingpass

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// Who registers a node at a node port publishes all endpoints of the Service, since each node forwards to each of them.
// Therefore nodes are registered only while all these endpoints are pods of the Service's namespace, or allowed.

const (
	// doubtFor is how long nodes stay registered although an EndpointSlice that the EndpointSlice controller maintains
	// names a pod that has not its address: the pod may have ended a moment ago.
	doubtFor = 5 * time.Second
	// doubtPause is the time in which a binding has the benefit of doubtFor once: a tenant could name other pods again
	// and again.
	doubtPause = 10 * time.Minute
	// rereadByHand is the pause between looks at the pods that EndpointSlices written by hand name, so that the pods of
	// their namespace stay in the cache.
	rereadByHand = 10 * time.Minute
)

// forwards keeps what passes over bindings of type instance found of the endpoints of their Services. The zero value is
// usable.
type forwards struct {
	mu sync.Mutex
	of map[types.NamespacedName]*forward
}

// forward is what is kept of the endpoints behind a binding of type instance.
type forward struct {
	// proven are the pods that had the addresses of endpoints in maintained EndpointSlices, since the endpoints came.
	proven map[claim]bool
	events int  // in which endpoints came
	open   bool // any event of an EndpointSlice may change the answer
	doubt  time.Time
}

// begin returns what is proven, and how many events came.
func (f *forwards) begin(binding types.NamespacedName) (proven map[claim]bool, events int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x := f.of[binding]
	if x == nil {
		return nil, 0
	}
	return maps.Clone(x.proven), x.events
}

// end keeps what a pass has proven. If an event came since it began, nothing is proven.
func (f *forwards) end(binding types.NamespacedName, proven map[claim]bool, events int, open bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of == nil {
		f.of = map[types.NamespacedName]*forward{}
	}
	x := f.of[binding]
	if x == nil {
		x = &forward{}
		f.of[binding] = x
	}
	if x.open = open; x.events != events {
		x.open, proven = true, nil
	}
	x.proven = proven
}

// doubtful reports whether nodes may stay registered for now, although a pod was not shown at its address.
func (f *forwards) doubtful(binding types.NamespacedName, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	x := f.of[binding]
	if x == nil {
		return false
	}
	if x.doubt.IsZero() || now.Sub(x.doubt) >= doubtPause {
		x.doubt = now
	}
	return now.Sub(x.doubt) < doubtFor
}

// came notes endpoints that came with an EndpointSlice. It reports whether the binding needs a pass for them: unless
// shown has all of them.
func (f *forwards) came(binding types.NamespacedName, endpoints []registrar.Forwarded, shown bool) (wake bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x := f.of[binding]
	switch {
	case x == nil:
		return true
	case len(endpoints) == 0:
		return x.open
	}
	x.events++
	for _, e := range endpoints {
		if c := claimOf(e.Endpoint); !shown {
			delete(x.proven, c)
		} else if x.proven != nil {
			x.proven[c] = true
		}
	}
	return x.open || !shown
}

func (f *forwards) forget(binding types.NamespacedName) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.of, binding)
}

func claimOf(e registrar.Endpoint) claim {
	return claim{types.NamespacedName{Namespace: e.Namespace, Name: e.Pod}, e.ID}
}

// forwarding sorts the endpoints to which nodes forward.
type forwarding struct {
	podless []registrar.Endpoint
	refused []registrar.Candidate
	asked   []registrar.Forwarded // pods that are not proven
	proven  map[claim]bool
	byHand  []registrar.Endpoint // pods in EndpointSlices that only users maintain
	doubted bool                 // only maintained EndpointSlices name pods that have not their addresses
}

// sort sorts the endpoints of a Service port by what is known of them without reading a pod. It reports whether there
// are too many.
func (f *forwarding) sort(svc *corev1.Service, port corev1.ServicePort, slicesOf []*discoveryv1.EndpointSlice,
	proven map[claim]bool) (tooMany bool) {
	n := 0
	for e := range registrar.EachForwarded(port, slicesOf) {
		if n++; n > registrar.MostEndpoints {
			return true
		}
		e.Maintained = e.Maintained && len(svc.Spec.Selector) > 0
		switch {
		case e.Pod == "":
			f.podless = append(f.podless, e.Endpoint)
		case e.Namespace != svc.Namespace:
			f.refused = append(f.refused, registrar.Candidate{Endpoint: e.Endpoint, Why: registrar.OtherNamespace})
		case e.Maintained && proven[claimOf(e.Endpoint)]:
			f.proven[claimOf(e.Endpoint)] = true
		default:
			f.asked = append(f.asked, e)
		}
	}
	return false
}

// ask reads the pods that are not proven.
func (f *forwarding) ask(ctx context.Context, cache *confirmingReader) {
	f.doubted = len(f.refused) == 0
	for _, e := range f.asked {
		switch why := registrar.NotAt(ctx, cache, e.Endpoint); {
		case cache.err != nil: // the others may be known all the same
		case why != "":
			f.refused = append(f.refused, registrar.Candidate{Endpoint: e.Endpoint, Why: why})
			f.doubted = f.doubted && e.Maintained
		case e.Maintained:
			f.proven[claimOf(e.Endpoint)] = true
		default:
			f.byHand = append(f.byHand, e.Endpoint)
		}
	}
}

// servicePort is a port of a Service.
type servicePort struct {
	service *corev1.Service
	port    corev1.ServicePort
}

// forwardsElsewhere returns the findings that nodes may not be registered for ports of Services, because they forward
// to endpoints that are neither pods of the namespace nor allowed to it. An error means that this is not known.
func (b *Reconciler) forwardsElsewhere(ctx context.Context, o *v1beta1.TargetGroupBinding, at ...servicePort) (
	diag.List, error) {
	key, begun := client.ObjectKeyFromObject(o), b.resolved.begin()
	proven, events := b.forwards.begin(key)
	x := bindings.PortEndpoints{Binding: o, Allowed: b.Podless,
		About: func() []diag.Object { return b.about(ctx, o) }, Owner: func() []diag.Object { return b.declaring(ctx, o) }}
	f := forwarding{proven: map[claim]bool{}}
	for _, p := range at {
		of := *o
		of.Spec.ServiceRef.Name = p.service.Name
		slicesOf, err := b.slicesOf(ctx, &of)
		if err != nil {
			return nil, err
		}
		if f.sort(p.service, p.port, slicesOf, proven) {
			b.forwards.end(key, nil, events, true)
			return x.ForwardsTooMuch(), nil
		}
	}
	cache, unread := b.newConfirmingReader(key), error(nil)
	if len(f.asked) > 0 {
		unread = b.Pods.await(ctx, o.Namespace)
	}
	if unread == nil {
		f.ask(ctx, cache)
		unread = cache.end(b, key)
	}
	if b.resolved.keep(key, registrar.EndpointsOf(f.byHand...), begun) {
		b.Waker.WakeAfter(queue.Coalesce, queue.Urgent, reconcile.Request{NamespacedName: key})
	}
	if len(f.byHand) > 0 && b.Pods != nil {
		b.Waker.WakeAfter(rereadByHand, queue.Normal, reconcile.Request{NamespacedName: key})
	}
	var err error
	if x.Nodes, err = b.nodesForPodless(ctx, o, f.podless); err != nil {
		return nil, err
	}
	x.Podless = f.podless
	found := x.Forwards()
	f.doubted = f.doubted && len(found) == 0
	if x.Refused = f.refused; len(f.refused) > 0 {
		found = x.Forwards()
	}
	b.forwards.end(key, f.proven, events, len(found) > 0 || unread != nil)
	switch {
	case len(found) == 0:
		return nil, unread
	case f.doubted && b.forwards.doubtful(key, b.Now()):
		return nil, fmt.Errorf("an EndpointSlice of namespace %s names a pod that has not its address: %w", o.Namespace,
			errUnconfirmed)
	}
	return found, nil
}

// await has the pods of a namespace in the cache. Nil = the cache has all pods.
func (p *Pods) await(ctx context.Context, namespace string) error {
	if p == nil || p.Watches(namespace) {
		return nil
	}
	if err := p.Await(ctx, namespace); err != nil {
		return fmt.Errorf("reading the pods of namespace %s: %w", namespace, err)
	}
	return nil
}

// servingNodes are the nodes that a binding wants registered for a port of its Service. None are while they forward to
// endpoints that are not the namespace's, whatever else is wrong with the binding or not known of nodes.
func (b *Reconciler) servingNodes(ctx context.Context, o *v1beta1.TargetGroupBinding, at servicePort) (Resolved,
	error) {
	elsewhere, err := b.forwardsElsewhere(ctx, o, at)
	if err != nil {
		return Resolved{}, err
	}
	of, err := b.nodeEndpoints(ctx, o, at.port)
	if err != nil || len(elsewhere) == 0 {
		return of, err
	}
	if of.Endpoints.Len() == 0 { // by a selector, with which nodes may stay registered
		of.Endpoints, err = b.allInstances(ctx, o)
	}
	return Resolved{Targets: bindings.Targets{Endpoints: of.Endpoints, Port: at.port.NodePort}, Known: true,
		elsewhere: true, Found: append(slices.Clip(of.Found), elsewhere...)}, err
}

// anyService is the name under which bindings wait for all Services and EndpointSlices of their namespace.
const anyService = ""

// closeMistaken is what a binding of type instance wants, if a mistake hides what it wants: its nodes stay registered
// only while no Service of the namespace that may have their node port forwards to endpoints that are not the
// namespace's.
func (b *Reconciler) closeMistaken(ctx context.Context, o *v1beta1.TargetGroupBinding, of Resolved) (Resolved, error) {
	key := client.ObjectKeyFromObject(o)
	if TargetsPods(o) || of.Known {
		b.evidence.mistaken.note(key, nil)
		return of, nil
	}
	b.evidence.mistaken.note(key, []string{anyService})
	var list corev1.ServiceList
	if err := b.Client.List(ctx, &list, client.InNamespace(o.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return Resolved{}, fmt.Errorf("reading the Services of namespace %s: %w", o.Namespace, err)
	}
	was := b.memory.get(o).port.NodePort
	var at []servicePort
	for i := range list.Items {
		for _, port := range list.Items[i].Spec.Ports {
			if port.NodePort != 0 && (was == 0 || port.NodePort == was) {
				at = append(at, servicePort{&list.Items[i], port})
			}
		}
	}
	elsewhere, err := b.forwardsElsewhere(ctx, o, at...)
	if err != nil || len(elsewhere) == 0 {
		return of, err
	}
	nodes, err := b.allInstances(ctx, o)
	if err != nil {
		return Resolved{}, err
	}
	var leaving []registrar.Endpoint
	for _, p := range at {
		for _, e := range nodes.All() {
			at := *e
			at.Port = p.port.NodePort
			leaving = append(leaving, at)
		}
	}
	return Resolved{Targets: bindings.Targets{Endpoints: registrar.EndpointsOf(leaving...)}, Known: true, elsewhere: true,
		Found: append(slices.Clip(of.Found), elsewhere...)}, nil
}

// allInstances are the nodes that could be targets, whatever a binding selects.
func (b *Reconciler) allInstances(ctx context.Context, o *v1beta1.TargetGroupBinding) (registrar.Endpoints, error) {
	nodes, _, err := b.chosenNodes(ctx, nil, nil)
	if err != nil {
		return registrar.Endpoints{}, err
	}
	all, _, _ := nodes.Instances(o)
	return all, nil
}

// tellsForwards reports whether a finding is that nodes forward to endpoints that are not the namespace's.
func tellsForwards(d diag.Diagnostic) bool { return d.Code == diag.EndpointNotAllowed }

// concernsNodes reports whether an event of an EndpointSlice may change whether nodes are registered for a binding of
// type instance: if endpoints come that are not shown to be pods of the namespace, or if one was in the way before.
func (b *Reconciler) concernsNodes(ctx context.Context, o *v1beta1.TargetGroupBinding, before,
	after *discoveryv1.EndpointSlice) bool {
	came, gated := comeWith(before, after)
	watched := b.Pods == nil || b.Pods.Watches(o.Namespace)
	shown := watched && !slices.ContainsFunc(came, func(e registrar.Forwarded) bool {
		if !e.Maintained || e.Pod == "" || e.Namespace != o.Namespace {
			return true
		}
		pod, ok := b.cluster().Pod(ctx, e.Namespace, e.Pod)
		return !ok || !registrar.HasAddress(pod, e.ID)
	})
	if shown && len(came) > 0 {
		svc := &corev1.Service{}
		shown = b.Client.Get(ctx, client.ObjectKey{Namespace: o.Namespace, Name: o.Spec.ServiceRef.Name}, svc,
			client.UnsafeDisableDeepCopy) == nil && len(svc.Spec.Selector) > 0
	}
	wake := b.forwards.came(client.ObjectKeyFromObject(o), came, shown)
	return wake || gated && !watched
}

// comeWith are the endpoints to which nodes may forward since an event of an EndpointSlice. gated reports whether there
// are pods that may wait for a gate, and did not before.
func comeWith(before, after *discoveryv1.EndpointSlice) (came []registrar.Forwarded, gated bool) {
	if after == nil {
		return nil, false
	}
	had, waited := map[registrar.Forwarded]bool{}, map[types.UID]bool{}
	if before != nil {
		samePorts := equality.Semantic.DeepEqual(before.Ports, after.Ports)
		if samePorts && before.Labels[discoveryv1.LabelServiceName] == after.Labels[discoveryv1.LabelServiceName] {
			for e := range registrar.ForwardedOf(before, 0) {
				had[e] = true
			}
		}
		for _, e := range before.Endpoints {
			if awaitsGate(e) {
				waited[e.TargetRef.UID] = true
			}
		}
	}
	for e := range registrar.ForwardedOf(after, 0) {
		if !had[e] {
			came = append(came, e)
		}
	}
	return came, slices.ContainsFunc(after.Endpoints, func(e discoveryv1.Endpoint) bool {
		return awaitsGate(e) && !waited[e.TargetRef.UID]
	})
}
