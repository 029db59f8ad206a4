package targets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/apply"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
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

func TestTheLagOfATargetIsReportedOnceWhenItsFirstRequestIsSent(t *testing.T) {
	t.Parallel()
	h := newHanging()
	r, after, told, ended := lagging(h, true)
	r.account = func(cloud.Scope) (Account, error) {
		return Account{h, sending(r, h.write), func(string) bool { return true }}, nil
	}
	since := func(ids ...string) Request {
		q := of(ids...)
		q.Since = r.Clock.Now()
		return q
	}
	q := since("1", "2")
	after(30 * time.Millisecond)
	asking(t, r, q)
	h.expect(t, "RegisterTargets 1 2")
	if diff := cmp.Diff([]string{"register 30ms", "register 30ms"}, told()); diff != "" {
		t.Error(diff)
	}
	asking(t, r, since("2", "3")) // 1 goes, and waits for the end of its call
	h.expect(t, "RegisterTargets 3")
	after(time.Second)
	h.answer("RegisterTargets 1 2", nil)
	h.expect(t, "DeregisterTargets 1")
	ended()
	if diff := cmp.Diff([]string{"deregister 1s", "register 0s"}, told()); diff != "" {
		t.Error(diff)
	}
	h.answer("RegisterTargets 3", errors.New("lost")) // and is sent again
	ended()
	_, _ = r.sync(t.Context(), of("2", "3"), false)
	asking(t, r, of("2", "3"))
	h.expect(t, "RegisterTargets 3")
	asking(t, r, of("2", "3", "4")) // nobody knows since when
	h.expect(t, "RegisterTargets 4")
	if got := told(); len(got) > 0 {
		t.Errorf("told %v", got)
	}
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

func (a answers) DescribeTargetHealth(context.Context, *elbv2.DescribeTargetHealthInput, ...func(*elbv2.Options)) (*elbv2.DescribeTargetHealthOutput, error) {
	out := &elbv2.DescribeTargetHealthOutput{}
	for id, state := range a {
		out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, held(id, state))
	}
	return out, nil
}

func TestTheTimeUntilATargetIsHealthyIsReportedOnceAfterItsRegistration(t *testing.T) {
	t.Parallel()
	h := newHanging()
	r, c, progress := asyncRegistry(h, true)
	states := answers{}
	r.account = func(cloud.Scope) (Account, error) {
		return Account{states, h.write, func(string) bool { return true }}, nil
	}
	var told []string
	r.BecameHealthy = func(cause cloud.Cause, after time.Duration) { told = append(told, fmt.Sprint(cause, " ", after)) }
	look := func() {
		t.Helper()
		if _, err := r.Health(cloud.WithCause(t.Context(), cloud.TargetHealth), tg); err != nil {
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
	if diff := cmp.Diff([]string{string(cloud.TargetHealth) + " 10s"}, told); diff != "" {
		t.Error(diff)
	}
	if n := len(r.group(tg).unproven); n > 0 {
		t.Errorf("%d targets are remembered for nothing", n)
	}
}

// sending is a Writer behind a limiter, which reports each request before it is sent.
func sending(r *Registry, write apply.Writer) apply.Writer {
	limiter := cloud.NewLimiter(cloud.LimiterOptions{Clock: r.Clock})
	sent := func(context.Context) error { return nil }
	return func(ctx context.Context, key stack.Key, id plan.StepID, op plan.Operation) apply.Outcome {
		_ = limiter.Do(ctx, cloud.ServiceELBV2, plan.NameOf(op), sent)
		return write(ctx, key, id, op)
	}
}
