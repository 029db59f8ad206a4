package compile

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/stack"
)

func TestAWebACLOfWAFClassicIsManagedOnlyWhileAMemberSetsItAndTheFlagIsOn(t *testing.T) {
	t.Parallel()
	const id = "00000000-0000-4000-8000-000000000001"
	for name, tc := range map[string]struct {
		value string
		off   bool
		want  stack.AddOns
		notes int
	}{
		"nothing":    {"", false, stack.AddOns{}, 0},
		"an id":      {id, false, stack.AddOns{ClassicWebACL: p(id)}, 0},
		"none":       {intent.None, false, stack.AddOns{ClassicWebACL: p("")}, 0},
		"an id, off": {id, true, stack.AddOns{}, 1},
		"none, off":  {intent.None, true, stack.AddOns{}, 1},
	} {
		m := ingress("shop", "web-front", addOn(func(a *intent.AddOns, m *intent.Member) {
			if tc.value != "" {
				a.ClassicWebACL = set(m, "waf-acl-id", tc.value)
			}
		}))
		cfg := Defaults("demo", "vpc-1")
		cfg.EnableWAF = !tc.off
		r := Compile(loadBalancer(m), account(), cfg, nil)
		if r.Stack == nil || len(r.Diagnostics) != tc.notes {
			t.Fatalf("%s: needs %v, diagnostics %v", name, r.Needs, r.Diagnostics)
		}
		if d := cmp.Diff(tc.want, r.Stack.LoadBalancers[0].AddOns); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// TestAClassicACLStaysUntilItsSuccessorIsKnown switches a load balancer from one generation of AWS WAF to the other.
func TestAClassicACLStaysUntilItsSuccessorIsKnown(t *testing.T) {
	t.Parallel()
	m := ingress("shop", "web-front", addOn(func(a *intent.AddOns, m *intent.Member) {
		a.ClassicWebACL = set(m, "waf-acl-id", intent.None) // decision 16: WAF Classic
		a.WebACLName = set(m, "wafv2-acl-name", "guard")
	}))
	need := facts.Need{Kind: facts.NeedWebACLs}
	denied, missing, known := account(), account(), account()
	denied.WebACLs, denied.Errors = nil, map[facts.Need]error{need: errors.New("denied")}
	missing.WebACLs = map[string]string{}
	known.WebACLs = map[string]string{"guard": "arn:acl"}
	for name, c := range map[string]struct {
		facts facts.Facts
		want  stack.AddOns
	}{
		"denied":  {denied, stack.AddOns{}},
		"missing": {missing, stack.AddOns{}},
		"known":   {known, stack.AddOns{WebACL: p("arn:acl"), ClassicWebACL: p("")}},
	} {
		r := Compile(loadBalancer(m), c.facts, Defaults("demo", "vpc-1"), nil)
		if r.Stack == nil {
			t.Fatalf("%s: needs %v, diagnostics %v", name, r.Needs, r.Diagnostics)
		}
		if d := cmp.Diff(c.want, r.Stack.LoadBalancers[0].AddOns); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// wafClassicSetting is the web ACL of WAF Classic among the settings that guard.
func wafClassicSetting() sharedSetting {
	return sharedSetting{"waf-acl-id", unmanaged, []string{"00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002", intent.None},
		func(m *intent.Member, v string) { m.Settings.AddOns.ClassicWebACL = set(m, "waf-acl-id", v) },
		func(s *stack.Stack) string { return webACLOf(s.LoadBalancers[0].ClassicWebACL) }, false}
}
