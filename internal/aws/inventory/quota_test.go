package inventory_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// used are the uses of limits that are used.
func (f *fixture) used() map[quota.Limit]int {
	f.Helper()
	out := map[quota.Limit]int{}
	for _, u := range f.inv.QuotaUse() {
		if u.Limit.Default() == 0 {
			f.Errorf("%s is not in the table of limits", u.Limit)
		}
		if u.Used > 0 {
			out[u.Limit] = u.Used
		}
	}
	return out
}

// networkBalancer creates an NLB with a listener and a target group, as another controller would have.
func (f *fixture) networkBalancer(name string, tags map[string]string) {
	f.Helper()
	var ts []elbv2types.Tag
	for k, v := range tags {
		ts = append(ts, elbv2types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	lb, err := f.sim.Balancing.CreateLoadBalancer(f.Context(), &elbv2.CreateLoadBalancerInput{
		Name: aws.String(name), Subnets: []string{"subnet-0a1de0000000000a1"}, Type: elbv2types.LoadBalancerTypeEnumNetwork,
		Tags: ts,
	})
	if err != nil {
		f.Fatal(err)
	}
	group, err := f.sim.Balancing.CreateTargetGroup(f.Context(), &elbv2.CreateTargetGroupInput{
		Name: aws.String(name), Port: aws.Int32(80), Protocol: elbv2types.ProtocolEnumTcp, VpcId: aws.String(vpc),
		TargetType: elbv2types.TargetTypeEnumAlb, Tags: ts,
	})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := f.sim.Balancing.CreateListener(f.Context(), &elbv2.CreateListenerInput{
		LoadBalancerArn: lb.LoadBalancers[0].LoadBalancerArn, Port: aws.Int32(80), Protocol: elbv2types.ProtocolEnumTcp,
		Tags: ts,
		DefaultActions: []elbv2types.Action{
			{Type: elbv2types.ActionTypeEnumForward, TargetGroupArn: group.TargetGroups[0].TargetGroupArn}},
	}); err != nil {
		f.Fatal(err)
	}
}

func TestQuotaUseIsOfFullestLoadBalancer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if got := f.used(); len(got) > 0 || len(f.inv.QuotaUse()) == 0 {
		t.Errorf("before anything is known: %v", got)
	}
	f.balancer("alone", tracking("alone"))
	f.balancer("foreign", nil)
	// A stack whose load balancer has an NLB in front of it.
	f.balancer("behind", tracking("front"))
	front := tracking("front")
	front["ingress.k8s.aws/resource"] = "FrontendNLB"
	f.networkBalancer("front", front)
	behind, err := f.sim.Balancing.DescribeLoadBalancers(t.Context(), &elbv2.DescribeLoadBalancersInput{
		Names: []string{"behind"}})
	if err != nil {
		t.Fatal(err)
	}
	listeners, err := f.sim.Balancing.DescribeListeners(t.Context(), &elbv2.DescribeListenersInput{
		LoadBalancerArn: behind.LoadBalancers[0].LoadBalancerArn})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		if _, err := f.sim.Balancing.CreateRule(t.Context(), &elbv2.CreateRuleInput{
			ListenerArn: listeners.Listeners[0].ListenerArn, Priority: aws.Int32(int32(n + 2)),
			Conditions: []elbv2types.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{fmt.Sprint("/", n)}}},
			Actions:    listeners.Listeners[0].DefaultActions,
		}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"alone", "front"} {
		k := key(stack.Ingress, name)
		desired := &stack.Stack{Key: k, LoadBalancers: []stack.LoadBalancer{{ID: stack.LoadBalancerIdentity},
			{ID: "FrontendNLB"}}}
		if _, err := f.inv.Observed(t.Context(), k, desired); err != nil {
			t.Fatal(err)
		}
	}
	want := map[quota.Limit]int{
		quota.ApplicationLoadBalancers: 3, quota.NetworkLoadBalancers: 1, quota.TargetGroups: 4,
		"listeners-per-application-load-balancer": 1, quota.RulesOfApplicationLoadBalancer: 3,
		"target-groups-per-application-load-balancer": 1,
		"listeners-per-network-load-balancer":         1,
	}
	if d := cmp.Diff(want, f.used()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	// What this process makes and deletes counts before the next listing.
	const arn = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/new/1"
	resolve := func(stack.Ref) string { return arn }
	f.inv.Record(key(stack.Ingress, "alone"), awsop.CreateTargetGroup{}, awsop.Output{ID: arn}, resolve)
	if got := f.used()[quota.TargetGroups]; got != 5 {
		t.Errorf("%d target groups after one is made", got)
	}
	f.inv.Record(key(stack.Ingress, "alone"), awsop.DeleteTargetGroup{TargetGroup: stack.Literal(stack.KindTargetGroup,
		arn)}, awsop.Output{}, resolve)
	if got := f.used()[quota.TargetGroups]; got != 4 {
		t.Errorf("%d target groups after one is deleted", got)
	}
}
