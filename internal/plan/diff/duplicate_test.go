package diff

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// doubled is a stack that is as it is wanted, with a second one of each resource, whose name comes first in every
// order.
func doubled(t *testing.T) (f *fakeAWS, want *stack.Stack) {
	t.Helper()
	f, want = newFake(testKey()), testStack("shop/web-a:80")
	f.converge(t, want, Options{})
	lb, tg, g := f.obs.LoadBalancers[0], f.obs.TargetGroups[0], managedGroup(f)
	lb.ARN, lb.Name, lb.DNSName, lb.Created = "a-copy", "copied", "copy.example", time.Unix(2, 0)
	tg.ARN, tg.Name = "a-group", "copied"
	g.GroupID, g.Name = "a-sg", "copied"
	f.obs.LoadBalancers = append(f.obs.LoadBalancers, lb)
	f.obs.TargetGroups = append(f.obs.TargetGroups, tg)
	f.obs.SecurityGroups = append(f.obs.SecurityGroups, g)
	return f, want
}

func managedGroup(f *fakeAWS) awsop.SecurityGroup {
	i := slices.IndexFunc(f.obs.SecurityGroups, func(g awsop.SecurityGroup) bool { return !g.Shared })
	return f.obs.SecurityGroups[i]
}

// TestOfSeveralResourcesWithOneIdentityTheOneThatServesIsKept: the plan holds only the refused deletions of the copies.
func TestOfSeveralResourcesWithOneIdentityTheOneThatServesIsKept(t *testing.T) {
	t.Parallel()
	f, want := doubled(t)
	p := Stack(want, stack.Keep{}, f.obs, Options{DuplicatesAnnotation: "here"})
	var refused []string
	for _, s := range p.Steps {
		if s.Action != plan.Delete || s.Guard == nil || s.Guard.Code != diag.DuplicateResource || s.Lane != plan.Cosmetic ||
			!strings.Contains(s.Guard.Remedy, "annotation here") {
			t.Errorf("step %+v", s)
		}
		refused = append(refused, s.Resource.Literal)
	}
	slices.Sort(refused)
	if !slices.Equal(refused, []string{"a-copy", "a-group", "a-sg"}) {
		t.Errorf("refused: %v\n%s", refused, p.Text(plan.TextOptions{}))
	}
	if text := p.Text(plan.TextOptions{}); !strings.Contains(text, "REFUSED: \"copied\" (a-copy) is a duplicate: ") {
		t.Errorf("the plan does not tell:\n%s", text)
	}

	// With consent they go, and nothing else.
	p = Stack(want, stack.Keep{}, f.obs, Options{DeleteDuplicates: []string{"a-copy", "a-group", "a-sg"}})
	if s := p.Summary(); s.Delete != 3 || s.Refused != 0 || len(p.Steps) != 3 {
		t.Errorf("with consent:\n%s", p.Text(plan.TextOptions{}))
	}
}

// TestADuplicateHoldsUpNothing deletes a stack that has duplicates, and edits one.
func TestADuplicateHoldsUpNothing(t *testing.T) {
	t.Parallel()
	f, _ := doubled(t)
	for name, p := range map[string]plan.Plan{
		"deletion": Stack(removed(), stack.Keep{}, f.obs, Options{}),
		"edit":     Stack(testStack("shop/web-b:80"), stack.Keep{}, f.obs, Options{}),
	} {
		blocked := map[plan.StepID]bool{}
		for _, s := range p.Steps {
			if s.Guard != nil {
				blocked[s.ID] = true
			}
		}
		for _, s := range p.Steps {
			if slices.ContainsFunc(append(slices.Clone(s.Needs), s.After...), func(n plan.StepID) bool { return blocked[n] }) {
				t.Errorf("%s: %s waits for a duplicate", name, s.ID)
			}
		}
		if len(blocked) == 0 {
			t.Errorf("%s: nothing is refused:\n%s", name, p.Text(plan.TextOptions{}))
		}
	}
}

// TestADuplicateStaysWhenWhatItIsADuplicateOfIsGone plans again after the deletion of the originals, because the stack
// is removed or because nothing of it can stay as it is.
func TestADuplicateStaysWhenWhatItIsADuplicateOfIsGone(t *testing.T) {
	t.Parallel()
	another := testStack("shop/web-b:80")
	another.LoadBalancers[0].Scheme = stack.Internal
	another.SecurityGroups = nil
	for name, want := range map[string]*stack.Stack{"removed": removed(), "replaced": another} {
		f, _ := doubled(t)
		first := Stack(want, stack.Keep{}, f.obs, Options{})
		known := map[string]*plan.Guard{}
		for _, s := range first.Steps {
			if s.Guard != nil && s.Guard.Code == diag.DuplicateResource {
				known[s.Resource.Literal] = s.Guard
			}
		}
		o := f.obs.Clone()
		o.LoadBalancers = slices.DeleteFunc(o.LoadBalancers, func(lb awsop.LoadBalancer) bool { return lb.ARN != "a-copy" })
		o.TargetGroups = slices.DeleteFunc(o.TargetGroups, func(tg awsop.TargetGroup) bool { return tg.ARN != "a-group" })
		o.SecurityGroups = slices.DeleteFunc(o.SecurityGroups, func(g awsop.SecurityGroup) bool {
			return !g.Shared &&
				g.GroupID != "a-sg"
		})
		o.Listeners, o.Rules, o.Bindings = nil, nil, nil
		deleted := func(opt Options) (out []string) {
			p := Stack(want, stack.Keep{}, o.Clone(), opt)
			for _, s := range p.Steps {
				if s.Action == plan.Delete && s.Guard == nil {
					out = append(out, s.Resource.Literal)
				}
			}
			slices.Sort(out)
			return out
		}
		if got := deleted(Options{Duplicates: known}); len(got) > 0 {
			t.Errorf("%s: %v is deleted", name, got)
		}
		all := []string{"a-copy", "a-group", "a-sg"}
		if got := deleted(Options{Duplicates: known, DeleteDuplicates: all}); !slices.Equal(got, all) {
			t.Errorf("%s: with consent %v is deleted", name, got)
		}
		o.Hostnames = []string{"copy.example"}
		if got := deleted(Options{Duplicates: known}); name == "removed" && !slices.Equal(got, all[:1]) {
			t.Errorf("%s: shown in a status, %v is deleted", name, got)
		}
	}
}

// TestWhichLoadBalancerServes has two that only differ in one thing.
func TestWhichLoadBalancerServes(t *testing.T) {
	t.Parallel()
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	for name, c := range map[string]struct {
		first, second awsop.LoadBalancer // the second is to win
		listener      string
		hostname      string
	}{
		"the one with listeners": {awsop.LoadBalancer{ARN: "a", DNSName: "A.example", Created: at(1)},
			awsop.LoadBalancer{ARN: "b", Created: at(2)}, "b", "a.example"},
		"the one that a member shows": {awsop.LoadBalancer{ARN: "a", Created: at(1)}, awsop.LoadBalancer{
			ARN: "b", DNSName: "B.example", Created: at(2)}, "", "b.example"},
		"the older one": {awsop.LoadBalancer{ARN: "a", Created: at(2)}, awsop.LoadBalancer{
			ARN: "b", Created: at(1)}, "", ""},
		"one that this process did not make": {awsop.LoadBalancer{ARN: "a"}, awsop.LoadBalancer{ARN: "b", Created: at(9)},
			"", ""},
		"the one whose ARN comes first, else": {awsop.LoadBalancer{ARN: "b", Created: at(1)}, awsop.LoadBalancer{
			ARN: "a", Created: at(1)}, "", ""},
	} {
		o := awsop.Observed{LoadBalancers: []awsop.LoadBalancer{c.first, c.second}, Hostnames: []string{c.hostname}}
		if c.listener != "" {
			o.Listeners = []awsop.Listener{
				{Listener: stack.Listener{LoadBalancer: stack.Literal(stack.KindLoadBalancer, c.listener)}}}
		}
		for _, order := range []string{"", ", in the other order"} {
			if got := o.LoadBalancer(stack.LoadBalancer{}); got.ARN != c.second.ARN {
				t.Errorf("%s%s: %s serves", name, order, got.ARN)
			}
			slices.Reverse(o.LoadBalancers)
		}
	}
}

// TestOfTwoLoadBalancersWithListenersTheOneWithTargetsServes has both forward, the younger one to the target group that
// has a binding.
func TestOfTwoLoadBalancersWithListenersTheOneWithTargetsServes(t *testing.T) {
	t.Parallel()
	to := func(arn string) []stack.Action {
		return []stack.Action{{Type: stack.ActionForward, Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{
			{TargetGroup: stack.Literal(stack.KindTargetGroup, arn)}}}}}
	}
	listener := func(arn, balancer string, as []stack.Action) awsop.Listener {
		return awsop.Listener{ARN: arn, Listener: stack.Listener{LoadBalancer: stack.Literal(stack.KindLoadBalancer,
			balancer), DefaultActions: as}}
	}
	rule := awsop.Rule{Rule: stack.Rule{Listener: stack.Literal(stack.KindListener, "listener-b"), Actions: to("bound")}}
	binding := func(deleting bool) []awsop.Binding {
		return []awsop.Binding{
			{Deleting: deleting, Binding: stack.Binding{TargetGroup: stack.Literal(stack.KindTargetGroup, "bound")}}}
	}
	for name, c := range map[string]struct {
		actions  []stack.Action // by default, of the younger one
		rules    []awsop.Rule
		bindings []awsop.Binding
		shown    []string
		want     string
	}{
		"by default":                      {to("bound"), nil, binding(false), nil, "b"},
		"in a rule":                       {to("free"), []awsop.Rule{rule}, binding(false), nil, "b"},
		"no binding":                      {to("bound"), []awsop.Rule{rule}, nil, nil, "a"},
		"a binding that goes":             {to("bound"), []awsop.Rule{rule}, binding(true), nil, "a"},
		"a member shows the other's name": {to("bound"), []awsop.Rule{rule}, binding(false), []string{"a.example"}, "a"},
	} {
		o := awsop.Observed{
			LoadBalancers: []awsop.LoadBalancer{{ARN: "a", DNSName: "a.example", Created: time.Unix(1, 0)},
				{ARN: "b", Created: time.Unix(2, 0)}},
			Listeners: []awsop.Listener{listener("listener-a", "a", to("copied")), listener("listener-b", "b", c.actions)},
			Rules:     c.rules, Bindings: c.bindings, Hostnames: c.shown,
		}
		if got := o.LoadBalancer(stack.LoadBalancer{}); got.ARN != c.want {
			t.Errorf("%s: %s serves", name, got.ARN)
		}
	}
}
