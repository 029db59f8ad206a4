package accelerator

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
)

// Reading are the kinds that passes read.
var Reading = append(owner.KubernetesKinds(func(k owner.Kind) bool { return k.InAccelerators }),
	objects.GlobalAccelerator, objects.IngressClassParams, objects.ReferenceGrant)

// SetUp has the manager run the reconciler with workers at a time; longest is the longest pause between passes that
// fail.
func (r *Reconciler) SetUp(mgr manager.Manager, workers int, longest time.Duration) error {
	r.retries = backoff.NewFailures[reconcile.Request](backoff.Policy{First: FirstRetry, Longest: longest}, r.Now, nil)
	c := queue.NewController(queue.Options[reconcile.Request]{Name: Name, Reconciler: r, Workers: workers,
		Retries: r.retries, Log: mgr.GetLogger(), LogUnit: queue.LogObject, Tenant: queue.NamespaceOf})
	c.Watch(r.Waker.Source())
	c.Watch(source.TypedFunc[reconcile.Request](r.queueRestored))
	for _, kind := range Reading {
		c.Watch(queue.Kind(mgr.GetCache(), readable.Kinds[kind].Object, r.events(kind)))
	}
	return mgr.Add(c)
}

// queueRestored queues the objects of which an earlier process left consents: those that are gone have no event.
func (r *Reconciler) queueRestored(ctx context.Context, q queue.Of[reconcile.Request]) error {
	go func() {
		if r.Restored != nil && r.Restored(ctx) != nil {
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, name := range r.restored {
			q.Add(reconcile.Request{NamespacedName: name})
		}
	}()
	return nil
}

// events queues the objects that read the object of an event, by the index of their reads: there is no watch of its own
// for any endpoint.
func (r *Reconciler) events(kind objects.Kind) handler.TypedEventHandler[client.Object, reconcile.Request] {
	return queue.Handle(func(_ context.Context, before, after client.Object, q queue.Of[reconcile.Request]) {
		if queue.IsResync(before, after) {
			return
		}
		o := queue.Newest(before, after)
		if kind == objects.GlobalAccelerator {
			if queue.Relevant(before, after) { // not each write of the status
				q.AddAfter(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o)}, queue.Coalesce)
			}
			return
		}
		for _, name := range r.Index.Affected(objects.ChangeOf(kind, before, after)) {
			q.AddAfter(reconcile.Request{NamespacedName: name}, queue.Coalesce)
		}
	})
}

// Changed queues the objects whose reads a change concerns that no watch shows.
func (r *Reconciler) Changed(c objects.Change) {
	for _, name := range r.Index.Affected(c) {
		r.Waker.WakeAfter(queue.Coalesce, queue.Normal, reconcile.Request{NamespacedName: name})
	}
}

// WakeAll queues all objects, as after a change of definitions.
func (r *Reconciler) WakeAll() {
	for _, name := range r.Index.Units() {
		r.Waker.Wake(queue.Normal, reconcile.Request{NamespacedName: name})
	}
}
