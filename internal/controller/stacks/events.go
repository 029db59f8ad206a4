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

// OwnerEvents finds the stacks that an event of an object that owns stacks, or of what decides about its class,
// concerns.
type OwnerEvents struct {
	*Reconciler
	Classes *reads.Index[types.NamespacedName] // what decided about each object
	// Reread is called with stacks at resyncs; nil = what AWS holds is not read again.
	Reread func(stack.Key)
	// Prefetch is called as stacks are queued, and does not wait for what it begins to read for their passes; nil =
	// nothing is.
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
	case v.Err() != nil: // the class may be there; the passes that this event causes read it again
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

// OnOwner is the handler of events of objects that own stacks.
func (m *OwnerEvents) OnOwner() handler.TypedEventHandler[client.Object, stack.Key] {
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
			// also a group that it was a member of and that nothing in it names any more
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

// OnRead is the handler of objects that are read: it wakes the stacks that read them, and the owners whose class they
// decide.
func (m *OwnerEvents) OnRead(kind objects.Kind) handler.TypedEventHandler[client.Object, stack.Key] {
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

// OnEndpoints is the handler of EndpointSlices: it wakes the stacks whose health checks are made from readiness probes
// of pods of which some came or went.
func (m *OwnerEvents) OnEndpoints() handler.TypedEventHandler[client.Object, stack.Key] {
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

// wakeReaders wakes the stacks that a change concerns by what they read.
func (s *Reconciler) wakeReaders(c objects.Change, q queue.Of[stack.Key]) {
	for _, key := range s.Index.Affected(c) {
		s.Traces.Note(key, string(c.Kind), c.Namespace, c.Name)
		if declares(c.Kind) {
			s.Status.Edited(key, lbstatus.Edit{Object: v1alpha1.ObjectReference{Kind: string(c.Kind), Namespace: c.Namespace,
				Name: c.Name}})
		}
		q.AddAfter(key, queue.Coalesce)
	}
}

// declares reports whether objects of a kind declare parts of the load balancer of a Gateway, which is the only member
// of its stack.
func declares(kind objects.Kind) bool {
	return kind == objects.ListenerSet || kind == objects.LoadBalancerConfiguration ||
		kind == objects.TargetGroupConfiguration ||
		kind == objects.ListenerRuleConfiguration || slices.Contains(objects.RouteKinds, kind)
}

// wakeOthers wakes the stacks of other objects that a change concerns by what they read.
func (s *Reconciler) wakeOthers(c objects.Change, q queue.Of[stack.Key]) {
	for _, key := range s.Index.Affected(c) {
		if key.ID != naming.StackID(c.Namespace, c.Name) {
			s.Traces.Note(key, string(c.Kind), c.Namespace, c.Name)
			q.AddAfter(key, queue.Coalesce)
		}
	}
}

// WakeOwner wakes the stack whose labels a binding carries, for what others do to it. gone is called for each one that
// is deleted, before its stack is woken.
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
