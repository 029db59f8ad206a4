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

// TestNothingOfObjectThatLeavesIsKept has shop/web leave while what shop/evil has in AWS is not known.
func TestNothingOfObjectThatLeavesIsKept(t *testing.T) {
	t.Parallel()
	port := func(keep *stack.Keep, kinds ...*[]stack.Ref) {
		for _, k := range kinds {
			*k = append(*k, listenerRef("81"))
		}
		keep.Departed = stack.Departed{Prefixes: []string{"shop/web-"}, Except: []string{"shop/web-2-", "pay/app-"}}
	}
	for name, c := range map[string]struct {
		want  func(s *stack.Stack, keep *stack.Keep)
		rules []string // that are left at port 81
	}{
		"a listener is kept": {func(_ *stack.Stack, keep *stack.Keep) { port(keep, &keep.Resources) },
			[]string{"/b", "/c", "/redirect"}},
		"the default actions are kept": {func(s *stack.Stack, keep *stack.Keep) {
			port(keep, &keep.Actions)
			l := s.Listeners[0]
			l.ID, l.Port = "81", 81
			s.Listeners = append(s.Listeners, l)
		}, nil},
		"a rule has the same conditions": {func(s *stack.Stack, keep *stack.Keep) {
			port(keep)
			l := s.Listeners[0]
			l.ID, l.Port = "81", 81
			rule := testRule(81, 1, "/a", "")
			rule.Actions = stack.UnavailableOf(stack.Ingress)
			s.Listeners, s.Rules = append(s.Listeners, l), append(s.Rules, rule)
			keep.Actions = []stack.Ref{{Kind: stack.KindRule, ID: rule.ID}}
		}, []string{"/a"}},
		"settings are kept, and the port redirects": {func(s *stack.Stack, keep *stack.Keep) {
			port(keep)
			keep.Settings = true
			l := s.Listeners[0]
			l.ID, l.Port = "81", 81
			l.DefaultActions = []stack.Action{{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Protocol: "HTTPS",
				Port: "443", StatusCode: "HTTP_301"}}}
			s.Listeners = append(s.Listeners, l)
		}, []string{"/b", "/c", "/redirect"}},
		"settings are kept": {func(s *stack.Stack, keep *stack.Keep) {
			port(keep)
			keep.Settings = true
			l := s.Listeners[0]
			l.ID, l.Port = "81", 81
			s.Listeners = append(s.Listeners, l)
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(testKey())
			f.converge(t, departing(), Options{})
			want, keep := testStack("shop/web-2-svc:80", "pay/app-svc:80"), stack.Keep{}
			c.want(want, &keep)
			f.run(t, Stack(want, keep, f.obs, Options{}))
			for _, g := range f.obs.TargetGroups {
				if g.ID == "shop/web-svc:80" {
					t.Errorf("target group %s is there", g.ID)
				}
			}
			var rules []string
			for _, r := range f.obs.Rules {
				if l := f.obs.Listeners[slices.IndexFunc(f.obs.Listeners, func(l awsop.Listener) bool {
					return l.ARN == r.Listener.Literal
				})]; l.Port == 81 {
					rules = append(rules, r.Conditions[0].Values[0])
				}
			}
			slices.Sort(rules)
			same(t, "rules of port 81", rules, c.rules)
			if p := Stack(want, keep, f.obs, Options{}); !p.Empty() {
				t.Errorf("a second plan is not empty:\n%s", p.Text(plan.TextOptions{}))
			}
		})
	}
}

// TestNetworkListenerOfObjectThatLeavesIsNotKept has another member of the same port, of which AWS may have something.
func TestNetworkListenerOfObjectThatLeavesIsNotKept(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"shop/db:db:1", "mall/db:db:1"} {
		had := networkStack("TCP", "TCP", stack.TargetIP)
		had.TargetGroups[0].ID, had.Bindings[0].ID, had.Bindings[0].TargetGroup = id, id, targetGroupRef(id)
		had.Listeners[0].DefaultActions = []stack.Action{forwardTo(id)}
		f := newFake(testKey())
		f.converge(t, had, Options{})
		want := networkStack("TCP", "TCP", stack.TargetIP)
		want.Listeners, want.TargetGroups, want.Bindings = nil, nil, nil
		f.run(t, Stack(want, stack.Keep{Resources: []stack.Ref{listenerRef("443")}, Departed: stack.Departed{
			Prefixes: []string{"shop/db:"}, Except: []string{"mall/db:"}}}, f.obs, Options{}))
		left := 1
		if id == "shop/db:db:1" {
			left = 0
		}
		if len(f.obs.Listeners) != left || len(f.obs.TargetGroups) != left || len(f.obs.Bindings) != left {
			t.Errorf("%s: left are %+v\n%+v\n%+v", id, f.obs.Listeners, f.obs.TargetGroups, f.obs.Bindings)
		}
	}
}

// TestReplacedLoadBalancerKeepsNothingOfObjectThatLeaves has the members that stay replace the load balancer, whose
// name they still show.
func TestReplacedLoadBalancerKeepsNothingOfObjectThatLeaves(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, departing(), Options{})
	old := f.obs.LoadBalancers[0].ARN
	f.obs.LoadBalancers[0].DNSName, f.obs.Hostnames = "old.test", []string{"old.test"}
	want := internally(testStack("shop/web-2-svc:80", "pay/app-svc:80"))
	f.run(t, Stack(want, stack.Keep{Departed: stack.Departed{Prefixes: []string{"shop/web-"}, Except: []string{
		"shop/web-2-", "pay/app-"}}}, f.obs, Options{}))
	var groups, rules []string
	for _, g := range f.obs.TargetGroups {
		groups = append(groups, g.ID)
	}
	for _, l := range f.obs.Listeners {
		for _, r := range f.obs.Rules {
			if l.LoadBalancer.Literal == old && r.Listener.Literal == l.ARN {
				rules = append(rules, r.Conditions[0].Values[0])
			}
		}
	}
	slices.Sort(groups)
	slices.Sort(rules)
	same(t, "target groups", groups, []string{"pay/app-svc:80", "pay/app-svc:80", "shop/web-2-svc:80",
		"shop/web-2-svc:80"})
	same(t, "rules of the old one", rules, []string{"/b", "/c", "/redirect", "pay/app-svc:80", "shop/web-2-svc:80"})
	if len(f.obs.LoadBalancers) != 2 {
		t.Errorf("load balancers %+v", f.obs.LoadBalancers)
	}
}
