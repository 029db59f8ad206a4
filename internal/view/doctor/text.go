package doctor

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

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
		count(r.Errors, "error"), count(r.Warnings, "warning"), count(r.Notes, "note"))
	_, err := io.WriteString(w, b.String())
	return err
}

func known(s string) string {
	if s == "" {
		return "(not known)"
	}
	return s
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Page is docs/doctor.md after its title.
func Page() string {
	var b strings.Builder
	b.WriteString("## Checks\n\n`lbc doctor` makes all checks. The last column says which checks the leader makes, from " +
		"its own data.\n\n| Check | Severity | In the leader |\n|---|---|---|\n")
	leader := OfLeader()
	for _, c := range Checks() {
		inside := "no"
		if slices.ContainsFunc(leader, func(l Check) bool { return l.Name == c.Name }) {
			inside = "yes"
		}
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", c.Name, c.Name, c.Severity, inside)
	}
	b.WriteString("\n")
	for _, a := range areas() {
		fmt.Fprintf(&b, "## %s\n\n", a.title)
		for _, c := range a.checks {
			fmt.Fprintf(&b, "### %s\n\n%s\n\nSeverity: %s. Remedy: %s.\n\n", c.Name, c.About, c.Severity, c.Remedy)
		}
	}
	b.WriteString("## Sources\n\nA source that lbc doctor cannot read is a finding `" + Unreadable +
		"`, and lbc doctor skips the checks that need the source:\n\n| Source | What it holds | Severity | Remedy " +
		"|\n|---|---|---|---|\n")
	for _, s := range Sources {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.Name, s.About, s.Severity, s.Remedy)
	}
	return b.String()
}
