package inventory_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/lib/absence"
)

// TestAnEmptyPageTakesNoLoadBalancerAway has lists of load balancers and target groups lack what the account has.
func TestAnEmptyPageTakesNoLoadBalancerAway(t *testing.T) {
	t.Parallel()
	const balancers, groups = "DescribeLoadBalancers", "DescribeTargetGroups"
	for _, c := range []struct {
		name    string
		empty   []string
		restart bool // a new process, which a target group alone tells of the load balancer
		kept    bool // it has what the former process knew
	}{
		{"a process without memory", []string{balancers}, true, false},
		{"a process with memory, no load balancers", []string{balancers}, true, true},
		{"a process with memory, no target groups", []string{groups}, true, true},
		{"a process with memory, neither", []string{balancers, groups}, true, true},
		{"an invalidated stack, no load balancers", []string{balancers}, false, false},
		{"an invalidated stack, neither", []string{balancers, groups}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, times := range []int{1, 0} { // only lists; also reads by ARN
				f := newFixture(t)
				arns, kept := f.left(2)
				if !c.kept {
					kept = nil
				}
				if c.restart {
					f.restart(kept)
				} else {
					f.clock.Advance(time.Minute)
					f.inv.Invalidate(webN(0))
				}
				for _, action := range c.empty {
					f.empty(action, times)
				}
				o, err := f.inv.Observed(t.Context(), webN(0), nil)
				if times == 1 && (err != nil || len(o.LoadBalancers) != 1 || len(o.TargetGroups) != 1 ||
					o.LoadBalancers[0].ARN != arns[0]) {
					t.Errorf("%v, %+v: the account has both", err, o)
				}
				if times == 0 && !errors.Is(err, absence.ErrUnknown) {
					t.Errorf("%v: the answer proves nothing", err)
				}
				f.sim.Gate.ClearFaults()
				if o := f.listed(webN(0)); len(o.LoadBalancers) != 1 || len(o.TargetGroups) != 1 {
					t.Errorf("once AWS answers, %+v", o)
				}
			}
		})
	}
}

// TestWhatAnotherDeletedIsNotAddedToTheList deletes a load balancer that an earlier process knew.
func TestWhatAnotherDeletedIsNotAddedToTheList(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	arns, kept := f.left(2)
	if _, err := f.sim.Balancing.DeleteLoadBalancer(t.Context(), &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: &arns[0]}); err != nil {
		t.Fatal(err)
	}
	f.restart(kept)
	if o := f.listed(webN(0)); len(o.LoadBalancers) != 0 || len(o.TargetGroups) != 1 {
		t.Errorf("observed are %+v", o)
	}
	if o := f.listed(webN(1)); len(o.LoadBalancers) != 1 || !slices.Contains(arns, o.LoadBalancers[0].ARN) {
		t.Errorf("observed are %+v", o)
	}
	if n := f.reads()["DescribeLoadBalancers"]; n != 2 {
		t.Errorf("%d reads of load balancers", n)
	}
}
