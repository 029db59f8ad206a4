package stacks

import (
	"context"
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/controller/lbstatus"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/servicepods"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
)

// OwnerEvents handles events of the objects that own stacks, and of the objects that stacks read. It queues the stacks
// that an event concerns.
type OwnerEvents struct {
	*Reconciler
	Classes *reads.Index[types.NamespacedName] // what decided about the class of each owner
	// Reread has AWS read again for a stack at a resync; nil = it is not read again.
	Reread func(stack.Key)
	// Prefetch is called when stacks are queued. It starts reads that their passes need, and does not wait for them; nil =
	// nothing is read ahead.
	Prefetch func(context.Context)
}

// stacksOf returns the stacks that must look at an object now. It reports a broken class on the object.
func (m *OwnerEvents) stacksOf(ctx context.Context, o metav1.Object) []stack.Key {
	name := types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
	begun := m.Classes.Begin()
	v := objects.New(m.reader(ctx, nil))
	keys, broken := front.StacksOf(m.Front, v, o)
	stale := m.Classes.Update(name, begun, v.Reads())
	switch {
	case v.Err() != nil: // the class may exist; the passes that this event causes read it again
	case broken != nil:
		m.Reporter.Report(classOf(name), reporting.Report{Found: diag.List{*broken}, Partial: true})
	default:
		m.Reporter.End(classOf(name))
	}
	if stale {
		return m.stacksOf(ctx, o)
	}
	return keys
}

// enqueue queues the stacks that an object concerns.
func (m *OwnerEvents) enqueue(ctx context.Context, o metav1.Object, reread bool, q queue.Of[stack.Key]) {
	keys := m.stacksOf(ctx, o)
	if len(keys) > 0 && m.Prefetch != nil {
		m.Prefetch(ctx)
	}
	for _, key := range keys {
		if reread && m.Reread != nil {
			m.Reread(key)
		}
		m.Traces.Note(key, string(m.kind()), o.GetNamespace(), o.GetName())
		m.noteEdit(key, m.kind(), o)
		m.noteTenant(key, false, o)
	}
	add(q, keys)
}

// fewStacks is how many stacks an event concerns at most without coming after the events of others.
const fewStacks = 16

// add queues the stacks that an event concerns. Those of an event that concerns many come last: one edit of a tenant's
// must not delay the edits of others by thousands of passes.
func add(q queue.Of[stack.Key], keys []stack.Key) {
	if len(keys) > fewStacks {
		queue.Add(q, queue.Coalesce, queue.Bulk, keys...)
		return
	}
	for _, key := range keys {
		q.AddAfter(key, queue.Coalesce)
	}
}

// noteEdit notes the version of an object that owns stacks, which is an edit unless a pass has read it.
func (s *Reconciler) noteEdit(key stack.Key, kind objects.Kind, o metav1.Object) {
	if s.Status == nil {
		return
	}
	s.Status.Edited(key, lbstatus.Edit{Object: v1alpha1.ObjectReference{Kind: string(kind), Namespace: o.GetNamespace(),
		Name: o.GetName()}, Version: reporting.Version(o)})
}

// kind returns the kind of the owner's objects.
func (m *OwnerEvents) kind() objects.Kind { return objects.Kind(owner.Of(m.Front.Owner()).Kind) }

// OwnerHandler returns the handler of events of objects that own stacks.
func (m *OwnerEvents) OwnerHandler() handler.TypedEventHandler[client.Object, stack.Key] {
	return queue.Handle(func(ctx context.Context, before, after client.Object, q queue.Of[stack.Key]) {
		o := queue.Newest(before, after)
		if after == nil {
			m.Departed.Note(m.kind(), o)
		}
		again := queue.IsResync(before, after)
		if !again && !queue.Relevant(before, after) {
			if queue.Shows(before, after) {
				m.wakeOthers(objects.ChangeOf(m.kind(), before, after), q)
			}
			return
		}
		if !again {
			// this includes a group that the object has left and no longer names
			m.wakeReaders(objects.ChangeOf(m.kind(), before, after), q)
		}
		for _, x := range []client.Object{before, after} {
			if x != nil {
				m.enqueue(ctx, x, again, q)
			}
		}
		if after == nil {
			name := client.ObjectKeyFromObject(o)
			m.Classes.Forget(name)
			m.Reporter.End(classOf(name))
		}
	})
}

// classOf names what decides about the class of an object as a unit of the reporter.
func classOf(name types.NamespacedName) string { return "class of " + name.String() }

// DependencyHandler returns the handler of events of a kind that stacks read: it queues the stacks that have read the
// object, and those of owners whose class the object decides.
func (m *OwnerEvents) DependencyHandler(kind objects.Kind) handler.TypedEventHandler[client.Object, stack.Key] {
	return queue.Handle(func(ctx context.Context, before, after client.Object, q queue.Of[stack.Key]) {
		if queue.IsResync(before, after) || !queue.Relevant(before, after) {
			return
		}
		change := objects.ChangeOf(kind, before, after)
		m.wakeReaders(change, q)
		for _, name := range m.Classes.Affected(change) {
			if x, ok := m.reader(ctx, nil).Get(m.kind(), name.Namespace, name.Name); ok {
				m.enqueue(ctx, x, false, q)
			}
		}
	})
}

// EndpointsHandler returns the handler of events of EndpointSlices: it queues the stacks whose health checks follow the
// readiness probes of pods, if pods were added or removed.
func (m *OwnerEvents) EndpointsHandler() handler.TypedEventHandler[client.Object, stack.Key] {
	return queue.Handle(func(_ context.Context, before, after client.Object, q queue.Of[stack.Key]) {
		o, _ := before.(*discoveryv1.EndpointSlice)
		n, _ := after.(*discoveryv1.EndpointSlice)
		wake := func(slice client.Object) {
			m.wakeReaders(m.Pods.Changed(types.NamespacedName{Namespace: slice.GetNamespace(),
				Name: slice.GetLabels()[discoveryv1.LabelServiceName]}), q)
		}
		moved := o != nil && n != nil && o.Labels[discoveryv1.LabelServiceName] != n.Labels[discoveryv1.LabelServiceName]
		if moved {
			wake(before)
		}
		if moved || servicepods.PodsChanged(o, n) {
			wake(queue.Newest(before, after))
		}
	})
}

// wakeReaders queues the stacks that have read a changed object.
func (s *Reconciler) wakeReaders(c objects.Change, q queue.Of[stack.Key]) {
	keys := s.Index.Affected(c)
	for _, key := range keys {
		s.Traces.Note(key, string(c.Kind), c.Namespace, c.Name)
		if part := isGatewayPart(c.Kind); part || slices.Contains(referred, c.Kind) {
			s.Status.Edited(key, lbstatus.Edit{Object: v1alpha1.ObjectReference{Kind: string(c.Kind), Namespace: c.Namespace,
				Name: c.Name}, Shared: !part})
		}
	}
	add(q, keys)
}

// referred are the kinds whose objects people edit to change what load balancers of other objects have.
var referred = []objects.Kind{objects.IngressClass, objects.IngressClassParams, objects.GatewayClass, objects.Service,
	objects.Secret, objects.ConfigMap}

// isGatewayPart reports whether objects of a kind declare parts of the load balancer of a Gateway, which is the only
// member of its stack.
func isGatewayPart(kind objects.Kind) bool {
	return kind == objects.ListenerSet || kind == objects.LoadBalancerConfiguration ||
		kind == objects.TargetGroupConfiguration ||
		kind == objects.ListenerRuleConfiguration || slices.Contains(objects.RouteKinds, kind)
}

// wakeOthers queues the stacks that have read a changed object, except the object's own.
func (s *Reconciler) wakeOthers(c objects.Change, q queue.Of[stack.Key]) {
	for _, key := range s.Index.Affected(c) {
		if key.ID != naming.StackID(c.Namespace, c.Name) {
			s.Traces.Note(key, string(c.Kind), c.Namespace, c.Name)
			q.AddAfter(key, queue.Coalesce)
		}
	}
}

// WakeOwner returns the handler of events of bindings: it queues the stack whose labels a binding carries when the
// binding changes or is deleted. gone is called with each deleted binding, before its stack is queued.
func (s *Reconciler) WakeOwner(gone func(client.Object)) handler.TypedEventHandler[client.Object, stack.Key] {
	return queue.Handle(func(ctx context.Context, before, after client.Object, q queue.Of[stack.Key]) {
		if queue.IsResync(before, after) || before == nil || (after != nil && !queue.Relevant(before, after)) {
			return
		}
		if after == nil {
			gone(before)
		}
		o := queue.Newest(before, after)
		if key, ok := bindingobject.StackOfBinding(objects.New(s.reader(ctx, nil)), o.GetLabels()); ok &&
			key.Owner == s.Front.Owner() {
			s.Traces.Note(key, string(objects.TargetGroupBinding), o.GetNamespace(), o.GetName())
			q.AddAfter(key, queue.Coalesce)
		}
	})
}
