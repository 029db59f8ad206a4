// Package gatewaystatus has the controllers of the objects around Gateways, which write finalizers and statuses: of
// GatewayClasses, of the three kinds of configurations, of routes and ListenerSets that no Gateway serves any longer,
// and of policies without effect. It also writes the statuses that passes over Gateways decide. It does not reconcile
// Gateways: package stacks does.
package gatewaystatus

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/pairs"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// gather is how long a status waits for what other Gateways decide about the same object: a route of several costs one
// write. That of a Gateway waits for nothing.
const gather = 100 * time.Millisecond

// countsGather is how long a status waits in which nothing but numbers of attached routes changes: a thousand routes
// that are created one after the other cost few writes of their Gateway.
const countsGather = 800 * time.Millisecond

// written are the kinds with statuses.
var written = append([]objects.Kind{objects.GatewayClass, objects.Gateway, objects.ListenerSet,
	objects.ListenerRuleConfiguration, objects.BackendTLSPolicy}, objects.RouteKinds...)

// Statuses writes the statuses of objects around Gateways. Of what each Gateway decides about an object the latest
// holds, and what several decide is written at once. It is safe for concurrent use.
type Statuses struct {
	writers map[objects.Kind]*objectwriter.Writer // one for each kind, since objects of several may have one name
	client  client.Client
	now     func() time.Time
	mu      sync.Mutex
	wanted  pairs.Map[objects.Ref, stack.Key, gateway.Change]
}

// NewStatuses makes a writer.
func NewStatuses(c client.Client, now func() time.Time, log logr.Logger) *Statuses {
	s := &Statuses{writers: map[objects.Kind]*objectwriter.Writer{}, client: c, now: now}
	for _, kind := range written {
		w := objectwriter.New(c, now, log.WithValues("kind", kind))
		if kind != objects.Gateway {
			w.Queue.Gather = gather
		}
		w.Queue.Delay = countsGather
		s.writers[kind] = w
	}
	return s
}

// Start implements manager.Runnable.
func (s *Statuses) Start(ctx context.Context) error {
	var all errgroup.Group
	for _, w := range s.writers {
		all.Go(func() error { return w.Start(ctx) })
	}
	return all.Wait()
}

// Set has the changes written that a stack decides, which are all of its changes: what it decided before about other
// objects is dropped. Nothing is written where the objects are so already.
func (s *Statuses) Set(key stack.Key, changes []gateway.Change) {
	now := make(map[objects.Ref]bool, len(changes))
	for _, c := range changes {
		now[refOf(c)] = true
	}
	s.mu.Lock()
	for id := range s.wanted.By(key) {
		if !now[id] {
			s.wanted.Delete(id, key)
		}
	}
	s.mu.Unlock()
	for _, c := range changes {
		s.set(context.Background(), key, c)
	}
}

// enter enters what a stack decided about an object. The lock is held.
func (s *Statuses) enter(id objects.Ref, key stack.Key, c gateway.Change) {
	for k := range s.wanted.Of(id) {
		if k.ID == key.ID { // also of the other family: the Gateway has changed to this one
			s.wanted.Delete(id, k)
		}
	}
	s.wanted.Set(id, key, c)
}

// withdraw drops what the controller of an object decided about it besides stacks.
func (s *Statuses) withdraw(id objects.Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted.Delete(id, departed)
}

func refOf(c gateway.Change) objects.Ref {
	return objects.Ref{Kind: c.Kind, Namespace: c.Namespace, Name: c.Name}
}

func (s *Statuses) set(ctx context.Context, key stack.Key, c gateway.Change) {
	id := refOf(c)
	o, ok := readable.Kinds[c.Kind].Object.DeepCopyObject().(client.Object)
	if !ok || s.client.Get(ctx, client.ObjectKey{Namespace: c.Namespace, Name: c.Name}, o) != nil {
		return // its next event makes another pass
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enter(id, key, c)
	all := maps.Clone(s.wanted.Of(id))
	write := objectwriter.Write{Object: o, Part: objectwriter.Status, Minor: onlyCounts, Change: func(o client.Object) (
		changed bool) {
		for _, k := range slices.SortedFunc(maps.Keys(all), departedLast) {
			changed = all[k].Apply(o, metav1.Time{Time: s.now()}) || changed
		}
		return changed
	}}
	if done, _ := s.writers[c.Kind].Enqueue(write, new(byte)); done {
		for k := range all {
			s.wanted.Delete(id, k)
		}
	}
}

// onlyCounts reports whether two versions of a status differ in nothing but numbers of attached routes.
func onlyCounts(from, to client.Object) bool {
	before := uncounted(from)
	return before != nil && equality.Semantic.DeepEqual(before, uncounted(to))
}

// uncounted is a status without the numbers of attached routes; nil for kinds that have none.
func uncounted(o client.Object) any {
	switch o := o.(type) {
	case *gatewayv1.Gateway:
		status := o.Status.DeepCopy()
		for i := range status.Listeners {
			status.Listeners[i].AttachedRoutes = 0
		}
		return status
	case *gatewayv1.ListenerSet:
		status := o.Status.DeepCopy()
		for i := range status.Listeners {
			status.Listeners[i].AttachedRoutes = 0
		}
		return status
	}
	return nil
}

// Forget drops what a stack decided that is gone.
func (s *Statuses) Forget(key stack.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.wanted.By(key) {
		s.wanted.Delete(id, key)
	}
}

// Queues returns the queues that run in the background.
func (s *Statuses) Queues() (out []*queue.Keyed) {
	for _, kind := range written {
		out = append(out, s.writers[kind].Queue)
	}
	return out
}
