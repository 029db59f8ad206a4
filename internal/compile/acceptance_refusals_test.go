package compile_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestEveryRefusalOfTheExistingControllerIsReported reads testdata/refusals*.txt: what is refused is refused here as
// well, in one finding that has the words of that list, is about the annotation or field that is wrong, and is no mere
// note. Findings are those of the golden cases, of the behaviours, and of members that disagree.
func TestEveryRefusalOfTheExistingControllerIsReported(t *testing.T) {
	t.Parallel()
	said := goldenFindings(t)
	for _, b := range slices.Concat(groupBehaviours(), routingBehaviours(), listenerBehaviours(), networkBehaviours()) {
		s := scenario{Account: "lab"}
		if b.config != "" {
			s.Config = json.RawMessage(b.config)
		}
		said = append(said, findingsOf(tell(s.run(t, append(surroundings(), b.objects...))))...)
	}
	for key := range disagreements {
		said = append(said, findingsOf(meet(t, key, disagreements[key].first, disagreements[key].second))...)
	}
	files, err := filepath.Glob("testdata/refusals*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var raw []byte
	for _, f := range files {
		part, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		raw = append(raw, part...)
	}
	n := 0
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		of, text, ok := strings.Cut(strings.TrimSpace(line), " | ")
		of, lenient := strings.CutPrefix(of, "note ")
		told := func(f string) bool {
			return strings.Contains(f, text) && about(f, of) && isNote(f) == lenient
		}
		if n++; !ok || !slices.ContainsFunc(said, told) {
			t.Errorf("%s: no finding about it says %q", of, text)
		}
	}
	if n < 100 {
		t.Errorf("only %d refusals are listed", n)
	}
}

// about reports whether a finding's field is the one of the list: an annotation by its suffix, a path, or none.
func about(finding, field string) bool {
	switch {
	case field == "-":
		return !strings.Contains(finding, "metadata.annotations[") && !strings.Contains(finding, "(spec.")
	case strings.HasPrefix(field, "spec."):
		return strings.Contains(finding, field)
	}
	return strings.Contains(finding, "metadata.annotations[alb.ingress.kubernetes.io/"+strings.TrimSuffix(field, "x"))
}

// isNote knows the form of this package's golden files and that of the front end's.
func isNote(finding string) bool {
	subject, _, _ := strings.Cut(finding, ":")
	return strings.HasPrefix(finding, "note ") || strings.HasSuffix(subject, " note")
}

func findingsOf(told string) (out []string) {
	for line := range strings.Lines(told) {
		if f, ok := strings.CutPrefix(line, "finding "); ok {
			out = append(out, f)
		}
	}
	return out
}

// goldenFindings are those of golden cases, here and in the front end.
func goldenFindings(t *testing.T) (out []string) {
	t.Helper()
	for _, pattern := range []string{"testdata/*.out.yaml", "../front/ingress/testdata/*.out.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for doc := range strings.SplitSeq(string(raw), "\n---\n") {
				var tree any
				if err := yaml.Unmarshal([]byte(doc), &tree); err != nil {
					t.Fatalf("%s: %v", file, err)
				}
				out = collect(tree, false, out)
			}
		}
	}
	return out
}

// collect appends the texts below keys that hold findings.
func collect(v any, found bool, out []string) []string {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			out = collect(e, k == "Diagnostics" || k == "Rejected", out)
		}
	case []any:
		for _, e := range v {
			out = collect(e, found, out)
		}
	case string:
		if found {
			out = append(out, v)
		}
	}
	return out
}
