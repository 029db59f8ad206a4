package upkeep

import (
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

func TestStackThatFailsForCredentialsIsWoken(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"))
	b, q := l.Board()
	l.Fault(gate.Fault{Action: "CreateLoadBalancer", Code: "ExpiredToken", Message: "The security token included in the " +
		"request is expired", Status: 403})
	res, err := l.Ingresses.Reconcile(l.Context(), lab.Key("front"))
	if err != nil || res.RequeueAfter != waiting.Pause {
		t.Errorf("%v, %v: it is tried again by itself, or logged as an error", res, err)
	}
	if events := strings.Join(l.Events, "\n"); !strings.Contains(events, "[CredentialsRefused]") ||
		strings.Contains(events, "allow the controller's role") {
		t.Errorf("events advise to widen the policy:\n%s", events)
	}
	l.Clock.Advance(time.Minute)
	if n, oldest := b.Waiting(waiting.Stacks); n != 1 || oldest != time.Minute || b.Failing()[diag.Credentials] != 1 {
		t.Errorf("%d stacks wait, for %s: %v", n, oldest, b.Failing())
	}
	l.Sim.Gate.RemoveFault("budget")
	b.Recovered(impairment.Credentials)
	if q.Len() != 1 {
		t.Fatal("the stack is not woken")
	}
	l.Settle(lab.Key("front"))
	if n, _ := b.Waiting(waiting.Stacks); n != 0 {
		t.Error("the stack waits after its success")
	}
}

func TestDeniedStackIsWokenWhenPermitted(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"),
		lab.Ingress("wrong", map[string]string{"scheme": "outward"}, "web"))
	b, q := l.Board()
	l.Fault(gate.Fault{Action: "CreateTargetGroup", Code: "AccessDenied", Message: "no", Status: 403})
	_, _ = l.Round(lab.Key("front"), lab.Key("wrong"))
	if n, _ := b.Waiting(waiting.Stacks); n != 1 {
		t.Errorf("%d stacks wait; the one that needs an edit does not", n)
	}
	b.Recovered(impairment.Credentials)
	if q.Len() > 0 {
		t.Error("it is woken for another cause")
	}
	l.Sim.Gate.RemoveFault("budget")
	b.Recovered(impairment.Permissions)
	if q.Len() != 1 {
		t.Error("it is not woken")
	}
	mark := l.Mark()
	_, _ = l.Round(lab.Key("front"))
	if len(l.Writes(mark)) == 0 {
		t.Error("the pause of the refused step goes on")
	}
}

// TestLookAtDeniedStackKeepsItsPauses has a look at a stack fail: the pauses of the stack grow as before, and start
// anew when AWS permits the action.
func TestLookAtDeniedStackKeepsItsPauses(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"))
	b, q := l.Board()
	l.Fault(gate.Fault{Action: "CreateTargetGroup", Code: "AccessDenied", Message: "no", Status: 403})
	_, _ = l.Ingresses.Reconcile(l.Context(), lab.Key("front"))
	pause := func() time.Duration { return l.Ingresses.Retries.When(lab.Key("front")) }
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
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"))
	b, _ := l.Board()
	l.Settle(lab.Key("front"))
	l.Fault(gate.Fault{Action: "DeleteLoadBalancer", Code: "AccessDenied", Message: "no", Status: 403})
	l.Remove("front")
	_, _ = l.Round(lab.Key("front"))
	if n, _ := b.Waiting(waiting.Deletions); n != 1 {
		t.Errorf("%d deletions wait", n)
	}
	l.Sim.Gate.RemoveFault("budget")
	b.Recovered(impairment.Permissions)
	l.Settle(lab.Key("front"))
	if n, _ := b.Waiting(waiting.Deletions); n != 0 {
		t.Errorf("%d deletions wait after the last", n)
	}
	if n, _ := b.Waiting(waiting.Stacks); n != 0 {
		t.Errorf("%d stacks wait after the last", n)
	}
}

// secured has a listener with a certificate that its Ingress names by ARN, and the watcher as the controller runs it.
func secured(t *testing.T) (*lab.Lab, *stacks.CertificateWatcher) {
	t.Helper()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
	l.Create(lab.Ingress("front", map[string]string{"certificate-arn": lab.CrashCertificate,
		"listen-ports": `[{"HTTPS":443}]`}, "web"))
	l.Settle(lab.Key("front"))
	return l, certificateWatcher(l)
}

func certificateWatcher(l *lab.Lab) *stacks.CertificateWatcher {
	return &stacks.CertificateWatcher{Read: l.Inventory.Certificates().Read, Owners: []*stacks.Reconciler{l.Ingresses,
		l.Services}, Always: true, Used: l.Inventory.UsesCertificates, ReadEnds: l.Inventory.Certificates().ReadEnds,
		Now: l.Clock.Now, Log: logr.Discard()}
}

// looks has the watcher look for a time, and returns how many calls that costs.
func looks(l *lab.Lab, w *stacks.CertificateWatcher, d time.Duration) int {
	mark := l.Mark()
	for end := l.Clock.Now().Add(d); l.Clock.Now().Before(end); l.Clock.Advance(time.Minute) {
		w.Look(l.Context())
	}
	n, _ := l.Counts(mark)
	return n
}

func TestFirstEndIsThatOfAttachedCertificates(t *testing.T) {
	t.Parallel()
	l, w := secured(t)
	mark := l.Mark()
	if at := l.Inventory.FirstCertificateEnd(); !at.IsZero() {
		t.Errorf("%s, though no list was read", at)
	}
	if calls := l.Sim.Gate.Calls(gate.Filter{After: mark}); len(calls) > 0 {
		t.Errorf("a look at metrics costs calls: %v", calls)
	}
	if n := looks(l, w, 24*time.Hour); n < 4 || n > 5 {
		t.Errorf("a day costs %d calls", n)
	}
	if in := l.Inventory.FirstCertificateEnd().Sub(l.Clock.Now()); in < 24*time.Hour || in > account.CertificateLife {
		t.Errorf("the certificate ends in %s", in)
	}
	if l.Inventory.Certificates().Listed() != nil {
		t.Error("stacks find certificates by a list that was read for ends")
	}
	l.Remove("front")
	l.Settle(lab.Key("front"))
	if at := l.Inventory.FirstCertificateEnd(); !at.IsZero() {
		t.Errorf("%s, though no listener has a certificate", at)
	}
	if n := looks(l, w, 24*time.Hour); n > 0 {
		t.Errorf("%d calls, though no listener has a certificate", n)
	}
}

// TestUnreadEndsCostFewCalls denies the list to a role that needs it for nothing else.
func TestUnreadEndsCostFewCalls(t *testing.T) {
	t.Parallel()
	l, w := secured(t)
	l.Fault(gate.Fault{Action: "ListCertificates", Kind: "denied"})
	if n := looks(l, w, time.Hour); n < 1 || n > 6 {
		t.Errorf("an hour costs %d calls", n)
	}
	l.Sim.Gate.RemoveFault("budget")
	looks(l, w, 20*time.Minute)
	if l.Inventory.FirstCertificateEnd().IsZero() {
		t.Error("the end is not known after the permission was given")
	}
}

func TestExpiredCertificateKeepsItsEnd(t *testing.T) {
	t.Parallel()
	for _, discovers := range []bool{false, true} {
		l, w := secured(t)
		if discovers {
			l.Create(lab.Secure("known", "www.example.com"))
			l.Settle(lab.Key("known"))
		}
		l.Sim.Account.Lock()
		end := l.Clock.Now().Add(time.Hour)
		c := l.Sim.Account.Certificates[lab.CrashCertificate]
		c.Type, c.NotAfter = "IMPORTED", end
		l.Sim.Account.Unlock()
		looks(l, w, 48*time.Hour)
		l.Sim.Account.Lock()
		status := c.Status
		l.Sim.Account.Unlock()
		if at := l.Inventory.FirstCertificateEnd(); status != "EXPIRED" || !at.Equal(end) {
			t.Errorf("discovery %t: the first end is %s, that of the %s certificate %s", discovers, at, status, end)
		}
	}
}

func TestPlanThatFailsAgainIsLoggedOnce(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"))
	l.Board()
	var lines []string
	ctx := logf.IntoContext(l.Context(), funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{}))
	l.Fault(gate.Fault{Action: "CreateLoadBalancer", Code: "InternalFailure", Message: "no", Status: 500})
	for range 4 {
		_, _ = l.Ingresses.Reconcile(ctx, lab.Key("front"))
		l.Clock.Advance(10 * time.Minute)
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
