package doctor

import (
	"fmt"
	"io"
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
