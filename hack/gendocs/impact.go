package main

import (
	"fmt"
	"strings"

	"github.com/k8s-lbc/lbc/internal/lbc/impact"
)

// unitsTable is the table of units in docs/lbc.md.
func unitsTable() string {
	var b strings.Builder
	b.WriteString("| Unit | Meaning |\n|---|---|\n")
	for _, u := range impact.Units {
		fmt.Fprintf(&b, "| %s | %s |\n", u.Name, u.About)
	}
	return b.String()
}

// kindsTable is the table of kinds of exposure in docs/lbc.md.
func kindsTable() string {
	var b strings.Builder
	b.WriteString("| Kind | `--fail-on exposure` | Meaning |\n|---|---|---|\n")
	for _, k := range impact.Kinds {
		fails := "passes"
		if k.Exposes {
			fails = "fails"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", k.Kind, fails, k.About)
	}
	return b.String()
}
