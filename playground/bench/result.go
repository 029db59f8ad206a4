package bench

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Result is what one row cost.
type Result struct {
	Row     string         `json:"row"`
	Kind    string         `json:"kind"`
	Title   string         `json:"title"`
	Reads   int            `json:"reads"`
	Writes  int            `json:"writes"`
	Failed  int            `json:"failed,omitempty"` // of both, those that AWS refused
	Looks   int            `json:"looks,omitempty"`  // at targets' health, which come by themselves and count as nothing else
	Actions map[string]int `json:"actions,omitempty"`
	// Kubernetes are the writes to the API server, by resource.
	Kubernetes map[string]int `json:"kubernetes,omitempty"`
	// Passes is how many reconciliations the controller made, by its own count, in the rows that do not restart it.
	Passes  int     `json:"passes,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`     // of timed and compute rows
	Took    float64 `json:"tookSeconds,omitempty"` // from the beginning of the row until the controller rested
	// Spread are percentiles of what Seconds is the 99th of, by their numbers.
	Spread map[string]float64 `json:"spread,omitempty"`
	// Processor is the processor time that the controller used, in seconds.
	Processor float64 `json:"processorSeconds,omitempty"`
	Bytes     int64   `json:"bytes,omitempty"` // of memory rows
	Budget    Limit   `json:"budget"`
	// OK is false if something is over budget.
	OK bool `json:"ok"`
}

// tally counts calls.
func (r *Result) tally(calls []Call) {
	r.Actions = map[string]int{}
	for _, c := range calls {
		if c.Look {
			r.Looks++
			continue
		}
		r.Actions[c.Action]++
		if c.Read() {
			r.Reads++
		} else {
			r.Writes++
		}
		if c.Status >= 400 || c.Status == 0 {
			r.Failed++
		}
	}
}

// judge compares with the budget.
func (r *Result) judge(b Budget) {
	r.Budget = b[r.Row]
	r.OK = len(r.Exceeds(r.Budget)) == 0
}

// Exceeds says, one text each, in what the result is over a limit.
func (r *Result) Exceeds(l Limit) []string {
	var over []string
	if l.Reads != nil && r.Reads > *l.Reads {
		over = append(over, fmt.Sprintf("%d reads, at most %d: %s", r.Reads, *l.Reads, r.calls(true)))
	}
	if l.Writes != nil && r.Writes > *l.Writes {
		over = append(over, fmt.Sprintf("%d writes, at most %d: %s", r.Writes, *l.Writes, r.calls(false)))
	}
	if l.Seconds != nil && r.Seconds > *l.Seconds {
		over = append(over, fmt.Sprintf("%s, at most %s", seconds(r.Seconds), seconds(*l.Seconds)))
	}
	if mib := float64(r.Bytes) / (1 << 20); l.MiB != nil && mib > *l.MiB {
		over = append(over, fmt.Sprintf("%.0f MiB, at most %.0f", mib, *l.MiB))
	}
	for _, resource := range slices.Sorted(maps.Keys(l.Kubernetes)) {
		if n, most := writesOfResource(r.Kubernetes, resource), l.Kubernetes[resource]; n > most {
			over = append(over, fmt.Sprintf("%d Kubernetes writes of %s, at most %d: %s", n, resource, most, r.kubernetes()))
		}
	}
	return over
}

// kubernetes lists the Kubernetes writes by resource.
func (r *Result) kubernetes() string {
	var parts []string
	for _, resource := range slices.Sorted(maps.Keys(r.Kubernetes)) {
		parts = append(parts, fmt.Sprintf("%d %s", r.Kubernetes[resource], resource))
	}
	return strings.Join(parts, ", ")
}

// calls lists the reads or the writes by action, most frequent first.
func (r *Result) calls(reads bool) string {
	var parts []string
	for _, a := range slices.SortedFunc(maps.Keys(r.Actions), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.Actions[b], r.Actions[a]), cmp.Compare(a, b))
	}) {
		if (Call{Action: a}).Read() == reads {
			parts = append(parts, fmt.Sprintf("%d %s", r.Actions[a], a))
		}
	}
	return strings.Join(parts, ", ")
}

// line sums the row up for the progress.
func (r *Result) line() string {
	var parts []string
	switch kind(r.Kind) {
	case countKind, throttleKind, largeKind:
		parts = append(parts, fmt.Sprintf("%d reads", r.Reads), fmt.Sprintf("%d writes", r.Writes))
	case memoryKind:
		parts = append(parts, fmt.Sprintf("%.0f MiB", float64(r.Bytes)/(1<<20)))
	case timeKind, troubleKind, computeKind:
		parts = append(parts, seconds(r.Seconds))
		for _, p := range slices.Sorted(maps.Keys(r.Spread)) {
			parts = append(parts, p+" "+seconds(r.Spread[p]))
		}
	}
	if r.Processor > 0 {
		parts = append(parts, "processor "+seconds(r.Processor))
	}
	if r.Failed > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", r.Failed))
	}
	if len(r.Kubernetes) > 0 {
		parts = append(parts, "Kubernetes writes: "+r.kubernetes())
	}
	if !r.OK {
		parts = append(parts, "OVER BUDGET: "+strings.Join(r.Exceeds(r.Budget), "; "))
	}
	return strings.Join(parts, ", ")
}

// seconds writes a time with the unit that its size asks for.
func seconds(s float64) string {
	switch {
	case s == 0:
		return "0"
	case s < 1e-3:
		return fmt.Sprintf("%.0f µs", s*1e6)
	case s < 1:
		return fmt.Sprintf("%.0f ms", s*1e3)
	}
	return fmt.Sprintf("%.1f s", s)
}
