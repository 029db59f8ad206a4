package elbv2

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// anyCalls makes random calls on few resources, so that they meet.
type anyCalls struct {
	*fixture
	lbs, tgs, listeners, rules []string
}

func pick(t *rapid.T, what string, from []string) *string {
	if len(from) == 0 {
		return aws.String("none")
	}
	return aws.String(rapid.SampledFrom(from).Draw(t, what))
}

// answered lets AWS's errors pass, and nothing else.
func answered(t *rapid.T, err error) bool {
	var e *apierr.Error
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("not an answer of AWS: %v", err)
	}
	return err == nil
}

func (c *anyCalls) actions(t *rapid.T) []types.Action {
	if rapid.Bool().Draw(t, "fixed") {
		return respond("200")
	}
	arns := make([]string, rapid.IntRange(1, 3).Draw(t, "groups"))
	for i := range arns {
		arns[i] = *pick(t, "target group", c.tgs)
	}
	return forwardTo(arns...)
}

func (c *anyCalls) calls() map[string]func(*rapid.T) {
	port := rapid.Int32Range(80, 83)
	return map[string]func(*rapid.T){
		"create load balancer": func(t *rapid.T) {
			out, err := c.CreateLoadBalancer(c.ctx, &elb.CreateLoadBalancerInput{
				Name:    aws.String(fmt.Sprint("lb", rapid.IntRange(0, 3).Draw(t, "name"))),
				Type:    rapid.SampledFrom([]types.LoadBalancerTypeEnum{"application", "network"}).Draw(t, "type"),
				Subnets: rapid.SampledFrom([][]string{{subnetA, subnetB}, {subnetB, subnetC}, {subnetA}}).Draw(t, "subnets")})
			if answered(t, err) {
				c.lbs = append(c.lbs, *out.LoadBalancers[0].LoadBalancerArn)
			}
		},
		"delete load balancer": func(t *rapid.T) {
			_, err := c.DeleteLoadBalancer(c.ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: pick(t, "load balancer", c.lbs)})
			answered(t, err)
		},
		"set subnets": func(t *rapid.T) {
			_, err := c.SetSubnets(c.ctx, &elb.SetSubnetsInput{LoadBalancerArn: pick(t, "load balancer", c.lbs),
				Subnets: rapid.SampledFrom([][]string{{subnetA2, subnetB}, {subnetC}, {subnetB, subnetC}}).Draw(t, "subnets")})
			answered(t, err)
		},
		"create target group": func(t *rapid.T) {
			out, err := c.CreateTargetGroup(c.ctx, &elb.CreateTargetGroupInput{
				Name: aws.String(fmt.Sprint("tg", rapid.IntRange(0, 5).Draw(t, "name"))), TargetType: "ip",
				Protocol: rapid.SampledFrom([]types.ProtocolEnum{"HTTP", "TCP"}).Draw(t, "protocol"), Port: aws.Int32(80),
				VpcId: aws.String(vpc1)})
			if answered(t, err) {
				c.tgs = append(c.tgs, *out.TargetGroups[0].TargetGroupArn)
			}
		},
		"delete target group": func(t *rapid.T) {
			_, err := c.DeleteTargetGroup(c.ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: pick(t, "target group", c.tgs)})
			answered(t, err)
		},
		"create listener": func(t *rapid.T) {
			out, err := c.CreateListener(c.ctx, &elb.CreateListenerInput{LoadBalancerArn: pick(t, "load balancer", c.lbs),
				Port:     aws.Int32(port.Draw(t, "port")),
				Protocol: rapid.SampledFrom([]types.ProtocolEnum{"HTTP", "TCP"}).Draw(t, "protocol"), DefaultActions: c.actions(t)})
			if answered(t, err) {
				c.listeners = append(c.listeners, *out.Listeners[0].ListenerArn)
			}
		},
		"modify listener": func(t *rapid.T) {
			_, err := c.ModifyListener(c.ctx, &elb.ModifyListenerInput{ListenerArn: pick(t, "listener", c.listeners),
				Port: aws.Int32(port.Draw(t, "port")), DefaultActions: c.actions(t)})
			answered(t, err)
		},
		"delete listener": func(t *rapid.T) {
			_, err := c.DeleteListener(c.ctx, &elb.DeleteListenerInput{ListenerArn: pick(t, "listener", c.listeners)})
			answered(t, err)
		},
		"create rule": func(t *rapid.T) {
			out, err := c.CreateRule(c.ctx, &elb.CreateRuleInput{ListenerArn: pick(t, "listener", c.listeners),
				Priority:   aws.Int32(rapid.Int32Range(1, 4).Draw(t, "priority")),
				Conditions: onPath("/"), Actions: c.actions(t)})
			if answered(t, err) {
				c.rules = append(c.rules, *out.Rules[0].RuleArn)
			}
		},
		"modify rule": func(t *rapid.T) {
			_, err := c.ModifyRule(c.ctx, &elb.ModifyRuleInput{RuleArn: pick(t, "rule", c.rules), Actions: c.actions(t)})
			answered(t, err)
		},
		"set priorities": func(t *rapid.T) {
			_, err := c.SetRulePriorities(c.ctx, &elb.SetRulePrioritiesInput{RulePriorities: []types.RulePriorityPair{
				{RuleArn: pick(t, "rule", c.rules), Priority: aws.Int32(rapid.Int32Range(1, 4).Draw(t, "first"))},
				{RuleArn: pick(t, "rule", c.rules), Priority: aws.Int32(rapid.Int32Range(1, 4).Draw(t, "second"))}}})
			answered(t, err)
		},
		"delete rule": func(t *rapid.T) {
			_, err := c.DeleteRule(c.ctx, &elb.DeleteRuleInput{RuleArn: pick(t, "rule", c.rules)})
			answered(t, err)
		},
		"register": func(t *rapid.T) {
			_, err := c.RegisterTargets(c.ctx, &elb.RegisterTargetsInput{TargetGroupArn: pick(t, "target group", c.tgs),
				Targets: []types.TargetDescription{
					{Id: aws.String(fmt.Sprint("10.0.1.", rapid.IntRange(20, 23).Draw(t, "host")))}}})
			answered(t, err)
		},
		"deregister": func(t *rapid.T) {
			_, err := c.DeregisterTargets(c.ctx, &elb.DeregisterTargetsInput{TargetGroupArn: pick(t, "target group", c.tgs),
				Targets: []types.TargetDescription{
					{Id: aws.String(fmt.Sprint("10.0.1.", rapid.IntRange(20, 23).Draw(t, "host")))}}})
			answered(t, err)
		},
		"wait": func(t *rapid.T) {
			c.clock.Advance(time.Duration(rapid.IntRange(1, 200).Draw(t, "milliseconds")) * time.Millisecond)
		},
		"": func(t *rapid.T) {
			c.account.Lock()
			defer c.account.Unlock()
			if faults := c.account.BalancingFaults(); len(faults) > 0 {
				t.Fatal(faults)
			}
		},
	}
}

func TestNoSequenceOfCallsBreaksTheAccount(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := &anyCalls{fixture: newFixture(t, account.Fast())}
		rt.Repeat(c.calls())
		c.clear(rt)
	})
}

// clear deletes everything and checks that nothing of it remains.
func (c *anyCalls) clear(t *rapid.T) {
	for _, arn := range c.lbs {
		_, err := c.DeleteLoadBalancer(c.ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &arn})
		answered(t, err)
	}
	c.clock.Advance(time.Second)
	for _, arn := range c.tgs {
		if _, err := c.DeleteTargetGroup(c.ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: &arn}); err != nil {
			t.Fatal(err)
		}
	}
	a := c.account
	if n := len(a.LoadBalancers) + len(a.Listeners) + len(a.Rules) + len(a.TargetGroups); n != 0 {
		t.Fatalf("%d resources are left", n)
	}
	for _, n := range a.Interfaces {
		if n.RequesterID == "amazon-elb" {
			t.Fatalf("interface %s (%s) is left", n.ID, n.Description)
		}
	}
}
