package queue

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/lib/await"
)

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
	for n := range r.controller.pool.MaxConcurrent() { // whatever there is
		slow = append(slow, -1-n)
		r.controller.pool.slow[-1-n] = time.Now()
	}
	r.waker.Wake(Urgent, slow...)
	r.wait(t, int32(r.controller.pool.maxDetached))
	r.healthy(t)
	close(r.letGo)
	r.wait(t, 0)
}

func TestAUnitThatIsFastAgainIsOneOfTheOthers(t *testing.T) {
	t.Parallel()
	r := newTestController(t, "fast")
	r.controller.pool.mu.Lock()
	r.controller.pool.slow[7] = time.Now()
	r.controller.pool.mu.Unlock()
	r.healthy(t)
	await.Until(t, "unit 7 is no longer slow, and none runs beside the workers", func() bool {
		r.controller.pool.mu.Lock()
		defer r.controller.pool.mu.Unlock()
		_, slow := r.controller.pool.slow[7]
		return !slow && r.controller.pool.detached == 0
	})
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

func TestConflictThatLastsIsAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conflict := apierrors.NewConflict(schema.GroupResource{Resource: "services"}, "web", errors.New("changed"))
		l := NewWorkerPool[int](reconcile.TypedFunc[int](func(context.Context, int) (reconcile.Result, error) {
			return reconcile.Result{}, conflict
		}), 2, time.Second)
		passes, begun := 0, time.Now()
		for time.Since(begun) < time.Minute {
			passes++
			again, err := l.Reconcile(t.Context(), 1)
			if err != nil {
				if !strings.Contains(err.Error(), "changed") || Failure(err) == nil {
					t.Errorf("%v does not count as a failure", err)
				}
				break
			}
			time.Sleep(again.RequeueAfter)
		}
		if took := time.Since(begun); took > 15*time.Second || passes > 60 {
			t.Errorf("%d passes in %s", passes, took)
		}
	})
}
