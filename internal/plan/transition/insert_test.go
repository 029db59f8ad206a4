package transition

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// plainRules are rules for paths of their own.
func plainRules(names ...string) (rules []stack.Rule) {
	for _, n := range names {
		rules = append(rules, stack.Rule{
			ID: "80:" + n, Listener: stack.Ref{Kind: stack.KindListener, ID: "80"},
			Conditions: []stack.Condition{{Field: stack.PathPattern, Values: []string{"/" + n}}}, Actions: answerWith("200"),
		})
	}
	return rules
}

// order lists the ARNs of the rules by priority.
func (l *listener) order() (arns []string) {
	rules := slices.SortedFunc(slices.Values(l.obs.Rules), func(a, b awsop.Rule) int {
		return cmp.Compare(a.Priority, b.Priority)
	})
	for _, r := range rules {
		arns = append(arns, r.ARN)
	}
	return arns
}

// carryOut makes the changes of a transition and returns the listener after each.
func (l *listener) carryOut(t *rapid.T, tr Transition) (states []*listener) {
	for _, p := range tr.Batches {
		for _, c := range p.Changes {
			l = l.after(t, c)
			states = append(states, l)
		}
	}
	return states
}

// TestInsertedRulePassesNone inserts rules at any place of a listener, some of whose rules were deleted before, and
// with one that is held. One rule costs two writes at most, no other rules change places at any moment, and no rule
// that is not in the way moves.
func TestInsertedRulePassesNone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		apart := rapid.SampledFrom([]int32{1, 1, earlierDistance}).Draw(rt, "apart")
		var names []string
		for i := range rapid.IntRange(1, 8).Draw(rt, "rules") {
			names = append(names, fmt.Sprint("old", i))
		}
		rules := plainRules(names...)
		l := newListener(rules, answerWith("404"), apart, apart)
		if rapid.Bool().Draw(rt, "held") {
			l.addHeld("/held", rapid.Int32Range(1, 9).Draw(rt, "held at")*apart)
		}
		for n := range rapid.IntRange(0, len(rules)-1).Draw(rt, "deleted") { // which leaves gaps
			i := rapid.IntRange(0, len(rules)-1).Draw(rt, "deleted rule")
			rules = slices.Delete(rules, i, i+1)
			states := l.carryOut(rt, Compute(l.input(rules, answerWith("404"))))
			if len(states) != 1 {
				rt.Fatalf("deletion %d takes %d writes", n, len(states))
			}
			l = states[0]
		}
		for n := range 3 {
			rules = slices.Insert(slices.Clone(rules), rapid.IntRange(0, len(rules)).Draw(rt, "place"),
				plainRules(fmt.Sprint("new", n))...)
			l.pass++
			tr, before := Compute(l.input(rules, answerWith("404"))), l.order()
			states := l.carryOut(rt, tr)
			if len(states) > 2 {
				rt.Fatalf("an insertion takes %d writes:\n%s", len(states), tr)
			}
			for _, s := range states {
				old := slices.DeleteFunc(s.order(), func(arn string) bool { return !slices.Contains(before, arn) })
				if !slices.Equal(old, before) {
					rt.Fatalf("%v became %v by\n%s", before, old, tr)
				}
			}
			l = states[len(states)-1]
			if again := Compute(l.input(rules, answerWith("404"))); again.String() != "" {
				rt.Fatalf("left over:\n%s", again)
			}
		}
	})
}

// TestNewListenerIsNumberedFromOne builds listeners by insertions alone: whatever their order, the rules are 1, 2, 3, …
// in the end.
func TestNewListenerIsNumberedFromOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		l, rules := newListener(nil, answerWith("404"), 1, 1), []stack.Rule(nil)
		for n := range rapid.IntRange(1, 8).Draw(rt, "insertions") {
			rules = slices.Insert(slices.Clone(rules), rapid.IntRange(0, len(rules)).Draw(rt, "place"),
				plainRules(fmt.Sprint(n))...)
			if rapid.Bool().Draw(rt, "reordered") {
				rules = rapid.Permutation(rules).Draw(rt, "order")
			}
			l.pass++
			states := l.carryOut(rt, Compute(l.input(rules, answerWith("404"))))
			if len(states) > 2 {
				rt.Fatalf("%d writes", len(states))
			}
			l = states[len(states)-1]
			for _, r := range l.obs.Rules {
				at := slices.IndexFunc(rules, func(w stack.Rule) bool {
					return w.Conditions[0].Values[0] == r.Conditions[0].Values[0]
				})
				if int(r.Priority) != at+1 {
					rt.Fatalf("rule %d of %d has number %d:\n%s", at+1, len(rules), r.Priority, l.text())
				}
			}
		}
	})
}

// TestRefusedRuleDelaysNoOther has two new rules for requests of their own, one of which AWS may refuse for good:
// nothing needs the other one.
func TestRefusedRuleDelaysNoOther(t *testing.T) {
	t.Parallel()
	l := newListener(rulesOf("/b→200 /d→201"), answerWith("404"), 1, 1)
	l.pass = 1
	creates := map[ID]bool{}
	for _, p := range Compute(l.input(rulesOf("/a→202 /b→200 /c→203 /d→201"), answerWith("404"))).Batches {
		for _, c := range p.Changes {
			for _, id := range append(c.Needs, c.After...) {
				if creates[id] {
					t.Errorf("change %d waits for the creation %d", c.ID, id)
				}
			}
			if _, ok := c.Op.(awsop.CreateRule); ok {
				creates[c.ID] = true
			}
		}
	}
	if len(creates) != 2 {
		t.Errorf("%d rules are created", len(creates))
	}
}

// TestHeldRulesMoveAlong has a rule that stays although it is not wanted, where a new rule needs its number.
func TestHeldRulesMoveAlong(t *testing.T) {
	t.Parallel()
	l := newListener(rulesOf("/a→200 /held→403 /*→201"), answerWith("404"), 1, 1)
	l.foreign["arn:80:2"], l.held["arn:80:2"] = true, true
	l.pass = 1
	const want = `make room
   1 SetRulePriorities 80: path /a → fixed response 200: priority 1 → 2; path /* → fixed response 201: priority 3 → 4; 1 that stay
create and modify
   2 CreateRule 80:1, needs 1: at 1: path /new → fixed response 202
`
	if got := Compute(l.input(rulesOf("/new→202 /a→200 /*→201"), answerWith("404"))).String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
