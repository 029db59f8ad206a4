package targets

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

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

// sending is a Writer behind a limiter, which reports each request before it is sent.
func sending(r *Registry, write apply.Writer) apply.Writer {
	limiter := cloud.NewLimiter(cloud.LimiterOptions{Clock: r.Clock})
	sent := func(context.Context) error { return nil }
	return func(ctx context.Context, key stack.Key, id plan.StepID, op plan.Operation) apply.Outcome {
		_ = limiter.Do(ctx, cloud.ServiceELBV2, plan.NameOf(op), sent)
		return write(ctx, key, id, op)
	}
}
