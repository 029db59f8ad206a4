package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/hack/pages"
)

// hunk is a part of a diff: the file that it changes, and the text that it expects there.
type hunk struct{ file, before string }

// hunks returns the hunks of a diff.
func hunks(diff string) (out []hunk) {
	file := ""
	for line := range strings.Lines(diff) {
		switch {
		case strings.HasPrefix(line, "--- "):
		case strings.HasPrefix(line, "+++ b/"):
			file = strings.TrimSpace(strings.TrimPrefix(line, "+++ b/"))
		case strings.HasPrefix(line, "@@"):
			out = append(out, hunk{file: file})
		case !strings.HasPrefix(line, "+") && len(out) > 0:
			out[len(out)-1].before += line[1:]
		}
	}
	return out
}

func TestHunksExpectWhatTheyDoNotAdd(t *testing.T) {
	t.Parallel()
	got := hunks("--- a/x.go\n+++ b/x.go\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n@@ -9 +9,2 @@\n nine\n+ten\n")
	want := []hunk{{"x.go", "one\ntwo\n"}, {"x.go", "nine\n"}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestTheDiffsOfTheFirstChangeFit(t *testing.T) {
	t.Parallel()
	found := 0
	for _, b := range pages.Blocks(allPages(t)["docs/first-change.md"]) {
		if b.Language != "diff" {
			continue
		}
		for _, h := range hunks(b.Text) {
			found++
			text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(h.file)))
			if err != nil {
				t.Error(err)
			} else if !strings.Contains(string(text), h.before) {
				t.Errorf("docs/first-change.md: %s has no lines\n%s", h.file, h.before)
			}
		}
	}
	if found == 0 {
		t.Error("docs/first-change.md shows no diff")
	}
}
