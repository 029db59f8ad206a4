package recorded_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/parity/recorded"
)

func TestDifferencesAreTheSmallestPlacesThatDiffer(t *testing.T) {
	t.Parallel()
	list := func(v ...any) []any { return v }
	for name, c := range map[string]struct {
		today, ours any
		want        []string
	}{
		"equal": {recorded.Tree{"a": list("x")}, recorded.Tree{"a": list("x")}, nil},
		"a value": {recorded.Tree{"a": recorded.Tree{"b": 1.0, "c": 2.0}}, recorded.Tree{
			"a": recorded.Tree{"b": 1.0, "c": 3.0}}, []string{"a/c"}},
		"a key that only one has": {recorded.Tree{"a": "x"}, recorded.Tree{"b": "x"}, []string{"a", "b"}},
		"a slash in a key": {recorded.Tree{"k8s.aws/x": "1"}, recorded.Tree{"k8s.aws/x": "2"},
			[]string{"k8s.aws~x"}},
		"one of a list": {recorded.Tree{"a": list("x", "y")}, recorded.Tree{"a": list("x", "z")},
			[]string{"a/1"}},
		"a list of another length, as a whole": {recorded.Tree{"a": list("x", "y")}, recorded.Tree{"a": list("x")},
			[]string{"a"}},
		"a list and what is none":               {recorded.Tree{"a": list("x")}, recorded.Tree{"a": "x"}, []string{"a"}},
		"a number and the text of that number":  {recorded.Tree{"a": 1.0}, recorded.Tree{"a": "1"}, []string{"a"}},
		"what is empty and what is not there":   {recorded.Tree{"a": ""}, recorded.Tree{}, []string{"a"}},
		"nothing and nothing, however it reads": {recorded.Tree{"a": nil}, recorded.Tree{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := slices.Sorted(maps.Keys(recorded.Differ(c.today, c.ours))); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestListsAreSortedButThoseOfRules(t *testing.T) {
	t.Parallel()
	v := recorded.Sorted(recorded.Tree{"rules": []any{"b", "a", []any{"d", "c"}}, "other": []any{"b", "a"}})
	if got, want := recorded.Text(v), `{"other":["a","b"],"rules":["b","a",["c","d"]]}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestACaseThatIsNotWholeIsRefused leaves out a result, and has one too many: a step that nobody compares would pass
// unseen.
func TestACaseThatIsNotWholeIsRefused(t *testing.T) {
	t.Parallel()
	const object, step = "kind: Service\nmetadata: {name: web}\n",
		"---\nstep: edit\ndo: [{annotate: Service/web, alb: {scheme: internal}}]\n"
	for name, c := range map[string]struct{ manifest, results, want string }{
		"whole":              {object + step, `{"steps": {"0 create": {}, "1 edit": {}}}`, ""},
		"a result is absent": {object + step, `{"steps": {"0 create": {}}}`, "no result of step 1 edit"},
		"a result too many":  {object, `{"steps": {"0 create": {}, "1 edit": {}}}`, "2 results for 1 steps"},
		"a misspelt step":    {object + "---\nstep: edit\ndone: []\n", `{"steps": {"0 create": {}}}`, "unknown field"},
		"not an object":      {"kind: Service\n", `{}`, "neither an object nor a step"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "area")
			file := filepath.Join(dir, "001-case.yaml")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			for path, text := range map[string]string{file: c.manifest, filepath.Join(dir, "001-case.json"): c.results} {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := recorded.Read(file)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v, want %q", err, c.want)
				}
				return
			}
			if err != nil || got.Name != "area/001-case" || got.Namespace != "a001-case" || len(got.Edits) != 2 ||
				len(got.After) != 2 {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}
