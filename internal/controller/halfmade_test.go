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

// TestTakenNameLeavesNoTargetGroup has a Service with the name of another Service's load balancer, and of one that is nobody's in the cluster.
// Nothing else is made before the name is free, and everything then.
func TestTakenNameLeavesNoTargetGroup(t *testing.T) {
	t.Parallel()
	const name = "service.beta.kubernetes.io/aws-load-balancer-name"
	for holder, c := range map[string]struct {
		text       string
		take, free func(*lab)
	}{
		"another Service": {"shared-edge belongs to Service shop/one", func(l *lab) {
			one := crashBalancer("one")
			one.Annotations[name] = "shared-edge"
			one.Annotations["service.beta.kubernetes.io/aws-load-balancer-scheme"] = "internal"
			l.create(one)
			l.settle(serviceKey("one"))
		}, func(l *lab) {
			l.must(l.client.Delete(t.Context(), crashBalancer("one")))
			l.settle(serviceKey("one"))
		}},
		"somebody else": {"shared-edge", func(l *lab) { l.foreign("shared-edge") }, func(l *lab) {
			arn := l.sim.Resources().LoadBalancers[0].ARN
			_, err := l.sim.Balancing.DeleteLoadBalancer(t.Context(), &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: &arn})
			l.must(err)
		}},
	} {
		t.Run(holder, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, account.Profile{})
			c.take(l)
			mark := l.mark()
			two := crashBalancer("two")
			two.Annotations[name] = "shared-edge"
			l.create(two)
			l.pass(10*time.Minute, nil, serviceKey("two"))
			if got := l.writes(mark); slices.Contains(got, "CreateTargetGroup") || !slices.Contains(got, "CreateLoadBalancer") {
				t.Errorf("written: %v", got)
			}
			if !l.saw("Service shop/two", "[NameTaken]", c.text) || holder == "another Service" && l.saw("Service shop/two", "delete") {
				t.Errorf("events:\n%s", strings.Join(l.events, "\n"))
			}
			c.free(l)
			l.pass(10*time.Minute, nil, serviceKey("two"))
			if r := l.sim.Resources(); len(r.LoadBalancers) != 1 || len(r.TargetGroups) != 1 {
				t.Errorf("%d load balancers, %d target groups", len(r.LoadBalancers), len(r.TargetGroups))
			}
		})
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
