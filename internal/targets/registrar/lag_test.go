package registrar

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
)

// lagging is a registry, and the lags that it told, with the operation.
func lagging(h *hanging, fresh bool) (r *Registry, after func(time.Duration), told func() []string, ended func()) {
	r, c, progress := asyncRegistry(h, fresh)
	lags := make(chan string, 100)
	r.Lag = func(operation string, d time.Duration) { lags <- operation + " " + d.String() }
	told = func() []string {
		var out []string
		for len(lags) > 0 {
			out = append(out, <-lags)
		}
		slices.Sort(out)
		return out
	}
	return r, func(d time.Duration) { c.Advance(d) }, told, func() { <-progress }
}

func TestLagIsReportedWhenAWSAccepts(t *testing.T) {
	t.Parallel()
	h := newHanging()
	r, after, told, ended := lagging(h, true)
	since := func(ids ...string) Request {
		q := of(ids...)
		q.Since = r.Clock.Now()
		return q
	}
	q := since("1", "2")
	after(30 * time.Millisecond)
	asking(t, r, q)
	h.expect(t, "RegisterTargets 1 2")
	asking(t, r, since("2", "3")) // 1 goes, and waits for the end of its call
	h.expect(t, "RegisterTargets 3")
	after(time.Second)
	if got := told(); len(got) > 0 {
		t.Errorf("told before AWS has answered: %v", got)
	}
	h.answer("RegisterTargets 1 2", nil)
	h.expect(t, "DeregisterTargets 1")
	ended()
	if diff := cmp.Diff([]string{"register 1.03s", "register 1.03s"}, told()); diff != "" {
		t.Error(diff)
	}
	h.answer("RegisterTargets 3", errors.New("lost")) // and is sent again
	ended()
	after(time.Minute)
	_, _ = r.sync(t.Context(), of("2", "3"), false)
	asking(t, r, of("2", "3"))
	h.expect(t, "RegisterTargets 3")
	if got := told(); len(got) > 0 {
		t.Errorf("a refusal is no sample: %v", got)
	}
	h.answer("RegisterTargets 3", nil)
	ended()
	asking(t, r, of("2", "3", "4")) // nobody knows since when
	h.expect(t, "RegisterTargets 4")
	h.answer("RegisterTargets 4", nil)
	ended()
	if diff := cmp.Diff([]string{"register 1m1s"}, told()); diff != "" {
		t.Error(diff)
	}
}

func TestWaitingTargetsAreCountedWithTheirAge(t *testing.T) {
	t.Parallel()
	h := newHanging("1", "9")
	r, after, _, ended := lagging(h, false)
	expect := func(n int, oldest time.Duration) {
		t.Helper()
		if gotN, got := r.Waiting(); gotN != n || got != oldest {
			t.Errorf("%d targets wait, the first for %s; want %d, %s", gotN, got, n, oldest)
		}
	}
	expect(0, 0)
	q := of("1", "2")
	q.Since = r.Clock.Now()
	after(time.Second)
	asking(t, r, q)
	h.expect(t, "read")
	h.answer("read", nil)
	ended()
	h.expect(t, "DeregisterTargets 9", "RegisterTargets 2")
	expect(2, time.Second)
	after(10 * time.Second)
	refused := &smithy.GenericAPIError{Code: "AccessDenied", Message: "no"}
	h.answer("RegisterTargets 2", refused)
	ended()
	h.answer("DeregisterTargets 9", nil)
	ended()
	after(time.Minute)
	expect(1, 71*time.Second)
	_, _ = r.sync(t.Context(), q, false)
	asking(t, r, q)
	h.expect(t, "RegisterTargets 2")
	expect(1, 71*time.Second)
	h.answer("RegisterTargets 2", &smithy.GenericAPIError{Code: "TargetGroupNotFound", Message: "no"})
	ended()
	expect(0, 0) // only an edit cures it
	_, _ = r.sync(t.Context(), q, false)
	asking(t, r, q)
	h.expect(t, "RegisterTargets 2")
	h.answer("RegisterTargets 2", nil)
	ended()
	expect(0, 0)
}

func TestOfTargetsThatAreRegisteredAlreadyNoLagIsKept(t *testing.T) {
	t.Parallel()
	h := newHanging("1")
	r, _, told, ended := lagging(h, false)
	q := of("1")
	q.Since = r.Clock.Now()
	asking(t, r, q)
	h.expect(t, "read")
	h.answer("read", nil)
	ended()
	if g := r.group(tg); len(g.since) > 0 || len(told()) > 0 {
		t.Errorf("kept %v", g.since)
	}
}

// answers are the states of targets that a Describer tells.
type answers map[string]string

func (a answers) DescribeTargetHealth(_ context.Context, in *elbv2.DescribeTargetHealthInput,
	_ ...func(*elbv2.Options)) (*elbv2.DescribeTargetHealthOutput, error) {
	if len(in.Targets) > 0 {
		return &elbv2.DescribeTargetHealthOutput{TargetHealthDescriptions: notRegistered(in.Targets)}, nil
	}
	out := &elbv2.DescribeTargetHealthOutput{}
	for id, state := range a {
		out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, held(id, state))
	}
	return out, nil
}

func TestTimeToHealthyIsReportedOnce(t *testing.T) {
	t.Parallel()
	h := newHanging()
	r, c, progress := asyncRegistry(h, true)
	states := answers{}
	r.account = func(awsclient.Scope) (ScopeCalls, error) {
		return ScopeCalls{states, h.write, func(string) bool { return true }, nil}, nil
	}
	var told []string
	r.BecameHealthy = func(cause awsclient.Cause, after time.Duration) {
		told = append(told, fmt.Sprint(cause, " ", after))
	}
	look := func() {
		t.Helper()
		if _, err := r.Health(awsclient.WithCause(t.Context(), awsclient.TargetHealth), tg); err != nil {
			t.Fatal(err)
		}
	}
	write := func(call string, q Request, err error) {
		asking(t, r, q)
		h.expect(t, call)
		h.answer(call, err)
		<-progress
		_, _ = r.sync(t.Context(), q, false)
	}
	q := of("1", "2")
	q.Since = c.Now()
	write("RegisterTargets 1 2", q, nil)
	states["1"], states["2"] = "initial", "initial"
	c.Advance(5 * time.Second)
	look()
	states["1"] = "healthy"
	c.Advance(5 * time.Second)
	look()
	c.Advance(time.Minute)
	look() // nothing new
	write("DeregisterTargets 2", of("1"), nil)
	states["2"] = "healthy" // of an answer that is late
	look()
	write("RegisterTargets 3", of("1", "3"), nil) // nobody knows since when
	states["3"] = "healthy"
	look()
	if diff := cmp.Diff([]string{string(awsclient.TargetHealth) + " 10s"}, told); diff != "" {
		t.Error(diff)
	}
	if n := len(r.group(tg).unproven); n > 0 {
		t.Errorf("%d targets are remembered for nothing", n)
	}
}
