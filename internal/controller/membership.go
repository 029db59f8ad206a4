package controller

import (
	"context"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/status"
	"github.com/k8s-lbc/lbc/internal/wish"
	"github.com/k8s-lbc/lbc/internal/world"
)

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
