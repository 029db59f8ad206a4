package apply_test

import (
	"testing"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
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
