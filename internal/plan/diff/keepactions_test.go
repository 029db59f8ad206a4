package diff

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// withoutActions is a stack of which the actions of the rule of a path are not known, and are kept.
func withoutActions(s *stack.Stack, path string) (*stack.Stack, stack.Keep) {
	var keep stack.Keep
	for i := range s.Rules {
		if s.Rules[i].Actions[0].Forward.TargetGroups[0].TargetGroup.ID == path {
			s.Rules[i].Actions = stack.UnavailableOf(stack.Ingress)
			keep.Actions = append(keep.Actions, stack.Ref{Kind: stack.KindRule, ID: s.Rules[i].ID})
		}
	}
	s.TargetGroups = slices.DeleteFunc(s.TargetGroups, func(g stack.TargetGroup) bool { return g.ID == path })
	s.Bindings = slices.DeleteFunc(s.Bindings, func(b stack.Binding) bool { return b.ID == path })
	return s, keep
}

func TestARuleThatIsToStayAsItStandsKeepsItsTargetGroupAndBinding(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		want   *stack.Stack
		writes map[string]int
	}{
		"nothing else changes": {testStack("/a", "/b"), map[string]int{}},
		"others come": {testStack("/a", "/c", "/b"), map[string]int{"CreateTargetGroup": 1, "CreateRule": 1,
			"SetRulePriorities": 1, "CreateBinding": 1}},
		"others go": {testStack("/b"), map[string]int{"DeleteRule": 1, "DeleteTargetGroup": 1,
			"DeleteBinding": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(testKey())
			f.converge(t, testStack("/a", "/b"), Options{})
			arn := targetOf(t, f, "/b")
			want, keep := withoutActions(c.want, "/b")
			if diff := cmp.Diff(c.writes, f.convergeKeeping(t, want, keep, Options{})); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
			if targetOf(t, f, "/b") != arn {
				t.Error("the rule leads elsewhere")
			}
			if !slices.ContainsFunc(f.obs.Bindings, func(b awsop.Binding) bool { return b.TargetGroup.Literal == arn }) {
				t.Error("its binding is gone")
			}
		})
	}
}

// targetOf is the target group that the rule of a path forwards to.
func targetOf(t *testing.T, f *fakeAWS, path string) string {
	t.Helper()
	for _, r := range f.obs.Rules {
		if slices.ContainsFunc(r.Conditions, func(c stack.Condition) bool { return slices.Contains(c.Values, path) }) &&
			r.Actions[0].Forward != nil {
			arn := r.Actions[0].Forward.TargetGroups[0].TargetGroup.Literal
			if f.obs.TargetGroup(arn) != nil {
				return arn
			}
		}
	}
	t.Fatalf("no rule forwards %s to a target group that is there: %+v", path, f.obs.Rules)
	return ""
}

func TestARuleThatNeverStoodAnswers503(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, testStack("/a"), Options{})
	want, keep := withoutActions(testStack("/a", "/b"), "/b")
	f.convergeKeeping(t, want, keep, Options{})
	if diff := cmp.Diff(stack.UnavailableOf(stack.Ingress), f.obs.Rules[1].Actions); diff != "" {
		t.Errorf("the rule: %+v", f.obs.Rules[1])
	}
}

// TestARuleThatIsToStayIsNotForeign has two rules of the same conditions, of which one is known.
func TestARuleThatIsToStayIsNotForeign(t *testing.T) {
	t.Parallel()
	twins := func() *stack.Stack {
		s := testStack("/a", "/b")
		s.Rules[1].Conditions = s.Rules[0].Conditions
		return s
	}
	for _, path := range []string{"/a", "/b"} {
		f := newFake(testKey())
		f.converge(t, twins(), Options{})
		want, keep := withoutActions(twins(), path)
		if diff := cmp.Diff(map[string]int{}, f.convergeKeeping(t, want, keep, Options{})); diff != "" {
			t.Errorf("%s is to stay (-want +got):\n%s", path, diff)
		}
	}
}

func TestDefaultActionsThatAreToStayKeepTheirTargetGroup(t *testing.T) {
	t.Parallel()
	byDefault := testStack("/a", "/b")
	byDefault.Listeners[0].DefaultActions = byDefault.Rules[1].Actions
	byDefault.Rules = byDefault.Rules[:1]
	f := newFake(testKey())
	f.converge(t, byDefault, Options{})
	unknown := testStack("/a")
	unknown.Listeners[0].DefaultActions = stack.UnavailableOf(stack.Ingress)
	keep := stack.Keep{Actions: []stack.Ref{listenerRef("80")}}
	if diff := cmp.Diff(map[string]int{}, f.convergeKeeping(t, unknown, keep, Options{})); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	fresh := newFake(testKey())
	fresh.convergeKeeping(t, unknown, keep, Options{})
	if l := fresh.obs.Listeners[0]; cmp.Diff(stack.UnavailableOf(stack.Ingress), l.DefaultActions) != "" {
		t.Errorf("a listener that never stood: %+v", l)
	}
}

// TestRulesOfInvalidMemberStay: of another Ingress they go.
func TestRulesOfInvalidMemberStay(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, testStack("/a", "/b", "/d"), Options{})
	arn := targetOf(t, f, "/b")
	want := testStack("/a", "/c")
	keep := stack.Keep{Rules: map[string]stack.KeptRules{"80": {Prefixes: []string{"/b"}}}}
	// /d becomes /c
	writes := map[string]int{"CreateTargetGroup": 1, "ModifyRule": 1, "CreateBinding": 1, "DeleteTargetGroup": 1,
		"DeleteBinding": 1}
	if diff := cmp.Diff(writes, f.convergeKeeping(t, want, keep, Options{})); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	if targetOf(t, f, "/b") != arn {
		t.Error("the rule leads elsewhere")
	}
	// it is known to be of another one, whose name begins so
	keep.Rules["80"] = stack.KeptRules{Prefixes: []string{"/b"}, Except: []string{"/b"}}
	if diff := cmp.Diff(map[string]int{"DeleteTargetGroup": 1, "DeleteRule": 1, "DeleteBinding": 1},
		f.convergeKeeping(t, want, keep, Options{})); diff != "" {
		t.Errorf("afterwards (-want +got):\n%s", diff)
	}
}

// TestRulesThatForwardNowhereStayTheSame: nothing tells whose they are.
func TestRulesThatForwardNowhereStayTheSame(t *testing.T) {
	t.Parallel()
	redirect := testStack("/a", "/b")
	redirect.Rules[1].Actions = []stack.Action{
		{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Host: "x.example.com", StatusCode: "HTTP_301"}}}
	redirect.TargetGroups, redirect.Bindings = redirect.TargetGroups[:1], redirect.Bindings[:1]
	for name, c := range map[string]struct {
		keep   []string
		writes map[string]int
	}{"somebody cannot be understood": {[]string{"/z"}, map[string]int{}}, "everybody is": {
		nil, map[string]int{"DeleteRule": 1}}} {
		f := newFake(testKey())
		f.converge(t, redirect, Options{})
		keep := stack.Keep{Rules: map[string]stack.KeptRules{"80": {Prefixes: c.keep}}}
		if diff := cmp.Diff(c.writes, f.convergeKeeping(t, testStack("/a"), keep, Options{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
