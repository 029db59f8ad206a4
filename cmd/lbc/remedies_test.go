package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

type remedyFile struct {
	Cases   []remedyCase
	Running map[diag.Code]string // the test of a code that only a running controller finds
}

func readRemedies(t *testing.T) (out remedyFile) {
	t.Helper()
	text, err := os.ReadFile("testdata/remedies.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestEachRemedyEndsItsFinding applies the remedy of each code that objects and the account decide. A golden file for
// each code has the object, the line of lint or plan, the event and the conditions of the LoadBalancer object.
func TestEachRemedyEndsItsFinding(t *testing.T) {
	t.Parallel()
	for _, c := range readRemedies(t).Cases {
		t.Run(string(c.Code), func(t *testing.T) {
			t.Parallel()
			c.begin()
			found := c.findings(t)
			at := slices.IndexFunc(found, func(f finding) bool { return f.Reason == string(c.Code) })
			if at < 0 {
				t.Fatalf("no finding has the code: %+v", found)
			}
			contradictions(t, found)
			compare(t, filepath.Join("remedies", string(c.Code)+".txt"), everywhere(found[at]))
			c.follow(t, found[at].Remedy)
			for _, f := range c.findings(t) {
				if f.Reason == string(c.Code) {
					t.Errorf("the remedy leaves %s", f.text(false))
				}
			}
		})
	}
}

// contradictions reports findings of a field of which one says that nothing is made of it, and one that it has no effect.
func contradictions(t *testing.T, found []finding) {
	t.Helper()
	for _, a := range found {
		for _, b := range found {
			if a.Object == b.Object && a.Field == b.Field && a.Severity == severityError && a != b &&
				(strings.Contains(b.Message, "has no effect") || b.Severity == severityError && a.Reason != b.Reason) {
				t.Errorf("two findings about one field:\n%s%s", a.text(false), b.text(false))
			}
		}
	}
}

// everywhere is a finding as lint, events and LoadBalancer objects show it.
func everywhere(f finding) string {
	kind, rest, _ := strings.Cut(f.Object, " ")
	namespace, name, _ := strings.Cut(rest, "/")
	object := diag.Object{Kind: kind, Namespace: namespace, Name: name}
	d := diag.New(object, f.Field, diag.Code(f.Reason), f.Message, f.Remedy)
	e := reporting.EventOf(d)
	var conditions []string
	s := reporting.LoadBalancer(reporting.Pass{Members: []reporting.Member{{Object: object}}, Found: diag.List{d}},
		v1alpha1.LoadBalancerStatus{})
	for _, c := range s.Conditions {
		conditions = append(conditions, fmt.Sprintf("%s=%s (%s)", c.Type, c.Status, c.Reason))
	}
	f.File, f.Line = "shop.yaml", 1
	return fmt.Sprintf("object: %s\nlint: %sevent: %s %s: %s\nconditions: %s\n", f.Object, f.text(false), e.Type, e.Reason,
		e.Message, strings.Join(conditions, ", "))
}

var testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// TestEachCodeHasARemedyThatIsApplied goes over the codes: each has a case, or a test of a running controller.
func TestEachCodeHasARemedyThatIsApplied(t *testing.T) {
	t.Parallel()
	all, tests := readRemedies(t), map[string]bool{}
	for _, dir := range []string{"../../internal", "../../playground/e2e", "."} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path) //nolint:gosec // ours
			for _, m := range testFunction.FindAllStringSubmatch(string(text), -1) {
				tests[m[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, code := range diag.Codes() {
		ofCase := slices.ContainsFunc(all.Cases, func(c remedyCase) bool { return c.Code == code })
		switch test := all.Running[code]; {
		case ofCase == (test != ""):
			t.Errorf("%s has a case (%v) and a test (%q), not one of the two", code, ofCase, test)
		case !ofCase && !tests[test]:
			t.Errorf("%s: there is no test %s", code, test)
		}
	}
	if n := len(all.Cases); n < 80 {
		t.Errorf("%d codes have a case", n)
	}
}

// internalNames are traces of Go and its libraries, which no text for users has.
var internalNames = regexp.MustCompile(`\*?\b(annotation|stack|intent|json|strconv|net|http|url|yaml|v1|v1beta1)\.[A-Z]\w+|` +
	`json: (cannot|unknown|invalid)|strconv\.|unmarshal|Go value|Go struct|<nil>|%!|goroutine|runtime error|0xc0[0-9a-f]+|map\[string\]|interface ?\{`)

// TestTextsHaveNoNamesOfTheProgram reads all golden files with findings.
func TestTextsHaveNoNamesOfTheProgram(t *testing.T) {
	t.Parallel()
	files := 0
	for _, pattern := range []string{"testdata/*.txt", "testdata/remedies/*.txt", "../../internal/*/testdata/*.out.yaml",
		"../../internal/*/*/testdata/*.out.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			files++
			text, err := os.ReadFile(path) //nolint:gosec // ours
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(text)) {
				if m := internalNames.FindString(line); m != "" {
					t.Errorf("%s: %q in %s", path, m, line)
				}
			}
		}
	}
	if files < 100 {
		t.Errorf("%d files are read", files)
	}
}
