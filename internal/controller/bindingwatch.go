package controller

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/k8s-lbc/lbc/api/v1beta1"
)

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
		Reconciler:              yielding[reconcile.Request]{b},
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
	return c.Watch(b.waker.source())
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
		if resync(before, after) {
			q.Add(requestFor(after)) // as urgent as resyncs are
			return
		}
		enqueue(q, 0, urgent, requestFor(after))
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
				enqueue(q, coalesce, bulk, requestFor(&list.Items[i]))
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
