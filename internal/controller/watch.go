package controller

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/config"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// coalesce is how long the first event of a burst waits for the others.
const coalesce = 20 * time.Millisecond

// back-off of failed passes; an edit of anything that the stack reads is looked at at once, whatever the back-off.
const (
	firstRetry   = 200 * time.Millisecond
	longestRetry = 2 * time.Minute
)

// Priorities of queued work, most urgent first. What was there when the controller started, and the periodic resync, come last:
// controller-runtime gives them handler.LowPriority.
const (
	urgent = 10                      // an edit of the object itself, where others are queued with it
	normal = 0                       // any other event
	ended  = -5                      // a call has ended: what it was for is done, and is only told of
	bulk   = -10                     // an event that concerns many at once, such as one of a node
	drift  = handler.LowPriority / 2 // somebody may have changed something in AWS
)

type queueOf[U comparable] = workqueue.TypedRateLimitingInterface[U]

// enqueue queues work by its urgency. Work that is queued already becomes as urgent and as early as the more urgent and earlier
// of both.
func enqueue[U comparable](q queueOf[U], after time.Duration, priority int, units ...U) {
	if pq, ok := q.(priorityqueue.PriorityQueue[U]); ok {
		pq.AddWithOpts(priorityqueue.AddOpts{After: after, Priority: &priority}, units...)
		return
	}
	for _, u := range units {
		q.AddAfter(u, after)
	}
}

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

// yielding makes another pass where somebody else wrote an object between our read and our write: that is no error, and needs
// neither a line in the log nor a long pause.
type yielding[U comparable] struct{ reconcile.TypedReconciler[U] }

// Reconcile implements reconcile.TypedReconciler.
func (y yielding[U]) Reconcile(ctx context.Context, u U) (reconcile.Result, error) {
	res, err := y.TypedReconciler.Reconcile(ctx, u)
	if apierrors.IsConflict(err) || errors.Is(err, errAgain) {
		return reconcile.Result{RequeueAfter: coalesce}, nil
	}
	return res, err
}

// add starts a controller for stacks.
func (w *wiring) add(name string, s *stacks, workers int, sources map[client.Object]handler.TypedEventHandler[client.Object, stack.Key], more ...source.TypedSource[stack.Key]) error {
	l := newLanes(yielding[stack.Key]{reconcile.TypedFunc[stack.Key](s.Reconcile)}, workers, slowAfter)
	c, err := controller.NewTyped(name, w.mgr, controller.TypedOptions[stack.Key]{
		Reconciler: l,
		LogConstructor: func(key *stack.Key) logr.Logger { // so that the lines of controller-runtime name the stack, too
			log := w.mgr.GetLogger().WithValues("controller", name)
			if key != nil {
				log = log.WithValues("stack", key.ID.String())
			}
			return log
		},
		MaxConcurrentReconciles: l.passes(),
		NewQueue:                l.queue(w.mgr.GetLogger()),
		RateLimiter:             s.retries,
	})
	if err != nil {
		return err
	}
	for o, h := range sources {
		if err := c.Watch(source.TypedKind(w.mgr.GetCache(), o, h)); err != nil {
			return err
		}
	}
	for _, m := range more {
		if err := c.Watch(m); err != nil {
			return err
		}
	}
	return c.Watch(s.waker.source())
}

// waker puts work into a controller's queue without an event.
type waker[U comparable] struct {
	mu sync.Mutex
	q  queueOf[U] // nil until the controller runs
}

func (w *waker[U]) source() source.TypedSource[U] {
	return source.TypedFunc[U](func(_ context.Context, q queueOf[U]) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.q = q
		return nil
	})
}

func (w *waker[U]) wake(priority int, units ...U) { w.wakeAfter(0, priority, units...) }

func (w *waker[U]) wakeAfter(after time.Duration, priority int, units ...U) {
	w.mu.Lock()
	q := w.q
	w.mu.Unlock()
	if q != nil {
		enqueue(q, after, priority, units...)
	}
}

// wake is the handler of objects that stacks read: it wakes exactly those that did.
func wake(s *stacks, kind objects.Kind) handler.TypedEventHandler[client.Object, stack.Key] {
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

// owned wakes the stack whose labels a binding carries, for what others do to it. gone hears of each one that is no more,
// before its stack does.
func owned(owner stack.Owner, gone func(client.Object)) handler.TypedEventHandler[client.Object, stack.Key] {
	return on(func(_ context.Context, before, after client.Object, q queueOf[stack.Key]) {
		if resync(before, after) || before == nil || (after != nil && !matters(before, after)) {
			return
		}
		if after == nil {
			gone(before)
		}
		if key, ok := ownerOfBinding(either(before, after).GetLabels()); ok && key.Owner == owner {
			q.AddAfter(key, coalesce)
		}
	})
}

// rereadAtResync reports whether the periodic resync has everything read from AWS again, thousands of calls at once in a large
// account: only where the sweep, which looks at one after the other, is off or was meant to be less often.
func rereadAtResync(c *config.Config) bool {
	return c.DriftInterval == 0 || c.SyncPeriod < c.DriftInterval
}

func (w *wiring) setUpIngress(front front.Ingress, s *stacks) error {
	m := &memberships{front: front, reader: w.mgr.GetClient(), classes: newIndex[types.NamespacedName](), reporter: s.reporter}
	if rereadAtResync(w.config) {
		m.inv = w.inventory
	}
	return w.add("ingress", s, w.config.IngressWorkers, map[client.Object]handler.TypedEventHandler[client.Object, stack.Key]{
		&networkingv1.Ingress{}:       m.ingressEvent(s),
		&networkingv1.IngressClass{}:  m.classEvent(s, objects.IngressClass),
		&v1beta1.IngressClassParams{}: m.classEvent(s, objects.IngressClassParams),
		&corev1.Namespace{}:           m.classEvent(s, objects.Namespace),
		&corev1.Service{}:             wake(s, objects.Service),
		&v1beta1.TargetGroupBinding{}: owned(stack.Ingress, w.bindings.vanished),
	}, source.TypedFunc[stack.Key](s.secrets.Start))
}

// serviceEvent wakes the stacks of Services that have, or had, load balancers of ours, and those that read the Service. reread
// hears of stacks at resyncs; nil = nobody does.
func (s *stacks) serviceEvent(front front.Service, reread func(stack.Key)) handler.TypedEventHandler[client.Object, stack.Key] {
	return on(func(_ context.Context, before, after client.Object, q queueOf[stack.Key]) {
		again := resync(before, after)
		if !again && !matters(before, after) {
			return
		}
		o := either(before, after)
		for _, key := range s.index.happened(objects.Service, o.GetNamespace(), o.GetName()) {
			q.AddAfter(key, coalesce)
		}
		for _, x := range []client.Object{before, after} {
			svc, ok := x.(*corev1.Service)
			if !ok || !service.Supported(front.Config, svc) && !service.PendingFinalization(svc) {
				continue
			}
			key := stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: svc.Namespace, Name: svc.Name}}
			if again && reread != nil {
				reread(key)
			}
			q.AddAfter(key, coalesce)
		}
	})
}

func (w *wiring) setUpService(front front.Service, s *stacks) error {
	var reread func(stack.Key)
	if rereadAtResync(w.config) {
		reread = w.inventory.Invalidate
	}
	return w.add("service", s, w.config.ServiceWorkers, map[client.Object]handler.TypedEventHandler[client.Object, stack.Key]{
		&corev1.Service{}:             s.serviceEvent(front, reread),
		&v1beta1.TargetGroupBinding{}: owned(stack.Service, w.bindings.vanished),
	})
}
