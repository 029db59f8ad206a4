package diff

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// leaveStanding wants the rule of a path to stay as it stands: what it is made of is not known.
func leaveStanding(s *stack.Stack, path string) *stack.Stack {
	for i := range s.Rules {
		if s.Rules[i].Actions[0].Forward.TargetGroups[0].TargetGroup.ID == path {
			s.Rules[i].Actions, s.Rules[i].Standing = stack.Unavailable(), true
		}
	}
	s.TargetGroups = slices.DeleteFunc(s.TargetGroups, func(g stack.TargetGroup) bool { return g.ID == path })
	s.Bindings = slices.DeleteFunc(s.Bindings, func(b stack.Binding) bool { return b.ID == path })
	return s
}

func TestARuleThatIsToStayAsItStandsKeepsItsTargetGroupAndBinding(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		want   *stack.Stack
		writes map[string]int
	}{
		"nothing else changes": {leaveStanding(testStack("/a", "/b"), "/b"), map[string]int{}},
		"others come":          {leaveStanding(testStack("/a", "/c", "/b"), "/b"), map[string]int{"CreateTargetGroup": 1, "CreateRule": 1, "CreateBinding": 1}},
		"others go":            {leaveStanding(testStack("/b"), "/b"), map[string]int{"DeleteRule": 1, "DeleteTargetGroup": 1, "DeleteBinding": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(testKey())
			f.converge(t, testStack("/a", "/b"), Policy{})
			arn := targetOf(t, f, "/b")
			if diff := cmp.Diff(c.writes, f.converge(t, c.want, Policy{})); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
			if targetOf(t, f, "/b") != arn {
				t.Error("the rule leads elsewhere")
			}
			if !slices.ContainsFunc(f.obs.Bindings, func(b elb.Binding) bool { return b.TargetGroup.Literal == arn }) {
				t.Error("its binding is gone")
			}
		})
	}
}

// targetOf is the target group that the rule of a path forwards to.
func targetOf(t *testing.T, f *fakeAWS, path string) string {
	t.Helper()
	for _, r := range f.obs.Rules {
		if slices.ContainsFunc(r.Conditions, func(c stack.Condition) bool { return slices.Contains(c.Values, path) }) && r.Actions[0].Forward != nil {
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
	f.converge(t, testStack("/a"), Policy{})
	f.converge(t, leaveStanding(testStack("/a", "/b"), "/b"), Policy{})
	if diff := cmp.Diff(stack.Unavailable(), f.obs.Rules[1].Actions); diff != "" || f.obs.Rules[1].Standing {
		t.Errorf("the rule: %+v", f.obs.Rules[1])
	}
}

// TestARuleThatIsToStayIsNotSomebodyElses has two rules of the same conditions, of which one is known.
func TestARuleThatIsToStayIsNotSomebodyElses(t *testing.T) {
	t.Parallel()
	twins := func() *stack.Stack {
		s := testStack("/a", "/b")
		s.Rules[1].Conditions = s.Rules[0].Conditions
		return s
	}
	for _, path := range []string{"/a", "/b"} {
		f := newFake(testKey())
		f.converge(t, twins(), Policy{})
		if diff := cmp.Diff(map[string]int{}, f.converge(t, leaveStanding(twins(), path), Policy{})); diff != "" {
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
	f.converge(t, byDefault, Policy{})
	unknown := testStack("/a")
	unknown.Listeners[0].DefaultActions, unknown.Listeners[0].Standing = stack.Unavailable(), true
	if diff := cmp.Diff(map[string]int{}, f.converge(t, unknown, Policy{})); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	fresh := newFake(testKey())
	fresh.converge(t, unknown, Policy{})
	if l := fresh.obs.Listeners[0]; l.Standing || cmp.Diff(stack.Unavailable(), l.DefaultActions) != "" {
		t.Errorf("a listener that never stood: %+v", l)
	}
}

// TestRulesThatNobodyWantsStayWhileTheyMayBeOfSomebodyWhoCannotBeUnderstood: of another Ingress they go.
func TestRulesThatNobodyWantsStayWhileTheyMayBeOfSomebodyWhoCannotBeUnderstood(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, testStack("/a", "/b", "/d"), Policy{})
	arn := targetOf(t, f, "/b")
	want := testStack("/a", "/c")
	want.Listeners[0].KeepRules = []string{"/b"}
	writes := map[string]int{"CreateTargetGroup": 1, "ModifyRule": 1, "CreateBinding": 1, "DeleteTargetGroup": 1, "DeleteBinding": 1} // /d becomes /c
	if diff := cmp.Diff(writes, f.converge(t, want, Policy{})); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	if targetOf(t, f, "/b") != arn {
		t.Error("the rule leads elsewhere")
	}
	want.Listeners[0].KeepRulesExcept = []string{"/b"} // it is known to be of another one, whose name begins so
	if diff := cmp.Diff(map[string]int{"DeleteTargetGroup": 1, "DeleteRule": 1, "DeleteBinding": 1}, f.converge(t, want, Policy{})); diff != "" {
		t.Errorf("afterwards (-want +got):\n%s", diff)
	}
}

// TestRulesThatForwardNowhereStayTheSame: nothing tells whose they are.
func TestRulesThatForwardNowhereStayTheSame(t *testing.T) {
	t.Parallel()
	redirect := testStack("/a", "/b")
	redirect.Rules[1].Actions = []stack.Action{{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Host: "x.example.com", StatusCode: "HTTP_301"}}}
	redirect.TargetGroups, redirect.Bindings = redirect.TargetGroups[:1], redirect.Bindings[:1]
	for name, c := range map[string]struct {
		keep   []string
		writes map[string]int
	}{"somebody cannot be understood": {[]string{"/z"}, map[string]int{}}, "everybody is": {nil, map[string]int{"DeleteRule": 1}}} {
		f := newFake(testKey())
		f.converge(t, redirect, Policy{})
		want := testStack("/a")
		want.Listeners[0].KeepRules = c.keep
		if diff := cmp.Diff(c.writes, f.converge(t, want, Policy{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
