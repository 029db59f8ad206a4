package filter

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestFilterValuesMatchWithWildcardsAndEscapes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"abc", "abc", true},
		{"abc", "ABC", false},
		{"*", "", true},
		{"*", "anything", true},
		{"a*c", "abbbc", true},
		{"a*c", "abbb", false},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{`a\*c`, "a*c", true},
		{`a\*c`, "abc", false},
		{`a\?`, "a?", true},
		{`a\\b`, `a\b`, true},
		{`end\`, `end\`, true},
		{"*a*b", "xxaxxaxb", true},
		{"*a*b", "xxaxxaxc", false},
		{"ü?", "üö", true},
		{`\*x*`, "*xy", true},
	}
	for _, tt := range tests {
		g := parseGlob(tt.pattern)
		got := g.matches(tt.text)
		if g.literal {
			got = g.text() == tt.text
		}
		if got != tt.want {
			t.Errorf("pattern %q on %q: %v, want %v", tt.pattern, tt.text, got, tt.want)
		}
	}
}

func TestWildcardsMeanWhatTheirRegularExpressionsMean(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		pattern := rapid.StringOfN(rapid.RuneFrom([]rune(`ab*?\`)), 0, 8, -1).Draw(rt, "pattern")
		text := rapid.StringOfN(rapid.RuneFrom([]rune(`ab*?\`)), 0, 8, -1).Draw(rt, "text")
		var b strings.Builder
		b.WriteString(`^(?s)`)
		runes := []rune(pattern)
		for i := 0; i < len(runes); i++ {
			switch {
			case runes[i] == '\\' && i+1 < len(runes):
				i++
				b.WriteString(regexp.QuoteMeta(string(runes[i])))
			case runes[i] == '*':
				b.WriteString(`.*`)
			case runes[i] == '?':
				b.WriteString(`.`)
			default:
				b.WriteString(regexp.QuoteMeta(string(runes[i])))
			}
		}
		b.WriteString(`$`)
		if got, want := parseGlob(pattern).matches(text), regexp.MustCompile(b.String()).MatchString(text); got != want {
			rt.Fatalf("pattern %q on %q: %v, want %v", pattern, text, got, want)
		}
	})
}
