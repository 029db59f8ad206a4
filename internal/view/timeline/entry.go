// Package timeline has the list of events of a load balancer, and the bounded record of the leader's actions.
// Package history of lbc adds what the API server knows of the objects.
package timeline

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/lib/turns"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
)

// Kind is the subject of an entry.
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
	// Namespace is that of the objects that it is about; empty = of several, or it is not known. Namespaces take turns
	// in the room of a record.
	Namespace string `json:"namespace,omitempty"`
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

// Last is when it happened last.
func (e *Entry) Last() time.Time {
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

// Same reports whether two entries differ in their times only, and in the ids of their requests.
func (e Entry) Same(o Entry) bool {
	return e.Kind == o.Kind && e.Object == o.Object && e.By == o.By && e.Text == o.Text && slices.Equal(e.Steps, o.Steps)
}

// The texts of an edit whose fields are not known, and of a deletion.
const (
	Edited  = "edited"
	Deleted = "deleted"
)

// LastEdits returns the last write of an object's metadata and spec by its managed fields, and its deletion, without
// fields.
func LastEdits(object string, o metav1.Object) (out []Entry) {
	if m := LastWrite(o, ""); m != nil {
		out = append(out, Entry{Time: m.Time.Time, Kind: Edit, Object: object, By: m.Manager, Text: Edited})
	}
	if at := o.GetDeletionTimestamp(); at != nil {
		out = append(out, Entry{Time: at.Time, Kind: Edit, Object: object, Text: Deleted})
	}
	return out
}

// LastWrite returns the last write of an object's metadata and spec by its managed fields, but for those of one
// manager; nil = there is none.
func LastWrite(o metav1.Object, not string) (last *metav1.ManagedFieldsEntry) {
	all := o.GetManagedFields()
	for i := range all {
		if m := &all[i]; m.Time != nil && m.Subresource == "" && m.Manager != not &&
			(last == nil || last.Time.Before(m.Time)) {
			last = m
		}
	}
	return last
}

// Held returns a hold of an administrator.
func Held(h hold.Hold) Entry {
	return Entry{Time: h.Since.UTC(), Kind: Hold, Object: h.Scope.String(), By: h.By, Text: "held " + h.Text()}
}

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
	shown := turns.Take(all, mostSteps, func(s Step) string { return s.Namespace })
	for _, s := range shown {
		out = append(out, s.Text)
	}
	if more := len(all) - len(shown); more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return out
}
