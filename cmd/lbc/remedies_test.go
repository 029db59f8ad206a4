package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func readRemedies(t *testing.T) []remedyCase {
	t.Helper()
	text, err := os.ReadFile("testdata/remedies.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []remedyCase }
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Cases
}

// TestEachRemedyEndsItsFinding applies the remedy of each code that objects and the account decide. A golden file for
// each code has the object, the line of lint or plan, the event and the conditions of the LoadBalancer object.
func TestEachRemedyEndsItsFinding(t *testing.T) {
	t.Parallel()
	for _, c := range readRemedies(t) {
		t.Run(string(c.Code), func(t *testing.T) {
			t.Parallel()
			c.begin()
			found := c.findings(t)
			says := regexp.MustCompile(c.Says)
			at := slices.IndexFunc(found, func(f finding) bool {
				return f.Reason == string(c.Code) && c.Says != "" && says.MatchString(f.Remedy)
			})
			if at < 0 {
				t.Fatalf("no finding has the code, and a remedy that matches %q: %+v", c.Says, found)
			}
			contradictions(t, found)
			goldenfile.Compare(t, filepath.Join("testdata", "remedies", string(c.Code)+".txt"), everywhere(found[at]))
			c.follow(t, says.FindStringSubmatch(found[at].Remedy))
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
	remedy := strings.TrimPrefix(f.Remedy, ifElsewhere+"; otherwise ") // which only lint adds
	d := diag.New(object, f.Field, diag.Code(f.Reason), f.Message, remedy)
	e := reporting.EventOf(d)
	var conditions []string
	s := reporting.LoadBalancer(reporting.Pass{Members: []reporting.Member{{Object: object}}, Found: diag.List{d}},
		v1alpha1.LoadBalancerStatus{})
	for _, c := range s.Conditions {
		conditions = append(conditions, fmt.Sprintf("%s=%s (%s)", c.Type, c.Status, c.Reason))
	}
	f.File, f.Line = "shop.yaml", 1
	return fmt.Sprintf("object: %s\nlint: %sevent: %s %s: %s\nconditions before the first reconcile: %s\n", f.Object,
		f.text(false), e.Type, e.Reason, e.Message, strings.Join(conditions, ", "))
}
