package compile

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// paths has a member redirect so many paths of its host, each to another host, so that no two rules can be joined.
func paths(n int) func(*intent.Member) {
	return func(m *intent.Member) {
		m.Routes = nil
		for i := range n {
			r := route(m.Object, m.Object.Name+".example.com", fmt.Sprintf("/p%03d", i), m.Object.Name)
			r.Actions = []intent.Action{{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Host: fmt.Sprintf("h%d.test", i),
				StatusCode: "HTTP_302"}}}
			m.Routes = append(m.Routes, r)
		}
	}
}

// limited is the account with a limit of rules, if it is known.
func limited(rules int) facts.Facts {
	f := account()
	if rules > 0 {
		f.Limits = map[string]int{"rules-per-application-load-balancer": rules}
	}
	return f
}

func TestTheLimitsOfTheAccountAreAskedForBeyondTheDefaultOnly(t *testing.T) {
	t.Parallel()
	need := facts.Need{Kind: facts.NeedLimits}
	if r := Compile(loadBalancer(ingress("n", "a", paths(100))), limited(0), config(), nil); len(r.Needs) > 0 ||
		len(r.Diagnostics) > 0 {
		t.Errorf("100 rules: needs %v, %v", r.Needs, r.Diagnostics)
	}
	if r := Compile(loadBalancer(ingress("n", "a", paths(101))), limited(0), config(), nil); r.Stack != nil ||
		len(r.Needs) != 1 || r.Needs[0] != need {
		t.Errorf("101 rules: needs %v", r.Needs)
	}
	if r := Compile(loadBalancer(ingress("n", "a", paths(101))), limited(150), config(), nil); len(
		mustBuild(t, r).Rules) != 101 || len(r.Diagnostics) > 0 {
		t.Errorf("101 rules of 150: %v", r.Diagnostics)
	}
}

func TestRulesBeyondTheLimitAreLeftOutWithOneFindingForEachMember(t *testing.T) {
	t.Parallel()
	old, young := ingress("n", "z-old", paths(90)), ingress("n", "a-young", paths(30))
	before := mustMemory(t, loadBalancer(old, ingress("n", "m")))
	before.Members = []diag.Object{old.Object}
	r := Compile(loadBalancer(young, old), limited(100), config(), before)
	served := map[string]int{}
	for _, rule := range mustBuild(t, r).Rules {
		served[rule.Conditions[0].Values[0]]++
	}
	if served["z-old.example.com"] != 90 || served["a-young.example.com"] != 10 {
		t.Errorf("rules %v", served)
	}
	same(t, "findings", codes(r.Diagnostics), []string{"a-young QuotaExceeded"})
	for _, part := range []string{"would have 120 rules", "AWS allows 100 (rules-per-application-load-balancer)",
		"20 of the 30 rules", "/p010", "and 17 more", "Service Quotas"} {
		if m := r.Diagnostics[0].Message(); !strings.Contains(m, part) {
			t.Errorf("%q is not in %s", part, m)
		}
	}
	if len(r.Unmade) > 0 {
		t.Errorf("unmade: %v", r.Unmade)
	}
	if r := Compile(loadBalancer(young, old), limited(90), config(), before); len(r.Unmade) != 1 ||
		r.Unmade[0] != young.Object {
		t.Errorf("of a member without any rule: %v", r.Unmade)
	}
}

func TestWhereTheLimitsCannotBeReadAWSIsLeftToDecide(t *testing.T) {
	t.Parallel()
	f := limited(0)
	f.Errors = map[facts.Need]error{{Kind: facts.NeedLimits}: errors.New("denied")}
	if r := Compile(loadBalancer(ingress("n", "a", paths(105))), f, config(), nil); len(mustBuild(t, r).Rules) != 105 ||
		len(r.Diagnostics) > 0 {
		t.Errorf("%v", r.Diagnostics)
	}
}

func TestRulesThatStandAreNotLeftOutForOthers(t *testing.T) {
	t.Parallel()
	f := limited(100)
	young := ingress("n", "z-young", paths(10))
	f.Existing, f.Details = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: "internal"},
		&facts.LoadBalancerDetails{Rules: map[int32][]stack.Rule{}}
	for _, r := range young.Routes {
		f.Details.Rules[80] = append(f.Details.Rules[80], stack.Rule{Conditions: r.Conditions})
	}
	r := Compile(loadBalancer(ingress("n", "a-old", paths(95)), young), f, config(), nil)
	mustBuild(t, r)
	same(t, "findings", codes(r.Diagnostics), []string{"a-old QuotaExceeded"})
}

func TestRulesToOneBackendAreJoinedWhereTheyWouldNotFitOnly(t *testing.T) {
	t.Parallel()
	sameBackend := func(n int) func(*intent.Member) {
		return func(m *intent.Member) {
			m.Routes = nil
			for i := range n {
				m.Routes = append(m.Routes, route(m.Object, "a.example.com", fmt.Sprintf("/p%03d", i), "a"))
			}
		}
	}
	for n, want := range map[int]int{100: 100, 101: 100, 130: 100, 400: 100} {
		r := Compile(loadBalancer(ingress("n", "a", sameBackend(n))), limited(100), config(), nil)
		values := 0
		for _, rule := range mustBuild(t, r).Rules {
			for _, c := range rule.Conditions {
				if c.Field == stack.PathPattern {
					values += len(c.Values)
				}
			}
		}
		if len(r.Stack.Rules) != want || values != n || len(r.Diagnostics) > 0 {
			t.Errorf("%d paths: %d rules for %d paths, %v", n, len(r.Stack.Rules), values, r.Diagnostics)
		}
	}
	r := Compile(loadBalancer(ingress("n", "a", sameBackend(403))), limited(100), config(), nil)
	if len(mustBuild(t, r).Rules) != 100 || len(r.Diagnostics) != 1 || !strings.Contains(r.Diagnostics[0].Text,
		"would have 101 rules") {
		t.Errorf("%d rules, %v", len(r.Stack.Rules), r.Diagnostics)
	}
}

func TestTargetGroupsOfRulesThatAreLeftOutAreNotMade(t *testing.T) {
	t.Parallel()
	m := ingress("n", "a", func(m *intent.Member) {
		m.Routes = nil
		for i := range 102 {
			m.Routes = append(m.Routes, route(m.Object, "a.example.com", fmt.Sprintf("/p%03d", i), fmt.Sprintf("s%03d", i)))
		}
	})
	s := mustBuild(t, Compile(loadBalancer(m), limited(100), config(), nil))
	if len(s.Rules) != 100 || len(s.TargetGroups) != 100 || len(s.Bindings) != 100 {
		t.Errorf("%d rules, %d target groups, %d bindings", len(s.Rules), len(s.TargetGroups), len(s.Bindings))
	}
	r := Compile(loadBalancer(m), limited(200), config(), nil)
	if s := mustBuild(t, r); len(s.Rules) != 100 || len(s.TargetGroups) != 100 || !strings.Contains(r.Diagnostics[0].Text,
		"102 target groups, and AWS allows 100 (target-groups-per-application-load-balancer)") {
		t.Errorf("%d rules, %d target groups, %v", len(s.Rules), len(s.TargetGroups), r.Diagnostics)
	}
}

// mustMemory is the memory of a load balancer that compiles.
func mustMemory(t *testing.T, e intent.LoadBalancer) *Memory {
	t.Helper()
	r := Compile(e, limited(100), config(), nil)
	mustBuild(t, r)
	return r.Memory
}

func TestListenersAndCertificatesBeyondTheLimitAreLeftOut(t *testing.T) {
	t.Parallel()
	const more = "arn:aws:acm:us-west-2:111122223333:certificate/m%02d"
	f := account()
	f.Limits = map[string]int{"listeners-per-application-load-balancer": 50,
		"certificates-per-application-load-balancer": 25}
	var arns []string
	for i := range 30 {
		arns = append(arns, fmt.Sprintf(more, i))
	}
	many := ingress("n", "a", https(arns[:20]...), func(m *intent.Member) {
		for i := range int32(47) {
			m.Listeners = append(m.Listeners, intent.Listener{Port: 1000 + i, Protocol: "HTTP"})
		}
	})
	young := ingress("n", "b", https(arns[20:]...), func(m *intent.Member) {
		m.Listeners = append(m.Listeners, intent.Listener{Port: 81, Protocol: "HTTP"}, intent.Listener{
			Port: 82, Protocol: "HTTP"}, intent.Listener{Port: 83, Protocol: "HTTP"})
	})
	r := Compile(loadBalancer(many, young), f, config(), nil)
	s := mustBuild(t, r)
	ports, attached := map[int32]bool{}, 0
	for _, l := range s.Listeners {
		ports[l.Port] = true
		attached += len(l.SNI)
	}
	if len(ports) != 50 || !ports[81] || ports[82] || ports[83] || !ports[1046] || attached != 25 {
		t.Errorf("%d ports %v, %d certificates", len(ports), ports, attached)
	}
	same(t, "findings", codes(r.Diagnostics), []string{"b QuotaExceeded", "b QuotaExceeded"})
	for i, part := range []string{"ports 82-83 have no listener: an application load balancer allows 50 listeners, and " +
		"the members of its group declare 52", "would have 29 certificates besides default ones, and AWS allows 25 " +
		"(certificates-per-application-load-balancer): 4 of this object"} {
		if !strings.Contains(r.Diagnostics[i].Text, part) {
			t.Errorf("%q is not in %s", part, r.Diagnostics[i].Text)
		}
	}
}

// TestARuleThatGuardsTakesTheRoomOfOneThatForwardsWithAFinding has a full load balancer, on which a redirect comes
// before a standing rule of its own member.
func TestARuleThatGuardsTakesTheRoomOfOneThatForwardsWithAFinding(t *testing.T) {
	t.Parallel()
	forwarding := func(n int) func(*intent.Member) {
		return func(m *intent.Member) {
			m.Routes = nil
			for i := range n {
				name := fmt.Sprintf("%s%02d", m.Object.Name, i)
				m.Routes = append(m.Routes, route(m.Object, m.Object.Name+".example.com", "/"+name+"/*", name))
			}
		}
	}
	web, other := ingress("shop", "web", born(1), forwarding(60)), ingress("db", "other", born(2), forwarding(40))
	f := limited(100)
	f.Existing, f.Details = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: "internal"},
		&facts.LoadBalancerDetails{Rules: map[int32][]stack.Rule{}}
	for _, r := range append(web.Routes[:60:60], other.Routes...) {
		f.Details.Rules[80] = append(f.Details.Rules[80], stack.Rule{Conditions: r.Conditions})
	}
	guard := route(web.Object, "web.example.com", "/web00/admin", "web")
	guard.Actions = []intent.Action{
		{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Host: "login.test", StatusCode: "HTTP_302"}}}
	web.Routes = append([]intent.Route{guard}, web.Routes...)
	r := Compile(loadBalancer(web, other), f, config(), nil)
	if s := mustBuild(t, r); len(s.Rules) != 100 || s.Rules[0].Actions[0].Type != stack.ActionRedirect {
		t.Errorf("%d rules, of which the first is %v", len(s.Rules), s.Rules[0])
	}
	same(t, "findings", codes(r.Diagnostics), []string{"other QuotaExceeded"})
}

func TestALoadBalancerIsFullIfSomethingIsLeftOut(t *testing.T) {
	t.Parallel()
	denied := account()
	denied.Errors = map[facts.Need]error{{Kind: facts.NeedLimits}: errors.New("denied")}
	for _, c := range []struct {
		name     string
		rules    int
		f        facts.Facts
		defaults bool // count where the limits cannot be read
		strict   bool
		full     bool
	}{
		{"as many as AWS allows", 100, limited(100), false, false, false},
		{"one more", 101, limited(100), false, false, true},
		{"one more, of a strict group", 101, limited(100), false, true, true},
		{"an account that admits more", 101, limited(150), true, false, false},
		{"AWS decides", 101, denied, false, false, false},
		{"AWS's default decides", 101, denied, true, false, true},
	} {
		cfg := config()
		cfg.DefaultLimits, cfg.StrictGroups = c.defaults, c.strict
		if r := Compile(loadBalancer(ingress("n", "a", paths(c.rules))), c.f, cfg, nil); r.Full != c.full ||
			len(r.Needs) > 0 {
			t.Errorf("%s: full %v, needs %v, %v", c.name, r.Full, r.Needs, r.Diagnostics)
		}
	}
}
