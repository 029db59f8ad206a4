package diff

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func weighted(pairs ...any) []stack.Action {
	f := &stack.Forward{}
	for i := 0; i < len(pairs); i += 2 {
		w := int32(pairs[i+1].(int))
		f.TargetGroups = append(f.TargetGroups, stack.WeightedTargetGroup{TargetGroup: targetGroupRef(pairs[i].(string)),
			Weight: &w})
	}
	return []stack.Action{{Type: stack.ActionForward, Forward: f}}
}

// TestTargetsThatTakeOverAreHealthyBeforeTheyServe tells how each change of a forward gets from the old to the new
// targets.
func TestTargetsThatTakeOverAreHealthyBeforeTheyServe(t *testing.T) {
	t.Parallel()
	answer503 := []stack.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{StatusCode: "503"}}}
	only := func(target string) []stack.Action { return []stack.Action{forwardTo(target)} }
	for _, tc := range []struct {
		name     string
		from, to []stack.Action
		opt      Options
		want     []string
	}{
		{name: "another backend", from: only("/a"), to: only("/new"),
			want: []string{"forward to /a×1 + /new×0", "await /new", "forward to /new"}},
		{name: "a backend that serves elsewhere, maybe by a rule that is as new", from: only("/a"), to: only("/b"),
			want: []string{"await /b", "forward to /b"}},
		{name: "a backend that serves elsewhere and a further one", from: only("/a"), to: weighted("/b", 50, "/new", 50),
			want: []string{"forward to /a×1 + /new×0", "await /new", "await /b", "forward to /b×50 + /new×50"}},
		{name: "a further backend", from: only("/a"), to: weighted("/a", 50, "/new", 50),
			want: []string{"forward to /a×1 + /new×0", "await /new", "forward to /a×50 + /new×50"}},
		{name: "a further backend without weight", from: only("/a"), to: weighted("/a", 1, "/new", 0), want: []string{
			"forward to /a×1 + /new×0"}},
		{name: "one that waited without weight", from: weighted("/a", 1, "/new", 0), to: only("/new"), want: []string{
			"await /new", "forward to /new"}},
		{name: "only other weights", from: weighted("/a", 1, "/b", 9), to: weighted("/a", 5, "/b", 5), want: []string{
			"forward to /a×5 + /b×5"}},
		{name: "nothing served before", from: answer503, to: only("/new"), want: []string{"forward to /new"}},
		{name: "no weight served before", from: weighted("/a", 0, "/b", 0), to: only("/new"), want: []string{
			"forward to /new"}},
		{name: "weights are not admitted", from: only("/a"), to: only("/new"), opt: Options{Region: Region{Unweighted: true}},
			want: []string{"forward to /new"}},
		{name: "five backends before", from: weighted("/a", 1, "/b", 1, "/c", 1, "/d", 1, "/e", 1), to: only("/new"),
			want: []string{"forward to /new"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, listener := range []bool{false, true} {
				f := newFake(testKey())
				paths := []string{"/a", "/b", "/c", "/d", "/e", "/new"}
				world := func(actions []stack.Action) *stack.Stack {
					s := testStack(paths...)
					s.Rules[0].Actions = only("/b")
					s.Rules[5].Actions = only("/b")
					if s.Rules[5].Actions = only("/b"); listener {
						s.Listeners[0].DefaultActions = actions
					} else {
						s.Rules[0].Actions = actions
					}
					return s
				}
				f.converge(t, world(tc.from), tc.opt)
				p := Stack(world(tc.to), stack.Keep{}, f.obs, tc.opt)
				labels := stack.Labels{}
				for _, tg := range f.obs.TargetGroups {
					labels[tg.ARN] = tg.ID
				}
				var got []string
				for _, s := range p.Steps {
					switch op := s.Op.(type) {
					case awsop.ModifyRule:
						got = append(got, labels.Actions(op.Rule.Actions))
					case awsop.ModifyListener:
						got = append(got, labels.Actions(op.Listener.DefaultActions))
					case awsop.AwaitTargets:
						got = append(got, "await "+op.TargetGroup.ID)
					}
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("listener %v (-want +got):\n%s", listener, diff)
				}
				last := p.Steps[len(p.Steps)-1]
				if slices.Contains(got, "await /new") && !slices.Contains(last.Needs, "DescribeTargetHealth /new") {
					t.Errorf("the switch does not wait: %+v", last)
				}
				f.converge(t, world(tc.to), tc.opt)
			}
		})
	}
}

// TestAReplacedTargetGroupServesUntilItsSuccessorIsHealthy is a change of the target type: what the old target group
// needs goes only after the switch, and the interrupted switch goes on where it was.
func TestAReplacedTargetGroupServesUntilItsSuccessorIsHealthy(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, testStack("/a", "/b"), Options{})
	want := testStack("/a", "/b")
	want.TargetGroups[0].TargetType, want.TargetGroups[0].Name = stack.TargetInstance, "tg/a2"
	want.Bindings[0].TargetType, want.Bindings[0].Name = stack.TargetInstance, "tg/a2"
	p := Stack(want, stack.Keep{}, f.obs, Options{})
	at := func(id plan.StepID) int {
		return slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.ID == id })
	}
	order := []plan.StepID{"CreateTargetGroup /a", "CreateBinding /a", "ModifyRule 80:1", "DescribeTargetHealth /a",
		"ModifyRule 80:1#2", "DeleteTargetGroup /a", "DeleteBinding /a"}
	for i := 1; i < len(order); i++ {
		if at(order[i-1]) < 0 || at(order[i-1]) > at(order[i]) {
			t.Fatalf("%s and %s are out of order in\n%s", order[i-1], order[i], p.Text(plan.TextOptions{}))
		}
	}
	for i := range p.Steps { // the wait does not end in this pass
		if p.Steps[i].ID == "DescribeTargetHealth /a" {
			p.Steps[i].Guard = &plan.Guard{}
		}
	}
	f.run(t, p)
	if len(f.obs.TargetGroups) != 3 || len(f.obs.Bindings) != 3 {
		t.Fatalf("%d target groups and %d bindings while the old ones serve", len(f.obs.TargetGroups), len(f.obs.Bindings))
	}
	writes := map[string]int{"DescribeTargetHealth": 1, "ModifyRule": 1, "DeleteTargetGroup": 1, "DeleteBinding": 1}
	if diff := cmp.Diff(writes, f.converge(t, want, Options{})); diff != "" {
		t.Error(diff)
	}
}

// TestANewPathIsAnsweredAsBeforeUntilItsTargetsAreHealthy puts paths in front of others and says what is created first.
func TestANewPathIsAnsweredAsBeforeUntilItsTargetsAreHealthy(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		from, to []string
		target   string // of the new path; empty = one of its own
		first    string
		modified int
	}{
		{name: "in front of a catch-all", from: []string{"/*"}, to: []string{"/new", "/*"}, first: "forward to /*×1 + /new×0",
			modified: 1},
		{name: "to targets that serve already", from: []string{"/*"}, to: []string{"/new", "/*"}, target: "/*",
			first: "forward to /*"},
		{name: "nobody answers it yet", from: []string{"/other"}, to: []string{"/new", "/other"}, first: "forward to /new"},
		{name: "several answer it", from: []string{"/new/a", "/*"}, to: []string{"/new/a", "/new/*", "/*"},
			first: "forward to /new/*"},
		{name: "the narrower one answers it", from: []string{"/n*", "/*"}, to: []string{"/new", "/n*", "/*"},
			first: "forward to /n*×1 + /new×0", modified: 1},
		{name: "its rule is no longer wanted", from: []string{"/n*"}, to: []string{"/new", "/z"},
			first: "forward to /n*×1 + /new×0", modified: 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(testKey())
			f.converge(t, testStack(tc.from...), Options{})
			want := testStack(tc.to...)
			fresh := slices.IndexFunc(tc.to, func(p string) bool { return !slices.Contains(tc.from, p) })
			if tc.target != "" {
				want.Rules[fresh].Actions = []stack.Action{forwardTo(tc.target)}
			}
			p := Stack(want, stack.Keep{}, f.obs, Options{})
			labels := stack.Labels{}
			for _, tg := range f.obs.TargetGroups {
				labels[tg.ARN] = tg.ID
			}
			got, modified := "", 0
			for _, s := range p.Steps {
				switch op := s.Op.(type) {
				case awsop.CreateRule:
					if op.Rule.Conditions[0].Values[0] == tc.to[fresh] {
						got = labels.Actions(op.Rule.Actions)
					}
				case awsop.ModifyRule:
					modified++
				}
			}
			if got != tc.first || modified != tc.modified {
				t.Errorf("created %q and modified %d, want %q and %d:\n%s", got, modified, tc.first, tc.modified,
					p.Text(plan.TextOptions{}))
			}
			f.converge(t, want, Options{})
		})
	}
}

// TestNewPathWaitsForFirstHealthCheck is a path that is added while the rule that answers
// it waits for other targets, the same as the path's: made for these at once, it would answer 503, and make them look
// as if they served.
func TestNewPathWaitsForFirstHealthCheck(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, testStack("/*"), Options{})
	want := testStack("/*")
	want.TargetGroups[0].TargetType, want.TargetGroups[0].Name = stack.TargetInstance, "tg/*2"
	want.Bindings[0].TargetType, want.Bindings[0].Name = stack.TargetInstance, "tg/*2"
	waits := func(p plan.Plan) plan.Plan { // no target becomes healthy in this pass
		for i := range p.Steps {
			if p.Steps[i].Action == plan.Await {
				p.Steps[i].Guard = &plan.Guard{}
			}
		}
		return p
	}
	old := f.obs.TargetGroups[0].ARN
	f.run(t, waits(Stack(want, stack.Keep{}, f.obs, Options{})))
	want.Rules = append([]stack.Rule{testRule(80, 1, "/extra", "/*")}, testRule(80, 2, "/*", "/*"))
	for pass := range 3 {
		p := Stack(want, stack.Keep{}, f.obs, Options{})
		f.run(t, waits(p))
		if len(f.obs.Rules) != 2 {
			t.Fatalf("pass %d: %d rules, want 2", pass, len(f.obs.Rules))
		}
		for _, r := range f.obs.Rules {
			for _, g := range r.Actions[0].Forward.TargetGroups {
				if (g.TargetGroup.Literal == old) != (g.Weight == nil || *g.Weight > 0) {
					t.Errorf("pass %d: %v is answered by targets that are in their first check:\n%s", pass, r.Conditions,
						p.Text(plan.TextOptions{}))
				}
			}
		}
	}
	if writes := f.converge(t, want, Options{}); writes["ModifyRule"] != 2 || writes["CreateRule"] != 0 {
		t.Errorf("once the targets are healthy: %v, want two rules modified", writes)
	}
}
