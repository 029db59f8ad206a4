package accelerator

import (
	"testing"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// waits gives the process a board, and a queue that shows what is woken.
func (w *world) waits() (*waiting.Board, queue.Of[reconcile.Request]) {
	w.t.Helper()
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	w.t.Cleanup(q.ShutDown)
	w.r.Waiting = waiting.NewBoard(w.clock.Now)
	w.r.Waker.SetQueue(q)
	w.r.retries = backoff.NewFailures[reconcile.Request](backoff.Policy{First: FirstRetry, Longest: time.Hour},
		w.clock.Now, nil)
	return w.r.Waiting, q
}

// TestFailedAcceleratorIsWokenWhenItsCauseEnds has each cause that ends by itself fail a creation or a deletion.
func TestFailedAcceleratorIsWokenWhenItsCauseEnds(t *testing.T) {
	t.Parallel()
	for trouble, c := range map[string]struct {
		action, code string
		class        diag.Class
		cause        impairment.Reason
		deletes      bool
	}{
		"denied":              {"CreateListener", "AccessDenied", diag.Denied, impairment.Permissions, false},
		"denied read":         {"ListAccelerators", "AccessDenied", diag.Denied, impairment.Permissions, false},
		"credentials refused": {"CreateListener", "ExpiredToken", diag.Credentials, impairment.Credentials, false},
		"throttled":           {"CreateListener", "ThrottlingException", diag.Throttled, impairment.Throttled, false},
		"denied deletion":     {"UpdateAccelerator", "AccessDenied", diag.Denied, impairment.Permissions, true},
		"refused at deletion": {"UpdateAccelerator", "ExpiredToken", diag.Credentials, impairment.Credentials, true},
	} {
		t.Run(trouble, func(t *testing.T) {
			t.Parallel()
			w := example(t)
			if c.deletes {
				w.settle()
				w.must(w.client.Delete(t.Context(), w.get()))
			}
			b, q := w.waits()
			_, err := w.sim.Gate.AddFault(gate.Fault{ID: "x", Action: c.action, Code: c.code, Status: 400})
			w.must(err)
			for range 3 {
				w.r.retries.Failed(reconcile.Request{NamespacedName: name})
				res, err := w.pass()
				if alone := err != nil; alone == (c.class == diag.Credentials) || !alone && res.RequeueAfter != waiting.Pause {
					t.Errorf("%+v, %v", res, err)
				}
			}
			w.clock.Advance(time.Minute)
			if n, oldest := b.Waiting(waiting.Stacks); n != 1 || oldest < time.Minute || b.Failing()[c.class] != 1 {
				t.Errorf("%d wait, for %s: %v", n, oldest, b.Failing())
			}
			w.sim.Gate.RemoveFault("x")
			b.Recovered(c.cause)
			if q.Len() != 1 || w.r.retries.Len() != 0 {
				t.Errorf("%d are woken, %d have pauses", q.Len(), w.r.retries.Len())
			}
			for range 8 {
				r, err := w.pass()
				w.must(err)
				w.clock.Advance(max(time.Second, r.RequeueAfter%(5*time.Minute)))
			}
			if n, _ := b.Waiting(waiting.Stacks); n != 0 {
				t.Error("it waits after its success")
			}
			if n, _ := b.Waiting(waiting.Deletions); n != 0 {
				t.Error("the deletion waits after its success")
			}
		})
	}
}

// TestUnloadedEndpointDoesNotWait has an endpoint without a load balancer, which only its object can change.
func TestUnloadedEndpointDoesNotWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t, object([]int32{80}, endpoint(agav1beta1.EndpointService, "", "web")), service("default", "web", ""))
	b, _ := w.waits()
	for range 3 {
		_, _ = w.pass()
		w.clock.Advance(time.Minute)
	}
	if n, _ := b.Waiting(waiting.Stacks); n != 0 {
		t.Errorf("%d wait: %v", n, b.Failing())
	}
}

// TestDeletionWaitsForItsCause has deletions fail: alerts tell by the reason whether somebody has to act.
func TestDeletionWaitsForItsCause(t *testing.T) {
	t.Parallel()
	for code, reason := range map[string]string{"AccessDenied": "AccessDenied", "ThrottlingException": "RateExceeded",
		"ExpiredToken": "CredentialsRefused", "InternalServiceErrorException": "AWSUnavailable", "": waiting.InProgress} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			w := example(t)
			w.settle()
			w.must(w.client.Delete(t.Context(), w.get()))
			b, _ := w.waits()
			if code != "" {
				_, err := w.sim.Gate.AddFault(gate.Fault{Action: "UpdateAccelerator", Code: code, Status: 400})
				w.must(err)
			}
			_, _ = w.pass()
			if got := b.Reasons(); got[reason] != 1 {
				t.Errorf("%v, want %s", got, reason)
			}
		})
	}
}

// TestUnconfirmedChangeWaits has AWS deny the read that shows whether a change is deployed.
func TestUnconfirmedChangeWaits(t *testing.T) {
	t.Parallel()
	w := example(t)
	b, _ := w.waits()
	_, err := w.sim.Gate.AddFault(gate.Fault{Action: "DescribeAccelerator", Code: "AccessDenied", Status: 403})
	w.must(err)
	_, _ = w.pass()
	w.clock.Advance(time.Minute)
	for range 20 {
		if _, err := w.pass(); err == nil {
			t.Error("a pass reports success")
		}
		w.clock.Advance(2 * time.Second)
	}
	if _, oldest := b.Waiting(waiting.Stacks); oldest < 38*time.Second {
		t.Errorf("it waits for %s", oldest)
	}
}
