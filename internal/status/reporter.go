package status

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/diag"
)

// repeatAfter is how often a finding that stays is told again, so that it does not fall out of the event history (one hour
// by default) while it lasts.
const repeatAfter = 20 * time.Minute

// prefixes are how event messages start, per reason, in the words of the existing controller.
var prefixes = map[diag.EventReason]string{
	diag.FailedLoadGroupID: "failed load groupID due to ",
	diag.FailedBuildModel:  "Failed build model due to ",
	diag.FailedDeployModel: "Failed deploy model due to ",
	diag.FailedReconcile:   "Failed reconcile due to ",
	diag.FailedCleanup:     "Failed cleanup due to ",
	diag.FailedAdd:         "Failed add finalizer due to ",
	diag.FailedRemove:      "Failed remove finalizer due to ",
	diag.FailedStatus:      "Failed update status due to ",
}

// Event is one event to record.
type Event struct {
	Type    string // corev1.EventTypeNormal or corev1.EventTypeWarning
	Reason  string
	Message string
}

// EventOf is the event of a diagnostic. A note is Normal, but for what is surely a mistake: a key that nobody reads.
func EventOf(d diag.Diagnostic) Event {
	reason := d.Reason()
	if d.Object.Kind == "TargetGroupBinding" && (reason == diag.FailedBuildModel || reason == diag.FailedDeployModel || reason == diag.FailedLoadGroupID) {
		reason = diag.FailedReconcile // a binding has none of these
	}
	e := Event{Type: corev1.EventTypeWarning, Reason: string(reason), Message: prefixes[reason] + d.Message()}
	if d.Class == diag.Note && (reason == diag.NoteReason || reason == diag.DryRunReason) {
		e.Type = corev1.EventTypeNormal
	}
	return e
}

// Record sends an event about an object; the object is named, not carried, so that offline callers need none.
type Record func(object diag.Object, e Event)

// Reporter tells each finding once, again when it has lasted, and says when all is well after it was not. It is safe for
// concurrent use.
type Reporter struct {
	record Record
	now    func() time.Time

	mu sync.Mutex
	// about is what was told of objects by each unit of work: the findings of an Ingress group and of a binding do not mix.
	about map[string]map[diag.Object]*told
}

type told struct {
	messages map[string]time.Time
	ok       bool // success was told since the last failure
	failing  bool
	member   bool // one of the unit's own objects: it has passes of its own, and somebody forgets it
}

// NewReporter makes a reporter.
func NewReporter(record Record, now func() time.Time) *Reporter {
	return &Reporter{record: record, now: now, about: map[string]map[diag.Object]*told{}}
}

// Account is what a pass of a unit has to tell.
type Account struct {
	// Objects are the unit's own whose wishes are in effect unless something is found wrong with them; success is recorded on
	// each, if something was changed for it, or at its first or first recovered pass.
	Objects []diag.Object
	// Waiting are the unit's own that wait for others: nobody tells them of success.
	Waiting []diag.Object
	Found   diag.List
	Changed bool // something was changed, and all of it succeeded
	// Unedited tells that the objects are as they were in the last pass: what comes and goes by itself is told once until the
	// object succeeds.
	Unedited bool
	// Partial tells that the pass ended early: what it did not find may be there all the same, and nobody has succeeded.
	Partial bool
}

// Report tells what a pass of a unit found. An object that is not the unit's own, such as the Service behind an Ingress, hears of
// its recovery too.
func (r *Reporter) Report(unit string, a Account) {
	r.mu.Lock()
	defer r.mu.Unlock()
	about := slices.Concat(a.Objects, a.Waiting)
	for _, d := range a.Found {
		if !slices.Contains(about, d.Object) {
			about = append(about, d.Object)
		}
	}
	if r.about[unit] == nil {
		r.about[unit] = map[diag.Object]*told{}
	}
	for _, o := range about {
		r.object(unit, o, a)
	}
	if a.Partial {
		return
	}
	for o, t := range r.about[unit] {
		if t.member || slices.Contains(about, o) {
			continue
		}
		if t.failing {
			r.succeeded(o)
		}
		delete(r.about[unit], o)
	}
	if len(r.about[unit]) == 0 {
		delete(r.about, unit)
	}
}

func (r *Reporter) succeeded(o diag.Object) {
	r.record(o, Event{Type: corev1.EventTypeNormal, Reason: string(diag.SuccessfullyDone), Message: "Successfully reconciled"})
}

func (r *Reporter) object(unit string, o diag.Object, a Account) {
	t := r.about[unit][o]
	if t == nil {
		t = &told{messages: map[string]time.Time{}}
		r.about[unit][o] = t
	}
	due := slices.Contains(a.Objects, o)
	t.member = t.member || due || slices.Contains(a.Waiting, o)
	now := r.now()
	t.failing = t.failing && a.Partial
	current := map[string]time.Time{}
	if a.Partial || a.Unedited && (!due || fails(o, a.Found)) {
		// Nothing has succeeded since, so that what was found before and is found again is no news.
		current = maps.Clone(t.messages)
		maps.DeleteFunc(current, func(_ string, last time.Time) bool { return now.Sub(last) >= repeatAfter })
	}
	found := map[string]bool{}
	for _, d := range a.Found {
		if d.Object != o {
			continue
		}
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
	if due && !a.Partial && (a.Changed || !t.ok) {
		r.succeeded(o)
		t.ok = true
	}
}

func fails(o diag.Object, found diag.List) bool {
	return slices.ContainsFunc(found, func(d diag.Diagnostic) bool { return d.Object == o && d.Class != diag.Note })
}

// identity tells findings apart: those that differ in nothing but AWS's request id are one.
func identity(reason string, d diag.Diagnostic) string {
	text := d.Text
	if d.RequestID != "" {
		text = strings.ReplaceAll(text, d.RequestID, "")
	}
	return strings.Join([]string{reason, string(d.Code), d.Path, text}, "\x00")
}

// Forget drops what was told about an object that is gone. Without a UID it drops what was told about any of that name.
func (r *Reporter) Forget(unit string, o diag.Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.about[unit], o)
	for known := range r.about[unit] {
		named := known
		named.UID = ""
		if named == o {
			delete(r.about[unit], known)
		}
	}
	if len(r.about[unit]) == 0 {
		delete(r.about, unit)
	}
}

// End drops what a unit told that is no more.
func (r *Reporter) End(unit string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.about, unit)
}
