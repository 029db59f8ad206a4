package apply_test

import (
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/model/policy/replacement"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

func TestALoadBalancerServesUntilItsSuccessorIsActive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Real())
	want := shop("web")
	w.settle(want)
	want.LoadBalancers[0].Scheme, want.LoadBalancers[0].Name = stack.Internal, "k8s-shop-web-internal"
	p, r, err := w.pass(want, diff.Options{}, 8)
	if o := r.Outcomes["DeleteLoadBalancer LoadBalancer"]; err != nil || o.State != apply.Waiting {
		t.Errorf("%v\n%s", err, outcomes(p, r))
	}
	if n := len(w.sim.Resources().LoadBalancers); n != 2 {
		t.Errorf("%d load balancers while the new one starts, want both", n)
	}
	w.settle(want)
	if all := w.sim.Resources().LoadBalancers; len(all) != 1 || all[0].Name != "k8s-shop-web-internal" ||
		all[0].State != "active" {
		t.Errorf("in the end: %+v", all)
	}
}

// TestKeptLoadBalancerWaitsForTheNextPlan lets the time of a kept load balancer end between a plan and its execution.
// That plan deletes the load balancer only; the next plan deletes its other resources, too.
func TestKeptLoadBalancerWaitsForTheNextPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Real())
	want := shop("web")
	w.settle(want)
	kept := func(now time.Time) diff.Options {
		return diff.Options{Replacement: diff.Replacement{Policy: replacement.Policy{Keep: time.Hour}, Now: now}}
	}
	want.LoadBalancers[0].Scheme, want.LoadBalancers[0].Name = stack.Internal, "k8s-shop-web-internal"
	for range 20 {
		if _, _, err := w.pass(want, kept(w.clock.Now()), 8); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(time.Minute)
	}
	planned := w.clock.Now()
	w.clock.Advance(time.Hour)
	p, r, err := w.pass(want, kept(planned), 8)
	o := r.Outcomes["DeleteLoadBalancer LoadBalancer"]
	if n := len(w.sim.Resources().LoadBalancers); err != nil || o.State != apply.Waiting || o.Until.After(w.clock.Now()) ||
		n != 2 {
		t.Errorf("%d load balancers; %v\n%s", n, err, outcomes(p, r))
	}
	w.settle(want)
	if n := len(w.sim.Resources().LoadBalancers); n != 1 {
		t.Errorf("%d load balancers in the end", n)
	}
}
