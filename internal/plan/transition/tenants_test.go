package transition

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// awaitedBy are the target groups, by identity, for whose targets a change waits, directly or through others.
func awaitedBy(tr Transition, id ID) (out []string) {
	var all []Change
	for _, p := range tr.Batches {
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
	for _, p := range tr.Batches {
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
		{"a wider rule of another gets new targets", "/a→shop/y /*→mal/z", "/*→mal/w", []string{"mal/z", "mal/w"},
			"DeleteRule", nil},
		{"a wider rule of the same namespace gets new targets", "/a→mal/z /*→shop/y", "/*→mal/w", []string{"mal/w"},
			"DeleteRule", nil},
		{"rules change places while another one gets new targets", "/a→shop/y /b→x /*→mal/z", "/b→x /*→mal/w /a→shop/y",
			[]string{"shop/y", "mal/w"}, "SetRulePriorities", nil},
		{"one tenant alone waits for its own targets", "/a→mal/z /*→mal/z", "/*→mal/w", []string{"mal/w"}, "DeleteRule",
			[]string{"mal/w"}},
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

// TestRuleLeavesTargetsOfAnotherThatGo has a rule of namespace mal that was created with the answer of a rule of
// namespace shop.
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

// TestNoTenantWaitsForTargetsOfAnother draws rules of several namespaces, of Ingresses or of a Gateway: no change of
// one namespace waits for targets of another; moves, and changes of what forwards to no target group, wait for none.
func TestNoTenantWaitsForTargetsOfAnother(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		rules, defaults := draw(rt, "before")
		ids := []string{"shop/y", "mal/z", "mal/w"}
		want, wantDefaults := draw(rt, "after")
		gateway := rapid.Bool().Draw(rt, "of a Gateway")
		if gateway {
			for i, id := range ids {
				ids[i] = ofRoute(id)
			}
			for _, rs := range [][]stack.Rule{rules, want, {{Actions: defaults}, {Actions: wantDefaults}}} {
				for _, r := range rs {
					renamed(r.Actions)
				}
			}
		}
		l := newListener(rules, defaults, 1, 1)
		l.addTargetGroups(ids...)
		l.pass = 1
		l.wanted = rapid.SliceOfDistinct(rapid.SampledFrom(ids), func(id string) string { return id }).Draw(rt,
			"wanted target groups")
		in := l.input(want, wantDefaults)
		tr := Compute(in)
		if !in.isShared() {
			return
		}
		for _, p := range tr.Batches {
			for _, c := range p.Changes {
				if c.Op == nil || c.Action == plan.Await {
					continue
				}
				as := slices.Concat(c.Sets, c.Releases)
				if c.Action == plan.Update && len(c.Sets) > 0 {
					as = c.Sets
				}
				of, _ := in.Targets.tenants(as)
				for _, id := range awaitedBy(tr, c.ID) {
					if to, _ := in.Targets.tenants(answerWith(id)); apart(append(of, "nobody"), to) {
						rt.Fatalf("change %d, of %v, waits for targets of %s:\n%s\nrules %s", c.ID, of, id, tr, l.text())
					}
				}
			}
		}
	})
}

// ofRoute is the identity of a target group of a route of Gateway gw/web.
func ofRoute(id string) string {
	namespace, name, _ := strings.Cut(id, "/")
	return naming.GatewayTargetGroup{
		Gateway: stack.ID{Namespace: "gw", Name: "web"}, RouteKind: "HTTPRoute", RouteNamespace: namespace, RouteName: name,
		BackendNamespace: namespace, BackendName: name, TargetPort: "80",
	}.ID()
}

// renamed gives target groups of namespaces the identities that those of routes have.
func renamed(as []stack.Action) {
	for _, a := range as {
		if a.Forward != nil {
			for i, g := range a.Forward.TargetGroups {
				if strings.Contains(g.TargetGroup.ID, "/") {
					a.Forward.TargetGroups[i].TargetGroup.ID = ofRoute(g.TargetGroup.ID)
				}
			}
		}
	}
}
