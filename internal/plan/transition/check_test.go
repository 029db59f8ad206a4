package transition

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

// listener is what AWS holds of one listener while a transition is carried out.
type listener struct {
	obs     awsop.Observed
	pass    int             // tells rules apart that are created with the same identity
	foreign map[string]bool // ARNs of rules that are not deleted
	wanted  []string        // identities of target groups; others go
	held    map[string]bool // those of them that may move
}

const listenerARN = "arn:listener"

func (l *listener) resolve(r stack.Ref) string {
	switch {
	case r.Literal != "":
		return r.Literal
	case r.Kind == stack.KindListener:
		return listenerARN
	case r.Kind == stack.KindRule:
		return fmt.Sprintf("arn:%s in pass %d", r.ID, l.pass)
	}
	return "arn:" + r.ID
}

// input is what leads from the listener as it is to the wanted rules and default actions.
func (l *listener) input(want []stack.Rule, defaults []stack.Action) Input {
	in := Input{
		Listener: stack.Ref{Kind: stack.KindListener, ID: "80"}, Application: true, Want: slices.Clone(want),
		Stays: l.foreign, Movable: l.held, Default: l.obs.Listeners[0].DefaultActions,
		Targets: &Targets{Resolve: l.resolve, Labels: stack.Labels{"arn:x": "x", "arn:y": "y"}, Observed: &l.obs,
			Uses: Uses(&l.obs, nil)},
	}
	for _, id := range l.wanted {
		in.Targets.Wanted = append(in.Targets.Wanted, stack.TargetGroup{ID: id})
	}
	for i := range l.obs.Rules {
		in.Observed = append(in.Observed, &l.obs.Rules[i])
	}
	sortByPriority(in.Observed)
	if !canonical.SameActions(defaults, in.Default, l.resolve) {
		in.Modify = &awsop.ModifyListener{Ref: in.Listener, Listener: stack.Listener{DefaultActions: defaults}}
	}
	return in
}

// after is the listener after a change; it fails the test where AWS would refuse it.
func (l *listener) after(t *rapid.T, c Change) *listener {
	at := map[int32]string{}
	for _, r := range l.obs.Rules {
		at[r.Priority] = r.ARN
	}
	give := func(rule string, p int32) {
		if holder, ok := at[p]; ok || p < 1 || p > maxPriority {
			t.Fatalf("change %d gives %s priority %d, which %q has", c.ID, rule, p, holder)
		}
		at[p] = rule
	}
	switch op := c.Op.(type) {
	case nil:
		return l
	case awsop.CreateRule:
		give(op.Rule.ID, op.Priority)
	case awsop.SetRulePriorities:
		if len(op.Priorities) == 0 {
			t.Fatalf("change %d moves nothing", c.ID)
		}
		for _, m := range op.Priorities {
			for p, rule := range at {
				if rule == l.resolve(m.Rule) {
					delete(at, p)
				}
			}
		}
		for _, m := range op.Priorities {
			give(l.resolve(m.Rule), m.Priority)
		}
	}
	out := *l
	out.obs = awsop.Advance(l.obs, c.Op, awsop.Output{ID: l.resolve(c.Resource)}, l.resolve)
	return &out
}

// answers are what the listener answers to each of requests.
func (l *listener) answers(t *rapid.T) []string {
	var rules []stack.Rule
	for _, r := range l.obs.Rules {
		r.Order = r.Priority
		rules = append(rules, r.Rule)
	}
	slices.SortFunc(rules, func(a, b stack.Rule) int { return cmp.Compare(a.Order, b.Order) })
	m, err := traffic.NewMatcher(rules, l.obs.Listeners[0].DefaultActions)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range requests {
		d := m.Match(&r)
		a, _ := d.Routing()
		out = append(out, canonical.Actions(answering([]stack.Action{a}), canonical.Literal, false))
	}
	return out
}

// requests are some of each kind that drawn rules can tell apart.
var requests = func() (out []traffic.Request) {
	for _, host := range []string{"a.test", "b.test", "other"} {
		for _, path := range []string{"/", "/a", "/a/x", "/a/y", "/b", "/b/x"} {
			for _, method := range []string{"GET", "POST"} {
				out = append(out, traffic.Request{Host: host, Path: path, Method: method})
			}
		}
	}
	return out
}()

// mostStates bounds how many of the states are looked at that the orders of one transition lead through.
const mostStates = 300

// check carries a transition out in every order that its dependencies allow, interrupted anywhere. A request that is
// answered alike before and after it is answered so in every state. Of the states, check returns one that was drawn,
// and the last one.
func (l *listener) check(t *rapid.T, tr Transition, before []string) (interrupted, last *listener) {
	var all []Change
	for _, p := range tr.Batches {
		all = append(all, p.Changes...)
	}
	last = l
	for i, c := range all {
		if c.ID != ID(i+1) || slices.ContainsFunc(slices.Concat(c.Needs, c.After), func(id ID) bool { return id >= c.ID }) {
			t.Fatalf("change %d does not stand behind what it depends on:\n%s", i+1, tr)
		}
		last = last.after(t, c)
	}
	after := last.answers(t)
	seen, states := map[uint64]bool{}, []*listener{}
	var visit func(done uint64, l *listener)
	visit = func(done uint64, l *listener) {
		if seen[done] || len(states) == mostStates {
			return
		}
		seen[done], states = true, append(states, l)
		for i, now := range l.answers(t) {
			if r := requests[i]; before[i] == after[i] && now != before[i] {
				t.Fatalf("%s %s%s is answered %s before and after, but %s after changes %b of\n%s\nrules %s", r.Method, r.Host,
					r.Path, before[i], now, done, tr, l.text())
			}
		}
		for _, c := range all {
			open := func(id ID) bool { return done&(1<<id) == 0 }
			if open(c.ID) && !slices.ContainsFunc(slices.Concat(c.Needs, c.After), open) {
				visit(done|1<<c.ID, l.after(t, c))
			}
		}
	}
	visit(0, l)
	return rapid.SampledFrom(states).Draw(t, "interrupted"), last
}

func (l *listener) text() string {
	var out []string
	for _, r := range l.obs.Rules {
		out = append(out, fmt.Sprintf("%5d %s", r.Priority, stack.Labels{}.Rule(r.Rule)))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// draw draws rules over few hosts, paths and methods, so that many share requests, and default actions.
func draw(t *rapid.T, label string) (rules []stack.Rule, defaults []stack.Action) {
	answer := func() []stack.Action {
		to := rapid.SampledFrom([]string{"200", "404", "x", "shop/y", "mal/z", "mal/w"}).Draw(t, label+" answer")
		return answerWith(to)
	}
	for i := range rapid.IntRange(0, 5).Draw(t, label+" rules") {
		r := stack.Rule{ID: fmt.Sprint("80:", i+1), Listener: stack.Ref{Kind: stack.KindListener, ID: "80"},
			Actions: answer()}
		add := func(f stack.ConditionField, values ...string) {
			if v := rapid.SampledFrom(values).Draw(t, label+" condition"); v != "" {
				r.Conditions = append(r.Conditions, stack.Condition{Field: f, Values: []string{v}})
			}
		}
		add(stack.HostHeader, "", "", "a.test", "b.test", "*.test")
		add(stack.PathPattern, "/*", "/a", "/a/*", "/b", "/b/*", "/a/x")
		add(stack.RequestMethod, "", "", "", "POST")
		rules = append(rules, r)
	}
	return rules, answer()
}

// answerWith forwards to a target group, or answers with a status code.
func answerWith(to string) []stack.Action {
	if to[0] <= '9' {
		return []stack.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{StatusCode: to}}}
	}
	return []stack.Action{{Type: stack.ActionForward, Forward: &stack.Forward{
		TargetGroups: []stack.WeightedTargetGroup{{TargetGroup: stack.Ref{Kind: stack.KindTargetGroup, ID: to}}}}}}
}

// newListener holds rules at priorities from one on, so far apart.
func newListener(rules []stack.Rule, defaults []stack.Action, from, apart int32) *listener {
	l := &listener{obs: awsop.Observed{Listeners: []awsop.Listener{{ARN: listenerARN}}}, foreign: map[string]bool{},
		held: map[string]bool{}}
	l.addTargetGroups("shop/y", "mal/z", "mal/w") // those of several namespaces
	l.obs = awsop.Advance(l.obs, awsop.ModifyListener{Ref: stack.Literal(stack.KindListener, listenerARN),
		Listener: stack.Listener{DefaultActions: defaults}}, awsop.Output{}, l.resolve)
	for i, r := range rules {
		arn := "arn:" + r.ID
		l.obs = awsop.Advance(l.obs, awsop.CreateRule{Rule: r, Priority: from + int32(i)*apart}, awsop.Output{
			ID: arn}, l.resolve)
	}
	return l
}

func (l *listener) addTargetGroups(ids ...string) {
	for _, id := range ids {
		l.obs.TargetGroups = append(l.obs.TargetGroups, awsop.TargetGroup{
			ARN: "arn:" + id, TargetGroup: stack.TargetGroup{ID: id}})
	}
}

// addForeign adds a rule at a priority that is not the controller's, for requests that are none of requests.
func (l *listener) addForeign(priority int32) {
	r := stack.Rule{ID: "theirs", Conditions: []stack.Condition{
		{Field: stack.HostHeader, Values: []string{"theirs.test"}}}, Actions: answerWith("404")}
	l.obs = awsop.Advance(l.obs, awsop.CreateRule{Rule: r, Priority: priority}, awsop.Output{ID: "arn:theirs"}, l.resolve)
	l.foreign["arn:theirs"] = true
}

// addHeld adds a rule that stays although it is not wanted, for some of requests, at a free priority from one on.
func (l *listener) addHeld(path string, priority int32) {
	for slices.ContainsFunc(l.obs.Rules, func(r awsop.Rule) bool { return r.Priority == priority }) {
		priority++
	}
	r := stack.Rule{ID: "held", Conditions: []stack.Condition{{Field: stack.PathPattern, Values: []string{path}}},
		Actions: answerWith("403")}
	l.obs = awsop.Advance(l.obs, awsop.CreateRule{Rule: r, Priority: priority}, awsop.Output{ID: "arn:held"}, l.resolve)
	l.foreign["arn:held"], l.held["arn:held"] = true, true
}

// earlierDistance is how far apart earlier versions put the rules of a new listener.
const earlierDistance = 100

func TestUnchangedAnswersHoldInEveryAllowedOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		rules, defaults := draw(rt, "before")
		from := rapid.SampledFrom([]int32{1, earlierDistance, maxPriority - int32(max(len(rules), 1)) + 1}).Draw(rt,
			"first priority")
		apart := int32(1)
		if from == earlierDistance {
			apart = earlierDistance
		}
		l := newListener(rules, defaults, from, apart)
		if from > 2 {
			l.addForeign(from - 1 - rapid.Int32Range(0, 1).Draw(rt, "gap"))
		}
		l.wanted = rapid.SliceOfDistinct(rapid.SampledFrom([]string{"shop/y", "mal/z", "mal/w"}),
			func(id string) string { return id }).Draw(rt, "wanted target groups")
		if path := rapid.SampledFrom([]string{"", "/a/*", "/*"}).Draw(rt, "held"); path != "" && from < maxPriority-10 {
			l.addHeld(path, rapid.Int32Range(1, 5*apart).Draw(rt, "held at"))
		}
		before := l.answers(rt)
		want, wantDefaults := draw(rt, "after")
		if rapid.Bool().Draw(rt, "edited") { // some of the former rules, in another order
			kept := rapid.Permutation(rules).Draw(rt, "order")
			want = append(kept[:rapid.IntRange(0, len(kept)).Draw(rt, "kept")], want[:min(2, len(want))]...)
			want = rapid.Permutation(want).Draw(rt, "order")
			for i := range want {
				want[i].ID = fmt.Sprint("80:", i+1)
			}
		}
		for l.pass = 1; l.pass <= 3; {
			in := l.input(want, wantDefaults)
			interrupted, last := l.check(rt, Compute(in), before)
			again := Compute(last.input(want, wantDefaults))
			if again.String() != "" {
				rt.Fatalf("left over:\n%s", again)
			}
			pass := l.pass
			l = interrupted
			l.pass = pass + 1
		}
	})
}

// rulesOf reads rules, "path→answer" each.
func rulesOf(text string) (rules []stack.Rule) {
	for i, f := range strings.Fields(text) {
		path, to, _ := strings.Cut(f, "→")
		rules = append(rules, stack.Rule{
			ID: fmt.Sprint("80:", i+1), Listener: stack.Ref{Kind: stack.KindListener, ID: "80"},
			Conditions: []stack.Condition{{Field: stack.PathPattern, Values: []string{path}}}, Actions: answerWith(to),
		})
	}
	return rules
}

// TestTransitionsReadAsTheGoldenFile prints what leads from rules, and an answer where none matches, to others.
func TestTransitionsReadAsTheGoldenFile(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, c := range []struct {
		name               string
		before, beforeElse string
		after, afterElse   string
		from, apart        int32
	}{
		{"rules of a new listener", "", "404", "/a→200 /b→201 /*→202", "404", 1, 1},
		{"a rule comes in front of others", "/b→200 /c→201", "404", "/a→202 /b→200 /c→201", "404", 1, 1},
		{"a rule comes between others", "/a→200 /b→201 /*→202", "404", "/a→200 /b→201 /c→203 /*→202", "404", 1, 1},
		{"two rules come in front of others", "/b→200 /d→201", "404", "/a→202 /b→200 /c→203 /d→201", "404", 1, 1},
		{"a rule comes behind others", "/a→200 /b→201", "404", "/a→200 /b→201 /*→202", "404", 1, 1},
		{"a rule goes", "/a→200 /b→201 /*→202", "404", "/a→200 /*→202", "404", 1, 1},
		{"the last rule becomes the first", "/a→200 /b→201 /*→202", "404", "/*→202 /a→200 /b→201", "404", 1, 1},
		{"the first rule becomes the last", "/a→200 /b→201 /*→202", "404", "/b→201 /*→202 /a→200", "404", 1, 1},
		{"a rule comes in front of many", "/1→200 /2→200 /3→200 /4→200 /5→200 /6→200 /7→200", "404",
			"/0→201 /1→200 /2→200 /3→200 /4→200 /5→200 /6→200 /7→200", "404", 1, 1},
		{"a rule comes and another goes", "/a→200 /b→201 /*→202", "404", "/c→203 /a→200 /*→202", "404", 1, 1},
		{"a rule comes between those of an earlier version", "/a→200 /*→201", "404", "/a→200 /b→202 /*→201", "404", 100, 100},
		{"a rule comes behind those of an earlier version", "/a→200 /b→201", "404", "/a→200 /b→201 /*→202", "404", 100, 100},
		{"the first rule of an earlier version becomes the last", "/a→200 /b→201 /*→202", "404", "/b→201 /*→202 /a→200",
			"404", 100, 100},
		{"a path comes in front of another, to targets of its own, and none is free", "/*→x", "404", "/a→y /*→x",
			"404", 1, 1},
		{"nothing changes", "/a→x /*→y", "404", "/a→x /*→y", "404", 100, 100},
		{"a path comes in front of another, to targets of its own", "/*→x", "404", "/a→y /*→x", "404", 100, 100},
		{"a rule gets other targets", "/a→x", "404", "/a→y", "404", 100, 100},
		{"two rules change places", "/a→x /*→y", "404", "/*→y /a→x", "404", 100, 100},
		{"a rule becomes a new one at its place", "/a→200 /b→x", "404", "/c→201 /b→x", "404", 100, 100},
		{"a change waits for the move, as a request would notice it before", "/a→200 /*→201", "404", "/*→200 /a→201",
			"404", 100, 100},
		{"a rule is recreated, as a request would notice its change at any time", "/m*→200 /m→201 /q→x /r→y", "404",
			"/*→202 /m→203 /r→y /q→x", "404", 100, 100},
		{"the rules stand against the end", "/a→200 /b→201 /*→202", "404", "/b→201 /new→203 /a→200", "404", 49998, 1},
		{"a rule answers what the default action answered", "/a→200", "x", "/a→200 /b→x", "404", 100, 100},
		{"the default action answers what a rule answered", "/a→x /b→200", "404", "/b→200", "x", 100, 100},
		{"the default action gets other targets", "", "x", "", "y", 100, 100},
	} {
		l := newListener(rulesOf(c.before), answerWith(c.beforeElse), c.from, c.apart)
		l.pass = 1
		fmt.Fprintf(&b, "# %s\n%s, else %s; then %s, else %s\n%s\n", c.name, c.before, c.beforeElse, c.after, c.afterElse,
			Compute(l.input(rulesOf(c.after), answerWith(c.afterElse))))
	}
	goldenfile.Compare(t, "testdata/transitions.txt", b.String())
}

// TestRulesThatFillTheEndBehindOneThatStaysPassItToMakeRoom has rules that reach up to the last priority, behind one
// that is not the controller's.
func TestRulesThatFillTheEndBehindOneThatStaysPassItToMakeRoom(t *testing.T) {
	t.Parallel()
	l := newListener(rulesOf("/theirs→404 /a→200 /b→201"), answerWith("404"), maxPriority-2, 1)
	l.foreign["arn:80:1"] = true
	tr := Compute(l.input(rulesOf("/b→201 /new→202 /a→200"), answerWith("404")))
	const want = `make room
   1 SetRulePriorities 80: gather rules in front of one that stays, so that new rules find room behind them
create and modify
   2 CreateRule 80:2, needs 1: at 3, then 2: path /new → fixed response 202
move
   3 SetRulePriorities 80, needs 2 1: path /b → fixed response 201: priority 50000 → 1; path /a → fixed response 200: priority 49999 → 3
`
	if diff := gocmp.Diff(want, tr.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(tr.Stay) != 1 || tr.Stay[0].ARN != "arn:80:1" {
		t.Errorf("%d rules stay", len(tr.Stay))
	}
}
