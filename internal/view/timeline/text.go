package timeline

import (
	"fmt"
	"unicode/utf8"

	"github.com/k8s-lbc/lbc/internal/lib/sorting"
)

// short is a text of at most mostText bytes.
func short(s string) string {
	if len(s) <= mostText {
		return s
	}
	cut := mostText
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// Step is a step of a plan, and the namespace of the objects that it is about; empty = of several, or not known.
type Step struct{ Namespace, Text string }

// Steps are the texts of the first steps of a plan, and how many more there are. Namespaces take turns.
func Steps(all []Step) (out []string) {
	shown := sorting.InTurn(all, mostSteps, func(s Step) string { return s.Namespace })
	for _, s := range shown {
		out = append(out, s.Text)
	}
	if more := len(all) - len(shown); more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return out
}
