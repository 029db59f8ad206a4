package compile

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func dualstack(m *intent.Member) {
	m.Settings.IPAddressType = set(m, "ip-address-type", stack.Dualstack)
}

func namedSubnets(ids ...string) func(*intent.Member) {
	return func(m *intent.Member) {
		m.Settings.Subnets = set(m, "subnets", intent.SubnetSelector{IDsOrNames: ids})
	}
}

// standingWith has the account hold an internal load balancer for the stack.
func standingWith(f facts.Facts, kind stack.LoadBalancerType, addresses string) facts.Facts {
	f.Existing = &facts.LoadBalancer{Type: kind, ARN: "arn:lb", Scheme: stack.Internal, IPAddressType: addresses,
		Subnets: []string{"subnet-0a2", "subnet-0b2"}, ManagedGroup: true, SecurityGroups: []string{"sg-0a"}}
	return f
}

func TestDualstackWithoutIPv6HoldsNothingElse(t *testing.T) {
	t.Parallel()
	private := namedSubnets("subnet-0a2", "subnet-0b2")
	for name, c := range map[string]struct {
		members  []intent.Member
		existing string
		want     string // the IP address type
		told     string // the only object with an error
		serves   bool   // the one that is told serves
	}{
		"standing": {[]intent.Member{ingress("n", "b", dualstack)}, stack.IPv4, stack.IPv4, "b", true},
		"standing, in group": {[]intent.Member{ingress("n", "a"), ingress("m", "b", dualstack)}, stack.IPv4, stack.IPv4,
			"b", true},
		"standing, named by another": {[]intent.Member{ingress("n", "a", private), ingress("m", "b", dualstack)}, stack.IPv4,
			stack.IPv4, "b", true},
		"new, in group": {[]intent.Member{ingress("n", "a"), ingress("m", "b", dualstack)}, "", stack.IPv4, "b", false},
		"new, named by another": {[]intent.Member{ingress("n", "a", private), ingress("m", "b", dualstack)}, "", stack.IPv4,
			"b", false},
	} {
		f := account()
		if c.existing != "" {
			f = standingWith(f, stack.Application, c.existing)
		}
		r := Compile(loadBalancer(c.members...), f, config(), nil)
		s := mustBuild(t, r)
		if got := s.LoadBalancers[0].IPAddressType; got != c.want {
			t.Errorf("%s: %s", name, got)
		}
		served := strings.Contains(strings.Join(table(s), "\n"), "b.example.com,/* → ")
		for _, d := range r.Diagnostics {
			if d.Class != diag.Note && (d.Object.Name != c.told || !strings.Contains(d.Path, "ip-address-type")) {
				t.Errorf("%s: %v", name, d)
			}
		}
		if !r.Diagnostics.HasErrors() || served && !c.serves {
			t.Errorf("%s: %v, %v", name, table(s), r.Diagnostics)
		}
		again := Compile(loadBalancer(c.members...), f, config(), r.Memory)
		if got := mustBuild(t, again).LoadBalancers[0].IPAddressType; got != c.want || !again.Diagnostics.HasErrors() {
			t.Errorf("%s: the next pass: %s, %v", name, got, again.Diagnostics)
		}
	}
	network := gatewayOf(stack.Network)
	dualstack(&network.Members[0])
	r := Compile(network, standingWith(account(), stack.Network, stack.IPv4), config(), nil)
	if got := mustBuild(t, r).LoadBalancers[0].IPAddressType; got != stack.IPv4 || !r.Diagnostics.HasErrors() {
		t.Errorf("network: %s, %v", got, r.Diagnostics)
	}
	// A load balancer that has IPv6 addresses cannot get subnets without: these are at fault.
	r = Compile(loadBalancer(ingress("n", "a", dualstack), ingress("n", "b", private)), standingWith(account(),
		stack.Application, stack.Dualstack), config(), nil)
	if !slices.ContainsFunc(r.Diagnostics, func(d diag.Diagnostic) bool {
		return d.Object.Name == "b" && strings.Contains(d.Path, "subnets")
	}) {
		t.Errorf("subnets without IPv6: %v", r.Diagnostics)
	}
}

// TestRefusedLookUpHoldsItsMemberOnly has AWS refuse to tell what a member of a group names, as a newcomer and by an
// edit. The other members are built; nothing of the standing load balancer changes.
func TestRefusedLookUpHoldsItsMemberOnly(t *testing.T) {
	t.Parallel()
	const groupARN = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/y/0123456789abcdef"
	names := func(b intent.Backend) func(*intent.Member) {
		return func(m *intent.Member) {
			m.Routes = slices.Clone(m.Routes)
			m.Routes[0].Actions = []intent.Action{{Type: stack.ActionForward, Backends: []intent.Backend{b}}}
		}
	}
	for name, c := range map[string]struct {
		need   facts.Need
		change func(*intent.Member)
	}{
		"target group by name": {facts.Need{Kind: facts.NeedTargetGroupName, Key: "x"},
			names(intent.Backend{TargetGroupName: "x"})},
		"owner of a target group": {facts.Need{Kind: facts.NeedTargetGroupOwner, Key: groupARN},
			names(intent.Backend{TargetGroupARN: groupARN})},
		"load balancer of others": {facts.Need{Kind: facts.NeedLoadBalancer, Key: "x"}, func(m *intent.Member) {
			m.Settings.Existing = set(m, "existing-load-balancer", "x")
		}},
		"adopted load balancer": {facts.Need{Kind: facts.NeedLoadBalancer, Key: "x"}, func(m *intent.Member) {
			m.Settings.Adopted = set(m, "existing-load-balancer", "x")
		}},
		"subnet of others": {facts.Need{Kind: facts.NeedForeignSubnet, Key: "subnet-0aa"}, namedSubnets("subnet-0aa",
			"subnet-0b2")},
		"group of others": {facts.Need{Kind: facts.NeedForeignGroup, Key: "sg-0aa"}, func(m *intent.Member) {
			m.Settings.SecurityGroups = set(m, "security-groups", []string{"sg-0aa"})
		}},
		"trust store": {facts.Need{Kind: facts.NeedTrustStore, Key: "x"}, func(m *intent.Member) {
			mutualOn443(stack.MutualAuthentication{Mode: stack.MutualVerify, TrustStore: "x"})(m)
		}},
	} {
		for _, class := range []diag.Code{diag.AccessDenied, diag.InvalidAnnotation} {
			f := standingWith(account(), stack.Application, stack.IPv4)
			refused := diag.New(diag.Object{}, "", class, "no", "ask for it")
			f.Errors = map[facts.Need]error{c.need: refused}
			a, b := ingress("shop", "a"), ingress("shop", "b")
			old := Compile(loadBalancer(a, b), f, config(), nil)
			c.change(&b)
			for when, before := range map[string]*Memory{"edit": old.Memory, "newcomer": Compile(loadBalancer(a,
				ingress("shop", "z")), f, config(), nil).Memory} {
				r := Compile(loadBalancer(ingress("shop", "a", func(m *intent.Member) {
					m.Routes = append(m.Routes, route(m.Object, "new.example.com", "/*", "new"))
				}), b), f, config(), before)
				if r.Stack == nil {
					t.Errorf("%s, %s, %s: no stack; needs %v, %v", name, when, class, r.Needs, r.Diagnostics)
					continue
				}
				rules := strings.Join(table(r.Stack), "\n")
				if !strings.Contains(rules, "80 new.example.com /* → shop/a-new") {
					t.Errorf("%s, %s, %s: the rules of others: %s", name, when, class, rules)
				}
				if when == "edit" && !strings.Contains(rules, "80 b.example.com /* → shop/b-b") {
					t.Errorf("%s, %s, %s: what served: %s", name, when, class, rules)
				}
				for _, d := range r.Diagnostics {
					if d.Class != diag.Note && d.Object.Name != "b" {
						t.Errorf("%s, %s, %s: %v", name, when, class, d)
					}
				}
			}
		}
	}
}
