package diff

import (
	"maps"
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// departing is a load balancer with the members shop/web, shop/web-2 and pay/app. Port 81 is that of shop/web, where
// the others have rules, too.
func departing() *stack.Stack {
	s := testStack("shop/web-svc:80", "shop/web-2-svc:80", "pay/app-svc:80")
	l := s.Listeners[0]
	l.ID, l.Port, l.DefaultActions = "81", 81, []stack.Action{forwardTo("shop/web-svc:80")}
	s.Listeners = append(s.Listeners, l)
	redirect := testRule(81, 4, "/redirect", "")
	redirect.Actions = []stack.Action{
		{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Protocol: "HTTPS", Port: "443", StatusCode: "HTTP_301"}}}
	s.Rules = append(s.Rules, testRule(81, 1, "/a", "shop/web-svc:80"), testRule(81, 2, "/b", "shop/web-2-svc:80"),
		testRule(81, 3, "/c", "pay/app-svc:80"), redirect)
	return s
}

// TestObjectThatLeavesLosesItsPortWhereSettingsStand has shop/web leave while the settings of the others are not known.
func TestObjectThatLeavesLosesItsPortWhereSettingsStand(t *testing.T) {
	t.Parallel()
	nothing := departing()
	nothing.SecurityGroups, nothing.Listeners, nothing.Rules, nothing.TargetGroups, nothing.Bindings = nil, nil,
		nil, nil, nil
	for name, want := range map[string]*stack.Stack{"others are built": testStack("shop/web-2-svc:80", "pay/app-svc:80"),
		"nothing is built": nothing} {
		f := newFake(testKey())
		f.converge(t, departing(), Options{})
		keep := stack.Keep{Settings: true, Departed: stack.Departed{Prefixes: []string{"shop/web-"}, Except: []string{
			"shop/web-2-", "pay/app-"}}}
		p := Stack(want, keep, f.obs, Options{})
		ops := map[string]bool{}
		for _, s := range p.Steps {
			ops[plan.NameOf(s.Op)] = true
		}
		same(t, name+": steps", slices.Sorted(maps.Keys(ops)), []string{"DeleteBinding", "DeleteRule", "DeleteTargetGroup",
			"ModifyListener"})
		f.run(t, p)
		var groups, rules []string
		for _, g := range f.obs.TargetGroups {
			groups = append(groups, g.ID)
		}
		for _, r := range f.obs.Rules {
			rules = append(rules, r.Conditions[0].Values[0])
		}
		slices.Sort(groups)
		slices.Sort(rules)
		same(t, name+": target groups", groups, []string{"pay/app-svc:80", "shop/web-2-svc:80"})
		same(t, name+": rules", rules, []string{"/b", "/c", "/redirect", "pay/app-svc:80", "shop/web-2-svc:80"})
		if p := Stack(want, stack.Keep{Settings: true}, f.obs, Options{}); len(want.Listeners) > 0 && !p.Empty() {
			t.Errorf("%s: a second plan is not empty:\n%s", name, p.Text(plan.TextOptions{}))
		}
	}
}

// TestServiceThatLeavesLosesItsListenerWhereSettingsStand has one of two ports of a network load balancer go.
func TestServiceThatLeavesLosesItsListenerWhereSettingsStand(t *testing.T) {
	t.Parallel()
	both := networkStack("TCP", "TCP", stack.TargetIP)
	other := networkStack("TCP", "TCP", stack.TargetIP)
	rename := func(s *stack.Stack, id string) {
		s.TargetGroups[0].ID, s.TargetGroups[0].Name, s.Bindings[0].ID, s.Bindings[0].Name = id, "tg-"+id[:4], id,
			"tg-"+id[:4]
		s.Bindings[0].TargetGroup, s.Listeners[0].DefaultActions = targetGroupRef(id), []stack.Action{forwardTo(id)}
	}
	rename(both, "shop/db:db:1")
	rename(other, "mall/db:db:2")
	other.Listeners[0].ID, other.Listeners[0].Port = "444", 444
	both.Listeners, both.TargetGroups, both.Bindings = append(both.Listeners, other.Listeners...),
		append(both.TargetGroups, other.TargetGroups...), append(both.Bindings, other.Bindings...)
	f := newFake(testKey())
	f.converge(t, both, Options{})
	keep := stack.Keep{Settings: true, Departed: stack.Departed{Prefixes: []string{"shop/db:"}, Except: []string{
		"mall/db:"}}}
	f.run(t, Stack(other, keep, f.obs, Options{}))
	if len(f.obs.Listeners) != 1 || f.obs.Listeners[0].Port != 444 || len(f.obs.TargetGroups) != 1 ||
		f.obs.TargetGroups[0].ID != "mall/db:db:2" {
		t.Errorf("left are %+v\n%+v", f.obs.Listeners, f.obs.TargetGroups)
	}
	if !slices.ContainsFunc(f.obs.Bindings, func(b awsop.Binding) bool { return b.ID == "mall/db:db:2" }) {
		t.Errorf("bindings %+v", f.obs.Bindings)
	}
}
