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

// moving is a group of Ingress n/a with Ingress m/b, which comes from another load balancer.
func moving(was, now intent.Member) intent.LoadBalancer {
	lb := loadBalancer(ingress("n", "a"), now)
	lb.Moved = map[diag.Object]intent.Member{was.Object: was}
	return lb
}

func TestMovedMemberServesItsLastValidVersion(t *testing.T) {
	t.Parallel()
	was, bad := ingress("m", "b"), ingress("m", "b", broken("spec.rules[0]"))
	bad.Routes[0].Actions = nil
	r := Compile(moving(was, bad), account(), config(), remember(ingress("n", "a")))
	want := []string{"80 a.example.com /* → n/a-a:80", "80 b.example.com /* → m/b-b:80"}
	same(t, "rules", table(mustBuild(t, r)), want)
	if !slices.ContainsFunc(r.Diagnostics, func(d diag.Diagnostic) bool {
		return strings.Contains(d.Text, "the last valid version of Ingress m/b moves to this load balancer")
	}) {
		t.Errorf("the finding does not say what serves: %v", r.Diagnostics)
	}
	r = Compile(loadBalancer(ingress("n", "a"), bad), account(), config(), r.Memory)
	same(t, "rules of the next pass", table(mustBuild(t, r)), want)
	added := ingress("m", "b", broken("spec.rules[0]"))
	added.Routes = append(added.Routes, route(added.Object, "new.example.com", "/*", "b"))
	same(t, "rules with a new host", table(mustBuild(t, Compile(moving(was, added), account(), config(),
		remember(ingress("n", "a"))))), append(slices.Clone(want), "80 new.example.com /* → 503"))
	lone := loadBalancer(bad)
	lone.Moved = map[diag.Object]intent.Member{was.Object: was}
	same(t, "rules of a load balancer of its own", table(mustBuild(t, Compile(lone, account(), config(), nil))), want[1:])
}

// TestMovedMemberGainsNothing moves a member that is invalid in the same edit. If it were valid, it would not be served
// in its last valid version, or not in this group.
func TestMovedMemberGainsNothing(t *testing.T) {
	t.Parallel()
	cidrs := func(m *intent.Member) {
		m.Listeners[0].InboundCIDRs = set(m, "inbound-cidrs", []string{"10.0.0.0/8"})
	}
	login := func(m *intent.Member) {
		m.Routes[0].Authentication = []intent.Action{{Type: stack.ActionAuthenticateCognito,
			Cognito: &stack.AuthenticateCognito{UserPoolDomain: "shop",
				UserPoolARN: "arn:aws:cognito-idp:us-west-2:123456789012:userpool/us-west-2_a"}}}
	}
	misspelt := func(m *intent.Member) {
		m.Misspelt = []intent.Misspelling{{Setting: "inbound-cidrs", Key: "inbound-cidr", Meant: "inbound-cidrs"}}
	}
	moved := func(m *intent.Member) { m.Routes[0].Conditions[0].Values = []string{"other.example.com"} }
	annotation := func(short string) func(*intent.Member) {
		return broken("metadata.annotations[alb.ingress.kubernetes.io/" + short + "]")
	}
	wrong, open := broken("spec.rules[0]"), []func(*intent.Member){scheme(stack.InternetFacing)}
	for name, c := range map[string]struct{ was, now []func(*intent.Member) }{
		"source ranges are added":           {nil, []func(*intent.Member){cidrs, wrong}},
		"source ranges are removed":         {[]func(*intent.Member){cidrs}, []func(*intent.Member){wrong}},
		"source ranges are invalid":         {nil, []func(*intent.Member){annotation("inbound-cidrs")}},
		"source ranges are misspelt":        {nil, []func(*intent.Member){misspelt, wrong}},
		"the kind of login is invalid":      {nil, []func(*intent.Member){annotation("auth-type")}},
		"a login is added":                  {nil, []func(*intent.Member){login, wrong}},
		"a login is removed":                {[]func(*intent.Member){login}, []func(*intent.Member){wrong}},
		"the scheme changes":                {open, []func(*intent.Member){wrong}},
		"the scheme is not that of a group": {open, append(slices.Clone(open), wrong)},
		"the host changes":                  {[]func(*intent.Member){moved}, []func(*intent.Member){wrong}},
		"it never was valid":                {[]func(*intent.Member){wrong}, []func(*intent.Member){wrong}},
	} {
		before := Compile(loadBalancer(ingress("n", "a"), ingress("n", "c")), account(), config(), nil).Memory
		lb := moving(ingress("m", "b", c.was...), ingress("m", "b", c.now...))
		lb.Members = append(lb.Members, ingress("n", "c"))
		s := mustBuild(t, Compile(lb, account(), config(), before))
		same(t, name, table(s), []string{"80 a.example.com /* → n/a-a:80", "80 b.example.com /* → 503",
			"80 c.example.com /* → n/c-c:80"})
		if s.LoadBalancers[0].Scheme != stack.Internal || len(s.Listeners) != 1 {
			t.Errorf("%s: the load balancer changes: %+v", name, s.LoadBalancers[0])
		}
	}
}

// TestRulesAreRememberedWhileSettingsStay adds a rule beside a member whose last valid version is not known, and then
// makes the rule's member invalid.
func TestRulesAreRememberedWhileSettingsStay(t *testing.T) {
	t.Parallel()
	f := account()
	f.Existing = &facts.LoadBalancer{Type: stack.Application, Scheme: stack.Internal, Subnets: []string{"subnet-0a2",
		"subnet-0b2"}}
	a, unknown := ingress("n", "a"), ingress("n", "b", broken("metadata.annotations[alb.ingress.kubernetes.io/scheme]"))
	memory := Compile(loadBalancer(a, ingress("n", "b")), f, config(), nil).Memory
	bare := withoutRoutes(*memory.Good[unknown.Object])
	memory.Good[unknown.Object] = &bare
	more := ingress("n", "a")
	more.Routes = append(more.Routes, route(more.Object, "new.example.com", "/*", "a"))
	memory = Compile(loadBalancer(more, unknown), f, config(), memory).Memory
	s := mustBuild(t, Compile(loadBalancer(ingress("n", "a", broken("spec.rules[0]")), unknown), f, config(), memory))
	if got := table(s); !slices.Contains(got, "80 new.example.com /* → n/a-a:80") {
		t.Errorf("the added rule is lost: %v", got)
	}
}
