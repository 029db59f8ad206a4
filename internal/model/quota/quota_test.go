package quota

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/awssim/account/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestLimitsAreThoseOfTheSimulator compares two tables that were written down independently of each other.
func TestLimitsAreThoseOfTheSimulator(t *testing.T) {
	t.Parallel()
	simulated := map[string]int{}
	for _, q := range new(quota.Limits).AllQuotas() {
		simulated[q.Name] = q.Default
	}
	for l := range defaults {
		if simulated[string(l)] != l.Default() {
			t.Errorf("%s is %d, in the simulator %d", l, l.Default(), simulated[string(l)])
		}
	}
}

func TestALoadBalancerUsesTheLimitsOfItsType(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind stack.LoadBalancerType
		want []Use
	}{
		{stack.Application, []Use{
			{"listeners-per-application-load-balancer", 1}, {"rules-per-application-load-balancer", 2},
			{"certificates-per-application-load-balancer", 3},
			{"target-groups-per-application-load-balancer", 4},
		}},
		{stack.Network, []Use{{"listeners-per-network-load-balancer", 1}, {"certificates-per-network-load-balancer", 3}}},
	} {
		if d := cmp.Diff(c.want, LoadBalancer{Type: c.kind, Listeners: 1, Rules: 2, Certificates: 3,
			TargetGroups: 4}.Uses()); d != "" {
			t.Errorf("%s: %s", c.kind, d)
		}
		for _, l := range []Limit{OfType(c.kind), TargetsOf(c.kind)} {
			if l.Default() == 0 {
				t.Errorf("%s is not in the table", l)
			}
		}
	}
}
