package controller

import (
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"k8s.io/client-go/util/workqueue"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// board gives the process a Board, and a queue for what it wakes.
func (l *lab) board() (*waiting.Board, queue.Of[stack.Key]) {
	b := waiting.NewBoard(l.clock.Now)
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[stack.Key]())
	l.Cleanup(q.ShutDown)
	l.ingresses.Waiting, l.bound.Waiting = b, b
	l.ingresses.Waker.SetQueue(q)
	return b, q
}

func TestStackThatFailsForCredentialsIsWoken(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("front", nil, "web"))
	b, q := l.board()
	l.fault(gate.Fault{Action: "CreateLoadBalancer", Code: "ExpiredToken", Message: "The security token included in the request is expired", Status: 403})
	res, err := l.ingresses.Reconcile(l.Context(), implicit("front"))
	if err != nil || res.RequeueAfter != waiting.Pause {
		t.Errorf("%v, %v: it is tried again by itself, or logged as an error", res, err)
	}
	if events := strings.Join(l.events, "\n"); !strings.Contains(events, "[CredentialsRefused]") || strings.Contains(events, "allow the controller's role") {
		t.Errorf("events advise to widen the policy:\n%s", events)
	}
	l.clock.Advance(time.Minute)
	if n, oldest := b.Waiting(waiting.Stacks); n != 1 || oldest != time.Minute || b.Failing()[diag.Credentials] != 1 {
		t.Errorf("%d stacks wait, for %s: %v", n, oldest, b.Failing())
	}
	l.sim.Gate.RemoveFault("budget")
	b.Recovered(impairment.Credentials)
	if q.Len() != 1 {
		t.Fatal("the stack is not woken")
	}
	l.settle(implicit("front"))
	if n, _ := b.Waiting(waiting.Stacks); n != 0 {
		t.Error("the stack waits after its success")
	}
}

func TestDeniedStackIsWokenWhenPermitted(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("front", nil, "web"), labIngress("wrong", map[string]string{"scheme": "outward"}, "web"))
	b, q := l.board()
	l.fault(gate.Fault{Action: "CreateTargetGroup", Code: "AccessDenied", Message: "no", Status: 403})
	_, _ = l.round(implicit("front"), implicit("wrong"))
	if n, _ := b.Waiting(waiting.Stacks); n != 1 {
		t.Errorf("%d stacks wait; the one that needs an edit does not", n)
	}
	b.Recovered(impairment.Credentials)
	if q.Len() > 0 {
		t.Error("it is woken for another cause")
	}
	l.sim.Gate.RemoveFault("budget")
	b.Recovered(impairment.Permissions)
	if q.Len() != 1 {
		t.Error("it is not woken")
	}
	mark := l.mark()
	_, _ = l.round(implicit("front"))
	if len(l.writes(mark)) == 0 {
		t.Error("the pause of the refused step goes on")
	}
}

// TestLookAtDeniedStackKeepsItsPauses has a look at a stack fail: the pauses of the stack grow as before, and start anew when AWS permits the action.
func TestLookAtDeniedStackKeepsItsPauses(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("front", nil, "web"))
	b, q := l.board()
	l.fault(gate.Fault{Action: "CreateTargetGroup", Code: "AccessDenied", Message: "no", Status: 403})
	_, _ = l.ingresses.Reconcile(l.Context(), implicit("front"))
	pause := func() time.Duration { return l.ingresses.Retries.When(implicit("front")) }
	first, grown := pause(), time.Duration(0)
	for range 3 {
		grown = pause()
	}
	if b.Probe(diag.Denied); q.Len() != 1 {
		t.Error("the stack is not looked at")
	}
	if next := pause(); next <= grown {
		t.Errorf("after the look the pause is %s, and was %s", next, grown)
	}
	if b.Recovered(impairment.Permissions); pause() != first {
		t.Error("after the cure the pauses do not start anew")
	}
}

func TestDeletionsWaitUntilFinalizersAreRemoved(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("front", nil, "web"))
	b, _ := l.board()
	l.settle(implicit("front"))
	l.fault(gate.Fault{Action: "DeleteLoadBalancer", Code: "AccessDenied", Message: "no", Status: 403})
	l.remove("front")
	_, _ = l.round(implicit("front"))
	if n, _ := b.Waiting(waiting.Deletions); n != 1 {
		t.Errorf("%d deletions wait", n)
	}
	l.sim.Gate.RemoveFault("budget")
	b.Recovered(impairment.Permissions)
	l.settle(implicit("front"))
	if n, _ := b.Waiting(waiting.Deletions); n != 0 {
		t.Errorf("%d deletions wait after the last", n)
	}
	if n, _ := b.Waiting(waiting.Stacks); n != 0 {
		t.Errorf("%d stacks wait after the last", n)
	}
}

func TestFirstEndIsThatOfAttachedCertificates(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"))
	l.create(labIngress("front", map[string]string{"certificate-arn": crashCertificate, "listen-ports": `[{"HTTPS":443}]`}, "web"))
	l.settle(implicit("front"))
	mark := l.mark()
	if at := l.inventory.FirstCertificateEnd(); !at.IsZero() {
		t.Errorf("%s, though no list was read", at)
	}
	if calls := l.sim.Gate.Calls(gate.Filter{After: mark}); len(calls) > 0 {
		t.Errorf("a look at metrics costs calls: %v", calls)
	}
	l.must(l.inventory.Certificates().Read(l.Context(), 0))
	if in := l.inventory.FirstCertificateEnd().Sub(l.clock.Now()); in < 24*time.Hour || in > account.CertificateLife {
		t.Errorf("the certificate ends in %s", in)
	}
	l.remove("front")
	l.settle(implicit("front"))
	if at := l.inventory.FirstCertificateEnd(); !at.IsZero() {
		t.Errorf("%s, though no listener has a certificate", at)
	}
}

func TestPlanThatFailsAgainIsLoggedOnce(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("front", nil, "web"))
	l.board()
	var lines []string
	ctx := logf.IntoContext(l.Context(), funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{}))
	l.fault(gate.Fault{Action: "CreateLoadBalancer", Code: "InternalFailure", Message: "no", Status: 500})
	for range 4 {
		_, _ = l.ingresses.Reconcile(ctx, implicit("front"))
		l.clock.Advance(10 * time.Minute)
	}
	n := 0
	for _, line := range lines {
		if strings.Contains(line, "carrying out plan") {
			n++
		}
	}
	if n == 0 || n > 2 { // the second plan lacks what the first one made
		t.Errorf("%d lines:\n%s", n, strings.Join(lines, "\n"))
	}
}
