package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

// Page is docs/doctor.md after its title.
func Page() string {
	var b strings.Builder
	b.WriteString("## Checks\n\n`lbc doctor` makes all checks. The last column says which checks the leader makes, from " +
		"the leader's own data.\n\n| Check | Severity | In the leader |\n|---|---|---|\n")
	leader := doctor.OfLeader()
	for _, c := range All() {
		inside := "no"
		if slices.ContainsFunc(leader, func(l doctor.Check) bool { return l.Name == c.Name }) {
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
	b.WriteString("## Sources\n\nIf lbc doctor cannot read a source, the report has a finding `" + doctor.Unreadable +
		"`, and the checks that need the source have status `unchecked`:\n\n| Source | What lbc doctor reads | Severity | " +
		"Remedy |\n|---|---|---|---|\n")
	for _, s := range doctor.Sources {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.Name, s.About, s.Severity, s.Remedy)
	}
	return b.String()
}
