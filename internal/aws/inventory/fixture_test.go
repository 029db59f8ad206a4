package inventory_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	cluster   = "demo-cluster"
	vpc       = "vpc-0a1de000000000001"
	nodeGroup = "sg-0a1de000000000001"
	webGroup  = "sg-0a1de000000000002"
)

type fixture struct {
	*testing.T
	sim   *awssim.Simulator
	clock *clock.Stepped
	inv   *inventory.Inventory
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	return newFixtureWith(t, account.Profile{})
}

// config has an inventory wait for answers however busy the machine is: it does not serve with old ones.
func (f *fixture) config() inventory.Config {
	return inventory.Config{Cluster: cluster, VPC: vpc, Now: f.clock.Now, AddOnTimeout: time.Minute}
}

// newFixtureWith is one where transitions take time.
func newFixtureWith(t *testing.T, times account.Profile) *fixture {
	t.Helper()
	f := &fixture{T: t, clock: clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))}
	sim, err := awssim.New(awssim.Options{Clock: f.clock, Profile: times})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	f.sim = sim
	f.inv = inventory.New(awsclient.Clients{ELBV2: sim.Balancing, EC2: sim.Compute, ACM: sim.Trust, STS: sim.Identity,
		WAFv2: sim.Firewall, Shield: sim.Shield},
		f.config())
	t.Cleanup(func() { f.inv.CheckTotals(t) })
	return f
}

// reads counts the calls since the last count, by action.
func (f *fixture) reads() map[string]int {
	f.inv.CheckTotals(f)
	out := map[string]int{}
	for _, c := range f.sim.Gate.Calls(gate.Filter{}) {
		out[c.Action]++
	}
	f.sim.Gate.Reset()
	return out
}

func (f *fixture) answer(needs ...facts.Need) facts.Facts {
	f.Helper()
	got, err := f.inv.Answer(f.Context(), needs)
	if err != nil {
		f.Fatal(err)
	}
	if len(got.Errors) > 0 {
		f.Fatal(got.Errors)
	}
	return got
}

func key(owner stack.Owner, name string) stack.Key {
	return stack.Key{Owner: owner, ID: stack.ID{Namespace: "shop", Name: name}}
}

// balancer creates a load balancer with an HTTP listener and a target group behind a rule, as another controller would
// have.
func (f *fixture) balancer(name string, tags map[string]string) (lb, tg string) {
	f.Helper()
	var ts []elbv2types.Tag
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		ts = append(ts, elbv2types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	out, err := f.sim.Balancing.CreateLoadBalancer(f.Context(), &elbv2.CreateLoadBalancerInput{
		Name: aws.String(name), Subnets: []string{"subnet-0a1de0000000000a1", "subnet-0a1de0000000000b1"},
		SecurityGroups: []string{webGroup}, Tags: ts,
	})
	if err != nil {
		f.Fatal(err)
	}
	group, err := f.sim.Balancing.CreateTargetGroup(f.Context(), &elbv2.CreateTargetGroupInput{
		Name: aws.String(name), Port: aws.Int32(80), Protocol: elbv2types.ProtocolEnumHttp, VpcId: aws.String(vpc),
		TargetType: elbv2types.TargetTypeEnumIp, Tags: ts,
	})
	if err != nil {
		f.Fatal(err)
	}
	lb, tg = *out.LoadBalancers[0].LoadBalancerArn, *group.TargetGroups[0].TargetGroupArn
	l, err := f.sim.Balancing.CreateListener(f.Context(), &elbv2.CreateListenerInput{
		LoadBalancerArn: aws.String(lb), Port: aws.Int32(80), Protocol: elbv2types.ProtocolEnumHttp, Tags: ts,
		DefaultActions: []elbv2types.Action{
			{Type: elbv2types.ActionTypeEnumFixedResponse, FixedResponseConfig: &elbv2types.FixedResponseActionConfig{
				StatusCode: aws.String("404")}}},
	})
	if err != nil {
		f.Fatal(err)
	}
	_, err = f.sim.Balancing.CreateRule(f.Context(), &elbv2.CreateRuleInput{
		ListenerArn: l.Listeners[0].ListenerArn, Priority: aws.Int32(1), Tags: ts,
		Conditions: []elbv2types.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{"/a"}}},
		Actions:    []elbv2types.Action{{Type: elbv2types.ActionTypeEnumForward, TargetGroupArn: aws.String(tg)}},
	})
	if err != nil {
		f.Fatal(err)
	}
	return lb, tg
}

func tracking(name string) map[string]string {
	return map[string]string{"elbv2.k8s.aws/cluster": cluster, "ingress.k8s.aws/stack": "shop/" + name,
		"ingress.k8s.aws/resource": stack.LoadBalancerIdentity}
}
