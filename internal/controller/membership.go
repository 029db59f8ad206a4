package controller

import (
	"context"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/status"
)

// memberships tells which groups an Ingress event concerns, and which Ingresses a class event.
type memberships struct {
	front    front.Ingress
	reader   client.Reader
	inv      interface{ Invalidate(stack.Key) } // nil = what AWS holds is not read again at resyncs
	classes  *reads.Index[types.NamespacedName] // what decided about each Ingress
	reporter *status.Reporter
}

// groups are those that have to look at an Ingress now. A broken class is told on the Ingress.
func (m *memberships) groups(ctx context.Context, ing *networkingv1.Ingress) []stack.ID {
	name := client.ObjectKeyFromObject(ing)
	begun := m.classes.Begin()
	v := objects.New(reads.NewCacheReader(ctx, m.reader, nil))
	ids := ingress.Groups(v, m.front.Config, ing)
	_, _, broken := ingress.GroupOf(v, m.front.Config, ing)
	stale := m.classes.Update(name, begun, v.Reads())
	switch {
	case v.Err() != nil: // the class may be there; the passes that this event causes read it again
	case broken != nil:
		m.reporter.Report(classOf(name), status.Account{Found: diag.List{*broken}, Partial: true})
	default:
		m.reporter.End(classOf(name))
	}
	if stale {
		return m.groups(ctx, ing)
	}
	return ids
}

func (m *memberships) enqueue(ctx context.Context, ing *networkingv1.Ingress, q queue.Of[stack.Key]) {
	for _, id := range m.groups(ctx, ing) {
		q.AddAfter(stack.Key{Owner: stack.Ingress, ID: id}, queue.Coalesce)
	}
}

func (m *memberships) ingressEvent(s *stacks) handler.TypedEventHandler[client.Object, stack.Key] {
	return queue.Handle(func(ctx context.Context, before, after client.Object, q queue.Of[stack.Key]) {
		o := queue.Newest(before, after)
		again := queue.IsResync(before, after)
		if !again && !queue.Relevant(before, after) {
			return
		}
		if !again {
			for _, key := range s.index.Affected(objects.Ingress, o.GetNamespace(), o.GetName()) {
				q.AddAfter(key, queue.Coalesce) // also a group that it was a member of and that nothing in it names any more
			}
		}
		for _, x := range []client.Object{before, after} {
			ing, ok := x.(*networkingv1.Ingress)
			if !ok {
				continue
			}
			if again && m.inv != nil {
				for _, id := range m.groups(ctx, ing) {
					m.inv.Invalidate(stack.Key{Owner: stack.Ingress, ID: id})
				}
			}
			m.enqueue(ctx, ing, q)
		}
		if after == nil {
			name := client.ObjectKeyFromObject(o)
			m.classes.Forget(name)
			m.reporter.End(classOf(name))
		}
	})
}

// classOf names what decides about the class of an Ingress as a unit that tells.
func classOf(name types.NamespacedName) string { return "class of " + name.String() }

// classEvent wakes the Ingresses whose membership was decided by an object, and the stacks that read it.
func (m *memberships) classEvent(s *stacks, kind objects.Kind) handler.TypedEventHandler[client.Object, stack.Key] {
	return queue.Handle(func(ctx context.Context, before, after client.Object, q queue.Of[stack.Key]) {
		if queue.IsResync(before, after) || !queue.Relevant(before, after) {
			return
		}
		o := queue.Newest(before, after)
		for _, key := range s.index.Affected(kind, o.GetNamespace(), o.GetName()) {
			q.AddAfter(key, queue.Coalesce)
		}
		for _, name := range m.classes.Affected(kind, o.GetNamespace(), o.GetName()) {
			ing := &networkingv1.Ingress{}
			if m.reader.Get(ctx, name, ing) == nil {
				m.enqueue(ctx, ing, q)
			}
		}
	})
}
