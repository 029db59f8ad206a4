package domainname

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestNamesAreWrittenAsRoute53WritesThem(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"Example.COM": "example.com.", "example.com.": "example.com.", "*.example.com": `\052.example.com.`,
		`\052.example.com`: `\052.example.com.`,
		"_x-1.a":           "_x-1.a.", `a\056b.c`: `a\056b.c.`, "": ".", ".": ".", "é.a": `\303\251.a.`,
	} {
		if got, err := Canonical(given); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", given, got, err, want)
		}
		if again, err := Canonical(want); err != nil || again != want {
			t.Errorf("%q again: %q, %v", want, again, err)
		}
	}
	for given, code := range map[string]string{
		"a..b": "DomainLabelEmpty", ".a": "DomainLabelEmpty", strings.Repeat("a", 64) + ".b": "DomainLabelTooLong",
		strings.Repeat("a.", 130): "DomainNameTooLong", `a\9b`: "InvalidEscape", `a\08`: "InvalidEscape",
		`a\777.b`: "InvalidEscape",
	} {
		_, err := Canonical(given)
		var p *Problem
		if !errors.As(err, &p) || p.Code != code {
			t.Errorf("%q: %v, want %s", given, err, code)
		}
	}
}

func TestNamesAreOrderedFromTheirLastLabel(t *testing.T) {
	t.Parallel()
	names := []string{"b.example.com.", "example.com.", "a.example.net.", "z.a.example.com.", "a.example.com.",
		"ab.example.com."}
	slices.SortFunc(names, func(x, y string) int { return strings.Compare(Key(x), Key(y)) })
	if got := strings.Join(names, " "); got != "example.com. a.example.com. z.a.example.com. ab.example.com. "+
		"b.example.com. a.example.net." {
		t.Errorf("got %s", got)
	}
}
