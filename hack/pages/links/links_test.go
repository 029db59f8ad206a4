package links

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestALinkThatLeadsNowhereIsNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"another page":                 {"[x](../README.md)", ""},
		"a heading of another page":    {"[x](../README.md#two-words)", ""},
		"a heading of this page":       {"[x](#here)", ""},
		"a heading in a list":          {"[x](../README.md#deep)", ""},
		"the second heading of a name": {"[x](../README.md#two-words-1)", ""},
		"a directory":                  {"[x](../examples)", ""},
		"another site":                 {"[x](https://example.org/y#z)", ""},
		"code":                         {"`[x](missing.md)`", ""},
		"a comment in a block": {"```sh\n# Nothing\n```\n[x](#nothing)",
			"docs/a.md: docs/a.md has no heading nothing"},
		"a missing file":    {"[x](missing.md)", "docs/a.md: the link missing.md leads nowhere"},
		"a missing picture": {"![x](x.svg)", "docs/a.md: the link x.svg leads nowhere"},
		"a missing heading": {"[x](../README.md#nothing)", "docs/a.md: README.md has no heading nothing"},
	} {
		err := Check(fstest.MapFS{
			"README.md":       {Data: []byte("# Two words\n\n## Two words\n\n- # Deep\n")},
			"docs/a.md":       {Data: []byte("# Here\n\n" + c.text + "\n")},
			"examples/a.yaml": {},
		})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
