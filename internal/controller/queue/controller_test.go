package queue

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/lib/await"
)

// testController is a controller of two workers over numbers: those below zero hang until they are let go.
type testController struct {
	controller *Controller[int]
	waker      Waker[int]
	letGo      chan struct{}
	hanging    atomic.Int32
	mostAlive  atomic.Int32
	alive      atomic.Int32
	done       chan int
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
	r.controller = start(t, Options[int]{Name: name, Reconciler: r, Workers: 2, detachAfter: 300 * time.Millisecond},
		&r.waker)
	return r
}

// start starts a controller that ends with the test.
func start(t *testing.T, o Options[int], w *Waker[int]) *Controller[int] {
	t.Helper()
	o.Log = logr.Discard()
	c := NewController(o)
	c.Watch(w.Source())
	ended := make(chan error, 1)
	go func() { ended <- c.Start(t.Context()) }()
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	await.Until(t, "the controller has started", w.hasQueue)
	return c
}

// hasQueue reports whether the controller has started.
func (w *Waker[U]) hasQueue() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.q != nil
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
	await.Equal(t, "passes that hang", r.hanging.Load, hanging)
}

// goroutines counts the goroutines that a method of controllers runs in.
func goroutines(method string) int {
	stacks := make([]byte, 4<<20)
	n := 0
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if strings.Contains(stack, "queue.(*Controller[") && strings.Contains(stack, "]."+method) ||
			strings.Contains(stack, "."+method+"(") && strings.Contains(stack, "internal/controller/queue/controller.go") {
			n++
		}
	}
	return n
}

// The test does not run in parallel, because it counts the goroutines of the process.
func TestAControllerWithoutWorkHasNoGoroutinesThatWaitForIt(t *testing.T) {
	r := newTestController(t, "idle")
	for n := range 10 {
		r.waker.Wake(Urgent, -1-n)
	}
	r.wait(t, 10)
	if n := goroutines("pass"); n != 10 {
		t.Errorf("ten passes run in %d goroutines", n)
	}
	close(r.letGo)
	r.wait(t, 0)
	r.healthy(t)
	await.Equal(t, "goroutines of passes that have ended", func() int { return goroutines("pass") }, 0)
}

func TestTheUnitWithTheHighestPriorityIsNextWhenAWorkerIsFree(t *testing.T) {
	t.Parallel()
	var w Waker[int]
	letGo, order := make(chan struct{}), make(chan int, 10)
	start(t, Options[int]{Name: "priority", Workers: 1, Reconciler: reconcile.TypedFunc[int](
		func(_ context.Context, n int) (reconcile.Result, error) {
			order <- n
			if n == 0 {
				<-letGo
			}
			return reconcile.Result{}, nil
		})}, &w)
	w.Wake(Normal, 0)
	got := []int{<-order}
	w.Wake(Drift, 3)
	w.Wake(Bulk, 2)
	w.Wake(Urgent, 1)
	close(letGo)
	got = append(got, <-order, <-order, <-order)
	if want := []int{0, 1, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("the order is %v, want %v", got, want)
	}
}

// panics counts the controllers of TestAPassThatPanicsOrFailsIsRepeatedAndCounted, each of which has metrics of its
// own.
var panics atomic.Int32

func TestAPassThatPanicsOrFailsIsRepeatedAndCounted(t *testing.T) {
	t.Parallel()
	name := fmt.Sprint("panics-", panics.Add(1))
	var w Waker[int]
	passes := make(chan int, 10)
	var n atomic.Int32
	start(t, Options[int]{Name: name, Workers: 1, Reconciler: reconcile.TypedFunc[int](
		func(context.Context, int) (reconcile.Result, error) {
			defer func() { passes <- 1 }()
			switch n.Add(1) {
			case 1:
				panic("out of order")
			case 2:
				return reconcile.Result{}, errors.New("refused")
			case 3:
				return reconcile.Result{RequeueAfter: time.Millisecond}, nil
			}
			return reconcile.Result{}, nil
		})}, &w)
	w.Wake(Normal, 1)
	for range 4 {
		<-passes
	}
	await.Until(t, "the last pass is counted", func() bool {
		return counted(t, name, "controller_runtime_reconcile_total", "success") >= 1
	})
	for _, c := range []struct {
		metric, result string
		want           float64
	}{
		{"controller_runtime_reconcile_total", "error", 2},
		{"controller_runtime_reconcile_total", "requeue_after", 1},
		{"controller_runtime_reconcile_total", "requeue", 0},
		{"controller_runtime_reconcile_errors_total", "", 2},
		{"controller_runtime_terminal_reconcile_errors_total", "", 0},
		{"controller_runtime_reconcile_panics_total", "", 1},
		{"controller_runtime_reconcile_time_seconds", "", 4},
		{"controller_runtime_active_workers", "", 0},
		{"controller_runtime_max_concurrent_reconciles", "", 17},
	} {
		if got := counted(t, name, c.metric, c.result); got != c.want {
			t.Errorf("%s %s is %v, want %v", c.metric, c.result, got, c.want)
		}
	}
}

// counted is what a metric of a controller says; a result selects one of several.
func counted(t *testing.T, controller, metric, result string) float64 {
	t.Helper()
	families, err := ctrlmetrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != metric {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["controller"] == controller && labels["result"] == result {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	t.Fatalf("no metric %s of controller %s", metric, controller)
	return 0
}
