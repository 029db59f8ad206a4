package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
)

// Options are the parts of a controller.
type Options[U comparable] struct {
	Name       string
	Reconciler reconcile.TypedReconciler[U]
	Workers    int                           // how many passes run at a time, beside detached ones
	Retries    workqueue.TypedRateLimiter[U] // nil = pauses from 5 ms to 1000 s
	Log        logr.Logger
	LogUnit    func(logr.Logger, U) logr.Logger // adds the name of a unit
	// Tenant returns the tenant of a unit, as awsclient.WithTenant names it; nil = all units are the controller's.
	Tenant func(U) string

	detachAfter time.Duration // 0 = DetachAfter
}

// LogObject returns the LogUnit of requests.
func LogObject(log logr.Logger, r reconcile.Request) logr.Logger {
	return log.WithValues("object", klog.KRef(r.Namespace, r.Name), "namespace", r.Namespace, "name", r.Name)
}

// NamespaceOf returns the Tenant of requests.
func NamespaceOf(r reconcile.Request) string { return r.Namespace }

// Controller makes passes over the units of a queue that sources fill, like the controllers of controller-runtime and
// with their metrics. Each pass has its own goroutine, and no goroutine waits for work: with room for a thousand slow
// passes, waiting goroutines would take megabytes. Controller is a manager.Runnable that waits for leadership.
type Controller[U comparable] struct {
	options Options[U]
	pool    *WorkerPool[U]
	sources []source.TypedSource[U]
	metrics passMetrics
}

// NewController returns a controller. The manager starts it.
func NewController[U comparable](o Options[U]) *Controller[U] {
	if o.detachAfter == 0 {
		o.detachAfter = DetachAfter
	}
	o.Log = o.Log.WithValues("controller", o.Name)
	c := &Controller[U]{options: o, pool: NewWorkerPool(o.Reconciler, o.Workers, o.detachAfter)}
	c.pool.tenant = o.Tenant
	return c
}

// Watch adds a source before the controller starts.
func (c *Controller[U]) Watch(s source.TypedSource[U]) { c.sources = append(c.sources, s) }

// Start runs the controller until ctx ends and all passes have ended. It implements manager.Runnable.
func (c *Controller[U]) Start(ctx context.Context) error {
	c.metrics = newPassMetrics(c.options.Name, c.pool.MaxConcurrent())
	q := priorityqueue.New(c.options.Name, func(o *priorityqueue.Opts[U]) {
		o.Log, o.RateLimiter = c.options.Log,
			c.options.Retries
	})
	end := sync.OnceFunc(q.ShutDown)
	defer end()
	defer context.AfterFunc(ctx, end)()
	if err := c.startSources(ctx, q); err != nil {
		return err
	}
	c.options.Log.Info("Starting workers", "worker count", c.options.Workers)
	var passes sync.WaitGroup
	defer passes.Wait()
	for c.pool.Acquire(ctx.Done()) {
		unit, priority, shutdown := q.GetWithPriority()
		if shutdown {
			break
		}
		passes.Go(func() { c.pass(ctx, q, unit, priority) })
	}
	return nil
}

// startSources starts the sources and waits for their first lists, which come when the API server permits them.
func (c *Controller[U]) startSources(ctx context.Context, q priorityqueue.PriorityQueue[U]) error {
	var all errgroup.Group
	for _, s := range c.sources {
		all.Go(func() error {
			if err := s.Start(ctx, q); err != nil {
				return fmt.Errorf("starting a source of controller %s: %w", c.options.Name, err)
			}
			if s, ok := s.(source.TypedSyncingSource[U]); ok {
				if err := s.WaitForSync(ctx); err != nil && ctx.Err() == nil {
					return fmt.Errorf("waiting for the first list of %v for controller %s: %w", s, c.options.Name, err)
				}
			}
			return nil
		})
	}
	return all.Wait()
}

// pass makes a pass over a unit and queues it again as the result demands. A worker has been acquired for it.
func (c *Controller[U]) pass(ctx context.Context, q priorityqueue.PriorityQueue[U], unit U, priority int) {
	defer q.Done(unit)
	log := c.options.Log
	if c.options.LogUnit != nil {
		log = c.options.LogUnit(log, unit)
	}
	log = log.WithValues("reconcileID", uuid.NewUUID())
	ended := c.metrics.begin()
	result, err := c.reconcile(logf.IntoContext(awsclient.WithCause(ctx, awsclient.Cause(c.options.Name)), log), unit)
	if result.Priority != nil {
		priority = *result.Priority
	}
	switch {
	case err != nil:
		if !errors.Is(err, reconcile.TerminalError(nil)) {
			q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true, Priority: &priority}, unit)
		}
		log.Error(err, "Reconciler error")
	case result.RequeueAfter > 0:
		q.Forget(unit)
		q.AddWithOpts(priorityqueue.AddOpts{After: result.RequeueAfter, Priority: &priority}, unit)
	default:
		q.Forget(unit)
	}
	ended(result, err)
}

// reconcile makes a pass, and turns its panic into an error.
func (c *Controller[U]) reconcile(ctx context.Context, unit U) (_ reconcile.Result, err error) {
	defer func() {
		if r := recover(); r != nil {
			c.metrics.panics.Inc()
			for _, handle := range utilruntime.PanicHandlers {
				handle(ctx, r)
			}
			err = fmt.Errorf("panic: %v [recovered]", r)
		}
	}()
	return c.pool.Reconcile(ctx, unit)
}
