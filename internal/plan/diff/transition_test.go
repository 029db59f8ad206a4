package diff

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

// drawRules draws a listener's rules over few hosts, paths and methods, so that many share requests, and its default
// action.
func drawRules(t *rapid.T, label string) *stack.Stack {
	hosts := []string{"", "", "a.test", "b.test", "*.test"}
	paths := []string{"", "/a", "/a/*", "/b", "/b/*", "/*", "/a/x"}
	answers := []string{"200", "201", "202", "404"}
	answer := func(what string) []stack.Action {
		if to := rapid.SampledFrom([]string{"", "/1", "/2", "/3"}).Draw(t, label+what+" target"); to != "" {
			return []stack.Action{forwardTo(to)}
		}
		return []stack.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
			StatusCode: rapid.SampledFrom(answers).Draw(t, label+what), ContentType: "text/plain"}}}
	}
	s := testStack("/1", "/2", "/3")
	s.Rules = nil
	s.Listeners[0].DefaultActions = answer(" default")
	for i := range rapid.IntRange(0, 7).Draw(t, label+" rules") {
		name := fmt.Sprintf("%s %d ", label, i)
		var cs []stack.Condition
		if h := rapid.SampledFrom(hosts).Draw(t, name+"host"); h != "" {
			cs = append(cs, stack.Condition{Field: stack.HostHeader, Values: []string{h}})
		}
		if p := rapid.SampledFrom(paths).Draw(t, name+"path"); p != "" {
			cs = append(cs, stack.Condition{Field: stack.PathPattern, Values: []string{p}})
		}
		if len(cs) == 0 || rapid.IntRange(0, 4).Draw(t, name+"method") == 0 {
			cs = append(cs, stack.Condition{Field: stack.RequestMethod, Values: []string{"POST"}})
		}
		r := testRule(80, i+1, "", "")
		r.Conditions, r.Actions = cs, answer(name+"answer")
		s.Rules = append(s.Rules, r)
	}
	return s
}

// requests are some of each kind that the rules of drawRules can tell apart.
func requests() []traffic.Request {
	var out []traffic.Request
	for _, h := range []string{"a.test", "b.test", "c.test", "other"} {
		for _, p := range []string{"/", "/a", "/a/x", "/a/y", "/b", "/b/x", "/c"} {
			for _, m := range []string{"GET", "POST"} {
				out = append(out, traffic.Request{Host: h, Path: p, Method: m})
			}
		}
	}
	return out
}

// answers tells what the listener answers to each request; "" if there is none.
func (f *fakeAWS) answers(t failer) []string {
	t.Helper()
	var l *awsop.Listener
	for i := range f.obs.Listeners {
		if f.obs.Listeners[i].Port == 80 {
			l = &f.obs.Listeners[i]
		}
	}
	if l == nil {
		return nil
	}
	var rules []stack.Rule
	for _, r := range f.obs.Rules {
		if r.Listener.Literal == l.ARN {
			r.Order = r.Priority
			rules = append(rules, r.Rule)
		}
	}
	m, err := traffic.NewMatcher(rules, l.DefaultActions)
	if err != nil {
		t.Fatalf("%v", err)
	}
	var out []string
	for _, r := range requests() {
		d := m.Match(&r)
		a, _ := d.Routing()
		out = append(out, answerOf(a))
	}
	return out
}

// answerOf names what an action answers; target groups without weight serve nothing.
func answerOf(a stack.Action) string {
	if a.Forward == nil {
		return canonical.Actions([]stack.Action{a}, canonical.Literal, false)
	}
	c := *a.Forward
	c.TargetGroups = slices.DeleteFunc(slices.Clone(c.TargetGroups), func(t stack.WeightedTargetGroup) bool {
		return t.Weight != nil && *t.Weight == 0
	})
	a.Forward = &c
	return canonical.Actions([]stack.Action{a}, canonical.Literal, false)
}

// TestARequestWithTheSameAnswerBeforeAndAfterGetsItAllTheTime executes plans from any rules to any others in any order
// that their steps leave open, with steps that fail for a while, and asks after each write.
func TestARequestWithTheSameAnswerBeforeAndAfterGetsItAllTheTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		f := newFake(testKey())
		f.run(rt, Stack(drawRules(rt, "before"), stack.Keep{}, f.obs, Options{}))
		renumber(rt, f)
		want := drawRules(rt, "after")
		before, after := f.answers(rt), f.answersOf(rt, want)
		for pass := range 3 {
			p := Stack(want, stack.Keep{}, f.obs, Options{})
			f.runLoosely(rt, p, pass < 2, func(s plan.Step) {
				for i, now := range f.answers(rt) {
					if before[i] == after[i] && now != before[i] {
						r := requests()[i]
						rt.Fatalf("%s %s%s is answered %s before and after, but %s after step %s of\n%s\nrules %s", r.Method, r.Host,
							r.Path, before[i], now, s.ID,
							p.Text(plan.TextOptions{}), strings.Join(f.ruleTexts(), "\n"))
					}
				}
			})
		}
		if diff := cmp.Compare(strings.Join(f.answers(rt), "\n"), strings.Join(after, "\n")); diff != 0 {
			rt.Fatalf("the plan leads elsewhere")
		}
		if p := Stack(want, stack.Keep{}, f.obs, Options{}); !p.Empty() {
			rt.Fatalf("left over:\n%s", p.Text(plan.TextOptions{}))
		}
	})
}

func (f *fakeAWS) ruleTexts() []string {
	var out []string
	for _, r := range f.obs.Rules {
		out = append(out, fmt.Sprintf("%5d %s", r.Priority, stack.Labels{}.Rule(r.Rule)))
	}
	slices.Sort(out)
	return out
}

// renumber packs priorities as tightly as the existing controller does, or against the upper end.
func renumber(t *rapid.T, f *fakeAWS) {
	from := rapid.SampledFrom([]int32{0, 1, 50000 - int32(len(f.obs.Rules)) + 1}).Draw(t, "first priority")
	if from == 0 {
		return
	}
	slices.SortFunc(f.obs.Rules, func(a, b awsop.Rule) int { return int(a.Priority - b.Priority) })
	for i := range f.obs.Rules {
		f.obs.Rules[i].Priority = from + int32(i)
	}
}

// answersOf is what a stack answers once it is there.
func (f *fakeAWS) answersOf(t failer, want *stack.Stack) []string {
	t.Helper()
	g := newFake(testKey())
	g.run(t, Stack(want, stack.Keep{}, g.obs, Options{}))
	return g.answers(t)
}

// runLoosely executes the steps in any order that needs and successions admit; with faults, some steps do not get done
// for now, and neither does what waits for them.
func (f *fakeAWS) runLoosely(t *rapid.T, p plan.Plan, faults bool, look func(plan.Step)) {
	left := slices.Clone(p.Steps)
	done, stuck := map[plan.StepID]bool{}, map[plan.StepID]bool{}
	produced := map[stack.Ref]string{}
	for _, k := range p.Known {
		produced[k.Ref] = k.Value
	}
	for len(left) > 0 {
		var ready []int
		for i := 0; i < len(left); i++ {
			s := left[i]
			all := slices.Concat(s.Needs, s.After)
			switch {
			case slices.ContainsFunc(all, func(id plan.StepID) bool { return stuck[id] }):
				stuck[s.ID] = true
				left = slices.Delete(left, i, i+1)
				i--
			case !slices.ContainsFunc(all, func(id plan.StepID) bool { return !done[id] }):
				ready = append(ready, i)
			}
		}
		if len(ready) == 0 {
			if len(left) > 0 && len(stuck) == 0 {
				t.Fatalf("steps wait for each other:\n%s", p.Text(plan.TextOptions{}))
			}
			if len(left) > 0 {
				continue
			}
			return
		}
		i := rapid.SampledFrom(ready).Draw(t, "next")
		s := left[i]
		left = slices.Delete(left, i, i+1)
		if faults && rapid.IntRange(0, 9).Draw(t, "fault") == 0 {
			stuck[s.ID] = true
			continue
		}
		f.one(t, s, produced)
		done[s.ID] = true
		look(s)
	}
}
