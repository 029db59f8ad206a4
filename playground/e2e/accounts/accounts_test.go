// Package accounts shows end to end that TargetGroupBindings serve target groups of another account, whose load
// balancer sends its requests to pods of this one. It has tests only.
package accounts

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

const (
	namespace = "edge"
	role      = "arn:aws:iam::222222222222:role/targets"
	trusting  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"shop-edge"}}}]}`
	closed    = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`
)

// frontend is a network load balancer of the other account with its target group.
func frontend(t *testing.T, other *awssim.Other) (targetGroup, address string) {
	t.Helper()
	tg, err := other.Balancing.CreateTargetGroup(t.Context(), &elb.CreateTargetGroupInput{
		Name: aws.String("edge"), Protocol: types.ProtocolEnumTcp, Port: aws.Int32(8080), TargetType: types.TargetTypeEnumIp,
		VpcId: aws.String("vpc-0a1de000000000002"),
	})
	if err != nil {
		t.Fatal(err)
	}
	lb, err := other.Balancing.CreateLoadBalancer(t.Context(), &elb.CreateLoadBalancerInput{
		Name: aws.String("edge"), Type: types.LoadBalancerTypeEnumNetwork, Scheme: types.LoadBalancerSchemeEnumInternal,
		Subnets: []string{"subnet-0a1de0000000002a1", "subnet-0a1de0000000002b1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Balancing.CreateListener(t.Context(), &elb.CreateListenerInput{
		LoadBalancerArn: lb.LoadBalancers[0].LoadBalancerArn, Protocol: types.ProtocolEnumTcp, Port: aws.Int32(80),
		DefaultActions: []types.Action{
			{Type: types.ActionTypeEnumForward, TargetGroupArn: tg.TargetGroups[0].TargetGroupArn}},
	}); err != nil {
		t.Fatal(err)
	}
	return aws.ToString(tg.TargetGroups[0].TargetGroupArn), aws.ToString(lb.LoadBalancers[0].DNSName)
}

// targets waits until a target group of the other account has so many healthy targets, and no others but draining ones.
func targets(t *testing.T, c *harness.Cluster, other *awssim.Other, arn string, n int) {
	t.Helper()
	c.WaitFor(t, fmt.Sprintf("%d targets in the other account", n), func(ctx context.Context) error {
		out, err := other.Balancing.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &arn})
		if err != nil {
			return err
		}
		healthy := 0
		for _, h := range out.TargetHealthDescriptions {
			switch h.TargetHealth.State {
			case types.TargetHealthStateEnumHealthy:
				healthy++
			case types.TargetHealthStateEnumDraining:
			default:
				healthy = -len(out.TargetHealthDescriptions)
			}
		}
		if healthy != n {
			return fmt.Errorf("there are %d healthy ones of %d", healthy, len(out.TargetHealthDescriptions))
		}
		return nil
	})
}

// trust replaces the role's trust policy and ends its sessions.
func trust(t *testing.T, other *awssim.Other, document string) {
	t.Helper()
	parsed, err := policy.ParseTrust([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	a := other.Account
	a.Lock()
	defer a.Unlock()
	a.Roles["targets"].Trust = parsed
	for _, s := range a.Sessions {
		s.Expires = a.Clock.Now()
	}
}

// TestALoadBalancerOfAnotherAccountSendsItsRequestsToThePods shows that a binding with a role
// serves a target group of another account, while the role is withdrawn, given back and after a
// restart.
func TestALoadBalancerOfAnotherAccountSendsItsRequestsToThePods(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own, for roles of other accounts")
	}
	c := harness.Start(t, harness.Options{Account: "account.yaml", ExtraArgs: []string{"--assumable-roles=" + namespace +
		"=" + role}})
	other := c.Simulator.Others["222222222222"]
	arn, address := frontend(t, other)
	binding := func(ns string) string {
		return fmt.Sprintf(`apiVersion: elbv2.k8s.aws/v1beta1
kind: TargetGroupBinding
metadata: {name: edge, namespace: %s}
spec:
  serviceRef: {name: web, port: http}
  targetGroupARN: %s
  targetType: ip
  iamRoleArnToAssume: %s
  assumeRoleExternalId: shop-edge
  networking: {ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/16}}], ports: [{protocol: TCP}]}]}
---
`, ns, arn, role)
	}
	c.Apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+namespace+
		", labels: {elbv2.k8s.aws/pod-readiness-gate-inject: enabled}}\n---\n"+
		"apiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n---\n"+binding(namespace)+
		scene.Backend(namespace, "web", 2))
	if refusal := c.ApplyRefused(t, binding("other")); !strings.Contains(refusal,
		"TargetGroupBindings of namespace other are not allowed to assume role "+role) {
		t.Errorf("a binding of another namespace: %s", refusal)
	}
	targets(t, c, other, arn, 2)
	c.WaitGet(t, "http://"+address, "", 200, "web")
	// of pods that the webhook gives a gate, as it knows their Service now
	c.Kubectl(t, "rollout", "restart", "deployment", "-n", namespace, "web")
	c.WaitFor(t, "the pods, whose readiness gates wait for the other account", func(context.Context) error {
		if got := scene.Query(t, c, "get", "pods", "-n", namespace, "-o",
			`jsonpath={.items[*].spec.readinessGates[*].conditionType} {.items[*].status.conditions[?(@.type=="Ready")].status}`); got !=
			"target-health.elbv2.k8s.aws/edge target-health.elbv2.k8s.aws/edge True True" {
			return fmt.Errorf("pods %s", got)
		}
		return nil
	})

	trust(t, other, closed)
	c.Kubectl(t, "scale", "deployment", "-n", namespace, "web", "--replicas=3")
	c.WaitFor(t, "what the binding says of its role", func(context.Context) error {
		got := scene.Query(t, c, "get", "targetgroupbinding", "-n", namespace, "edge", "-o",
			`jsonpath={.status.conditions[?(@.type=="Ready")]}`)
		for _, text := range []string{"RoleNotAssumed", "role " + role + " cannot be assumed: AssumeRole: AccessDenied",
			"allow the controller's role the action sts:AssumeRole"} {
			if !strings.Contains(got, text) {
				return fmt.Errorf("%q is not in %s", text, got)
			}
		}
		return nil
	})
	c.WaitGet(t, "http://"+address, "", 200, "web") // what is registered serves on
	trust(t, other, trusting)
	targets(t, c, other, arn, 3)

	mark := uint64(0)
	if calls := other.Gate.Calls(gate.Filter{Limit: 1}); len(calls) > 0 {
		mark = calls[len(calls)-1].Number
	}
	own := c.Mark()
	// other arguments: it is another process
	c.RestartController(t, "--assumable-roles="+namespace+"="+role, "--max-targets-per-target-group=100")
	c.WaitFor(t, "a read of the target group by the new process", func(context.Context) error {
		if len(other.Gate.Calls(gate.Filter{After: mark, Action: "DescribeTargetHealth"})) == 0 {
			return fmt.Errorf("calls %v", other.Gate.Calls(gate.Filter{After: mark}))
		}
		return nil
	})
	c.Kubectl(t, "annotate", "targetgroupbinding", "-n", namespace, "edge", "example.com/seen=true")
	for _, call := range other.Gate.Calls(gate.Filter{After: mark}) {
		if !harness.IsRead(call.Action) {
			t.Errorf("the restart makes the call %s in the other account: %+v", call.Action, call)
		}
	}
	if writes := c.Writes(own); len(writes) > 0 {
		t.Errorf("the restart writes %v", writes)
	}

	c.Kubectl(t, "delete", "targetgroupbinding", "-n", namespace, "edge", "--timeout="+harness.Timeout.String())
	targets(t, c, other, arn, 0)
}
