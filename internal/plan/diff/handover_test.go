package diff

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// replacing is a fake that has a load balancer, whose name members show, and a desired one of another scheme.
func replacing(t *testing.T) (f *fakeAWS, want *stack.Stack) {
	t.Helper()
	f = newFake(testKey())
	f.converge(t, testStack("/a"), Options{})
	f.obs.LoadBalancers[0].DNSName = "Old.test"
	f.obs.Hostnames = []string{"old.test"}
	return f, internally(testStack("/a"))
}

func internally(s *stack.Stack) *stack.Stack {
	s.LoadBalancers[0].Scheme, s.LoadBalancers[0].Name = stack.Internal, "k8s-shop-webfront-internal"
	return s
}

func (f *fakeAWS) count() [3]int {
	return [3]int{len(f.obs.LoadBalancers), len(f.obs.TargetGroups), len(f.obs.Bindings)}
}

func TestReplacedLoadBalancerStaysWhileShown(t *testing.T) {
	t.Parallel()
	f, want := replacing(t)
	old := f.obs.LoadBalancers[0].ARN
	for round, shows := range []string{"old.test", "old.test", "new.test"} {
		f.obs.Hostnames = []string{shows}
		p := Stack(want, stack.Keep{}, f.obs, Options{})
		awaits := func(id plan.StepID) bool {
			s, _ := p.Step(id)
			op, ok := s.Op.(awsop.AwaitTargets)
			return ok && op.Balancer != nil && op.Balancer.ID == stack.LoadBalancerIdentity
		}
		if ready := !slices.ContainsFunc(p.HandOver, awaits); ready != (shows == "new.test") {
			t.Errorf("round %d: ready to be shown: %t\n%s", round, ready, p.Text(plan.TextOptions{}))
		}
		f.run(t, p)
		for i := range f.obs.LoadBalancers {
			if lb := &f.obs.LoadBalancers[i]; lb.ARN != old {
				lb.DNSName = "New.test"
			}
		}
		if shows == "old.test" && f.count() != [3]int{2, 2, 2} {
			t.Errorf("round %d: load balancers, target groups, bindings %v while the old one is shown\n%s", round, f.count(),
				p.Text(plan.TextOptions{}))
		}
	}
	if f.count() != [3]int{1, 1, 1} || f.obs.LoadBalancers[0].ARN == old {
		t.Errorf("load balancers, target groups, bindings %v in the end", f.count())
	}
	if p := Stack(want, stack.Keep{}, f.obs, Options{}); !p.Empty() {
		t.Error(p.Text(plan.TextOptions{}))
	}
	back := testStack("/a")
	f.run(t, Stack(back, stack.Keep{}, f.obs, Options{})) // the first name is free again
	f.obs.Hostnames = nil
	f.converge(t, back, Options{})
	if f.count() != [3]int{1, 1, 1} || f.obs.TargetGroups[0].Name != "tg/a" {
		t.Errorf("after the way back: %v, %s", f.count(), f.obs.TargetGroups[0].Name)
	}
}

func TestReplacedLoadBalancerIsDeletedIfUseless(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(f *fakeAWS, want *stack.Stack) *stack.Stack{
		"no member shows it": func(f *fakeAWS, want *stack.Stack) *stack.Stack {
			f.obs.Hostnames = nil
			return want
		},
		"the objects are being deleted": func(*fakeAWS, *stack.Stack) *stack.Stack { return removed() },
		"the new one needs its name": func(f *fakeAWS, want *stack.Stack) *stack.Stack {
			want.LoadBalancers[0].Name = f.obs.LoadBalancers[0].Name
			return want
		},
		"somebody else's group must move": func(f *fakeAWS, want *stack.Stack) *stack.Stack {
			theirs := stack.Literal(stack.KindTargetGroup, "arn:theirs")
			for _, rules := range []*stack.Rule{&f.obs.Rules[0].Rule, &want.Rules[0]} {
				rules.Actions = []stack.Action{
					{Type: stack.ActionForward, Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{
						{TargetGroup: theirs}}}}}
			}
			return want
		},
	} {
		f, want := replacing(t)
		want = change(f, want)
		p := Stack(want, stack.Keep{}, f.obs, Options{})
		if got := order(p, "DeleteLoadBalancer"); len(got) != 1 || len(p.HandOver) > 0 {
			t.Errorf("%s:\n%s", name, p.Text(plan.TextOptions{}))
		}
	}
}

func TestAnEditThatIsTakenBackLeavesTheLoadBalancerThatIsShown(t *testing.T) {
	t.Parallel()
	f, want := replacing(t)
	old := f.obs.LoadBalancers[0].ARN
	f.run(t, Stack(want, stack.Keep{}, f.obs, Options{}))
	f.converge(t, testStack("/a"), Options{})
	if f.count() != [3]int{1, 1, 1} || f.obs.LoadBalancers[0].ARN != old {
		t.Errorf("load balancers, target groups, bindings %v, %s", f.count(), f.obs.LoadBalancers[0].ARN)
	}
}

func TestATargetGroupThatAnotherHasReplacedNeedsNoConsentToGo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rename func(name string) string
		bound  bool
		goes   bool
	}{
		"its name was the first":        {func(name string) string { return name }, false, true},
		"it is another's":               {func(string) string { return "somebody-made-it" }, false, false},
		"its name begins as that":       {func(name string) string { return name + "-2" }, false, false},
		"it has a binding of the stack": {func(string) string { return "k8s-shop-web-0123456789" }, true, true},
	} {
		f := newFake(testKey())
		f.converge(t, testStack("/a"), Options{})
		kept := &f.obs.TargetGroups[0]
		left := *kept
		left.ARN, left.Name = "arn:left", c.rename(kept.Name)
		kept.Name = naming.Successor(kept.Name, kept.Port)
		f.obs.TargetGroups = append(f.obs.TargetGroups, left)
		if c.bound {
			b := f.obs.Bindings[0]
			b.Name, b.TargetGroup.Literal = left.Name, left.ARN
			f.obs.Bindings = append(f.obs.Bindings, b)
		}
		p := Stack(testStack("/a"), stack.Keep{}, f.obs, Options{})
		i := slices.IndexFunc(p.Steps, func(s plan.Step) bool { return strings.HasPrefix(string(s.ID), "DeleteTargetGroup") })
		if i < 0 || (p.Steps[i].Guard == nil) != c.goes {
			t.Errorf("%s:\n%s", name, p.Text(plan.TextOptions{}))
		}
	}
}

func TestHostsThatMoveToALoadBalancerWaitForItsTargets(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	want := testStack("/a")
	f.converge(t, want, Options{})
	if p := Stack(want, stack.Keep{}, f.obs, Options{}); !p.Empty() || len(p.HandOver) > 0 {
		t.Errorf("without: %s", p.Text(plan.TextOptions{}))
	}
	p := Stack(want, stack.Keep{}, f.obs, Options{Arriving: true})
	if len(p.HandOver) == 0 || len(p.HandOver) != len(p.Steps) {
		t.Errorf("hand-over %v of\n%s", p.HandOver, p.Text(plan.TextOptions{}))
	}
	for _, s := range p.Steps {
		if _, ok := s.Op.(awsop.AwaitTargets); !ok || !strings.Contains(s.Why[0], "before hosts move to this load balancer") {
			t.Errorf("%s: %v", s.ID, s.Why)
		}
	}
}
