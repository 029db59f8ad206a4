package queue

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// testController is a controller of two workers over numbers: those below zero hang until they are let go.
type testController struct {
	pool      *WorkerPool[int]
	waker     Waker[int]
	letGo     chan struct{}
	hanging   atomic.Int32
	mostAlive atomic.Int32
	alive     atomic.Int32
	done      chan int
}

func (r *testController) Reconcile(ctx context.Context, n int) (reconcile.Result, error) {
	if n < 0 {
		r.hanging.Add(1)
		defer r.hanging.Add(-1)
		select {
		case <-r.letGo:
		case <-ctx.Done():
		}
		return reconcile.Result{}, nil
	}
	alive := r.alive.Add(1)
	for was := r.mostAlive.Load(); alive > was && !r.mostAlive.CompareAndSwap(was, alive); was = r.mostAlive.Load() {
	}
	time.Sleep(time.Millisecond) // as AWS takes
	r.alive.Add(-1)
	r.done <- n
	return reconcile.Result{}, nil
}

func newTestController(t *testing.T, name string) *testController {
	t.Helper()
	r := &testController{letGo: make(chan struct{}), done: make(chan int, 1000)}
	r.pool = NewWorkerPool[int](r, 2, 300*time.Millisecond)
	skip := true
	c, err := controller.NewTypedUnmanaged(name, controller.TypedOptions[int]{
		Reconciler: r.pool, MaxConcurrentReconciles: r.pool.MaxConcurrent(), NewQueue: r.pool.NewQueue(logr.Discard()), SkipNameValidation: &skip,
		RateLimiter: workqueue.DefaultTypedControllerRateLimiter[int](), LogConstructor: func(*int) logr.Logger { return logr.Discard() },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Watch(r.waker.Source()); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Start(t.Context()) }()
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	for started := false; !started; time.Sleep(time.Millisecond) {
		started = r.waker.hasQueue()
	}
	return r
}

// healthy queues twenty units that are well and waits until all of them had a pass.
func (r *testController) healthy(t *testing.T) {
	t.Helper()
	for n := range 20 {
		r.waker.Wake(Normal, n)
	}
	limit := time.After(30 * time.Second)
	for range 20 {
		select {
		case <-r.done:
		case <-limit:
			t.Fatalf("%d passes hang, and the others wait for them", r.hanging.Load())
		}
	}
}

func (r *testController) wait(t *testing.T, hanging int32) {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); r.hanging.Load() != hanging; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("%d passes hang, want %d", r.hanging.Load(), hanging)
		}
	}
}

func TestPassesThatHangLeaveTheWorkersToTheOthers(t *testing.T) {
	t.Parallel()
	r := newTestController(t, "hang")
	for n := range 10 { // five times the workers
		r.waker.Wake(Urgent, -1-n)
	}
	r.wait(t, 10)
	r.healthy(t)
	if n := r.mostAlive.Load(); n > 2 {
		t.Errorf("%d passes at once with two workers", n)
	}
	close(r.letGo)
	r.wait(t, 0)
}

func TestUnitsThatWereSlowDoNotTakeAWorkerAgain(t *testing.T) {
	t.Parallel()
	r := newTestController(t, "again")
	var slow []int
	for n := range r.pool.MaxConcurrent() { // whatever there is
		slow = append(slow, -1-n)
		r.pool.slow[-1-n] = time.Now()
	}
	r.waker.Wake(Urgent, slow...)
	r.wait(t, int32(r.pool.maxDetached))
	r.healthy(t)
	close(r.letGo)
	r.wait(t, 0)
}

func TestAUnitThatIsFastAgainIsOneOfTheOthers(t *testing.T) {
	t.Parallel()
	r := newTestController(t, "fast")
	r.pool.mu.Lock()
	r.pool.slow[7] = time.Now()
	r.pool.mu.Unlock()
	r.healthy(t)
	for limit := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		r.pool.mu.Lock()
		_, slow := r.pool.slow[7]
		beside := r.pool.detached
		r.pool.mu.Unlock()
		if !slow && beside == 0 {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("slow %v, %d beside", slow, beside)
		}
	}
}

func TestUnitsThatAreGoneAreNotKnownAsSlowForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewWorkerPool[int](reconcile.TypedFunc[int](func(context.Context, int) (reconcile.Result, error) {
			time.Sleep(time.Second)
			return reconcile.Result{}, nil
		}), 2, time.Second)
		for n := range 3000 {
			if _, err := l.Reconcile(t.Context(), n); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		if len(l.slow) > 60 {
			t.Errorf("%d units are known", len(l.slow))
		}
	})
}

// hasQueue reports whether the controller has started.
func (w *Waker[U]) hasQueue() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.q != nil
}
