package queue

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
)

const (
	// DetachAfter is how long a pass occupies a worker of its controller.
	DetachAfter = 3 * time.Second
	// detachedPerWorker limits the detached passes per worker, and mostDetached those of a pool, because each has a
	// goroutine. A tenant gets half of them at most.
	detachedPerWorker = 16
	mostDetached      = 256
	// retryDetach is the pause before a unit is tried again if too many passes are detached, or if too many passes of its
	// tenant run.
	retryDetach = time.Second
	// slowMemory is how long a unit counts as slow after its last pass. A unit without a pass for longer may not exist.
	slowMemory = time.Hour
)

// WorkerPool is a controller's reconciler in which slow reconciles do not occupy the workers of others. The
// controller acquires a worker before it takes a unit from its queue, so the unit with the highest priority is next.
// Reconcile releases the worker.
//
// A reconcile that waits for hanging AWS calls releases its worker after a while and continues detached. If AWS
// throttles its calls, it does so at once. A unit whose last reconcile was slow starts detached. Many reconciles may
// be detached, because they only wait. The pool limits the reconciles of one tenant, so there is always room for
// another tenant.
//
// ErrRequeue, or a write conflict that does not last, is not a failure: the unit is requeued at once, without an error
// in the log. The zero WorkerPool is not usable; see NewWorkerPool.
type WorkerPool[U comparable] struct {
	inner       reconcile.TypedReconciler[U]
	detachAfter time.Duration
	maxDetached int
	workers     chan struct{} // has an element per busy worker, from before its unit is taken from the queue
	conflicts   Conflicts[U]
	tenant      func(U) string // the tenant of a unit; nil = all units are the controller's, and the pool limits no tenant

	mu       sync.Mutex
	detached int
	under    map[string]int  // running passes by tenant
	all      int             // running passes of all tenants
	slow     map[U]time.Time // units whose last pass was slow, and when it ended
}

// NewWorkerPool returns a pool with a number of workers. A pass that takes longer than detachAfter is detached.
func NewWorkerPool[U comparable](inner reconcile.TypedReconciler[U], workers int,
	detachAfter time.Duration) *WorkerPool[U] {
	return &WorkerPool[U]{inner: inner, detachAfter: detachAfter, maxDetached: min(workers*detachedPerWorker,
		mostDetached), workers: make(chan struct{}, workers), slow: map[U]time.Time{}, under: map[string]int{}}
}

// MaxConcurrent returns how many passes can run at a time, including detached ones.
func (p *WorkerPool[U]) MaxConcurrent() int { return cap(p.workers) + p.maxDetached }

// Acquire occupies a worker for the next unit, unless cancel is closed first.
func (p *WorkerPool[U]) Acquire(cancel <-chan struct{}) bool {
	select {
	case p.workers <- struct{}{}:
		return true
	case <-cancel:
		return false
	}
}

// Release releases a worker.
func (p *WorkerPool[U]) Release() {
	select {
	case <-p.workers:
	default: // Reconcile was called without Acquire
	}
}

// Reconcile implements reconcile.TypedReconciler.
func (p *WorkerPool[U]) Reconcile(ctx context.Context, u U) (reconcile.Result, error) {
	if p.tenant != nil {
		tenant := p.tenant(u)
		if !p.enter(tenant) {
			p.Release()
			return reconcile.Result{RequeueAfter: retryDetach}, nil
		}
		defer p.leave(tenant)
		ctx = awsclient.WithTenant(ctx, tenant)
	}
	p.mu.Lock()
	_, known := p.slow[u]
	p.mu.Unlock()
	pass := &poolPass[U]{pool: p}
	if known && !pass.detach() {
		p.Release()
		return reconcile.Result{RequeueAfter: retryDetach}, nil
	}
	begun := time.Now()
	timer := time.AfterFunc(p.detachAfter, func() { pass.detach() })
	defer func() {
		timer.Stop()
		pass.end()
		p.mu.Lock()
		defer p.mu.Unlock()
		if time.Since(begun) >= p.detachAfter {
			p.slow[u] = time.Now()
			maps.DeleteFunc(p.slow, func(_ U, at time.Time) bool { return time.Since(at) > slowMemory })
		} else {
			delete(p.slow, u)
		}
	}()
	res, err := p.inner.Reconcile(awsclient.WithQueued(ctx, func() { pass.detach() }), u)
	if errors.Is(err, ErrRequeue) {
		return reconcile.Result{RequeueAfter: Coalesce}, nil
	}
	return p.conflicts.Result(u, res, err, time.Now())
}

// enter counts a pass of a tenant. It reports false if the tenant has as many running passes as the pool has room
// left.
func (p *WorkerPool[U]) enter(tenant string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.under[tenant] > 0 && p.under[tenant] >= p.maxDetached-p.all {
		return false
	}
	p.under[tenant]++
	p.all++
	return true
}

func (p *WorkerPool[U]) leave(tenant string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.under[tenant]--; p.under[tenant] == 0 {
		delete(p.under, tenant)
	}
}

// Failure returns the error of a pass if it is a failure; nil if the pass is only repeated.
func Failure(err error) error {
	if apierrors.IsConflict(err) || errors.Is(err, ErrRequeue) {
		return nil
	}
	return err
}

// poolPass is one pass. The mutex of its pool protects it.
type poolPass[U comparable] struct {
	pool            *WorkerPool[U]
	detached, ended bool
}

// detach releases the worker of the pass; it reports false if too many are detached.
func (p *poolPass[U]) detach() bool {
	p.pool.mu.Lock()
	defer p.pool.mu.Unlock()
	switch {
	case p.detached || p.ended:
		return true
	case p.pool.detached >= p.pool.maxDetached:
		return false
	}
	p.detached = true
	p.pool.detached++
	p.pool.Release()
	return true
}

func (p *poolPass[U]) end() {
	p.pool.mu.Lock()
	defer p.pool.mu.Unlock()
	p.ended = true
	if p.detached {
		p.pool.detached--
		return
	}
	p.pool.Release()
}
