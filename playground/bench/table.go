package bench

import (
	"fmt"
	"io"
	"strings"
)

// Table writes results for people: AWS calls first, then time and memory.
func Table(out io.Writer, results []Result) error {
	var b strings.Builder
	var called, other []Result
	for _, r := range results {
		if r.Kind == string(countKind) || r.Kind == string(throttleKind) || r.Kind == string(largeKind) ||
			r.Kind == string(sizeKind) || r.Kind == string(smallKind) {
			called = append(called, r)
		} else {
			other = append(other, r)
		}
	}
	if len(called) > 0 {
		fmt.Fprintf(&b, "%-46s %8s %8s %8s %10s %10s  %s\n", "AWS CALLS", "passes", "reads", "writes", "at most r.",
			"at most w.", "ok?")
	}
	for _, r := range called {
		fmt.Fprintf(&b, "%-46s %8d %8d %8d %10s %10s  %s\n", r.Title, r.Passes, r.Reads, r.Writes, number(r.Budget.Reads),
			number(r.Budget.Writes), verdict(r))
	}
	if len(called) > 0 && len(other) > 0 {
		b.WriteString("\n")
	}
	if len(other) > 0 {
		fmt.Fprintf(&b, "%-46s %8s %8s %8s %10s %10s  %s\n", "TIME, MEMORY", "", "calls", "", "measured", "at most", "ok?")
	}
	for _, r := range other {
		calls := ""
		if r.Kind == string(timeKind) || r.Kind == string(troubleKind) {
			calls = fmt.Sprint(r.Reads + r.Writes)
		}
		measured, budget := r.measured()
		fmt.Fprintf(&b, "%-46s %8s %8s %8s %10s %10s  %s\n", r.Title, "", calls, "", measured, budget, verdict(r))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// measured is what a row of time or memory shows, and its budget.
func (r *Result) measured() (value, budget string) {
	budget = "-"
	if r.Kind == string(memoryKind) {
		if r.Budget.MiB != nil {
			budget = fmt.Sprintf("%.0f MiB", *r.Budget.MiB)
		}
		return fmt.Sprintf("%.0f MiB", float64(r.Bytes)/(1<<20)), budget
	}
	if r.Budget.Seconds != nil {
		budget = seconds(*r.Budget.Seconds)
	}
	return seconds(r.Seconds), budget
}

func number(n *int) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprint(*n)
}

func verdict(r Result) string {
	if r.OK {
		return "yes"
	}
	return "NO"
}
