package status

import (
	"slices"
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
	if d.Object.Kind == "TargetGroupBinding" && (reason == diag.FailedBuildModel || reason == diag.FailedDeployModel) {
		reason = diag.FailedReconcile // a binding has neither
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

	mu    sync.Mutex
	about map[subject]*told
}

// subject is an object as one unit of work sees it: the findings of an Ingress group and of a binding do not mix.
type subject struct {
	unit   string
	object diag.Object
}

type told struct {
	messages map[string]time.Time
	ok       bool // success was told since the last failure
}

// NewReporter makes a reporter.
func NewReporter(record Record, now func() time.Time) *Reporter {
	return &Reporter{record: record, now: now, about: map[subject]*told{}}
}

// Report tells the findings of one pass of a unit over its objects. success is recorded on each object that has no failure,
// if something was changed for it, or at its first or first recovered pass.
func (r *Reporter) Report(unit string, objects []diag.Object, found diag.List, changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	about := slices.Clone(objects)
	for _, d := range found {
		if !slices.Contains(about, d.Object) {
			about = append(about, d.Object)
		}
	}
	for _, o := range about {
		r.object(subject{unit, o}, found, changed, slices.Contains(objects, o))
	}
}

func (r *Reporter) object(s subject, found diag.List, changed, member bool) {
	t := r.about[s]
	if t == nil {
		t = &told{messages: map[string]time.Time{}}
		r.about[s] = t
	}
	now, failing := r.now(), false
	current := map[string]time.Time{}
	for _, d := range found {
		if d.Object != s.object {
			continue
		}
		failing = failing || d.Class != diag.Note
		e := EventOf(d)
		key := e.Reason + "\x00" + string(d.Code) + d.Path + d.Text
		last, again := t.messages[key]
		if !again || now.Sub(last) >= repeatAfter {
			r.record(s.object, e)
			last = now
		}
		current[key] = last
	}
	t.messages = current
	if failing {
		t.ok = false
		return
	}
	if member && (changed || !t.ok) {
		r.record(s.object, Event{Type: corev1.EventTypeNormal, Reason: string(diag.SuccessfullyDone), Message: "Successfully reconciled"})
		t.ok = true
	}
}

// Forget drops what was told about an object that is gone. Without a UID it drops what was told about any of that name.
func (r *Reporter) Forget(unit string, o diag.Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.about, subject{unit, o})
	if o.UID != "" {
		return
	}
	for s := range r.about {
		known := s.object
		known.UID = ""
		if s.unit == unit && known == o {
			delete(r.about, s)
		}
	}
}
