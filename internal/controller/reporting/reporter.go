// Package reporting computes what users see of passes: events from diagnostics, and the status of LoadBalancer
// objects. Package owner has the status of Ingresses, Services and Gateways. Everything here except Reporter is pure,
// and only Reporter writes: events, through an event recorder.
package reporting

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// repeatAfter is the interval at which the event of a lasting finding is repeated, so that it stays in the event
// history (one hour by default).
const repeatAfter = 20 * time.Minute

// mostEvents is how many findings about an object a pass records one by one. client-go's filter drops more events of
// one object.
const mostEvents = 25

// severities are the order in which findings are recorded if there are too many.
var severities = []diag.Severity{diag.Error, diag.Warning, diag.Remark}

// Event is one event to record.
type Event struct {
	Type    string // corev1.EventTypeNormal or corev1.EventTypeWarning
	Reason  string
	Message string
}

// EventOf returns the event of a diagnostic. The reason says which stage failed, so the message repeats no stage.
// The event of a note is Normal, unless its reason says otherwise, such as UnknownAnnotation, or a guard is not
// applied.
func EventOf(d diag.Diagnostic) Event {
	reason := d.Reason()
	if d.Object.Kind == "TargetGroupBinding" && (reason == diag.FailedBuildModel || reason == diag.FailedDeployModel ||
		reason == diag.FailedLoadGroupID) {
		reason = diag.FailedReconcile // bindings have this reason only
	}
	if d.Object.Kind == "GlobalAccelerator" {
		reason = cmp.Or(acceleratorReasons[reason], reason)
	}
	e := Event{Type: corev1.EventTypeWarning, Reason: string(reason), Message: d.Message()}
	if d.Class == diag.Note && d.Code != diag.GuardNotApplied && (reason == diag.NoteReason ||
		reason == diag.DryRunReason) {
		e.Type = corev1.EventTypeNormal
	}
	return e
}

// acceleratorReasons are the reasons of events of GlobalAccelerators that others of the existing controller do not
// have.
var acceleratorReasons = map[diag.EventReason]diag.EventReason{diag.FailedDeployModel: diag.FailedDeploy,
	diag.FailedLoadGroupID: diag.FailedEndpointLoad}

// Record records an event about an object, which is given by name.
type Record func(object diag.Object, e Event)

// Reporter records an event for each finding, repeats it at intervals while the finding lasts, and records success
// after failure. It is safe for concurrent use.
type Reporter struct {
	record Record
	now    func() time.Time
	// Ends reports whether a namespace is being deleted, so that the API server refuses events in it: findings in it are
	// recorded on the Namespace, too. nil = none is. It is set before the first report.
	Ends func(namespace string) bool
	told *Told // nil = nothing is known of the former process

	mu sync.Mutex
	// reported are the events of objects by unit, such as an Ingress group or a binding.
	reported map[string]map[diag.Object]*history
}

// history is what was recorded of one object.
type history struct {
	messages map[string]time.Time
	ok       bool // success was recorded since the last failure
	failing  bool
	member   bool   // the object is one of the unit's own, for which the caller calls Forget
	version  string // of the last report in which it was due
}

// NewReporter makes a reporter.
func NewReporter(record Record, now func() time.Time) *Reporter {
	return &Reporter{record: record, now: now, reported: map[string]map[diag.Object]*history{}}
}

// Report is the report of a pass over a unit.
type Report struct {
	// Objects are the unit's own objects whose declarations are in effect unless there is a finding about them. Success is
	// recorded on each, if something was changed for it, or at its first or first recovered pass. The former process
	// made the first pass if it recorded success on the same version of the object; see Told.
	Objects []diag.Object
	// Waiting are the unit's own objects that wait for others. No success is recorded on them.
	Waiting []diag.Object
	Found   diag.List
	Changed bool // something was changed, and all of it succeeded
	// Unedited reports that the objects have not changed since the last pass. A finding that comes and goes is then
	// recorded once until the object succeeds.
	Unedited bool
	// Partial reports that the pass ended early: there may be further findings, and no object has succeeded.
	Partial bool
	// Version identifies what users wrote of the unit's own objects; empty = it is not known.
	Version string
}

// Report records the events of a pass over a unit. Recovery is also recorded on objects that are not the unit's own,
// such as the Service behind an Ingress.
func (r *Reporter) Report(unit string, a Report) {
	a.Found = append(slices.Clip(a.Found), r.onNamespaces(a.Found)...)
	r.mu.Lock()
	defer r.mu.Unlock()
	about, found, member := slices.Concat(a.Objects, a.Waiting), map[diag.Object]diag.List{}, map[diag.Object]place{}
	for i, o := range about {
		found[o] = nil
		member[o] = place{own: true, due: member[o].due || i < len(a.Objects)}
	}
	for _, d := range a.Found {
		if _, known := found[d.Object]; !known {
			about = append(about, d.Object)
		}
		found[d.Object] = append(found[d.Object], d)
	}
	if r.reported[unit] == nil {
		r.reported[unit] = map[diag.Object]*history{}
	}
	for _, o := range about {
		a.Found = found[o] // thousands of objects may have findings
		r.object(unit, o, member[o], a)
	}
	if a.Partial {
		return
	}
	for o, t := range r.reported[unit] {
		if _, again := found[o]; t.member || again {
			continue
		}
		if t.failing {
			r.succeeded(o)
		}
		delete(r.reported[unit], o)
	}
	if len(r.reported[unit]) == 0 {
		delete(r.reported, unit)
	}
}

// onNamespaces are failures about objects of namespaces that are being deleted, on the Namespaces.
func (r *Reporter) onNamespaces(found diag.List) (out diag.List) {
	ends := map[string]bool{}
	for _, d := range found {
		namespace := d.Object.Namespace
		if r.Ends == nil || namespace == "" || d.Class == diag.Note {
			continue
		}
		if _, known := ends[namespace]; !known {
			ends[namespace] = r.Ends(namespace)
		}
		if ends[namespace] {
			d.Text = d.Object.String() + ": " + d.Text
			d.Object = diag.Object{Kind: "Namespace", Name: namespace}
			out = append(out, d)
		}
	}
	return out
}

func (r *Reporter) succeeded(o diag.Object) {
	r.record(o, Event{Type: corev1.EventTypeNormal, Reason: string(diag.SuccessfullyDone),
		Message: "Successfully reconciled"})
}

// place is what an object is in a report: one of the unit's own, which may have succeeded (due).
type place struct{ own, due bool }

func (r *Reporter) object(unit string, o diag.Object, as place, a Report) {
	t := r.reported[unit][o]
	if t == nil {
		t = &history{messages: map[string]time.Time{}}
		if as.own && !a.Partial && !a.Changed && r.told.before(unit, o, a.Version) {
			t.ok, t.version = true, a.Version
		}
		r.reported[unit][o] = t
	}
	t.member = t.member || as.own
	if as.due && !a.Partial {
		t.version = a.Version
	}
	now := r.now()
	t.failing = t.failing && a.Partial
	current := map[string]time.Time{}
	if a.Partial || a.Unedited && (!as.due || fails(o, a.Found)) {
		// The object has not succeeded since, so that a former finding which recurs is not recorded again.
		current = maps.Clone(t.messages)
		maps.DeleteFunc(current, func(_ string, last time.Time) bool { return now.Sub(last) >= repeatAfter })
	}
	found := map[string]bool{}
	for _, d := range firstOf(o, a.Found) {
		t.failing = t.failing || d.Class != diag.Note
		e := EventOf(d)
		key := identity(e.Reason, d)
		if found[key] {
			continue
		}
		found[key] = true
		last, again := t.messages[key]
		if !again || now.Sub(last) >= repeatAfter {
			r.record(o, e)
			last = now
		}
		current[key] = last
	}
	t.messages = current
	if t.failing {
		t.ok = false
		return
	}
	if as.due && !a.Partial && (a.Changed || !t.ok) {
		r.succeeded(o)
		t.ok = true
	}
}

// firstOf returns the findings about an object; of too many the first ones, failures before warnings before notes, of
// which the last one says how many there are besides.
func firstOf(o diag.Object, all diag.List) (out diag.List) {
	known := map[string]bool{}
	for _, d := range all {
		if d.Object != o {
			continue
		}
		if key := identity("", d); !known[key] {
			known[key] = true
			out = append(out, d)
		}
	}
	more := len(out) - mostEvents
	if more <= 0 {
		return out
	}
	slices.SortStableFunc(out, func(a, b diag.Diagnostic) int {
		return cmp.Compare(slices.Index(severities, a.Severity()), slices.Index(severities, b.Severity()))
	})
	out = out[:mostEvents]
	last := &out[mostEvents-1]
	last.Text = fmt.Sprintf("%s; `lbc explain` shows %d more findings about this object", last.Text, more)
	return out
}

func fails(o diag.Object, found diag.List) bool {
	return slices.ContainsFunc(found, func(d diag.Diagnostic) bool { return d.Object == o && d.Class != diag.Note })
}

// identity identifies a finding. AWS's request id is not part of it.
func identity(reason string, d diag.Diagnostic) string {
	text := d.Text
	if d.RequestID != "" {
		text = strings.ReplaceAll(text, d.RequestID, "")
	}
	return strings.Join([]string{reason, string(d.Code), d.Path, text}, "\x00")
}

// Forget drops the history of a deleted object; without a UID, of every object of that name.
func (r *Reporter) Forget(unit string, o diag.Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.reported[unit], o)
	for known := range r.reported[unit] {
		named := known
		named.UID = ""
		if named == o {
			delete(r.reported[unit], known)
		}
	}
	if len(r.reported[unit]) == 0 {
		delete(r.reported, unit)
	}
}

// End drops the history of a unit that no longer exists.
func (r *Reporter) End(unit string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.reported, unit)
}

// phases are the phases of writes to the API server, by the code of a refusal.
var phases = map[diag.Code]diag.Phase{
	diag.FinalizerNotAdded: diag.Marking, diag.FinalizerNotRemoved: diag.Releasing, diag.StatusNotWritten: diag.Showing,
	diag.StatusNotCleared: diag.Clearing,
}

// APIRefusal returns the diagnostic of a refused request to the API server that is tried again.
func APIRefusal(o diag.Object, code diag.Code, err error) diag.Diagnostic {
	text := awsclient.SteadyText(err.Error())
	if denial, ok := diag.DenialOf(text); ok && code != diag.ObjectsUnread {
		written := o
		if code == diag.CheckpointNotWritten {
			written = diag.Object{Kind: "ConfigMap", Name: "of checkpoints"}
		}
		said, remedy := denial.Of(written, code == diag.CheckpointNotWritten)
		d := diag.New(o, "", diag.PolicyDenied, said, remedy)
		d.Phase = phases[code]
		return d
	}
	check := "check the permissions of its service account"
	if strings.Contains(text, "Operation cannot be fulfilled on ") { // a conflict that lasts
		check = "metadata.managedFields shows who else writes the object"
	}
	return diag.New(o, "", code, text, "the controller tries again; if the error persists, "+check)
}
