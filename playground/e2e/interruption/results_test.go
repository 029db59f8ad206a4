package interruption

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/k8s-lbc/lbc/playground/load"
)

// cell is a place of the table.
type cell struct{ Change, Balancer string }

// sum is of the requests of some runs of a cell.
type sum struct{ Runs, Requests, Failed int }

func (s *sum) add(r load.Result) {
	s.Runs++
	s.Requests += r.Requests
	s.Failed += r.Failed
}

// entry is what came of the runs of a cell, with and without what the controller gives pods for their end.
type entry struct {
	cell
	With, Without sum
}

// results are the table.
type results struct {
	mu      sync.Mutex
	entries map[cell]*entry
	failed  int // of requests that must not
}

func (r *results) add(at cell, with bool, got load.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[at]
	if e == nil {
		e = &entry{cell: at}
		r.entries[at] = e
	}
	if with {
		r.failed += got.Failed
		e.With.add(got)
	} else {
		e.Without.add(got)
	}
}

// failures says how many requests failed that must not.
func (r *results) failures() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprintf("%d requests failed that must not", r.failed)
}

// sorted are the entries in the order of changes and load balancers; those that there are no more are left out. The
// caller holds the lock.
func (r *results) sorted() []*entry {
	place := map[cell]int{}
	for _, x := range changes() {
		for _, b := range balancers {
			place[cell{x.name, b.name}] = len(place) + 1
		}
	}
	var out []*entry
	for at, e := range r.entries {
		if place[at] > 0 {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b *entry) int { return cmp.Compare(place[a.cell], place[b.cell]) })
	return out
}

// Markdown is the table of docs/benchmarks.md.
func (r *results) Markdown() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	b.WriteString("| change | load balancer | runs | requests | failed | runs without | failed without |\n" +
		"|---|---|---:|---:|---:|---:|---:|\n")
	for _, e := range r.sorted() {
		without := ""
		if e.Without.Runs > 0 {
			without = fmt.Sprintf("%s of %s", grouped(e.Without.Failed), grouped(e.Without.Requests))
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %s | %d | %s |\n", e.Change, e.Balancer, e.With.Runs,
			grouped(e.With.Requests), grouped(e.With.Failed), e.Without.Runs, without)
	}
	return b.String()
}

// grouped is a number with a comma before each three digits.
func grouped(n int) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
