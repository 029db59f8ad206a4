package compile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// fronted gives a member a frontend with a scheme.
func fronted(scheme string) func(*intent.Member) {
	return func(m *intent.Member) {
		m.Settings.Frontend.Enabled = set(m, "enable-frontend-nlb", true)
		m.Settings.Frontend.Scheme = set(m, "frontend-nlb-scheme", scheme)
	}
}

// mapped has the frontend lead from ports to ports of the ALB.
func mapped(ports map[int32]int32) func(*intent.Member) {
	return func(m *intent.Member) {
		m.Settings.Frontend.Ports = set(m, "frontend-nlb-listener-port-mapping", ports)
	}
}

// on has a member listen on ports.
func on(ports ...int32) func(*intent.Member) {
	return func(m *intent.Member) {
		m.Listeners = nil
		for _, p := range ports {
			m.Listeners = append(m.Listeners, intent.Listener{Port: p, Protocol: "HTTP"})
		}
	}
}

// frontendOf tells what a stack has of a frontend.
func frontendOf(s *stack.Stack) string {
	at := slices.IndexFunc(s.LoadBalancers, func(lb stack.LoadBalancer) bool { return lb.ID == stack.FrontendIdentity })
	if at < 0 {
		return "none"
	}
	lb := s.LoadBalancers[at]
	out := []string{lb.Scheme}
	for _, m := range lb.Subnets {
		out = append(out, m.Subnet)
	}
	for _, g := range lb.SecurityGroups {
		out = append(out, g.ID+g.Literal)
	}
	for _, tg := range s.TargetGroups {
		if tg.TargetType == stack.TargetALB {
			out = append(out, fmt.Sprintf("%s to %d, checks %s", tg.ID, tg.Port, tg.HealthCheck.Path))
		}
	}
	return strings.Join(out, " ")
}

// withFrontend adds the frontend of a stack to what AWS holds.
func withFrontend(f facts.Facts, s *stack.Stack) facts.Facts {
	for _, lb := range s.LoadBalancers[1:] {
		x := &facts.LoadBalancer{Type: lb.Type, Scheme: lb.Scheme, Families: map[string][]string{}}
		for _, m := range lb.Subnets {
			x.Subnets = append(x.Subnets, m.Subnet)
		}
		for _, g := range lb.SecurityGroups {
			x.SecurityGroups = append(x.SecurityGroups, g.ID+g.Literal)
		}
		for _, tg := range s.TargetGroups {
			x.Families[tg.ID] = []string{stack.IPv4}
		}
		f.ExistingFrontend = x
	}
	return f
}

// TestClassParametersBindTheFrontend has annotations ask for more than the class parameters of the ALB admit.
func TestClassParametersBindTheFrontend(t *testing.T) {
	t.Parallel()
	class := func(m *intent.Member) {
		m.Settings.Scheme = byClass(stack.Internal)
		m.Settings.Subnets = byClass(intent.SubnetSelector{IDsOrNames: []string{"subnet-0a2", "subnet-0b2"}})
		m.Listeners[0].InboundCIDRs = byClass([]string{"10.0.0.0/8"})
	}
	wide := func(m *intent.Member) {
		fronted(stack.InternetFacing)(m)
		m.Settings.Frontend.Subnets = set(m, "frontend-nlb-subnets", []string{"subnet-0a1"})
		m.Settings.Frontend.SecurityGroups = set(m, "frontend-nlb-security-groups", []string{"sg-0a"})
	}
	free := mustBuild(t, Compile(loadBalancer(ingress("shop", "web", wide)), account(), config(), nil))
	r := Compile(loadBalancer(ingress("shop", "web", class, wide)), account(), config(), nil)
	bound := mustBuild(t, r)
	port := " " + naming.FrontendTargetGroupID(80) + " to 80, checks /"
	const open = "internet-facing subnet-0a1 sg-0a"
	if got := frontendOf(free); got != open+port {
		t.Errorf("without class parameters: %s", got)
	}
	if got := frontendOf(bound); !strings.HasPrefix(got, "internal subnet-0a2 subnet-0b2 "+stack.ManagedSecurityGroup) {
		t.Errorf("beside class parameters: %s", got)
	}
	for _, what := range []string{"scheme", "subnets", "security groups"} {
		if !slices.ContainsFunc(r.Diagnostics, func(d diag.Diagnostic) bool {
			return strings.Contains(d.Text, what+" of the frontend NLB") &&
				strings.Contains(d.Text, "class parameters class restrict")
		}) {
			t.Errorf("nobody is told about %s: %v", what, r.Diagnostics)
		}
	}

	exists := withFrontend(asFacts(account(), free), free)
	before := mustBuild(t, Compile(loadBalancer(ingress("shop", "web", class, wide)), exists, config(), nil))
	if got := frontendOf(before); got != open+port {
		t.Errorf("a frontend that came before the class parameters: %s", got)
	}
	permitted := mustBuild(t, Compile(loadBalancer(ingress("shop", "web", class, wide, func(m *intent.Member) {
		m.Settings.Frontend.Scheme = byClass(stack.InternetFacing)
	})), account(), config(), nil))
	if got := frontendOf(permitted); !strings.HasPrefix(got, "internet-facing ") {
		t.Errorf("permitted by the class: %s", got)
	}
	deflt := config()
	deflt.DefaultScheme = stack.InternetFacing
	unset := mustBuild(t, Compile(loadBalancer(ingress("shop", "web", class, func(m *intent.Member) {
		m.Settings.Frontend.Enabled = set(m, "enable-frontend-nlb", true)
	})), account(), deflt, nil))
	if got := frontendOf(unset); !strings.HasPrefix(got, "internal ") {
		t.Errorf("by default: %s", got)
	}
}

// TestNewcomerChangesNoFrontendOfOthers has a newcomer ask for more of the frontend than its members do, who keep port
// 81 of the ALB from it.
func TestNewcomerChangesNoFrontendOfOthers(t *testing.T) {
	t.Parallel()
	web := ingress("shop", "web", scheme(stack.Internal), on(80, 81), fronted(stack.InternetFacing),
		mapped(map[int32]int32{80: 80}), born(1))
	more := ingress("shop", "more", on(80), mapped(map[int32]int32{80: 80}), born(2))
	first := Compile(loadBalancer(web, more), account(), config(), nil)
	want := mustBuild(t, first)
	for name, change := range map[string]func(*intent.Member){
		"its own listener": func(*intent.Member) {},
		"a port to itself": mapped(map[int32]int32{81: 81}),
		"another port":     mapped(map[int32]int32{9000: 81, 9001: 80}),
		"a port of others": mapped(map[int32]int32{80: 81}),
		"a looser scheme":  func(m *intent.Member) { m.Settings.Frontend.Scheme = byClass(stack.Internal) },
		"subnets and allocations": func(m *intent.Member) {
			m.Settings.Frontend.Subnets = set(m, "frontend-nlb-subnets", []string{"subnet-0b1"})
			m.Settings.Frontend.Allocations = set(m, "frontend-nlb-eip-allocations", []string{"eipalloc-1"})
		},
		"security groups": func(m *intent.Member) {
			m.Settings.Frontend.SecurityGroups = set(m, "frontend-nlb-security-groups", []string{"sg-0a"})
		},
		"a health check": func(m *intent.Member) {
			m.Settings.Frontend.HealthCheck.Path = set(m, "frontend-nlb-healthcheck-path", "/nowhere")
			m.Settings.Frontend.HealthCheck.Port = set(m, "frontend-nlb-healthcheck-port", "81")
		},
	} {
		evil := ingress("mal", "evil", on(80, 81), change, lowest, born(9))
		for when, c := range map[string]struct {
			f      facts.Facts
			before *Memory
		}{
			"at once":         {withFrontend(asFacts(account(), want), want), first.Memory},
			"after a restart": {withFrontend(asFacts(account(), want), want), nil},
		} {
			if c.before == nil && (strings.HasPrefix(name, "a health") || strings.HasPrefix(name, "subnets")) {
				continue // what AWS has of these is not looked up
			}
			got := mustBuild(t, Compile(loadBalancer(evil, web), c.f, config(), c.before))
			if frontendOf(got) != frontendOf(want) {
				t.Errorf("%s, %s: %s\nwant %s", name, when, frontendOf(got), frontendOf(want))
			}
		}
	}
	// on a port that nobody else has, it is its own
	own := ingress("mal", "evil", on(8080), lowest, born(9))
	exists := withFrontend(asFacts(account(), want), want)
	got := mustBuild(t, Compile(loadBalancer(own, web), exists, config(), first.Memory))
	if !strings.Contains(frontendOf(got), naming.FrontendTargetGroupID(8080)+" to 8080") {
		t.Errorf("its own port: %s", frontendOf(got))
	}
}
