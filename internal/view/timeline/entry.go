// Package timeline has the list of events of a load balancer, and the bounded record of the leader's actions.
// Package history of lbc adds what the API server knows of the objects.
package timeline

import (
	"cmp"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/sorting"
)

// Kind is what an entry is about.
type Kind string

// The kinds of entries.
const (
	Edit      Kind = "edit"      // a manager wrote fields of an object
	Plan      Kind = "plan"      // the controller carried a plan out
	Drift     Kind = "drift"     // a plan undid, or left, what was changed in AWS
	Call      Kind = "call"      // a write to AWS
	Targets   Kind = "targets"   // targets were registered or deregistered
	Cert      Kind = "cert"      // certificates of a listener changed, or were imported or deleted
	Leader    Kind = "leader"    // another process became the leader
	Hold      Kind = "hold"      // an administrator held load balancers, or the hold ended
	Event     Kind = "event"     // a Kubernetes event
	Condition Kind = "condition" // a condition of the LoadBalancer object changed
)

// Entry is one thing that happened.
type Entry struct {
	// Time is when it happened, the first time if it happened again.
	Time   time.Time `json:"time"`
	Kind   Kind      `json:"kind"`
	Object string    `json:"object,omitempty"`
	// By is who did it: a field manager, a component, a pod.
	By   string `json:"by,omitempty"`
	Text string `json:"text"`
	// Steps of a plan with their outcomes.
	Steps []string `json:"steps,omitempty"`
	// RequestID of the call of AWS, the last one if there were more.
	RequestID string `json:"requestID,omitempty"`
	// Times is how often the same happened, the last time at Until.
	Times int        `json:"times,omitempty"`
	Until *time.Time `json:"until,omitempty"`
}

// last is when it happened last.
func (e *Entry) last() time.Time {
	if e.Until != nil {
		return *e.Until
	}
	return e.Time
}

// again is an entry that happened once more.
func (e Entry) again(next Entry) Entry {
	e.Times, e.RequestID = max(1, e.Times)+1, next.RequestID
	e.Until = &next.Time
	return e
}

// same reports whether two entries differ in their times only, and in the ids of their requests.
func (e Entry) same(o Entry) bool {
	return e.Kind == o.Kind && e.Object == o.Object && e.By == o.By && e.Text == o.Text && slices.Equal(e.Steps, o.Steps)
}

// Since are the entries from a time on, oldest first, without those that another source has as well.
func Since(all []Entry, from time.Time) []Entry {
	out := []Entry{}
	for _, e := range all {
		if !e.last().Before(from) && !recordedToo(e, all) {
			e.Time = e.Time.UTC()
			out = append(out, e)
		}
	}
	sorting.StableBy(out, func(a, b Entry) int {
		return cmp.Or(a.order().Compare(b.order()), slices.Index(kinds, a.Kind)-slices.Index(kinds, b.Kind),
			cmp.Compare(a.Object, b.Object))
	})
	return slices.CompactFunc(out, func(a, b Entry) bool {
		return a.same(b) && a.Time.Equal(b.Time) && a.RequestID == b.RequestID
	})
}

// kinds are in the order of what has one time: cause before effect.
var kinds = []Kind{Leader, Hold, Edit, Drift, Plan, Call, Cert, Targets, Condition, Event}

// order is when an entry happened for the order of the list. The API server rounds its times down to seconds: an edit
// comes before what followed in its second, and what reports an effect comes after it.
func (e *Entry) order() time.Time {
	if (e.Kind == Event || e.Kind == Condition) && e.Time.Nanosecond() == 0 {
		return e.Time.Add(time.Second - time.Nanosecond)
	}
	return e.Time
}

// recordedToo reports whether the edit that an entry of the record names is in the list with its fields.
func recordedToo(e Entry, all []Entry) bool {
	return e.Kind == Edit && (e.Text == Edited || e.Text == Deleted) && slices.ContainsFunc(all, func(o Entry) bool {
		return o.Kind == Edit && len(o.Text) > len(e.Text) && o.Object == e.Object && o.By == e.By && o.Time.Equal(e.Time)
	})
}

// The texts of an edit whose fields are not known, and of a deletion.
const (
	Edited  = "edited"
	Deleted = "deleted"
)
