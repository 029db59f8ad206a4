package allowlist

import (
	"slices"
	"testing"
)

func TestEntryAllowsItsNamespaceOnly(t *testing.T) {
	t.Parallel()
	l, err := Parse([]string{"none", "", "shop=a*", "b", " *c*c "}, "a text", func(string) error { return nil })
	if err != nil || l.Unlimited() || !slices.Equal(l.Patterns(), []string{"a*", "b", "*c*c"}) {
		t.Fatal(l, err)
	}
	for text, want := range map[string][2]bool{"a": {true, false}, "ab": {true, false}, "b": {true, true},
		"ba": {false, false}, "c": {false, false}, "xcyc": {true, true}} {
		if got := [2]bool{len(l.Match("shop", text)) > 0, len(l.Match("other", text)) > 0}; got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if all, _ := Parse([]string{"*"}, "", nil); !all.Unlimited() || len(all.Patterns()) > 0 {
		t.Error(all)
	}
}
