package ingresses

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestRulesAreNumberedFromOneInTheirOrder adds paths in front of others: the numbers have no gaps, and each path costs
// one SetRulePriorities and one CreateRule. Another process has nothing to do.
func TestRulesAreNumberedFromOneInTheirOrder(t *testing.T) {
	t.Parallel()
	lab.OnEachOwner(t, nil, func(t *testing.T, b *lab.ByHand) {
		first := b.Rules(80)
		if len(first) != 1 || !strings.HasPrefix(first[0], "1 ") {
			t.Fatalf("rules of a new listener %v", first)
		}
		mark := b.Mark()
		b.Edit("/in/front")
		b.Settle(b.Keys...)
		want := []string{"1 /in/front", strings.Replace(first[0], "1 ", "2 ", 1)}
		if got := b.Rules(80); !slices.Equal(got, want) {
			t.Errorf("rules %v, not %v", got, want)
		}
		var rules []string
		for _, w := range b.Writes(mark) {
			if strings.Contains(w, "Rule") {
				rules = append(rules, w)
			}
		}
		if !slices.Equal(rules, []string{"SetRulePriorities", "CreateRule"}) {
			t.Errorf("writes %v", rules)
		}
		mark = b.Mark()
		b.Restart()
		b.Settle(b.Keys...)
		if w := b.Writes(mark); len(w) > 0 {
			t.Errorf("another process writes %v", w)
		}
	})
}
