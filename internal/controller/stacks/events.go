package stacks

import (
	"context"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/status"
)

// IngressEvents finds the stacks that an event of an Ingress, or of what decides about its class, concerns.
type IngressEvents struct {
	Front     front.Ingress
	Reader    client.Reader
	Inventory interface{ Invalidate(stack.Key) } // nil = what AWS holds is not read again at resyncs
	Classes   *reads.Index[types.NamespacedName] // what decided about each Ingress
	Reporter  *status.Reporter
}

// groups are those that have to look at an Ingress now. A broken class is reported on the Ingress.
func (m *IngressEvents) groups(ctx context.Context, ing *networkingv1.Ingress) []stack.ID {
	name := client.ObjectKeyFromObject(ing)
	begun := m.Classes.Begin()
	v := objects.New(reads.NewCacheReader(ctx, m.Reader, nil))
	ids := ingress.Groups(v, m.Front.Config, ing)
	_, _, broken := ingress.GroupOf(v, m.Front.Config, ing)
	stale := m.Classes.Update(name, begun, v.Reads())
	switch {
	case v.Err() != nil: // the class may be there; the passes that this event causes read it again
	case broken != nil:
		m.Reporter.Report(classOf(name), status.Report{Found: diag.List{*broken}, Partial: true})
	default:
		m.Reporter.End(classOf(name))
	}
	if stale {
		return m.groups(ctx, ing)
	}
	return ids
}

func (m *IngressEvents) enqueue(ctx context.Context, ing *networkingv1.Ingress, q queue.Of[stack.Key]) {
	for _, id := range m.groups(ctx, ing) {
		q.AddAfter(stack.Key{Owner: stack.Ingress, ID: id}, queue.Coalesce)
	}
}

// Ingress is the handler of events of Ingresses.
func (m *IngressEvents) Ingress(s *Reconciler) handler.TypedEventHandler[client.Object, stack.Key] {
	return queue.Handle(func(ctx context.Context, before, after client.Object, q queue.Of[stack.Key]) {
		o := queue.Newest(before, after)
		again := queue.IsResync(before, after)
		if !again && !queue.Relevant(before, after) {
			return
		}
		if !again {
			s.wakeReaders(objects.Ingress, o, q) // also a group that it was a member of and that nothing in it names any more
		}
		for _, x := range []client.Object{before, after} {
			ing, ok := x.(*networkingv1.Ingress)
			if !ok {
				continue
			}
			if again && m.Inventory != nil {
				for _, id := range m.groups(ctx, ing) {
					m.Inventory.Invalidate(stack.Key{Owner: stack.Ingress, ID: id})
				}
			}
			m.enqueue(ctx, ing, q)
		}
		if after == nil {
			name := client.ObjectKeyFromObject(o)
			m.Classes.Forget(name)
			m.Reporter.End(classOf(name))
		}
	})
}

// classOf names what decides about the class of an Ingress as a unit of the reporter.
func classOf(name types.NamespacedName) string { return "class of " + name.String() }

// Class wakes the Ingresses whose membership was decided by an object, and the stacks that read it.
func (m *IngressEvents) Class(s *Reconciler, kind objects.Kind) handler.TypedEventHandler[client.Object, stack.Key] {
	return queue.Handle(func(ctx context.Context, before, after client.Object, q queue.Of[stack.Key]) {
		if queue.IsResync(before, after) || !queue.Relevant(before, after) {
			return
		}
		o := queue.Newest(before, after)
		s.wakeReaders(kind, o, q)
		for _, name := range m.Classes.Affected(kind, o.GetNamespace(), o.GetName()) {
			ing := &networkingv1.Ingress{}
			if m.Reader.Get(ctx, name, ing) == nil {
				m.enqueue(ctx, ing, q)
			}
		}
	})
}

// WakeReaders is the handler of objects that stacks read.
func WakeReaders(s *Reconciler, kind objects.Kind) handler.TypedEventHandler[client.Object, stack.Key] {
	return queue.Handle(func(_ context.Context, before, after client.Object, q queue.Of[stack.Key]) {
		if queue.IsResync(before, after) || !queue.Relevant(before, after) {
			return
		}
		s.wakeReaders(kind, queue.Newest(before, after), q)
	})
}

// wakeReaders wakes the stacks that read an object.
func (s *Reconciler) wakeReaders(kind objects.Kind, o client.Object, q queue.Of[stack.Key]) {
	for _, key := range s.Index.Affected(kind, o.GetNamespace(), o.GetName()) {
		q.AddAfter(key, queue.Coalesce)
	}
}

// WakeOwner wakes the stack whose labels a binding carries, for what others do to it. gone is called for each one that is deleted,
// before its stack is woken.
func WakeOwner(owner stack.Owner, gone func(client.Object)) handler.TypedEventHandler[client.Object, stack.Key] {
	return queue.Handle(func(_ context.Context, before, after client.Object, q queue.Of[stack.Key]) {
		if queue.IsResync(before, after) || before == nil || (after != nil && !queue.Relevant(before, after)) {
			return
		}
		if after == nil {
			gone(before)
		}
		if key, ok := kube.OwnerOfBinding(queue.Newest(before, after).GetLabels()); ok && key.Owner == owner {
			q.AddAfter(key, queue.Coalesce)
		}
	})
}

// ServiceEvents wakes the stacks of Services that have, or had, load balancers of ours, and those that read the Service. reread
// is called with stacks at resyncs; nil = it is not.
func (s *Reconciler) ServiceEvents(front front.Service, reread func(stack.Key)) handler.TypedEventHandler[client.Object, stack.Key] {
	return queue.Handle(func(_ context.Context, before, after client.Object, q queue.Of[stack.Key]) {
		again := queue.IsResync(before, after)
		if !again && !queue.Relevant(before, after) {
			return
		}
		s.wakeReaders(objects.Service, queue.Newest(before, after), q)
		for _, x := range []client.Object{before, after} {
			svc, ok := x.(*corev1.Service)
			if !ok || !service.Supported(front.Config, svc) && !service.PendingFinalization(svc) {
				continue
			}
			key := stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: svc.Namespace, Name: svc.Name}}
			if again && reread != nil {
				reread(key)
			}
			q.AddAfter(key, queue.Coalesce)
		}
	})
}
