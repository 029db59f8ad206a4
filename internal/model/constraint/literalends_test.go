package constraint

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestLiteralEndsAreThoseOfEveryMatch has expressions of few characters, valid or not, and texts that they match.
func TestLiteralEndsAreThoseOfEveryMatch(t *testing.T) {
	t.Parallel()
	expressions := rapid.OneOf(rapid.StringOfN(rapid.RuneFrom([]rune(`ab\^$().*?|[]{},=1Q`)), 0, 14, -1),
		rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "^", "$", `\$`, `\^`, "(a)", "(?i)", "(?i:b)", "|", ".*",
			"a?", "b*", `\b`, `\Qa\E`, "[ab]", "{2}", "(?:a|b)"}), 0, 8), func(parts []string) string {
			return strings.Join(parts, "")
		}))
	texts := rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune("abAB^$")), 0, 6, -1), 30, 30)
	rapid.Check(t, func(rt *rapid.T) {
		v := expressions.Draw(rt, "expression")
		head, tail := literalEnds(v)
		Cover([]stack.Condition{{Field: stack.PathPattern, Regex: []string{v}}})
		e, err := regexp.Compile(v)
		if err != nil {
			return
		}
		for _, s := range texts.Draw(rt, "texts") {
			if e.MatchString(s) && (!strings.HasPrefix(s, head) || !strings.HasSuffix(s, tail)) {
				rt.Fatalf("%q matches %q, which has not the ends %q and %q", v, s, head, tail)
			}
		}
	})
}
