package rules

import (
	"fmt"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestPartsTakeNoRoomFromRules has rules of one host with four paths each, and one behind them that the first one hides.
func TestPartsTakeNoRoomFromRules(t *testing.T) {
	t.Parallel()
	const n = 800
	all := make([]Rule, n+1)
	for i := range all {
		at := strconv.Itoa(i % n)
		all[i] = Rule{Rule: stack.Rule{Conditions: []stack.Condition{{Field: stack.PathPattern,
			Values: []string{"/a" + at, "/b" + at, "/c" + at, "/d" + at}}}},
			Route: &intent.Route{Source: intent.At(diag.Object{Kind: "Ingress", Name: "web"}, strconv.Itoa(i))}}
	}
	if hidden := HiddenIn(all); len(hidden) != 1 || hidden[0].At != n || hidden[0].Part != nil {
		t.Errorf("%d rules or parts are hidden, want rule %d: %v", len(hidden), n, hidden)
	}
}

// TestHiddenRulesAreThoseThatAreCovered compares the index by hosts with a search among all rules.
func TestHiddenRulesAreThoseThatAreCovered(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		hosts := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a.test", "A.test", "b.test", "*.test", "?.test"}), 0, 2,
			rapid.ID[string])
		paths := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"/", "/*", "/x", "/x/*", "/*/y"}), 0, 2, rapid.ID[string])
		all := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Rule {
			var w Rule
			if h := hosts.Draw(t, "hosts"); len(h) > 0 {
				w.Conditions = append(w.Conditions, stack.Condition{Field: stack.HostHeader, Values: h})
			}
			if p := paths.Draw(t, "paths"); len(p) > 0 {
				w.Conditions = append(w.Conditions, stack.Condition{Field: stack.PathPattern, Values: p})
			}
			return w
		}), 1, 8).Draw(t, "rules")
		for i := range all {
			all[i].Route = &intent.Route{Source: intent.At(diag.Object{Kind: "Ingress", Name: "web"}, string(rune('a'+i)))}
		}
		hidden := map[int]*Rule{}
		for _, h := range HiddenIn(all) {
			if h.Part == nil {
				hidden[h.At] = h.By
			} else if hidden[h.At] != nil || !overlap.Covers(h.By.Conditions, h.Part) ||
				!overlap.Covers(all[h.At].Conditions, h.Part) {
				t.Fatalf("%v is no part of rule %d of %v that %v hides", h.Part, h.At, all, h.By)
			}
		}
		for i := range all {
			var by *Rule
			for j := i - 1; j >= 0; j-- {
				if overlap.Covers(all[j].Conditions, all[i].Conditions) {
					by = &all[j]
				}
			}
			if hidden[i] != by {
				t.Fatalf("rule %d of %v is hidden by %v, want %v", i, all, hidden[i], by)
			}
		}
	})
}

// TestHiddenRulesOfOthersAreFound has a tenant put more rules in front than are compared. Each of them may match the
// requests of all others.
func TestHiddenRulesOfOthersAreFound(t *testing.T) {
	t.Parallel()
	var all []Rule
	add := func(namespace, path string) {
		all = append(all, Rule{
			Route: &intent.Route{Source: intent.At(diag.Object{Kind: "Ingress", Namespace: namespace, Name: "web"},
				fmt.Sprint(len(all)))},
			Rule: stack.Rule{Conditions: []stack.Condition{{Field: stack.PathPattern, Values: []string{path}}}},
		})
	}
	for i := range 2_000 {
		add("mal", fmt.Sprint("/evil/", i))
	}
	for i := range 20 {
		add("shop", fmt.Sprintf("/%d/*", i))
		add("shop", fmt.Sprintf("/%d/below", i))
	}
	hidden := 0
	for _, h := range HiddenIn(all) {
		if h.Rule.Route.Source.Object().Namespace == "shop" {
			hidden++
		}
	}
	if hidden != 20 {
		t.Errorf("%d of 20 hidden rules are found", hidden)
	}
}
