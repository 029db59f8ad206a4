package impact

import (
	"fmt"
	"strings"
)

// UnitsTable is the table of units in docs/lbc.md.
func UnitsTable() string {
	var b strings.Builder
	b.WriteString("| Unit | Meaning |\n|---|---|\n")
	for _, u := range Units {
		fmt.Fprintf(&b, "| %s | %s |\n", u.Name, u.About)
	}
	return b.String()
}

// KindsTable is the table of kinds of exposure in docs/lbc.md.
func KindsTable() string {
	var b strings.Builder
	b.WriteString("| Kind | `--fail-on exposure` | Meaning |\n|---|---|---|\n")
	for _, k := range Kinds {
		fails := "passes"
		if k.Exposes {
			fails = "fails"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", k.Kind, fails, k.About)
	}
	return b.String()
}
