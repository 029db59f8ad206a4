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
	Row    string `json:"row"`
	Kind   string `json:"kind"`
	Title  string `json:"title"`
	Reads  int    `json:"reads"`
	Writes int    `json:"writes"`
	Failed int    `json:"failed,omitempty"` // of both, those that AWS refused
	// at targets' health, which come by themselves and count as nothing else
	Looks   int            `json:"looks,omitempty"`
	Actions map[string]int `json:"actions,omitempty"`
	// Kubernetes are the writes to the API server, by resource.
	Kubernetes map[string]int `json:"kubernetes,omitempty"`
	// KubernetesReads are the reads that the API server answered, by resource, without watches.
	KubernetesReads map[string]int `json:"kubernetesReads,omitempty"`
	// Passes is how many reconciliations the controller made, by its own count, in the rows that do not restart it.
	Passes  int     `json:"passes,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`     // of timed and compute rows
	Took    float64 `json:"tookSeconds,omitempty"` // from the beginning of the row until the controller rested
	// Spread are percentiles of what Seconds is the 99th of, by their numbers.
	Spread map[string]float64 `json:"spread,omitempty"`
	// Processor is the processor time that the controller used, in seconds.
	Processor float64 `json:"processorSeconds,omitempty"`
	Bytes     int64   `json:"bytes,omitempty"`     // of memory rows and those of sizes: resident at rest
	Peak      int64   `json:"peakBytes,omitempty"` // most until then, of rows of sizes
	// Curve is what each act cost with more and more objects.
	Curve  []Point `json:"curve,omitempty"`
	Budget Limit   `json:"budget"`
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
	if l.Reads != nil {
		if most := *l.Reads + int(l.ReadsASecond*r.Took); r.Reads > most {
			over = append(over, fmt.Sprintf("%d reads, at most %d: %s", r.Reads, most, r.calls(true)))
		}
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
	if ratio := r.peakRatio(); l.Peak != nil && ratio > *l.Peak {
		over = append(over, fmt.Sprintf("%.0f MiB at most, %.2f times what is resident, at most %g times",
			float64(r.Peak)/(1<<20), ratio, *l.Peak))
	}
	for what, e := range slopes(r.Curve) {
		if limit, ok := l.Slopes[what]; ok && e > limit {
			over = append(over, fmt.Sprintf("%s: the cost of an object grows with the power %.2f of their number, at most %.2f",
				what, e, limit))
		}
	}
	over = append(over, exceeding("writes", r.Kubernetes, l.Kubernetes)...)
	return append(over, exceeding("reads", r.KubernetesReads, l.KubernetesReads)...)
}

// exceeding says of which resources the API server got more requests than a limit permits.
func exceeding(what string, requests, limit map[string]int) (over []string) {
	for _, resource := range slices.Sorted(maps.Keys(limit)) {
		if n, most := requestsOfResource(requests, resource), limit[resource]; n > most {
			over = append(over, fmt.Sprintf("%d Kubernetes %s of %s, at most %d: %s", n, what, resource, most,
				byResource(requests)))
		}
	}
	return over
}

// peakRatio is the most memory as a multiple of what is resident at rest; 0 = not measured.
func (r *Result) peakRatio() float64 {
	if r.Bytes == 0 {
		return 0
	}
	return float64(r.Peak) / float64(r.Bytes)
}

// byResource lists requests by resource.
func byResource(requests map[string]int) string {
	var parts []string
	for _, resource := range slices.Sorted(maps.Keys(requests)) {
		parts = append(parts, fmt.Sprintf("%d %s", requests[resource], resource))
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
	case countKind, throttleKind, largeKind, sizeKind, smallKind:
		parts = append(parts, fmt.Sprintf("%d reads", r.Reads), fmt.Sprintf("%d writes", r.Writes))
	case memoryKind:
		parts = append(parts, fmt.Sprintf("%.0f MiB", float64(r.Bytes)/(1<<20)))
	case timeKind, troubleKind, computeKind:
		parts = append(parts, seconds(r.Seconds))
		for _, p := range slices.Sorted(maps.Keys(r.Spread)) {
			parts = append(parts, p+" "+seconds(r.Spread[p]))
		}
	}
	if k := kind(r.Kind); k == sizeKind || k == smallKind || k == throttleKind && r.Seconds > 0 {
		parts = append(parts, seconds(r.Seconds))
		for _, p := range slices.Sorted(maps.Keys(r.Spread)) {
			parts = append(parts, p+" "+seconds(r.Spread[p]))
		}
		if r.Bytes > 0 {
			parts = append(parts, fmt.Sprintf("%.0f MiB, at most %.0f", float64(r.Bytes)/(1<<20), float64(r.Peak)/(1<<20)))
		}
		all := slopes(r.Curve)
		for _, what := range slices.Sorted(maps.Keys(all)) {
			parts = append(parts, fmt.Sprintf("slope of %s %.2f", what, all[what]))
		}
	}
	if r.Looks > 0 {
		parts = append(parts, fmt.Sprintf("%d looks", r.Looks))
	}
	if r.Processor > 0 {
		parts = append(parts, "processor "+seconds(r.Processor))
	}
	if r.Failed > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", r.Failed))
	}
	if len(r.Kubernetes) > 0 {
		parts = append(parts, "Kubernetes writes: "+byResource(r.Kubernetes))
	}
	if len(r.KubernetesReads) > 0 {
		parts = append(parts, "Kubernetes reads: "+byResource(r.KubernetesReads))
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
