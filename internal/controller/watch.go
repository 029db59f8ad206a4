package controller

import (
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/status"
	"github.com/k8s-lbc/lbc/internal/wish"
	"github.com/k8s-lbc/lbc/internal/world"
)

// coalesce is how long the first event of a burst waits for the others.
const coalesce = 20 * time.Millisecond

// back-off of failed passes; an edit of anything that the stack reads is looked at at once, whatever the back-off.
const (
	firstRetry   = 200 * time.Millisecond
	longestRetry = 2 * time.Minute
)

type queueOf[U comparable] = workqueue.TypedRateLimitingInterface[U]

// on makes a handler from one function: before is nil for creations, after for deletions.
func on[U comparable](f func(ctx context.Context, before, after client.Object, q queueOf[U])) handler.TypedFuncs[client.Object, U] {
	return handler.TypedFuncs[client.Object, U]{
		CreateFunc: func(ctx context.Context, e event.TypedCreateEvent[client.Object], q queueOf[U]) {
			f(ctx, nil, e.Object, q)
		},
		UpdateFunc: func(ctx context.Context, e event.TypedUpdateEvent[client.Object], q queueOf[U]) {
			f(ctx, e.ObjectOld, e.ObjectNew, q)
		},
		DeleteFunc: func(ctx context.Context, e event.TypedDeleteEvent[client.Object], q queueOf[U]) {
			f(ctx, e.Object, nil, q)
		},
	}
}

// resync reports an event that the informer makes up periodically: nothing changed.
func resync(before, after client.Object) bool {
	return before != nil && after != nil && before.GetResourceVersion() == after.GetResourceVersion()
}

// matters reports whether an update can change what front ends read of an object: status, and metadata that nobody reads, do not.
func matters(before, after client.Object) bool {
	if before == nil || after == nil {
		return true
	}
	if (before.GetDeletionTimestamp() == nil) != (after.GetDeletionTimestamp() == nil) ||
		!equality.Semantic.DeepEqual(before.GetAnnotations(), after.GetAnnotations()) {
		return true
	}
	switch o := before.(type) {
	case *networkingv1.Ingress:
		n, ok := after.(*networkingv1.Ingress)
		return !ok || !equality.Semantic.DeepEqual(o.Spec, n.Spec)
	case *corev1.Service:
		n, ok := after.(*corev1.Service)
		return !ok || !equality.Semantic.DeepEqual(o.Spec, n.Spec)
	case *corev1.Namespace:
		return !equality.Semantic.DeepEqual(before.GetLabels(), after.GetLabels())
	}
	return before.GetGeneration() != after.GetGeneration() || before.GetGeneration() == 0
}

func either(before, after client.Object) client.Object {
	if after != nil {
		return after
	}
	return before
}

// add starts a controller for stacks.
func (w *wiring) add(name string, s *stacks, workers int, sources map[client.Object]handler.TypedEventHandler[client.Object, stack.Key]) error {
	c, err := controller.NewTyped(name, w.mgr, controller.TypedOptions[stack.Key]{
		Reconciler:              reconcile.TypedFunc[stack.Key](s.Reconcile),
		MaxConcurrentReconciles: workers,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[stack.Key](firstRetry, longestRetry),
	})
	if err != nil {
		return err
	}
	for o, h := range sources {
		if err := c.Watch(source.TypedKind(w.mgr.GetCache(), o, h)); err != nil {
			return err
		}
	}
	return nil
}

// wake is the handler of objects that stacks read: it wakes exactly those that did.
func wake(s *stacks, kind world.Kind) handler.TypedEventHandler[client.Object, stack.Key] {
	return on(func(_ context.Context, before, after client.Object, q queueOf[stack.Key]) {
		if resync(before, after) || !matters(before, after) {
			return
		}
		o := either(before, after)
		for _, key := range s.index.happened(kind, o.GetNamespace(), o.GetName()) {
			q.AddAfter(key, coalesce)
		}
	})
}

// owned wakes the stack whose labels a binding carries, for what others do to it.
func owned(owner stack.Owner) handler.TypedEventHandler[client.Object, stack.Key] {
	return on(func(_ context.Context, before, after client.Object, q queueOf[stack.Key]) {
		if resync(before, after) || before == nil || (after != nil && !matters(before, after)) {
			return
		}
		if key, ok := ownerOfBinding(either(before, after).GetLabels()); ok && key.Owner == owner {
			q.AddAfter(key, coalesce)
		}
	})
}

// memberships tells which groups an Ingress event concerns, and which Ingresses a class event.
type memberships struct {
	front    wish.Ingress
	reader   client.Reader
	inv      interface{ Invalidate(stack.Key) }
	classes  *index[types.NamespacedName] // what decided about each Ingress
	reporter *status.Reporter
}

// groups are those that have to look at an Ingress now. A broken class is told on the Ingress.
func (m *memberships) groups(ctx context.Context, ing *networkingv1.Ingress) []stack.ID {
	name := client.ObjectKeyFromObject(ing)
	begun := m.classes.begin()
	v := world.New(cacheReader{ctx, m.reader})
	ids := ingress.Groups(v, m.front.Config, ing)
	_, _, broken := ingress.GroupOf(v, m.front.Config, ing)
	stale := m.classes.update(name, begun, v.Reads())
	if broken != nil {
		m.reporter.Report("class of "+name.String(), nil, diag.List{*broken}, false)
	} else {
		m.reporter.Forget("class of "+name.String(), ingress.Object(ing))
	}
	if stale {
		return m.groups(ctx, ing)
	}
	return ids
}

func (m *memberships) enqueue(ctx context.Context, ing *networkingv1.Ingress, q queueOf[stack.Key]) {
	for _, id := range m.groups(ctx, ing) {
		q.AddAfter(stack.Key{Owner: stack.Ingress, ID: id}, coalesce)
	}
}

func (m *memberships) ingressEvent(s *stacks) handler.TypedEventHandler[client.Object, stack.Key] {
	return on(func(ctx context.Context, before, after client.Object, q queueOf[stack.Key]) {
		o := either(before, after)
		again := resync(before, after)
		if !again && !matters(before, after) {
			return
		}
		if !again {
			for _, key := range s.index.happened(world.Ingress, o.GetNamespace(), o.GetName()) {
				if key.ID.Namespace != "" { // a group lists all Ingresses, and does not depend on those that are no members
					q.AddAfter(key, coalesce)
				}
			}
		}
		if after == nil {
			m.classes.forget(client.ObjectKeyFromObject(o))
		}
		for _, x := range []client.Object{before, after} {
			ing, ok := x.(*networkingv1.Ingress)
			if !ok {
				continue
			}
			if again {
				for _, id := range m.groups(ctx, ing) {
					m.inv.Invalidate(stack.Key{Owner: stack.Ingress, ID: id})
				}
			}
			m.enqueue(ctx, ing, q)
		}
	})
}

// classEvent wakes the Ingresses whose membership was decided by an object, and the stacks that read it.
func (m *memberships) classEvent(s *stacks, kind world.Kind) handler.TypedEventHandler[client.Object, stack.Key] {
	return on(func(ctx context.Context, before, after client.Object, q queueOf[stack.Key]) {
		if resync(before, after) || !matters(before, after) {
			return
		}
		o := either(before, after)
		for _, key := range s.index.happened(kind, o.GetNamespace(), o.GetName()) {
			q.AddAfter(key, coalesce)
		}
		for _, name := range m.classes.happened(kind, o.GetNamespace(), o.GetName()) {
			ing := &networkingv1.Ingress{}
			if m.reader.Get(ctx, name, ing) == nil {
				m.enqueue(ctx, ing, q)
			}
		}
	})
}

func (w *wiring) setUpIngress(front wish.Ingress, s *stacks) error {
	m := &memberships{front: front, reader: w.mgr.GetClient(), inv: w.inventory, classes: newIndex[types.NamespacedName](), reporter: s.reporter}
	return w.add("ingress", s, w.config.IngressWorkers, map[client.Object]handler.TypedEventHandler[client.Object, stack.Key]{
		&networkingv1.Ingress{}:       m.ingressEvent(s),
		&networkingv1.IngressClass{}:  m.classEvent(s, world.IngressClass),
		&v1beta1.IngressClassParams{}: m.classEvent(s, world.IngressClassParams),
		&corev1.Namespace{}:           m.classEvent(s, world.Namespace),
		&corev1.Service{}:             wake(s, world.Service),
		&v1beta1.TargetGroupBinding{}: owned(stack.Ingress),
	})
}

func (w *wiring) setUpService(front wish.Service, s *stacks) error {
	events := on(func(_ context.Context, before, after client.Object, q queueOf[stack.Key]) {
		again := resync(before, after)
		if !again && !matters(before, after) {
			return
		}
		o := either(before, after)
		for _, key := range s.index.happened(world.Service, o.GetNamespace(), o.GetName()) {
			q.AddAfter(key, coalesce)
		}
		for _, x := range []client.Object{before, after} {
			svc, ok := x.(*corev1.Service)
			if !ok || !service.Supported(front.Config, svc) && !service.PendingFinalization(svc) {
				continue
			}
			key := stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: svc.Namespace, Name: svc.Name}}
			if again {
				w.inventory.Invalidate(key)
			}
			q.AddAfter(key, coalesce)
		}
	})
	return w.add("service", s, w.config.ServiceWorkers, map[client.Object]handler.TypedEventHandler[client.Object, stack.Key]{
		&corev1.Service{}:             events,
		&v1beta1.TargetGroupBinding{}: owned(stack.Service),
	})
}

// bindingsByService is the cache index of bindings by the Service that they name.
const bindingsByService = "spec.serviceRef.name"

func (w *wiring) watchBindings(ctx context.Context, b *targetBindings) error {
	err := w.mgr.GetFieldIndexer().IndexField(ctx, &v1beta1.TargetGroupBinding{}, bindingsByService, func(o client.Object) []string {
		if t, ok := o.(*v1beta1.TargetGroupBinding); ok {
			return []string{t.Spec.ServiceRef.Name}
		}
		return nil
	})
	if err != nil {
		return err
	}
	c, err := controller.New("targetGroupBinding", w.mgr, controller.Options{
		Reconciler:              b,
		MaxConcurrentReconciles: w.config.BindingWorkers,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, w.config.BindingMaxBackoff),
	})
	if err != nil {
		return err
	}
	for o, h := range map[client.Object]handler.TypedEventHandler[client.Object, reconcile.Request]{
		&v1beta1.TargetGroupBinding{}: b.bindingEvent(),
		&corev1.Service{}:             b.ofService(func(o client.Object) string { return o.GetName() }, portsChanged),
		&discoveryv1.EndpointSlice{}:  b.ofService(func(o client.Object) string { return o.GetLabels()[discoveryv1.LabelServiceName] }, endpointsChanged),
		&corev1.Node{}:                b.nodeEvent(),
		&corev1.Pod{}:                 b.podEvent(),
	} {
		if err := c.Watch(source.TypedKind(w.mgr.GetCache(), o, h)); err != nil {
			return err
		}
	}
	return nil
}

func requestFor(o client.Object) reconcile.Request {
	return reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o)}
}

func (b *targetBindings) bindingEvent() handler.TypedEventHandler[client.Object, reconcile.Request] {
	return on(func(_ context.Context, before, after client.Object, q queueOf[reconcile.Request]) {
		if after == nil || !resync(before, after) && !matters(before, after) {
			if after == nil {
				q.Add(requestFor(before))
			}
			return
		}
		if t, ok := after.(*v1beta1.TargetGroupBinding); ok && resync(before, after) {
			b.registry.Distrust(t.Spec.TargetGroupARN)
		}
		q.Add(requestFor(after))
	})
}

// ofService wakes the bindings of a Service when something of it changed.
func (b *targetBindings) ofService(name func(client.Object) string, changed func(before, after client.Object) bool) handler.TypedEventHandler[client.Object, reconcile.Request] {
	return on(func(ctx context.Context, before, after client.Object, q queueOf[reconcile.Request]) {
		if resync(before, after) || before != nil && after != nil && !changed(before, after) {
			return
		}
		o := either(before, after)
		b.wakeService(ctx, o.GetNamespace(), name(o), q)
	})
}

func (b *targetBindings) wakeService(ctx context.Context, namespace, service string, q queueOf[reconcile.Request]) {
	if service == "" {
		return
	}
	var list v1beta1.TargetGroupBindingList
	if b.client.List(ctx, &list, client.InNamespace(namespace), client.MatchingFields{bindingsByService: service}, client.UnsafeDisableDeepCopy) != nil {
		return
	}
	for i := range list.Items {
		q.AddAfter(requestFor(&list.Items[i]), coalesce)
	}
}

func portsChanged(before, after client.Object) bool {
	o, okO := before.(*corev1.Service)
	n, okN := after.(*corev1.Service)
	return !okO || !okN || o.Spec.Type != n.Spec.Type || !equality.Semantic.DeepEqual(o.Spec.Ports, n.Spec.Ports)
}

func endpointsChanged(before, after client.Object) bool {
	o, okO := before.(*discoveryv1.EndpointSlice)
	n, okN := after.(*discoveryv1.EndpointSlice)
	return !okO || !okN || !equality.Semantic.DeepEqual(o.Ports, n.Ports) || !equality.Semantic.DeepEqual(o.Endpoints, n.Endpoints)
}

// nodeEvent wakes the bindings whose choice of nodes may change: all of type instance.
func (b *targetBindings) nodeEvent() handler.TypedEventHandler[client.Object, reconcile.Request] {
	return on(func(ctx context.Context, before, after client.Object, q queueOf[reconcile.Request]) {
		o, okO := before.(*corev1.Node)
		n, okN := after.(*corev1.Node)
		if okO && okN && sameForTargets(o, n) {
			return
		}
		var list v1beta1.TargetGroupBindingList
		if b.client.List(ctx, &list, client.UnsafeDisableDeepCopy) != nil {
			return
		}
		for i := range list.Items {
			if t := list.Items[i].Spec.TargetType; t != nil && *t == v1beta1.TargetTypeInstance {
				q.AddAfter(requestFor(&list.Items[i]), coalesce)
			}
		}
	})
}

func sameForTargets(o, n *corev1.Node) bool {
	ready := func(x *corev1.Node) corev1.ConditionStatus {
		for _, c := range x.Status.Conditions {
			if c.Type == corev1.NodeReady {
				return c.Status
			}
		}
		return corev1.ConditionFalse
	}
	return o.Spec.ProviderID == n.Spec.ProviderID && ready(o) == ready(n) &&
		equality.Semantic.DeepEqual(o.Labels, n.Labels) && equality.Semantic.DeepEqual(o.Spec.Taints, n.Spec.Taints)
}

// podEvent wakes the bindings that a pod's readiness gates name, when its containers become ready or stop being so: an
// endpoint that only waits for a gate is registered already.
func (b *targetBindings) podEvent() handler.TypedEventHandler[client.Object, reconcile.Request] {
	return on(func(_ context.Context, before, after client.Object, q queueOf[reconcile.Request]) {
		p, ok := either(before, after).(*corev1.Pod)
		if !ok || len(p.Spec.ReadinessGates) == 0 {
			return
		}
		if o, ok := before.(*corev1.Pod); ok && after != nil && slices.EqualFunc(o.Status.Conditions, p.Status.Conditions, func(a, b corev1.PodCondition) bool {
			return a.Type == b.Type && a.Status == b.Status
		}) {
			return
		}
		for _, g := range p.Spec.ReadinessGates {
			if name, ok := strings.CutPrefix(string(g.ConditionType), string(v1beta1.PodConditionPrefix)); ok {
				q.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: p.Namespace, Name: name}}, coalesce)
			}
		}
	})
}

func uidOf(o diag.Object) types.UID { return types.UID(o.UID) }
