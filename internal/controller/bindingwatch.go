package controller

import (
	"context"

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
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/readiness"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// bindingsByService is the cache index of bindings by the Service that they name.
const bindingsByService = "spec.serviceRef.name"

func serviceOfBinding(o client.Object) []string {
	if t, ok := o.(*v1beta1.TargetGroupBinding); ok {
		return []string{t.Spec.ServiceRef.Name}
	}
	return nil
}

// slicesByService is the cache index of EndpointSlices by the Service that they belong to. Without it each pass would look at every slice of the namespace.
const slicesByService = "metadata.labels.service-name"

func serviceOfSlice(o client.Object) []string {
	return []string{o.GetLabels()[discoveryv1.LabelServiceName]}
}

// podsByGate is the cache index of pods by the bindings that their readiness gates name.
const podsByGate = "spec.readinessGates"

func (w *wiring) watchBindings(ctx context.Context, b *targetBindings) error {
	if err := w.mgr.GetFieldIndexer().IndexField(ctx, &v1beta1.TargetGroupBinding{}, bindingsByService, serviceOfBinding); err != nil {
		return err
	}
	if err := w.mgr.GetFieldIndexer().IndexField(ctx, &v1beta1.TargetGroupBinding{}, bindingsByTargetGroup, targetGroupOf); err != nil {
		return err
	}
	if err := w.mgr.GetFieldIndexer().IndexField(ctx, &discoveryv1.EndpointSlice{}, slicesByService, serviceOfSlice); err != nil {
		return err
	}
	if err := w.mgr.GetFieldIndexer().IndexField(ctx, &corev1.Pod{}, podsByGate, func(o client.Object) []string {
		if p, ok := o.(*corev1.Pod); ok {
			return readiness.Bindings(p)
		}
		return nil
	}); err != nil {
		return err
	}
	l := queue.NewWorkerPool[reconcile.Request](b, w.config.BindingWorkers, queue.DetachAfter)
	c, err := controller.New("targetGroupBinding", w.mgr, controller.Options{
		Reconciler:              l,
		MaxConcurrentReconciles: l.MaxConcurrent(),
		NewQueue:                l.NewQueue(w.mgr.GetLogger()),
		RateLimiter:             queue.RateLimiter[reconcile.Request]{TypedRateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](queue.FirstRetry, w.config.BindingMaxBackoff), Units: &b.unheard},
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
	return c.Watch(b.waker.Source())
}

func requestFor(o client.Object) reconcile.Request {
	return reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o)}
}

func (b *targetBindings) bindingEvent() handler.TypedEventHandler[client.Object, reconcile.Request] {
	return queue.Handle(func(ctx context.Context, before, after client.Object, q queue.Of[reconcile.Request]) {
		if resharing(before, after) {
			var list v1beta1.TargetGroupBindingList
			if b.client.List(ctx, &list, client.MatchingFields{bindingsByTargetGroup: targetGroupOf(after)[0]}, client.UnsafeDisableDeepCopy) == nil {
				b.handOver(list.Items)
			}
		}
		if after == nil || !queue.IsResync(before, after) && !queue.Relevant(before, after) {
			if after == nil {
				q.Add(requestFor(before))
			}
			return
		}
		if t, ok := after.(*v1beta1.TargetGroupBinding); ok && b.rereads && queue.IsResync(before, after) {
			b.registry.Distrust(t.Spec.TargetGroupARN)
		}
		if queue.IsResync(before, after) {
			q.Add(requestFor(after)) // as urgent as resyncs are
			return
		}
		queue.Add(q, 0, queue.Urgent, requestFor(after))
	})
}

// ofService wakes the bindings of a Service when something of it changed.
func (b *targetBindings) ofService(name func(client.Object) string, changed func(before, after client.Object) bool) handler.TypedEventHandler[client.Object, reconcile.Request] {
	return queue.Handle(func(ctx context.Context, before, after client.Object, q queue.Of[reconcile.Request]) {
		if queue.IsResync(before, after) || before != nil && after != nil && !changed(before, after) {
			return
		}
		o := queue.Newest(before, after)
		_, endpoints := o.(*discoveryv1.EndpointSlice)
		b.wakeService(ctx, o.GetNamespace(), name(o), endpoints, q)
	})
}

// wakeService wakes the bindings of a Service, and notes for which of them the change is one of endpoints.
func (b *targetBindings) wakeService(ctx context.Context, namespace, service string, endpoints bool, q queue.Of[reconcile.Request]) {
	if service == "" {
		return
	}
	var list v1beta1.TargetGroupBindingList
	if b.client.List(ctx, &list, client.InNamespace(namespace), client.MatchingFields{bindingsByService: service}, client.UnsafeDisableDeepCopy) != nil {
		return
	}
	for i := range list.Items {
		req := requestFor(&list.Items[i])
		if endpoints {
			b.changes.heard(req.NamespacedName)
		}
		q.AddAfter(req, queue.Coalesce)
	}
}

// callEnded brings a binding back when a call for its targets has ended. The calls of one change end at about the same time, and one pass tells of all.
func (b *targetBindings) callEnded(binding stack.ID) {
	b.waker.WakeAfter(queue.Coalesce, queue.CallEnded, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: binding.Namespace, Name: binding.Name}})
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

// nodeEvent wakes the bindings whose choice of endpoints may change: all of type instance; if the node became ready or stopped
// being so, those of type ip, too, whose pods that wait for a gate count by their node; and if it is new to the cache, those that
// missed it.
func (b *targetBindings) nodeEvent() handler.TypedEventHandler[client.Object, reconcile.Request] {
	return queue.Handle(func(ctx context.Context, before, after client.Object, q queue.Of[reconcile.Request]) {
		o, okO := before.(*corev1.Node)
		n, okN := after.(*corev1.Node)
		if okO && okN && sameForTargets(o, n) {
			return
		}
		turned := okO && okN && readyCondition(o) != readyCondition(n)
		var list v1beta1.TargetGroupBindingList
		if b.client.List(ctx, &list, client.UnsafeDisableDeepCopy) != nil {
			return
		}
		for i := range list.Items {
			req := requestFor(&list.Items[i])
			if before == nil && b.missing.missed(req.NamespacedName, after.GetName()) {
				q.AddAfter(req, queue.Coalesce)
			} else if t := list.Items[i].Spec.TargetType; turned || t != nil && *t == v1beta1.TargetTypeInstance {
				queue.Add(q, queue.Coalesce, queue.Bulk, req)
			}
		}
	})
}

func sameForTargets(o, n *corev1.Node) bool {
	return o.Spec.ProviderID == n.Spec.ProviderID && readyCondition(o) == readyCondition(n) &&
		equality.Semantic.DeepEqual(o.Labels, n.Labels) && equality.Semantic.DeepEqual(o.Spec.Taints, n.Spec.Taints)
}

func readyCondition(n *corev1.Node) corev1.ConditionStatus {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status
		}
	}
	return corev1.ConditionFalse
}

// podEvent wakes the bindings that a pod's readiness gates name, when its containers become ready or stop being so: an
// endpoint that only waits for a gate is registered already. What we write ourselves wakes nobody, unless somebody takes it back.
func (b *targetBindings) podEvent() handler.TypedEventHandler[client.Object, reconcile.Request] {
	return queue.Handle(func(_ context.Context, before, after client.Object, q queue.Of[reconcile.Request]) {
		was, _ := before.(*corev1.Pod)
		is, _ := after.(*corev1.Pod)
		b.wakeHeld(was, is, q)
		p, ok := queue.Newest(before, after).(*corev1.Pod)
		if !ok || len(p.Spec.ReadinessGates) == 0 {
			return
		}
		for _, name := range readiness.Bindings(p) {
			if was == nil || after == nil || gateMatters(was, p, readiness.Gate(name)) {
				key := types.NamespacedName{Namespace: p.Namespace, Name: name}
				b.changes.heard(key)
				q.AddAfter(reconcile.Request{NamespacedName: key}, queue.Coalesce)
			}
		}
	})
}

// gateMatters reports whether an update of a pod can change what its gate waits for.
func gateMatters(was, is *corev1.Pod, gate corev1.PodConditionType) bool {
	return readiness.Of(was, corev1.ContainersReady).Status != readiness.Of(is, corev1.ContainersReady).Status ||
		readiness.Of(was, gate).Status == corev1.ConditionTrue && readiness.Waits(is, gate)
}
