package transition

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// awaitedBy are the target groups, by identity, for whose targets a change waits, directly or through others.
func awaitedBy(tr Transition, id ID) (out []string) {
	var all []Change
	for _, p := range tr.Phases {
		all = append(all, p.Changes...)
	}
	seen := map[ID]bool{}
	var visit func(id ID)
	visit = func(id ID) {
		if seen[id] {
			return
		}
		seen[id] = true
		c := all[id-1]
		if c.Action == plan.Await {
			out = append(out, c.Resource.ID)
		}
		for _, n := range slices.Concat(c.Needs, c.After) {
			visit(n)
		}
	}
	visit(id)
	slices.Sort(out)
	return out
}

// changesOf are the changes of a transition with an operation of one name, in their order.
func changesOf(tr Transition, operation string) (out []Change) {
	for _, p := range tr.Phases {
		for _, c := range p.Changes {
			if c.Op != nil && plan.NameOf(c.Op) == operation {
				out = append(out, c)
			}
		}
	}
	return out
}

// TestRuleOfTenantGoesWithoutTargetsOfAnother has namespace mal declare rules whose targets are not healthy yet.
func TestRuleOfTenantGoesWithoutTargetsOfAnother(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, before, after string
		wanted              []string
		operation           string   // the one that is looked at, of namespace shop
		awaited             []string // what it waits for
	}{
		{"a wider rule of another gets new targets", "/a→shop/y /*→mal/z", "/*→mal/w", []string{"mal/z", "mal/w"}, "DeleteRule", nil},
		{"a wider rule of the same namespace gets new targets", "/a→mal/z /*→shop/y", "/*→mal/w", []string{"mal/w"}, "DeleteRule", nil},
		{"rules change places while another one gets new targets", "/a→shop/y /b→x /*→mal/z", "/b→x /*→mal/w /a→shop/y", []string{"shop/y", "mal/w"}, "SetRulePriorities", nil},
		{"one tenant alone waits for its own targets", "/a→mal/z /*→mal/z", "/*→mal/w", []string{"mal/w"}, "DeleteRule", []string{"mal/w"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newListener(rulesOf(c.before), answerWith("404"), 100, 100)
			l.pass, l.wanted = 1, c.wanted
			tr := Compute(l.input(rulesOf(c.after), answerWith("404")))
			found := changesOf(tr, c.operation)
			if len(found) == 0 {
				t.Fatalf("there is no %s in\n%s", c.operation, tr)
			}
			if got := awaitedBy(tr, found[0].ID); !slices.Equal(got, c.awaited) {
				t.Errorf("%s waits for targets of %v in\n%s", c.operation, got, tr)
			}
		})
	}
}

// TestRuleOfTenantBecomesNoRuleOfAnother has a rule go where a new one of another namespace comes.
func TestRuleOfTenantBecomesNoRuleOfAnother(t *testing.T) {
	t.Parallel()
	for after, want := range map[string][]string{"/b→shop/y": {"ModifyRule"}, "/b→mal/w": {"CreateRule", "DeleteRule"}} {
		l := newListener(rulesOf("/a→shop/y"), answerWith("404"), 100, 100)
		l.pass = 1
		tr := Compute(l.input(rulesOf(after), answerWith("404")))
		for _, operation := range []string{"CreateRule", "ModifyRule", "DeleteRule"} {
			if found := changesOf(tr, operation); (len(found) == 1) != slices.Contains(want, operation) {
				t.Errorf("%s: %d × %s in\n%s", after, len(found), operation, tr)
			}
		}
	}
}

// TestRuleLeavesTargetsOfAnotherThatGo has a rule of namespace mal that was created with the answer of a rule of namespace shop.
func TestRuleLeavesTargetsOfAnotherThatGo(t *testing.T) {
	t.Parallel()
	rules := rulesOf("/a→shop/y")
	none := int32(0)
	rules[0].Actions[0].Forward.TargetGroups = append(rules[0].Actions[0].Forward.TargetGroups,
		stack.WeightedTargetGroup{TargetGroup: stack.Ref{Kind: stack.KindTargetGroup, ID: "mal/w"}, Weight: &none})
	for name, c := range map[string]struct {
		wanted []string
		waits  []string
	}{
		"it stays": {[]string{"shop/y", "mal/w"}, []string{"mal/w"}},
		"it goes":  {[]string{"mal/w"}, nil},
	} {
		l := newListener(rules, answerWith("404"), 100, 100)
		l.pass, l.wanted = 1, c.wanted
		tr := Compute(l.input(rulesOf("/a→mal/w"), answerWith("404")))
		found := changesOf(tr, "ModifyRule")
		if len(found) != 1 {
			t.Fatalf("%s: the changes are\n%s", name, tr)
		}
		if got := awaitedBy(tr, found[0].ID); !slices.Equal(got, c.waits) {
			t.Errorf("%s: the rule waits for targets of %v in\n%s", name, got, tr)
		}
	}
}

// TestNoTenantWaitsForTargetsOfAnother draws rules of several namespaces: where nothing of a namespace succeeds a rule, its deletion waits for no
// targets of others; moves, which are everybody's, wait for none.
func TestNoTenantWaitsForTargetsOfAnother(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		rules, defaults := draw(rt, "before")
		l := newListener(rules, defaults, 1, 1)
		l.pass = 1
		l.wanted = rapid.SliceOfDistinct(rapid.SampledFrom([]string{"shop/y", "mal/z", "mal/w"}), func(id string) string { return id }).Draw(rt, "wanted target groups")
		want, wantDefaults := draw(rt, "after")
		in := l.input(want, wantDefaults)
		tr := Compute(in)
		if !in.isShared() {
			return
		}
		for _, c := range changesOf(tr, "SetRulePriorities") {
			if got := awaitedBy(tr, c.ID); len(got) > 0 {
				rt.Fatalf("change %d waits for targets of %v:\n%s\nrules %s", c.ID, got, tr, l.text())
			}
		}
		goes := func(ns string) bool {
			of := func(as []stack.Action) bool {
				return slices.ContainsFunc(awsop.TargetGroupsOf(as), func(r stack.Ref) bool { return !strings.Contains(r.ID, "/") || strings.HasPrefix(r.ID, ns+"/") })
			}
			return !of(wantDefaults) && !slices.ContainsFunc(want, func(r stack.Rule) bool { return of(r.Actions) })
		}
		for _, c := range changesOf(tr, "DeleteRule") {
			ns := fmt.Sprint(in.Targets.namespaces(c.Releases))
			if got := awaitedBy(tr, c.ID); len(got) > 0 && ns != "[]" && goes(strings.Trim(ns, "[]")) {
				rt.Fatalf("change %d, of %s, waits for targets of %v:\n%s\nrules %s", c.ID, ns, got, tr, l.text())
			}
		}
	})
}
