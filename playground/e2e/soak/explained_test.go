package soak

import (
	"testing"
	"time"
)

// TestFailureNeedsAFaultOfItsTimeAndBalancer shows that the soak excuses a failed request only by a
// fault of its time and load balancer.
func TestFailureNeedsAFaultOfItsTimeAndBalancer(t *testing.T) {
	if testing.Short() {
		t.Skip("it is about the soak itself")
	}
	t.Parallel()
	zero := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(seconds float64) time.Time { return zero.Add(time.Duration(seconds * float64(time.Second))) }
	death := fault{what: "a node dies", begin: at(100), end: at(120), breaks: []string{single, pods}}
	refused := fault{what: "AWS refuses calls", begin: at(100), end: at(120)}
	goesOn := fault{what: "a node dies", begin: at(100), breaks: []string{single}}
	for name, tc := range map[string]struct {
		fault     fault
		place     string
		from, to  float64
		explained bool
	}{
		"in the middle":                        {death, single, 105, 106, true},
		"another load balancer that it breaks": {death, pods, 105, 106, true},
		"a load balancer that it spares":       {death, group, 105, 106, false},
		"before":                               {death, single, 98, 99.9, false},
		"begun before, failed in it":           {death, single, 90, 101, true},
		"around it":                            {death, single, 90, 130, true},
		"within the grace":                     {death, single, 124, 124.5, true},
		"begun in the grace, failed after it":  {death, single, 124, 130, true},
		"after the grace":                      {death, single, 125.1, 126, false},
		"a fault that breaks nothing":          {refused, single, 105, 106, false},
		"a fault that goes on":                 {goesOn, single, 10000, 10001, true},
		"before a fault that goes on":          {goesOn, single, 98, 99, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &ledger{}
			l.begin(fault{what: "another fault", begin: at(0), end: at(1), breaks: []string{single, group, pods}})
			number := l.begin(fault{what: tc.fault.what, begin: tc.fault.begin, breaks: tc.fault.breaks})
			if !tc.fault.end.IsZero() {
				l.end(number, tc.fault.end)
			}
			l.fail(failure{place: tc.place, from: at(tc.from), to: at(tc.to)})
			if got := len(l.unexplained()) == 0; got != tc.explained {
				t.Errorf("explained: %t", got)
			}
		})
	}
}

// TestAPodIsAdmittedUnseenOnlyByAFaultOfTheWebhooks shows that the soak excuses a pod without gates
// only by a fault of the webhooks.
func TestAPodIsAdmittedUnseenOnlyByAFaultOfTheWebhooks(t *testing.T) {
	if testing.Short() {
		t.Skip("it is about the soak itself")
	}
	t.Parallel()
	zero := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := &ledger{}
	l.begin(fault{what: "AWS refuses calls", begin: zero.Add(-time.Hour)})
	l.end(l.begin(fault{what: "a process is killed", begin: zero, admits: true}), zero.Add(10*time.Second))
	for after, want := range map[time.Duration]bool{-2 * time.Second: false, -500 * time.Millisecond: true,
		5 * time.Second: true, 14 * time.Second: true, 20 * time.Second: false} {
		if got := l.admitted(zero.Add(after)); got != want {
			t.Errorf("after %v: %t", after, got)
		}
	}
}
