package facts_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/facts"
)

// TestMutatedFactsAreDifferent changes what the last step of each fact expects. Each fact must notice, so that none is
// equal whatever the endpoint answers.
func TestMutatedFactsAreDifferent(t *testing.T) {
	t.Parallel()
	_, o := simulated(t)
	mutated := book(t, "")
	for i := range mutated.Facts {
		mutate(t, mutated, &mutated.Facts[i])
	}
	report, err := facts.Run(t.Context(), mutated, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Facts {
		limit := f.Result == facts.Unchecked && strings.Contains(f.Reason, "TooMany") // may be the account's own
		if !limit && (f.Result != facts.Different || len(f.Differences) == 0) {
			t.Errorf("%s is %s: %s", f.Fact, f.Result, f.Reason)
		}
	}
	if report.Unchecked > 2 || report.Different == 0 {
		t.Errorf("%d facts are different, %d cannot be checked", report.Different, report.Unchecked)
	}
}

// TestRefusalThatSucceedsIsDifferent has a fact expect success in place of a refusal.
func TestRefusalThatSucceedsIsDifferent(t *testing.T) {
	t.Parallel()
	_, o := simulated(t)
	some := book(t, "^subnets are required$")
	some.Facts[0].Steps[0].Error = ""
	report, err := facts.Run(t.Context(), some, o)
	if err != nil || report.Different != 1 {
		t.Errorf("%+v, %v", report, err)
	}
}

// mutate makes a fact wrong in its last step, so that all steps are made: another error code, or other values.
func mutate(t *testing.T, all *facts.Book, f *facts.Fact) {
	t.Helper()
	steps := f.Steps
	if f.Template != "" {
		steps, f.Template = all.Templates[f.Template], ""
	}
	f.Steps = slices.Clone(steps)
	last := &f.Steps[len(f.Steps)-1]
	if last.Within != "" {
		last.Within = "200ms"
	}
	if last.Error != "" {
		last.Error = "SomethingElse"
		return
	}
	wrong := map[string]any{}
	for path := range last.Expect {
		wrong[path] = "something else"
	}
	last.Expect = wrong
	if len(wrong) == 0 {
		last.Error = "SomethingElse" // the step has to succeed
	}
}
