package compile

import (
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/policy/consent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const chainedARN = "arn:aws:elasticloadbalancing:us-west-2:111122223333:loadbalancer/app/payroll/0123456789abcdef"

// chained is a network load balancer in front of the one of Gateway shop/front, whose status names it, and an account
// where it belongs to that Gateway.
func chained() (intent.LoadBalancer, facts.Facts) {
	tcp := attachedRoute("chain", 0)
	g := tcp.Routes[0].Actions[0].Backends[0].TargetGroup
	g.TargetType, g.Protocol, g.ProtocolVersion, g.Balancer, g.Port = stack.TargetALB, "TCP", "", chainedARN, 443
	g.ServiceNamespace, g.ServiceName = "shop", "front"
	tcp.Listeners[0] = intent.Listener{Port: 80, Protocol: "TCP", Default: tcp.Routes[0].Actions}
	tcp.Routes = nil
	f := account()
	f.TargetGroupOwners = map[string]*facts.TargetGroupOwner{chainedARN: ownedByGateway("shop", "front")}
	return gatewayOf(stack.Network, tcp), f
}

func ownedByGateway(namespace, name string) *facts.TargetGroupOwner {
	return &facts.TargetGroupOwner{
		Stack: stack.Key{Owner: stack.GatewayALB, ID: stack.ID{Namespace: namespace, Name: name}},
		ID:    stack.LoadBalancerIdentity}
}

// TestStatusOfGatewayNamesItsOwnBalancerOnly has a tenant write the ARN of a load balancer of others into the status of
// a Gateway.
func TestStatusOfGatewayNamesItsOwnBalancerOnly(t *testing.T) {
	t.Parallel()
	external := func(tags map[string]string) *facts.NamedLoadBalancer {
		return &facts.NamedLoadBalancer{LoadBalancer: facts.LoadBalancer{ARN: chainedARN, Name: "payroll", Tags: tags}}
	}
	for name, c := range map[string]struct {
		owner  *facts.TargetGroupOwner
		flag   string
		named  *facts.NamedLoadBalancer
		served bool
	}{
		"its own":              {owner: ownedByGateway("shop", "front"), served: true},
		"of another Gateway":   {owner: ownedByGateway("shop", "back")},
		"of another namespace": {owner: ownedByGateway("payroll", "front")},
		"of another kind": {owner: &facts.TargetGroupOwner{
			Stack: stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "front"}}}},
		"of ambiguous tags":            {owner: &facts.TargetGroupOwner{Ambiguous: true}},
		"of nobody in the cluster":     {named: external(nil)},
		"with consent by flag":         {named: external(nil), flag: "shop=payroll", served: true},
		"with consent for another one": {named: external(nil), flag: "blog=payroll"},
		"with consent by tag": {named: external(map[string]string{naming.SharedWithTag: "demo/shop"}),
			served: true},
		"with consent for another cluster": {named: external(map[string]string{naming.SharedWithTag: "other/shop"})},
	} {
		e, f := chained()
		f.TargetGroupOwners[chainedARN], f.LoadBalancers = c.owner, map[string]*facts.NamedLoadBalancer{chainedARN: c.named}
		cfg := config()
		cfg.Cluster = "demo"
		if c.flag != "" {
			cfg.LoadBalancersOfOthers, _ = consent.Parse([]string{c.flag})
		}
		r := Compile(e, f, cfg, nil)
		served := r.Stack != nil && slices.ContainsFunc(r.Stack.TargetGroups, func(g stack.TargetGroup) bool {
			return g.Balancer.Literal == chainedARN
		})
		told := slices.ContainsFunc(r.Diagnostics, func(d diag.Diagnostic) bool {
			return d.Code == diag.RefNotPermitted && d.Object.Name == "chain"
		})
		if served != c.served || told == c.served {
			t.Errorf("%s: served %v, %v", name, served, r.Diagnostics)
		}
	}
}

func TestUnknownOwnerOfChainedBalancerIsAskedFor(t *testing.T) {
	t.Parallel()
	e, f := chained()
	f.TargetGroupOwners = nil
	r := Compile(e, f, config(), nil)
	if want := (facts.Need{Kind: facts.NeedTargetGroupOwner, Key: chainedARN}); r.Stack != nil ||
		!slices.Contains(r.Needs, want) {
		t.Errorf("%+v", r)
	}
}
