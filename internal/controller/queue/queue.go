// Package queue has controllers and the parts of their queues: priorities, a pool of workers that slow passes do not
// block, work by key outside a queue, event handlers, and pauses while the API server is unavailable. It does not know
// what it queues: stacks and bindings are type parameters.
package queue

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
)

// Coalesce is how long the first event of a burst waits for the others.
const Coalesce = 20 * time.Millisecond

// FirstRetry and LongestRetry bound the back-off of failed passes. An event starts a pass at once, whatever the
// back-off.
const (
	FirstRetry   = 200 * time.Millisecond
	LongestRetry = 2 * time.Minute
)

// Priorities of queued work, most urgent first. Objects that existed when the controller started, and the periodic
// resync, come last: controller-runtime gives them handler.LowPriority.
const (
	Urgent    = 10                      // an edit of the object itself, if other events queue it too
	Normal    = 0                       // any other event
	CallEnded = -5                      // a call has ended: only its report is due
	Bulk      = -10                     // an event that concerns many units, such as one of a node
	Drift     = handler.LowPriority / 2 // a change in AWS by others is possible
)

// Of is the queue of a controller of units of type U.
type Of[U comparable] = workqueue.TypedRateLimitingInterface[U]

// Add queues work with a priority. Work that is queued already gets the higher priority and the earlier time of both.
func Add[U comparable](q Of[U], after time.Duration, priority int, units ...U) {
	if pq, ok := q.(priorityqueue.PriorityQueue[U]); ok {
		pq.AddWithOpts(priorityqueue.AddOpts{After: after, Priority: &priority}, units...)
		return
	}
	for _, u := range units {
		q.AddAfter(u, after)
	}
}

// Waker queues work of a controller without an event.
type Waker[U comparable] struct {
	mu sync.Mutex
	q  Of[U] // nil until the controller runs
}

// Source gives the waker the queue of the controller that watches it.
func (w *Waker[U]) Source() source.TypedSource[U] {
	return source.TypedFunc[U](func(_ context.Context, q Of[U]) error {
		w.SetQueue(q)
		return nil
	})
}

// SetQueue sets the queue; Source calls it when the controller starts.
func (w *Waker[U]) SetQueue(q Of[U]) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.q = q
}

// Wake queues units now. Before the controller has started it does nothing.
func (w *Waker[U]) Wake(priority int, units ...U) { w.WakeAfter(0, priority, units...) }

// WakeAfter queues units after a pause.
func (w *Waker[U]) WakeAfter(after time.Duration, priority int, units ...U) {
	w.mu.Lock()
	q := w.q
	w.mu.Unlock()
	if q != nil {
		Add(q, after, priority, units...)
	}
}

// ErrRequeue is the error of a pass that must be repeated at once. WorkerPool does not count it as a failure.
var ErrRequeue = errors.New("something that was read changed meanwhile")

// Background gives calls to AWS the lowest priority, because no pass waits for them. While AWS throttles, calls for
// bindings, which register targets, come first, then calls for stacks, then these.
func Background(ctx context.Context, c awsclient.Cause) context.Context {
	return awsclient.WithCause(awsclient.WithPriority(ctx, awsclient.Cosmetic), c)
}

// EveryConcurrent calls f at each tick until ctx ends, even if earlier calls still run. It skips a tick while most
// calls run. EveryConcurrent returns when all calls have ended.
func EveryConcurrent(ctx context.Context, pause time.Duration, most int, f func(context.Context)) {
	var all sync.WaitGroup
	slots := make(chan struct{}, most)
	Every(ctx, pause, nil, func(ctx context.Context) {
		select {
		case slots <- struct{}{}:
			all.Go(func() {
				defer func() { <-slots }()
				f(ctx)
			})
		default:
		}
	})
	all.Wait()
}

// Every calls f at each tick and signal until ctx ends.
func Every(ctx context.Context, pause time.Duration, signal <-chan struct{}, f func(context.Context)) {
	t := time.NewTicker(pause)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-signal:
		case <-t.C:
		}
		f(ctx)
	}
}

// Exit says how a pass leaves a phase. The zero value enters the next phase.
type Exit struct {
	Done   bool // the pass ends with Result and Err
	Again  bool // the pass runs some of its phases again
	Result reconcile.Result
	Err    error
	Cause  error // what failed, for traces
}

// Ended ends a pass.
func Ended(result reconcile.Result, err error) Exit {
	return Exit{Done: true, Result: result, Err: err}
}

// InOrder runs phases of a pass until one ends it or has phases run again.
func InOrder(ctx context.Context, phases ...func(context.Context) Exit) Exit {
	for _, enter := range phases {
		if left := enter(ctx); left.Done || left.Again {
			return left
		}
	}
	return Exit{}
}

// Turns is a queue of values by key, such as a tenant. Keys take turns, and values of one key keep their order.
type Turns[T any] struct {
	order []string // the keys, the next one first
	of    map[string][]T
}

// Push adds a value behind those of its key.
func (t *Turns[T]) Push(key string, v T) {
	if len(t.of[key]) == 0 {
		t.order = append(t.order, key)
	}
	if t.of == nil {
		t.of = map[string][]T{}
	}
	t.of[key] = append(t.of[key], v)
}

// Pop takes the first value of the next key; ok is false if there is none.
func (t *Turns[T]) Pop() (v T, ok bool) {
	if len(t.order) == 0 {
		return v, false
	}
	key := t.order[0]
	all := t.of[key]
	v, all[0] = all[0], v // the array of the queue keeps no reference
	t.order, t.of[key] = t.order[1:], all[1:]
	if len(all) > 1 {
		t.order = append(t.order, key)
	} else {
		delete(t.of, key)
	}
	return v, true
}

// DropLast takes the last value of a key that has one.
func (t *Turns[T]) DropLast(key string) (v T) {
	all := t.of[key]
	last := len(all) - 1
	v, all[last] = all[last], v
	t.of[key] = all[:last]
	if last == 0 {
		delete(t.of, key)
		t.order = slices.DeleteFunc(t.order, func(k string) bool { return k == key })
	}
	return v
}
