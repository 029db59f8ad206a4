// Package waiting records which stacks, bindings and deletions wait now, since when, and for what kind of failure. It
// has them tried again when the cause ends. It knows units only by name, makes no attempts, and writes no metric.
package waiting

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// What is what waits.
type What string

// Units that wait.
const (
	Stacks    What = "stacks"
	Deletions What = "deletions"
	Bindings  What = "bindings" // of those whose failures are not counted by target
)

// Spacing is the pause between units that are woken by one cause.
const Spacing = 50 * time.Millisecond

// Pause is the pause before the next attempt at what fails for a cause that concerns the whole account, and that wakes
// the unit when it ends.
const Pause = 5 * time.Minute

// ProbeInterval is the pause between attempts of one unit by which the end of a cause is noticed that concerns many.
const ProbeInterval = 15 * time.Second

// failuresOf are the classes of what fails for the reasons that the controller is degraded.
var failuresOf = map[impairment.Reason][]diag.Class{
	impairment.Credentials: {diag.Credentials, diag.Transient}, // what could not get credentials was not sent
	impairment.Permissions: {diag.Denied}, impairment.Unanswered: {diag.Transient}, impairment.Throttled: {diag.Throttled},
}

// Wake has a pass made over a unit after a pause. ended reports that the cause of its failures has ended, so that they
// do not count any longer; else the pass looks whether it has.
type Wake func(after time.Duration, ended bool)

// Board keeps what waits. A nil Board keeps nothing. It is safe for concurrent use.
type Board struct {
	// Degraded reports whether the controller is degraded for a reason; nil = it is not. It is set before the first pass.
	Degraded func(impairment.Reason) bool

	now func() time.Time

	mu sync.Mutex
	of map[unit]*entry
}

type unit struct {
	what What
	name string
}

type entry struct {
	since   time.Time
	reason  diag.Code // of a deletion that waits; empty = it is under way
	free    time.Time // when a hold of a deletion ended; zero = it was never on hold
	classes []diag.Class
	wake    Wake // nil = it is not woken
	woken   time.Time
}

// NewBoard makes a Board on which nothing waits.
func NewBoard(now func() time.Time) *Board { return &Board{now: now, of: map[unit]*entry{}} }

// Has reports whether the controller is degraded for a reason, so that what fails by it needs no log line of its own.
func (b *Board) Has(r impairment.Reason) bool {
	return b != nil && b.Degraded != nil && b.Degraded(r)
}

// Begin notes that a pass over a unit begins: until its end the unit waits, since the pass may hang.
func (b *Board) Begin(what What, name string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entry(what, name)
}

// entry returns the entry of a unit. b.mu is held.
func (b *Board) entry(what What, name string) *entry {
	u := unit{what, name}
	e := b.of[u]
	if e == nil {
		e = &entry{since: b.now()}
		b.of[u] = e
	}
	return e
}

// Waits notes that a unit waits for the end of failures of some classes. since is zero if it is not known; wake makes a
// pass over the unit.
func (b *Board) Waits(what What, name string, since time.Time, classes []diag.Class, wake Wake) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entry(what, name)
	if !since.IsZero() && since.Before(e.since) {
		e.since = since
	}
	e.classes, e.wake = classes, wake
}

// WaitsToGo notes that a deletion waits, since when and why. An empty reason is that AWS is at it.
func (b *Board) WaitsToGo(name string, since time.Time, reason diag.Code) {
	if b == nil {
		return
	}
	b.Waits(Deletions, name, since, nil, nil)
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.of[unit{Deletions, name}]; e != nil {
		if e.reason == diag.PlanOnHold && reason != diag.PlanOnHold {
			e.free = b.now()
		}
		e.reason = reason
	}
}

// InProgress is the reason of deletions at which AWS is.
const InProgress = "InProgress"

// Reasons counts the deletions that wait by their reason.
func (b *Board) Reasons() map[string]int {
	out := map[string]int{InProgress: 0}
	if b == nil {
		return out
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for u, e := range b.of {
		if u.what == Deletions {
			out[cmp.Or(string(e.reason), InProgress)]++
		}
	}
	return out
}

// Ends notes that a unit does not wait any longer.
func (b *Board) Ends(what What, name string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.of, unit{what, name})
}

// Waiting returns how many units wait, and for how long the first of them. A deletion that an administrator holds waits
// for nothing that has to be mended: its time counts from the end of the hold.
func (b *Board) Waiting(what What) (n int, oldest time.Duration) {
	if b == nil {
		return 0, 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	for u, e := range b.of {
		if u.what == what {
			n++
			if e.reason == diag.PlanOnHold {
				continue
			}
			oldest = max(oldest, min(now.Sub(e.since), now.Sub(e.free)))
		}
	}
	return n, oldest
}

// Wake has all units tried again that wait for the end of failures of some classes, one after the other, those first
// that have waited longest.
func (b *Board) Wake(classes ...diag.Class) {
	for n, e := range b.failing(classes, func(a, b *entry) int { return a.since.Compare(b.since) }) {
		e(time.Duration(n)*Spacing, true)
	}
}

// Recovered has what failed for a reason that has ended tried again.
func (b *Board) Recovered(r impairment.Reason) { b.Wake(failuresOf[r]...) }

// ProbeFor has one unit tried again for each reason that holds and that no other call would show to have ended.
func (b *Board) ProbeFor() {
	b.Probe(diag.Credentials) // nothing else has these tried again
	for _, r := range []impairment.Reason{impairment.Permissions, impairment.Unanswered} {
		if b.Has(r) {
			b.Probe(failuresOf[r]...)
		}
	}
}

// Failing counts the stacks and bindings that wait by the classes of their failures.
func (b *Board) Failing() map[diag.Class]int {
	out := map[diag.Class]int{}
	for _, class := range ending {
		out[class] = 0
	}
	if b == nil {
		return out
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.of {
		for _, class := range e.classes {
			out[class]++
		}
	}
	return out
}

// Probe has one unit tried again, another one each time.
func (b *Board) Probe(classes ...diag.Class) {
	all := b.failing(classes, func(a, b *entry) int { return cmp.Or(a.woken.Compare(b.woken), a.since.Compare(b.since)) })
	if len(all) > 0 {
		all[0](0, false)
	}
}

// failing are the functions that wake the units that fail with one of some classes, in an order.
func (b *Board) failing(classes []diag.Class, order func(a, b *entry) int) []Wake {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []*entry
	for _, e := range b.of {
		if e.wake != nil && slices.ContainsFunc(e.classes, func(c diag.Class) bool { return slices.Contains(classes, c) }) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, order)
	now, out := b.now(), make([]Wake, 0, len(all))
	for _, e := range all {
		out = append(out, func(after time.Duration, ended bool) {
			b.mu.Lock()
			e.woken = now
			b.mu.Unlock()
			e.wake(after, ended)
		})
	}
	return out
}

// Note is the result of a pass.
type Note struct {
	Found      diag.List
	Cause      diag.Code // why the objects that are deleted stay; empty = nothing failed
	Leaving    time.Time // when the deletion of the first object of the unit began; zero = none is deleted
	Released   bool      // all of these are let go
	Unfinished bool      // something was not done, or waits for AWS
	InProgress bool      // calls to AWS have not ended: the pass after them judges what fails
}

type noteKey struct{}

// Start makes the note of a pass.
func Start(ctx context.Context) (context.Context, *Note) {
	n := &Note{}
	return context.WithValue(ctx, noteKey{}, n), n
}

// NoteOf returns the note of the pass that a context is of; one that nobody reads if it is of none.
func NoteOf(ctx context.Context) *Note {
	if n, ok := ctx.Value(noteKey{}).(*Note); ok {
		return n
	}
	return &Note{}
}

// ending are the classes of failures that end without an edit of the objects.
var ending = []diag.Class{diag.Denied, diag.Credentials, diag.Quota, diag.Throttled, diag.Transient}

// Classes returns the classes of the failures of a pass. failed is the class of its error, or "" without an error.
// waits is false if no work is left, or if only an edit of objects helps.
func (n *Note) Classes(failed diag.Class) (_ []diag.Class, waits bool) {
	var classes []diag.Class
	others := false
	for _, d := range append(slices.Clip(n.Found), diag.Diagnostic{Class: failed}) {
		switch {
		case d.Class == "" || d.Class == diag.Note || slices.Contains(classes, d.Class):
		case slices.Contains(ending, d.Class):
			classes = append(classes, d.Class)
		default:
			others = true
		}
	}
	return classes, len(classes) > 0 || !others && n.Unfinished
}
