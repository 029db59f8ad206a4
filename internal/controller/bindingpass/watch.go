package bindingpass

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/front/admission"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// ByService is the cache index of bindings by the Service that they name.
const ByService = "spec.serviceRef.name"

// ServiceOf returns the key of a binding in the index ByService.
func ServiceOf(o client.Object) []string {
	if t, ok := o.(*v1beta1.TargetGroupBinding); ok {
		return []string{t.Spec.ServiceRef.Name}
	}
	return nil
}

// SlicesByService is the cache index of EndpointSlices by the Service that they belong to. Without it each pass would
// look at every slice of the namespace.
const SlicesByService = "metadata.labels.service-name"

// ServiceOfSlice returns the key of an EndpointSlice in the index SlicesByService.
func ServiceOfSlice(o client.Object) []string {
	return []string{o.GetLabels()[discoveryv1.LabelServiceName]}
}

// PodsByGate is the cache index of pods by the bindings that their readiness gates name.
const PodsByGate = "spec.readinessGates"

// SetUp adds the indexes that passes read, and adds the controller to the manager. workers is how many passes run at a
// time; longest is the longest pause after repeated failures.
func (b *Reconciler) SetUp(ctx context.Context, mgr manager.Manager, workers int, longest time.Duration) error {
	for _, index := range []struct {
		of     client.Object
		field  string
		values client.IndexerFunc
	}{
		{&v1beta1.TargetGroupBinding{}, ByService, ServiceOf},
		{&v1beta1.TargetGroupBinding{}, ByTargetGroup, TargetGroupOf},
		{&v1beta1.TargetGroupBinding{}, ByNodeSelector, NodeSelectorOf},
		{&discoveryv1.EndpointSlice{}, SlicesByService, ServiceOfSlice},
		{&corev1.Pod{}, PodsByAddress, AddressesOf},
		{&corev1.Pod{}, PodsByGate, func(o client.Object) []string {
			if p, ok := o.(*corev1.Pod); ok {
				return readiness.Bindings(p)
			}
			return nil
		}},
	} {
		if err := mgr.GetFieldIndexer().IndexField(ctx, index.of, index.field, index.values); err != nil {
			return err
		}
	}
	c := queue.NewController(queue.Options[reconcile.Request]{
		Name: "targetGroupBinding", Reconciler: b, Workers: workers, Log: mgr.GetLogger(), LogUnit: queue.LogObject,
		Tenant: queue.NamespaceOf,
		Retries: queue.RateLimiter[reconcile.Request]{
			TypedRateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](queue.FirstRetry, longest),
			Units:            &b.Unavailable},
	})
	for o, h := range map[client.Object]handler.TypedEventHandler[client.Object, reconcile.Request]{
		&v1beta1.TargetGroupBinding{}: b.BindingEvent(),
		&corev1.Service{}:             b.ServiceEvent(func(o client.Object) string { return o.GetName() }, PortsChanged),
		&discoveryv1.EndpointSlice{}: b.ServiceEvent(func(o client.Object) string {
			return o.GetLabels()[discoveryv1.LabelServiceName]
		}, EndpointsChanged),
		&corev1.Node{}: b.NodeEvent(),
		&corev1.Pod{}:  b.PodEvent(),
	} {
		c.Watch(queue.Kind(mgr.GetCache(), o, h))
	}
	c.Watch(b.Waker.Source())
	b.nodeLists.watched = true
	return mgr.Add(c)
}

func requestFor(o client.Object) reconcile.Request {
	return reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o)}
}

// noteCause notes the object whose event is about to queue a binding.
func (b *Reconciler) noteCause(req reconcile.Request, kind string, o client.Object) {
	b.Traces.Note(req, kind, o.GetNamespace(), o.GetName())
}

// concern queues bindings whose endpoints an object has changed, and notes the time of the change.
func (b *Reconciler) concern(q queue.Of[reconcile.Request], kind string, o client.Object,
	all ...types.NamespacedName) {
	for _, binding := range all {
		req := reconcile.Request{NamespacedName: binding}
		b.Changes.note(binding)
		b.noteCause(req, kind, o)
		q.AddAfter(req, queue.Coalesce)
	}
}

// BindingEvent queues a changed binding. If the binding starts or stops sharing its target group, it also queues the
// others of that group.
func (b *Reconciler) BindingEvent() handler.TypedEventHandler[client.Object, reconcile.Request] {
	h := queue.Handle(func(ctx context.Context, before, after client.Object, q queue.Of[reconcile.Request]) {
		if resharing(before, after) {
			var list v1beta1.TargetGroupBindingList
			if b.Client.List(ctx, &list, client.MatchingFields{ByTargetGroup: TargetGroupOf(after)[0]},
				client.UnsafeDisableDeepCopy) == nil {
				b.handOver(list.Items)
			}
		}
		if after == nil || !queue.IsResync(before, after) && !queue.Relevant(before, after) {
			if after == nil {
				q.Add(requestFor(before))
			}
			return
		}
		t, ok := after.(*v1beta1.TargetGroupBinding)
		if ok && b.RereadAtResync && queue.IsResync(before, after) {
			b.Registry.Invalidate(b.group(t))
		}
		b.noteCause(requestFor(after), "TargetGroupBinding", after)
		if queue.IsResync(before, after) {
			q.Add(requestFor(after)) // with the priority of resyncs
			return
		}
		if ok {
			b.Networking.Arrived(t)
		}
		queue.Add(q, 0, queue.Urgent, requestFor(after))
	})
	created := h.CreateFunc
	h.CreateFunc = func(ctx context.Context, e event.TypedCreateEvent[client.Object], q queue.Of[reconcile.Request]) {
		if e.IsInInitialList { // the endpoints may have changed while no process ran
			b.Changes.note(client.ObjectKeyFromObject(e.Object))
		}
		created(ctx, e, q)
	}
	return h
}

// ServiceEvent handles events of Services and EndpointSlices: it queues the bindings of the Service that name returns,
// if changed reports that the update matters. The objects of the first list queue nothing: no pass begins before that
// list, and the first list of bindings queues each binding.
func (b *Reconciler) ServiceEvent(name func(client.Object) string,
	changed func(before, after client.Object) bool) handler.TypedEventHandler[client.Object, reconcile.Request] {
	h := queue.Handle(func(ctx context.Context, before, after client.Object, q queue.Of[reconcile.Request]) {
		moved := before != nil && after != nil && name(before) != name(after) // a slice of another Service
		if queue.IsResync(before, after) || before != nil && after != nil && !moved && !changed(before, after) {
			return
		}
		b.wakeService(ctx, name(queue.Newest(before, after)), before, after, q)
		if moved {
			b.wakeService(ctx, name(before), before, nil, q)
		}
	})
	created := h.CreateFunc
	h.CreateFunc = func(ctx context.Context, e event.TypedCreateEvent[client.Object], q queue.Of[reconcile.Request]) {
		if !e.IsInInitialList {
			created(ctx, e, q)
		}
	}
	return h
}

// wakeService queues the bindings of a Service, because of an event of the Service or of one of its EndpointSlices. If
// its endpoints changed, the time of the change is noted for each binding. Bindings of type instance are queued only if
// the endpoints decide whether nodes are registered.
func (b *Reconciler) wakeService(ctx context.Context, service string, before, after client.Object,
	q queue.Of[reconcile.Request]) {
	if service == "" {
		return
	}
	changed := queue.Newest(before, after)
	var list v1beta1.TargetGroupBindingList
	if b.Client.List(ctx, &list, client.InNamespace(changed.GetNamespace()), client.MatchingFields{ByService: service},
		client.UnsafeDisableDeepCopy) != nil {
		return
	}
	_, endpoints := changed.(*discoveryv1.EndpointSlice)
	was, _ := before.(*discoveryv1.EndpointSlice)
	is, _ := after.(*discoveryv1.EndpointSlice)
	for i := range list.Items {
		req := requestFor(&list.Items[i])
		switch {
		case !endpoints:
			b.noteCause(req, "Service", changed)
			q.AddAfter(req, queue.Coalesce)
		case TargetsPods(&list.Items[i]) || b.concernsNodes(ctx, &list.Items[i], was, is):
			b.concern(q, "EndpointSlice", changed, req.NamespacedName)
		}
	}
	for _, binding := range b.evidence.mistaken.missing(changed.GetNamespace(), anyService) {
		q.AddAfter(reconcile.Request{NamespacedName: binding}, queue.Coalesce)
	}
}

// CallEnded queues a binding when a call for its targets has ended. The calls of one change end at about the same time,
// and one pass reports all of them.
func (b *Reconciler) CallEnded(binding stack.ID) {
	b.Waker.WakeAfter(queue.Coalesce, queue.CallEnded, reconcile.Request{NamespacedName: types.NamespacedName{
		Namespace: binding.Namespace, Name: binding.Name}})
}

// PortsChanged reports whether an update of a Service may change which ports are targets, or whether Kubernetes
// maintains its EndpointSlices.
func PortsChanged(before, after client.Object) bool {
	o, okO := before.(*corev1.Service)
	n, okN := after.(*corev1.Service)
	return !okO || !okN || o.Spec.Type != n.Spec.Type || !equality.Semantic.DeepEqual(o.Spec.Ports, n.Spec.Ports) ||
		(len(o.Spec.Selector) == 0) != (len(n.Spec.Selector) == 0)
}

// EndpointsChanged reports whether an update of an EndpointSlice changes its endpoints or ports, or who maintains it.
func EndpointsChanged(before, after client.Object) bool {
	o, okO := before.(*discoveryv1.EndpointSlice)
	n, okN := after.(*discoveryv1.EndpointSlice)
	return !okO || !okN || !equality.Semantic.DeepEqual(o.Ports, n.Ports) || !equality.Semantic.DeepEqual(o.Endpoints,
		n.Endpoints) || o.Labels[discoveryv1.LabelManagedBy] != n.Labels[discoveryv1.LabelManagedBy]
}

// PodEvent queues the bindings that a pod's readiness gates name in two cases: its containers become ready or unready,
// because an endpoint that waits only for its gate is registered; or its deletion begins, which its EndpointSlice shows
// later. Conditions that this process writes queue nothing, unless another writer reverts them.
func (b *Reconciler) PodEvent() handler.TypedEventHandler[client.Object, reconcile.Request] {
	return queue.Handle(func(_ context.Context, before, after client.Object, q queue.Of[reconcile.Request]) {
		was, _ := before.(*corev1.Pod)
		is, _ := after.(*corev1.Pod)
		b.wakeKeeping(was, is, q)
		b.wakeClaiming(was, is, q)
		p, ok := queue.Newest(before, after).(*corev1.Pod)
		if !ok || len(p.Spec.ReadinessGates) == 0 {
			return
		}
		for _, name := range readiness.Bindings(p) {
			if was == nil || after == nil || gateMatters(was, p, readiness.Gate(name)) {
				b.concern(q, "Pod", p, types.NamespacedName{Namespace: p.Namespace, Name: name})
			}
		}
	})
}

// gateMatters reports whether an update of a pod can change whether it is an endpoint, or what its gate waits for.
func gateMatters(was, is *corev1.Pod, gate corev1.PodConditionType) bool {
	return readiness.Of(was, corev1.ContainersReady).Status != readiness.Of(is, corev1.ContainersReady).Status ||
		(was.DeletionTimestamp == nil) != (is.DeletionTimestamp == nil) ||
		readiness.Of(was, gate).Status == corev1.ConditionTrue && readiness.Waits(is, gate)
}

// TargetGroups returns the target groups of all bindings that serve, by binding.
func (b *Reconciler) TargetGroups(ctx context.Context) map[types.NamespacedName]registrar.Group {
	var list v1beta1.TargetGroupBindingList
	if b.Client.List(ctx, &list, client.UnsafeDisableDeepCopy) != nil {
		return nil
	}
	out := make(map[types.NamespacedName]registrar.Group, len(list.Items))
	for i := range list.Items {
		if o := &list.Items[i]; b.serving(o) {
			out[client.ObjectKeyFromObject(o)] = b.group(o)
		}
	}
	return out
}

// serving reports whether a binding has a target group and is not being deleted.
func (b *Reconciler) serving(o *v1beta1.TargetGroupBinding) bool {
	return o.DeletionTimestamp == nil && o.Spec.TargetGroupARN != "" && admission.Role(b.Roles, o) == nil
}

// Serves reports whether TargetGroups has this target group for a binding.
func (b *Reconciler) Serves(ctx context.Context, binding types.NamespacedName, group registrar.Group) bool {
	o := &v1beta1.TargetGroupBinding{}
	return b.Client.Get(ctx, binding, o, client.UnsafeDisableDeepCopy) == nil && b.serving(o) && b.group(o) == group
}
