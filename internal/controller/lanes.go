package controller

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	// slowAfter is how long a pass counts as one of the workers of its controller.
	slowAfter = 3 * time.Second
	// slowPerWorker is how many slow passes there may be for each worker.
	slowPerWorker = 8
	// slowLater is when a unit that is known to be slow is looked at again if there are too many of them.
	slowLater = time.Second
	// slowMemory is how long a unit is known to be slow: one that had no pass for so long may be gone for good.
	slowMemory = time.Hour
)

// lanes keeps slow passes from taking the workers of all others. A pass that AWS keeps waiting, because its calls hang or are
// throttled, gives its worker free after a while and goes on beside; a unit whose last pass was slow begins beside. There
// may be many passes beside, for they do nothing but wait. The zero lanes is not usable; see newLanes.
type lanes[U comparable] struct {
	inner    reconcile.TypedReconciler[U]
	patience time.Duration
	most     int           // passes beside
	workers  chan struct{} // one is in it from before a unit is taken off the queue
	closed   chan struct{}
	closing  sync.Once

	mu     sync.Mutex
	beside int
	slow   map[U]time.Time // units whose last pass was slow, and when it ended
}

func newLanes[U comparable](inner reconcile.TypedReconciler[U], workers int, patience time.Duration) *lanes[U] {
	return &lanes[U]{inner: inner, patience: patience, most: workers * slowPerWorker, workers: make(chan struct{}, workers), closed: make(chan struct{}), slow: map[U]time.Time{}}
}

// passes is how many there may be at once: the MaxConcurrentReconciles of the controller.
func (l *lanes[U]) passes() int { return cap(l.workers) + l.most }

// queue makes the queue of the controller; it hands units out as workers are free.
func (l *lanes[U]) queue(log logr.Logger) func(string, workqueue.TypedRateLimiter[U]) workqueue.TypedRateLimitingInterface[U] {
	return func(name string, limiter workqueue.TypedRateLimiter[U]) workqueue.TypedRateLimitingInterface[U] {
		return laneQueue[U]{priorityqueue.New(name, func(o *priorityqueue.Opts[U]) {
			o.Log, o.RateLimiter = log.WithValues("controller", name), limiter
		}), l}
	}
}

// laneQueue is a queue whose units wait for a free worker in the queue, by priority, and not in the hands of a goroutine.
type laneQueue[U comparable] struct {
	priorityqueue.PriorityQueue[U]
	l *lanes[U]
}

// GetWithPriority implements priorityqueue.PriorityQueue.
func (q laneQueue[U]) GetWithPriority() (unit U, priority int, shutdown bool) {
	select {
	case q.l.workers <- struct{}{}:
	case <-q.l.closed:
	}
	unit, priority, shutdown = q.PriorityQueue.GetWithPriority()
	if shutdown {
		q.l.free()
	}
	return unit, priority, shutdown
}

// Get implements workqueue.TypedInterface.
func (q laneQueue[U]) Get() (unit U, shutdown bool) {
	unit, _, shutdown = q.GetWithPriority()
	return unit, shutdown
}

// ShutDown implements workqueue.TypedInterface.
func (q laneQueue[U]) ShutDown() {
	q.l.closing.Do(func() { close(q.l.closed) })
	q.PriorityQueue.ShutDown()
}

// ShutDownWithDrain implements workqueue.TypedInterface.
func (q laneQueue[U]) ShutDownWithDrain() {
	q.l.closing.Do(func() { close(q.l.closed) })
	q.PriorityQueue.ShutDownWithDrain()
}

// free gives a worker free.
func (l *lanes[U]) free() {
	select {
	case <-l.workers:
	default: // it was taken after the end
	}
}

// Reconcile implements reconcile.TypedReconciler.
func (l *lanes[U]) Reconcile(ctx context.Context, u U) (reconcile.Result, error) {
	l.mu.Lock()
	_, known := l.slow[u]
	l.mu.Unlock()
	p := &lanePass[U]{l: l}
	if known && !p.step() {
		l.free()
		return reconcile.Result{RequeueAfter: slowLater}, nil
	}
	begun := time.Now()
	timer := time.AfterFunc(l.patience, func() { p.step() })
	defer func() {
		timer.Stop()
		p.end()
		l.mu.Lock()
		defer l.mu.Unlock()
		if time.Since(begun) >= l.patience {
			l.slow[u] = time.Now()
			maps.DeleteFunc(l.slow, func(_ U, at time.Time) bool { return time.Since(at) > slowMemory })
		} else {
			delete(l.slow, u)
		}
	}()
	return l.inner.Reconcile(ctx, u)
}

// lanePass is one pass. It is guarded by the mutex of its lanes.
type lanePass[U comparable] struct {
	l             *lanes[U]
	beside, ended bool
}

// step has the pass go on beside, and gives its worker free; it reports false if there are too many.
func (p *lanePass[U]) step() bool {
	p.l.mu.Lock()
	defer p.l.mu.Unlock()
	switch {
	case p.beside || p.ended:
		return true
	case p.l.beside >= p.l.most:
		return false
	}
	p.beside = true
	p.l.beside++
	p.l.free()
	return true
}

func (p *lanePass[U]) end() {
	p.l.mu.Lock()
	defer p.l.mu.Unlock()
	p.ended = true
	if p.beside {
		p.l.beside--
		return
	}
	p.l.free()
}
