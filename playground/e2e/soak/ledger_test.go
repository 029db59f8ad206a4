package soak

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// grace is how long after its end a fault explains failures: requests that it broke may be noticed late.
const grace = 5 * time.Second

// fault is something that goes wrong for a time.
type fault struct {
	what   string
	begin  time.Time
	end    time.Time // zero: it goes on
	breaks []string  // places whose requests may fail; nil: none may
	admits bool      // pods may be made that the webhooks have not seen
}

// covers reports whether a fault is the case at some moment of an interval, or was within the grace before.
func (f fault) covers(from, to time.Time) bool {
	return !to.Before(f.begin) && (f.end.IsZero() || !from.After(f.end.Add(grace)))
}

// failure is a request that failed.
type failure struct {
	place, client string
	from, to      time.Time
	why           string
}

// String is one line of the report.
func (f failure) String() string {
	return fmt.Sprintf("%s to %s  %s, %s: %s", stamp(f.from), stamp(f.to), f.place, f.client, f.why)
}

func stamp(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// ledger is the record of faults, requests and failures. It is safe for concurrent use.
type ledger struct {
	mu       sync.Mutex
	faults   []fault
	failures []failure
	requests map[string]int // by place
}

// begin records the begin of a fault and returns its number.
func (l *ledger) begin(f fault) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, f)
	return len(l.faults) - 1
}

// end records the end of a fault.
func (l *ledger) end(number int, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults[number].end = at
}

// count records a request.
func (l *ledger) count(place string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.requests == nil {
		l.requests = map[string]int{}
	}
	l.requests[place]++
}

// fail records a request that failed.
func (l *ledger) fail(f failure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = append(l.failures, f)
}

// total is the number of requests and of failures.
func (l *ledger) total() (requests, failures int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.requests {
		requests += n
	}
	return requests, len(l.failures)
}

// of is the number of requests to a place.
func (l *ledger) of(place string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.requests[place]
}

// present are the faults that go on.
func (l *ledger) present() (out []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.faults {
		if f.end.IsZero() {
			out = append(out, f.what)
		}
	}
	return out
}

// unexplained are the failures that no fault covers which breaks requests to their load balancers.
func (l *ledger) unexplained() (out []failure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range l.failures {
		if !slices.ContainsFunc(l.faults, func(f fault) bool {
			return slices.Contains(f.breaks, x.place) && f.covers(x.from, x.to)
		}) {
			out = append(out, x)
		}
	}
	return out
}

// admitted reports whether at a time pods may have been made that the webhooks have not seen.
func (l *ledger) admitted(at time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	// times of objects are whole seconds
	return slices.ContainsFunc(l.faults, func(f fault) bool {
		return f.admits && f.covers(at.Add(-time.Second), at.Add(time.Second))
	})
}

// String lists the faults, a line each.
func (l *ledger) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, f := range l.faults {
		end := "now"
		if !f.end.IsZero() {
			end = stamp(f.end)
		}
		fmt.Fprintf(&b, "%s to %s  %s", stamp(f.begin), end, f.what)
		if len(f.breaks) > 0 {
			fmt.Fprintf(&b, " (breaks %s)", strings.Join(f.breaks, ", "))
		}
		b.WriteString("\n")
	}
	return b.String()
}
