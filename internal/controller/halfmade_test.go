package controller

import (
	"slices"
	"strings"
	"testing"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

func TestTakenNameLeavesNoTargetGroup(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", map[string]string{"load-balancer-name": "shop"}, "web"))
	taken := l.foreign("shop")
	l.pass(10*time.Minute, nil, implicit("web"))
	if groups := l.sim.Resources().TargetGroups; len(groups) > 0 {
		t.Errorf("a target group is left over: %+v", groups)
	}
	if told := strings.Join(l.events, "\n"); !strings.Contains(told, "[NameTaken]") {
		t.Errorf("events:\n%s", told)
	}
	_, err := l.sim.Balancing.DeleteLoadBalancer(t.Context(), &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: &taken})
	l.must(err)
	l.pass(10*time.Minute, nil, implicit("web"))
	if r := l.sim.Resources(); len(r.LoadBalancers) != 1 || len(r.TargetGroups) != 1 {
		t.Errorf("%d load balancers, %d target groups", len(r.LoadBalancers), len(r.TargetGroups))
	}
}

func TestDeletedTargetGroupsAreNotRead(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", nil, "web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.create(labPods("a", "10.0.128.50")...)
	l.settle(implicit("web"))
	mark := l.mark()
	l.must(l.client.Delete(t.Context(), labIngress("web", nil, "web")))
	l.passWith(20*time.Minute, implicit("web"))
	var after []string
	deleted := false
	calls := l.sim.Gate.Calls(gate.Filter{After: mark})
	slices.SortFunc(calls, func(a, b gate.Call) int { return int(a.Number) - int(b.Number) }) //nolint:gosec // small numbers
	for _, c := range calls {
		if deleted && c.Action == "DescribeTargetHealth" {
			after = append(after, c.Action)
		}
		deleted = deleted || c.Action == "DeleteTargetGroup"
	}
	if !deleted || len(after) > 0 {
		t.Errorf("deleted: %t; then %d reads of its targets", deleted, len(after))
	}
}
