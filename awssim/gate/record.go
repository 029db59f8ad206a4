package gate

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"
)

// Call is one recorded call.
type Call struct {
	Number    uint64        // counts from 1 since the gate was made; a reset does not start it again
	Time      time.Time     // when it began
	Duration  time.Duration // until it was answered
	RequestID string
	Service   string
	Action    string
	Caller    string
	Input     any    // the SDK's input struct, not copied: read only; nil when the call was not understood
	Status    int    // HTTP status; 0 when there was no answer
	Code      string // AWS error code, "" on success
	Message   string // of the error
	Fault     string // id of the fault rule that struck
	Throttled bool   // refused by a token bucket
	Dropped   bool   // the connection was cut

	size int // bytes of the request
}

// Failed reports whether the caller got anything but success.
func (c Call) Failed() bool { return c.Code != "" || c.Dropped || c.Status == 0 }

// Filter selects calls; empty fields select all.
type Filter struct {
	After   uint64 // calls with a higher number
	Since   time.Time
	Service string
	Action  string // exact, or a prefix when it ends in "*"
	Caller  string
	Failed  bool // only failed ones
	Limit   int  // the last so many
}

func (f Filter) matches(c *Call) bool {
	return c.Number > f.After && !c.Time.Before(f.Since) && glob(f.Service, c.Service) && glob(f.Action, c.Action) &&
		glob(f.Caller, c.Caller) && (!f.Failed || c.Failed())
}

// Count is how often an action was called by a caller.
type Count struct {
	Service   string `json:"service"`
	Action    string `json:"action"`
	Caller    string `json:"caller,omitempty"`
	Calls     int    `json:"calls"`
	Failed    int    `json:"failed,omitempty"`
	Throttled int    `json:"throttled,omitempty"`
}

// Bounds of what hostile callers can make the record hold.
const (
	maxText   = 4 << 10  // bytes of a text of one call: an action, a caller, a message
	maxInputs = 64 << 20 // bytes of the requests whose parameters are kept; the oldest lose theirs beyond it
	maxCounts = 10_000   // counters; actions and callers beyond are counted together
)

// record is a ring of calls with counters that outlive the ring's turns. The ring grows with the calls: most simulators
// of tests see a few hundred.
type record struct {
	mu     sync.Mutex
	keep   int // length at which the ring grows no more
	ring   []Call
	base   uint64 // number of the call at the ring's beginning, less one, before the ring turned
	next   uint64 // number of the next call, less one
	oldest uint64 // number of the oldest kept call, less one
	counts map[counted]*Count
	inputs int    // bytes of the requests whose parameters are kept
	bare   uint64 // number of the oldest call that may have its parameters, less one
}

type counted struct{ service, action, caller string }

func newRecord(keep int) *record {
	return &record{keep: keep, counts: map[counted]*Count{}}
}

// at is the place of the call of number i+1.
func (r *record) at(i uint64) *Call { return &r.ring[(i-r.base)%uint64(r.keep)] }

func (r *record) add(c Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.Number = r.next + 1
	c.Action, c.Caller, c.Message = clipped(c.Action), clipped(c.Caller), clipped(c.Message)
	r.bound(c.size)
	if len(r.ring) < r.keep {
		r.ring = append(r.ring, c)
	} else {
		*r.at(r.next) = c
	}
	r.next++
	if r.next-r.oldest > uint64(r.keep) {
		r.oldest = r.next - uint64(r.keep)
	}
	key := counted{c.Service, c.Action, c.Caller}
	n := r.counts[key]
	if n == nil && len(r.counts) >= maxCounts {
		key = counted{service: "others"}
		c.Service, c.Action, c.Caller = key.service, "", ""
		n = r.counts[key]
	}
	if n == nil {
		n = &Count{Service: c.Service, Action: c.Action, Caller: c.Caller}
		r.counts[key] = n
	}
	n.Calls++
	if c.Failed() {
		n.Failed++
	}
	if c.Throttled {
		n.Throttled++
	}
}

// bound makes room for a request of size bytes: the oldest calls lose their parameters, first of all the one whose
// place the new call takes. The lock is held.
func (r *record) bound(size int) {
	r.inputs += size
	forget := func() {
		c := r.at(r.bare)
		r.inputs -= c.size
		c.Input, c.size = nil, 0
		r.bare++
	}
	if r.next-r.bare >= uint64(r.keep) {
		forget()
	}
	for r.inputs > maxInputs && r.bare < r.next {
		forget()
	}
}

// clipped is the beginning of a text that is too long to keep.
func clipped(s string) string {
	if len(s) > maxText {
		return strings.Clone(s[:maxText])
	}
	return s
}

// Calls are the recorded calls that the filters select (all of them, when several are given), oldest first. It waits
// for handlers at work, so that the call of a change that the account shows is among them, unless Fault.Delay holds its
// answer.
func (g *Gate) Calls(filters ...Filter) []Call {
	g.acting.Lock()
	defer g.acting.Unlock()
	r := g.calls
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []Call
	for i := r.oldest; i < r.next; i++ {
		c := r.at(i)
		if !slices.ContainsFunc(filters, func(f Filter) bool { return !f.matches(c) }) {
			found = append(found, *c)
		}
	}
	for _, f := range filters {
		if f.Limit > 0 && len(found) > f.Limit {
			found = found[len(found)-f.Limit:]
		}
	}
	return found
}

// Counts are the numbers of calls since the last reset, by service, action and caller, also of calls that the ring
// forgot.
func (g *Gate) Counts() []Count {
	r := g.calls
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := make([]Count, 0, len(r.counts))
	for _, n := range r.counts {
		counts = append(counts, *n)
	}
	slices.SortFunc(counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Action, b.Action), cmp.Compare(a.Caller, b.Caller))
	})
	return counts
}

// Total is how many calls the counters hold.
func (g *Gate) Total() int {
	n := 0
	for _, c := range g.Counts() {
		n += c.Calls
	}
	return n
}

// Reset forgets all calls and counts; fault rules, buckets and latency stay.
func (g *Gate) Reset() {
	r := g.calls
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring = nil
	r.base, r.oldest, r.bare, r.inputs = r.next, r.next, r.next, 0
	clear(r.counts)
}

// glob matches exactly, by prefix when the pattern ends in "*", and anything when it is empty.
func glob(pattern, s string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(s, prefix)
	}
	return pattern == "" || pattern == s
}

// parameters is a call's input as JSON, made at most once, when it is first read.
type parameters struct {
	in   any
	text []byte
}

func (p *parameters) json() []byte {
	if p.text == nil {
		text, err := json.Marshal(p.in)
		if err != nil { // unions and streams do not occur in what the simulator serves
			text = []byte("{}")
		}
		p.text = text
	}
	return p.text
}
