package diff

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// TestNewLoadBalancerWaitsForAttributesThatGuard has attributes that restrict requests, and others that do not.
func TestNewLoadBalancerWaitsForAttributesThatGuard(t *testing.T) {
	t.Parallel()
	want := testStack("/a")
	want.LoadBalancers[0].Attributes = map[string]string{"routing.http.desync_mitigation_mode": "strictest",
		"deletion_protection.enabled": "true", "idle_timeout.timeout_seconds": "77", "waf.fail_open.enabled": "true"}
	f := newFake(testKey())
	p := Stack(want, stack.Keep{}, f.obs, Options{})
	var open plan.Step
	for _, s := range p.Steps {
		if _, is := s.Op.(awsop.CreateListener); is {
			open = s
		}
	}
	sent := 0
	for _, s := range p.Steps {
		op, is := s.Op.(awsop.ModifyLoadBalancerAttributes)
		if !is {
			continue
		}
		sent++
		if guards := op.Attributes["deletion_protection.enabled"] != ""; guards != slices.Contains(open.Needs, s.ID) ||
			guards != (len(op.Attributes) == 2 && op.Attributes["routing.http.desync_mitigation_mode"] == "strictest") {
			t.Errorf("%v: needed by %s: %v", op.Attributes, open.ID, open.Needs)
		}
	}
	if sent != 2 {
		t.Errorf("%d calls set attributes:\n%s", sent, p.Text(plan.TextOptions{}))
	}
	f.run(t, p)
	if again := Stack(want, stack.Keep{}, f.obs, Options{}); !again.Empty() {
		t.Error(again.Text(plan.TextOptions{}))
	}
}

// TestRefusedLoginOpensNoWiderRule has a rule with a login in front of one without, which are new. While AWS refuses
// the login, the other one is not made, except where it belongs to another namespace or answers other requests.
func TestRefusedLoginOpensNoWiderRule(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wider, target string
		login         bool // of the wider one, too
		needs         bool
	}{
		"the wider one is open":         {"/*", "shop/web-open:80", false, true},
		"it has the login, too":         {"/*", "shop/web-open:80", true, false},
		"it answers other requests":     {"/b", "shop/web-open:80", false, false},
		"it is of another namespace":    {"/*", "evil/web-open:80", false, false},
		"it has the same target groups": {"/*", "shop/web-admin:80", false, true},
	} {
		want := testStack("shop/web-admin:80", c.target)
		want.Rules = []stack.Rule{testRule(80, 1, "/admin", "shop/web-admin:80"), testRule(80, 2, c.wider, c.target)}
		want.Rules[0].Actions = append([]stack.Action{testLogin("s")}, want.Rules[0].Actions...)
		if c.login {
			want.Rules[1].Actions = append([]stack.Action{testLogin("s")}, want.Rules[1].Actions...)
		}
		p := Stack(want, stack.Keep{}, newFake(testKey()).obs, Options{})
		var guard, wider plan.Step
		for _, s := range p.Steps {
			if op, is := s.Op.(awsop.CreateRule); is && strings.HasPrefix(op.Rule.Conditions[0].Values[0], "/admin") {
				guard = s
			} else if is {
				wider = s
			}
		}
		if got := slices.Contains(wider.Needs, guard.ID); got != c.needs {
			t.Errorf("%s: %v:\n%s", name, got, p.Text(plan.TextOptions{}))
		}
	}
}
