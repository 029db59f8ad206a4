// Package history reads for lbc timeline what the API server knows of the objects of a load balancer, as entries of
// a timeline. It also prints timelines.
package history

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/view/timeline"
)

// mostFields is how many fields an edit names.
const mostFields = 8

// Edits returns the last writes of each manager of an object, by its managed fields.
func Edits(object string, o metav1.Object) (out []timeline.Entry) {
	if at := o.GetCreationTimestamp(); !at.IsZero() {
		out = append(out, timeline.Entry{Time: at.Time, Kind: timeline.Edit, Object: object, Text: "created"})
	}
	if at := o.GetDeletionTimestamp(); at != nil {
		out = append(out, timeline.Entry{Time: at.Time, Kind: timeline.Edit, Object: object, Text: timeline.Deleted +
			"; its finalizers are " + strings.Join(o.GetFinalizers(), ", ")})
	}
	for _, m := range o.GetManagedFields() {
		if m.Time == nil {
			continue
		}
		what := string(m.Operation)
		if m.Subresource != "" {
			what += " of " + m.Subresource
		}
		out = append(out, timeline.Entry{Time: m.Time.Time, Kind: timeline.Edit, Object: object, By: m.Manager, Text: what +
			": " + fieldsOf(m.FieldsV1)})
	}
	return out
}

// fieldsOf names the fields of a manager: of metadata each annotation and label, else the first two levels.
func fieldsOf(f *metav1.FieldsV1) string {
	var root map[string]json.RawMessage
	if f == nil || json.Unmarshal(f.GetRawBytes(), &root) != nil {
		return "-"
	}
	var names []string
	for key, below := range root {
		top, ok := strings.CutPrefix(key, "f:")
		if !ok {
			continue
		}
		second := childrenOf(below)
		if len(second) == 0 {
			names = append(names, top)
		}
		for name, rest := range second {
			third := childrenOf(rest)
			if top != "metadata" || len(third) == 0 {
				names = append(names, top+"."+name)
				continue
			}
			for x := range third {
				names = append(names, top+"."+name+"["+x+"]")
			}
		}
	}
	slices.Sort(names)
	return cmp.Or(diag.First(names, mostFields, ", "), "-")
}

func childrenOf(text json.RawMessage) map[string]json.RawMessage {
	var all map[string]json.RawMessage
	if json.Unmarshal(text, &all) != nil {
		return nil
	}
	out := map[string]json.RawMessage{}
	for key, v := range all {
		if name, ok := strings.CutPrefix(key, "f:"); ok {
			out[name] = v
		}
	}
	return out
}

// Events returns the events of objects, which wanted chooses by their names. One that happened more than once is listed
// at the first and the last time.
func Events(all []corev1.Event, wanted map[string]bool) (out []timeline.Entry) {
	for i := range all {
		e := &all[i]
		object := diag.Object{Kind: e.InvolvedObject.Kind, Namespace: e.InvolvedObject.Namespace,
			Name: e.InvolvedObject.Name}.String()
		if !wanted[object] {
			continue
		}
		at := e.LastTimestamp.Time
		if at.IsZero() {
			at = e.EventTime.Time
		}
		if at.IsZero() {
			at = e.CreationTimestamp.Time
		}
		x := timeline.Entry{Time: at, Kind: timeline.Event, Object: object, By: cmp.Or(e.Source.Component,
			e.ReportingController), Text: e.Type + " " + e.Reason + ": " + e.Message}
		if first := e.FirstTimestamp.Time; e.Count > 1 && !first.IsZero() && first.Before(at) {
			once := x
			once.Time, x.Times = first, int(e.Count)
			out = append(out, once)
		}
		out = append(out, x)
	}
	return out
}

// Status returns what the status of a LoadBalancer object tells of the past. recorded: the record of the leader has the
// plans.
func Status(lb *v1alpha1.LoadBalancer, recorded bool) (out []timeline.Entry) {
	object := diag.Object{Kind: "LoadBalancer", Namespace: lb.Namespace, Name: lb.Name}.String()
	for _, c := range lb.Status.Conditions {
		if !c.LastTransitionTime.IsZero() {
			out = append(out, timeline.Entry{Time: c.LastTransitionTime.Time, Kind: timeline.Condition, Object: object,
				Text: fmt.Sprintf("%s is %s since then (%s): %s", c.Type, c.Status, c.Reason, c.Message)})
		}
	}
	if p := lb.Status.LastPlan; p != nil && !recorded {
		out = append(out, timeline.Entry{Time: p.Time.Time, Kind: timeline.Plan, Object: object, Text: p.Summary + ": " +
			p.Result, Steps: p.Steps})
	}
	if e := lb.Status.LastError; e != nil {
		o := diag.Object{Kind: e.Object.Kind, Namespace: e.Object.Namespace, Name: e.Object.Name}.String()
		out = append(out, timeline.Entry{Time: e.Time.Time, Kind: timeline.Condition, Object: o, Text: "error " + e.Code +
			": " + e.Message, RequestID: e.RequestID})
	}
	return out
}

// Leadership returns the last change of leaders, by the Lease.
func Leadership(l *coordinationv1.Lease) []timeline.Entry {
	if l.Spec.AcquireTime == nil || l.Spec.HolderIdentity == nil || *l.Spec.HolderIdentity == "" {
		return nil
	}
	changes := int32(0)
	if l.Spec.LeaseTransitions != nil {
		changes = *l.Spec.LeaseTransitions
	}
	return []timeline.Entry{{
		Time: l.Spec.AcquireTime.Time, Kind: timeline.Leader, Object: diag.Object{Kind: "Lease", Namespace: l.Namespace,
			Name: l.Name}.String(), By: *l.Spec.HolderIdentity,
		Text: fmt.Sprintf("took the Lease; it has changed its holder %d times", changes),
	}}
}
