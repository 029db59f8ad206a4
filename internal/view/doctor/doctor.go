// Package doctor examines a cluster and an account for what keeps the controller or its load balancers from working. It
// has the report, the facts of the leader and the checks that the leader makes: each is a function from facts to
// findings with a severity and a remedy. Package checks (internal/lbc) has the facts and checks that only lbc has;
// package survey reads the facts.
package doctor

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Severity of a finding.
type Severity string

// Severities, from the highest.
const (
	Error   Severity = "error"   // something does not work, or stops to work soon
	Warning Severity = "warning" // something works by chance, or not as it is meant
	Note    Severity = "note"    // worth knowing; a report with notes alone is a healthy one
)

var ranks = []Severity{Error, Warning, Note}

// Finding is one problem, found by a check.
type Finding struct {
	Check    string   `json:"reason"`
	Severity Severity `json:"severity"`
	Object   string   `json:"object,omitempty"` // "Kind namespace/name", an id, or a name of AWS
	Text     string   `json:"message"`          // what is wrong, lower case, no final stop
	Evidence []string `json:"evidence,omitempty"`
	Remedy   string   `json:"remedy"`
}

// Check is a check that the leader makes, too.
type Check = CheckOf[*Facts]

// CheckOf examines facts for one kind of problem.
type CheckOf[F any] struct {
	Name     string
	Severity Severity // of its findings that set none
	About    string   // a sentence for the documentation: what a finding means
	Remedy   string   // of its findings that set none, lower case, no final stop
	Needs    []Source
	Uses     []Source // that it does without
	// Skip returns why the check does not apply to the facts; nil = it always applies.
	Skip func(F) string
	Find func(F) []Finding
}

// Status is the result of a check.
type Status string

// Statuses.
const (
	Passed    Status = "passed"
	Found     Status = "found"
	Unchecked Status = "unchecked" // what it needs could not be read
	Skipped   Status = "skipped"   // it does not apply, or was not wanted
)

// Outcome is the result of one check.
type Outcome struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Reason string `json:"reason,omitempty"` // of Unchecked and Skipped
}

// Report is the result of an examination.
type Report struct {
	Version  string    `json:"version,omitempty"`
	Cluster  string    `json:"cluster"`
	Region   string    `json:"region"`
	VPC      string    `json:"vpc"`
	Account  string    `json:"account"`
	Healthy  bool      `json:"healthy"` // no errors and no warnings
	Errors   int       `json:"errors"`
	Warnings int       `json:"warnings"`
	Notes    int       `json:"notes"`
	Findings []Finding `json:"findings"`
	Checks   []Outcome `json:"checks"`
}

// Unreadable is the name of the findings about sources that could not be read. No check has it.
const Unreadable = "unreadable"

// Examine runs checks on facts, of which f is the part that the leader has as well. The findings are sorted by
// severity, check and object.
func Examine[F any](f *Facts, facts F, checks []CheckOf[F]) Report {
	r := Report{
		Cluster: f.Settings.Cluster, Region: f.Settings.Region, VPC: f.Settings.VPC, Account: f.Settings.Account,
		Findings: unreadable(f, checks),
		Checks:   []Outcome{},
	}
	for _, c := range checks {
		found, outcome := c.examine(f, facts)
		r.Findings, r.Checks = append(r.Findings, found...), append(r.Checks, outcome)
	}
	for _, found := range r.Findings {
		switch found.Severity {
		case Error:
			r.Errors++
		case Warning:
			r.Warnings++
		case Note:
			r.Notes++
		}
	}
	r.settle()
	return r
}

// settle sorts the findings.
func (r *Report) settle() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(ranks, a.Severity), slices.Index(ranks, b.Severity)),
			cmp.Compare(a.Check, b.Check), cmp.Compare(a.Object, b.Object))
	})
	r.Healthy = r.Errors+r.Warnings == 0
}

// With adds what other checks have found.
func (r Report) With(other Report) Report {
	r.Findings, r.Checks = slices.Concat(r.Findings, other.Findings), slices.Concat(r.Checks, other.Checks)
	r.Errors, r.Warnings, r.Notes = r.Errors+other.Errors, r.Warnings+other.Warnings, r.Notes+other.Notes
	r.settle()
	return r
}

func (c CheckOf[F]) examine(f *Facts, facts F) ([]Finding, Outcome) {
	for _, s := range c.Needs {
		if u, ok := f.Unread[s]; ok {
			o := Outcome{c.Name, Unchecked, u.Reason}
			if u.Unwanted {
				o.Status = Skipped
			}
			return nil, o
		}
	}
	if c.Skip != nil {
		if why := c.Skip(facts); why != "" {
			return nil, Outcome{c.Name, Skipped, why}
		}
	}
	found := c.Find(facts)
	for i := range found {
		x := &found[i]
		x.Check, x.Severity, x.Remedy = c.Name, cmp.Or(x.Severity, c.Severity), cmp.Or(x.Remedy, c.Remedy)
	}
	if len(found) == 0 {
		return nil, Outcome{Check: c.Name, Status: Passed}
	}
	return found, Outcome{Check: c.Name, Status: Found}
}

// unreadable are the findings about sources that checks need and that could not be read. One that failed because of
// another is no finding.
func unreadable[F any](f *Facts, checks []CheckOf[F]) []Finding {
	found := []Finding{}
	for _, s := range Sources {
		u, ok := f.Unread[s.Name]
		if !ok || u.Unwanted || u.Because != "" {
			continue
		}
		var unchecked []string
		for _, c := range checks {
			if slices.ContainsFunc(c.Needs, func(n Source) bool { return n == s.Name || f.Unread[n].Because == s.Name }) {
				unchecked = append(unchecked, c.Name)
			}
		}
		if len(unchecked) == 0 {
			continue
		}
		found = append(found, Finding{
			Check: Unreadable, Severity: s.Severity, Object: string(s.Name), Text: s.About + " could not be read: " + u.Reason,
			Evidence: Evidence("not checked: ", unchecked), Remedy: cmp.Or(u.Remedy, s.Remedy),
		})
	}
	return found
}

// Text writes a report for people. With details the checks that passed or were skipped are listed, too. paint colours a
// text by severity; nil = no colours.
func (r Report) Text(w io.Writer, details bool, paint func(Severity, string) string) error {
	if paint == nil {
		paint = func(_ Severity, s string) string { return s }
	}
	var b strings.Builder
	fmt.Fprintf(&b, "cluster %s, account %s, %s, %s\n\n", known(r.Cluster), known(r.Account), known(r.Region),
		known(r.VPC))
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s %s", paint(f.Severity, string(f.Severity)), f.Check)
		if f.Object != "" {
			b.WriteString(": " + f.Object)
		}
		fmt.Fprintf(&b, "\n    %s\n", f.Text)
		for _, e := range f.Evidence {
			fmt.Fprintf(&b, "      · %s\n", e)
		}
		fmt.Fprintf(&b, "    → %s\n\n", f.Remedy)
	}
	counts := map[Status]int{}
	for _, c := range r.Checks {
		counts[c.Status]++
		if details && c.Status != Found {
			line := fmt.Sprintf("%-9s %s", c.Status, c.Check)
			if c.Reason != "" {
				line += ": " + c.Reason
			}
			b.WriteString(line + "\n")
		}
	}
	if details {
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "%d checks: %d passed, %d with findings, %d not possible, %d skipped; %s, %s, %s\n", len(r.Checks),
		counts[Passed], counts[Found], counts[Unchecked], counts[Skipped],
		Count(r.Errors, "error"), Count(r.Warnings, "warning"), Count(r.Notes, "note"))
	_, err := io.WriteString(w, b.String())
	return err
}

func known(s string) string {
	if s == "" {
		return "(not known)"
	}
	return s
}

// Count returns a number with its noun, in the singular or the plural.
func Count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
