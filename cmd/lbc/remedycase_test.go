package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/view/explain"
)

// remedyCase is a world with a finding, and what its remedy asks for.
type remedyCase struct {
	Code   diag.Code
	Plan   bool     // the finding is in the plan; otherwise lint has it
	Flags  []string // of the command
	Beside string   // documents
	Object map[string]any
	More   []map[string]any // further objects
	// Wrong is a merge patch of Object, and Account one of the account file. Both make the finding.
	Wrong, Account map[string]any
	// The remedy: merge patches of Object, of the first object of More and of the account file, objects to add, whether
	// the objects of More are deleted, and the flags of the command from then on.
	Right, RightMore, RightAccount map[string]any
	Add                            []map[string]any
	Delete                         bool
	RightFlags                     *[]string
	// Says is a regular expression for the part of the remedy that is followed; $1 in Right is its first group.
	Says string
}

// begin makes the finding.
func (c *remedyCase) begin() { merged(c.Object, c.Wrong) }

// follow does what the remedy asks for. groups are those of Says in the remedy.
func (c *remedyCase) follow(t *testing.T, groups []string) {
	t.Helper()
	right := c.Right
	if len(groups) > 1 {
		text, err := json.Marshal(right)
		if err != nil {
			t.Fatal(err)
		}
		right = nil
		if err := json.Unmarshal([]byte(strings.ReplaceAll(string(text), "$1", groups[1])), &right); err != nil {
			t.Fatal(err)
		}
	}
	merged(c.Object, right)
	if len(c.RightMore) > 0 {
		merged(c.More[0], c.RightMore)
	}
	if c.Delete {
		c.More = nil
	}
	c.More = append(c.More, c.Add...)
	if c.RightAccount != nil {
		c.Account = c.RightAccount
	}
	if c.RightFlags != nil {
		c.Flags = *c.RightFlags
	}
}

// findings are those of lint or of the plan.
func (c *remedyCase) findings(t *testing.T) []finding {
	t.Helper()
	var documents []string
	for _, o := range append([]map[string]any{c.Object}, c.More...) {
		text, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, string(text))
	}
	args := append([]string{"lint", "-"}, c.Flags...)
	if c.Plan {
		args = append([]string{"plan", "-f", "-"}, c.Flags...)
	}
	out, errOut, err := lbc(t, strings.Join(documents, "\n---\n")+"\n"+c.Beside, append(args, "-o", "json", "--account",
		c.accountFile(t))...)
	if code := exitCode(0); err != nil && !errors.As(err, &code) {
		t.Fatalf("%v\n%s", err, errOut)
	}
	if c.Plan {
		return plannedFindings(t, out)
	}
	var doc lintDocument
	if err := yaml.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return doc.Findings
}

// accountFile is the account of all cases, changed for this one.
func (c *remedyCase) accountFile(t *testing.T) string {
	t.Helper()
	const common = "testdata/remedies-account.yaml"
	if c.Account == nil {
		return common
	}
	text, err := os.ReadFile(common)
	if err != nil {
		t.Fatal(err)
	}
	var account map[string]any
	if err := yaml.Unmarshal(text, &account); err != nil {
		t.Fatal(err)
	}
	merged(account, c.Account)
	if text, err = yaml.Marshal(account); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "account.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// plannedFindings are the findings of a plan, with the guards of its steps as findings about its stacks.
func plannedFindings(t *testing.T, document string) (out []finding) {
	t.Helper()
	var doc struct {
		Findings []explain.Finding
		Bindings []struct{ Findings []explain.Finding }
		Stacks   []struct {
			Key      string // as ingress.k8s.aws:shop/web
			Findings []explain.Finding
			Plan     struct{ Steps []struct{ Guard *plan.Guard } }
		}
	}
	if err := json.Unmarshal([]byte(document), &doc); err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	all := doc.Findings
	for _, b := range doc.Bindings {
		all = append(all, b.Findings...)
	}
	for _, s := range doc.Stacks {
		all = append(all, s.Findings...)
		for _, step := range s.Plan.Steps {
			if g := step.Guard; g != nil {
				_, id, _ := strings.Cut(s.Key, ":")
				all = append(all, explain.Finding{Severity: severityError, Object: "Ingress " + id, Reason: string(g.Code),
					Message: g.Text, Remedy: g.Remedy})
			}
		}
	}
	for _, f := range all {
		out = append(out, finding{Severity: f.Severity, Object: f.Object, Field: f.Field, Reason: f.Reason,
			Message: f.Message, Remedy: f.Remedy})
	}
	return out
}
