package main

import (
	"fmt"
	"strings"

	"github.com/k8s-lbc/lbc/internal/lib/callbudget"
	"github.com/k8s-lbc/lbc/internal/model/support"
)

// supported is the table of docs/support.md, the newest version first.
func supported() string {
	var b strings.Builder
	b.WriteString("| Kubernetes | Tested by |\n|---|---|\n")
	for i := len(support.Kubernetes) - 1; i >= 0; i-- {
		fmt.Fprintf(&b, "| %s | %s |\n", support.Kubernetes[i], support.Kubernetes[i].Test)
	}
	return b.String()
}

// budgets is the table of docs/operations/reconciling.md.
func budgets() string {
	var b strings.Builder
	b.WriteString("| Loop | Calls for | For each | Steady state | While a dependency fails | Pauses between " +
		"attempts during the failure |\n|---|---|---|---|---|---|\n")
	for _, x := range callbudget.Budgets {
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %d | %s |\n", x.Loop, x.Reads, x.Per, x.Steady, x.Trouble, x.Pauses)
	}
	return b.String()
}
