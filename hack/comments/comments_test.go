package comments

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// TestCommentsOfRows reads tables that are written in several ways.
func TestCommentsOfRows(t *testing.T) {
	t.Parallel()
	const constants = "package p\n\nconst prefix = \"x/\"\n\n" +
		"const (\n\tA = prefix + \"a\"\n\tB = \"b\"\n\tC = \"c\"\n)\n\n"
	for name, c := range map[string]struct {
		rows string
		want map[string]string
		err  string
	}{
		"keys": {"// The\n\t// first.\n\tA: 1,\n\t// As in AWS.\n\tB: 2,", map[string]string{"x/a": "The first",
			"b": "As in AWS"}, ""},
		"fields": {"// The first.\n\t{Key: A},\n\t{Key: B},", map[string]string{"x/a": "The first"}, ""},
		"the comment behind the row before": {"// The first.\n\tA: 1, // a number\n\tB: 2,",
			map[string]string{"x/a": "The first"}, ""},
		"the text of another row": {"// The first.\n\tA: 1,\n\t// As A.\n\tB: 2,", map[string]string{"x/a": "The first",
			"b": "The first"}, ""},
		"the text of no row":        {"// As D.\n\tA: 1,", nil, `"As D"`},
		"the text of a row without": {"// As B.\n\tA: 1,\n\tB: 2,", nil, `"As B"`},
		"the text of a row with the same": {"// The first.\n\tA: 1,\n\t// As A.\n\tB: 2,\n\t// As B.\n\tC: 3,", nil,
			`"As B"`},
		"no comment": {"A: 1,", nil, "no table"},
	} {
		dir := t.TempDir()
		source := constants + "var table = T{\n\t" + c.rows + "\n}\n"
		if err := os.WriteFile(filepath.Join(dir, "p.go"), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := OfRows(dir)
		switch {
		case c.err == "" && (err != nil || !maps.Equal(got, c.want)):
			t.Errorf("%s: %q, %v", name, got, err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: %q, %v, want an error about %s", name, got, err, c.err)
		}
	}
}

// TestEveryRowHasAText has all annotations and codes explained on their pages.
func TestEveryRowHasAText(t *testing.T) {
	t.Parallel()
	var keys, codes []string
	for _, e := range annotation.Entries() {
		keys = append(keys, string(e.Key))
	}
	for _, c := range diag.Codes() {
		codes = append(codes, string(c))
	}
	for dir, names := range map[string][]string{"kube/annotation": keys, "model/diag": codes} {
		texts, err := OfRows(filepath.Join("..", "..", "internal", filepath.FromSlash(dir)))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if texts[name] == "" {
				t.Errorf("internal/%s: no comment above the row of %s", dir, name)
			}
		}
	}
}
