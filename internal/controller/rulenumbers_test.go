package controller

import (
	"slices"
	"strings"
	"testing"
)

// TestRulesAreNumberedFromOneInTheirOrder adds paths in front of others: the numbers have no gaps, and each path costs one SetRulePriorities and one
// CreateRule. Another process has nothing to do.
func TestRulesAreNumberedFromOneInTheirOrder(t *testing.T) {
	t.Parallel()
	onEachOwner(t, nil, func(t *testing.T, b *byHand) {
		first := b.rules(80)
		if len(first) != 1 || !strings.HasPrefix(first[0], "1 ") {
			t.Fatalf("rules of a new listener %v", first)
		}
		mark := b.mark()
		b.edit("/in/front")
		b.settle(b.keys...)
		want := []string{"1 /in/front", strings.Replace(first[0], "1 ", "2 ", 1)}
		if got := b.rules(80); !slices.Equal(got, want) {
			t.Errorf("rules %v, not %v", got, want)
		}
		var rules []string
		for _, w := range b.writes(mark) {
			if strings.Contains(w, "Rule") {
				rules = append(rules, w)
			}
		}
		if !slices.Equal(rules, []string{"SetRulePriorities", "CreateRule"}) {
			t.Errorf("writes %v", rules)
		}
		mark = b.mark()
		b.restart()
		b.settle(b.keys...)
		if w := b.writes(mark); len(w) > 0 {
			t.Errorf("another process writes %v", w)
		}
	})
}
