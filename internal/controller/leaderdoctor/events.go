package leaderdoctor

import (
	"cmp"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

// The bounds of what is kept of events.
const (
	kept         = time.Hour // what lasts is reported again within that
	mostObjects  = 500
	mostWarnings = 5 // of one object
)

// Events keeps the last warnings of the controller about objects, and when an object was well after a warning. It is
// safe for concurrent use.
type Events struct {
	now func() time.Time

	mu sync.Mutex
	of map[diag.Object]*past
}

type past struct {
	warnings []warning // in the order of their times
	well     time.Time // zero = never since the first warning
}

type warning struct {
	reason, message string
	at              time.Time
}

// NewEvents makes Events without any.
func NewEvents(now func() time.Time) *Events { return &Events{now: now, of: map[diag.Object]*past{}} }

// Recorded takes note of an event.
func (e *Events) Recorded(o diag.Object, event reporting.Event) {
	if e == nil || !slices.Contains(doctor.OwnerKinds, objects.Kind(o.Kind)) {
		return
	}
	o = diag.Object{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}
	now := e.now().Truncate(time.Second) // as the times of events are
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.of[o]
	if event.Reason == doctor.Well && p != nil {
		p.well = now
	}
	if event.Type != corev1.EventTypeWarning {
		return
	}
	if p == nil {
		if len(e.of) >= mostObjects {
			e.forgetOldest()
		}
		p = &past{}
		e.of[o] = p
	}
	p.warnings = slices.DeleteFunc(p.warnings, func(w warning) bool {
		return w.reason == event.Reason && w.message == event.Message
	})
	if len(p.warnings) == mostWarnings {
		p.warnings = p.warnings[1:]
	}
	p.warnings = append(p.warnings, warning{event.Reason, event.Message, now})
}

// last is when the last warning was.
func (p *past) last() time.Time { return p.warnings[len(p.warnings)-1].at }

// forgetOldest forgets, of the namespace that has the most objects, the one whose last warning is the oldest. e.mu is
// held.
func (e *Events) forgetOldest() {
	count := map[string]int{}
	for o := range e.of {
		count[o.Namespace]++
	}
	var oldest diag.Object
	var at time.Time
	for o, p := range e.of {
		more := count[o.Namespace] - count[oldest.Namespace]
		if at.IsZero() || more > 0 || more == 0 && p.last().Before(at) {
			oldest, at = o, p.last()
		}
	}
	delete(e.of, oldest)
}

// since are the events from a time on, as the API server would show them. Older ones are forgotten.
func (e *Events) since(from time.Time) (out []corev1.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for o, p := range e.of {
		if p.last().Before(from) {
			delete(e.of, o)
			continue
		}
		of := corev1.ObjectReference{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}
		for _, w := range p.warnings {
			out = append(out, corev1.Event{InvolvedObject: of, Type: corev1.EventTypeWarning, Reason: w.reason,
				Message: w.message, LastTimestamp: metav1.NewTime(w.at)})
		}
		if !p.well.IsZero() {
			out = append(out, corev1.Event{InvolvedObject: of, Type: corev1.EventTypeNormal, Reason: doctor.Well,
				LastTimestamp: metav1.NewTime(p.well)})
		}
	}
	slices.SortFunc(out, func(a, b corev1.Event) int {
		x, y := a.InvolvedObject, b.InvolvedObject
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name),
			a.LastTimestamp.Compare(b.LastTimestamp.Time), cmp.Compare(a.Message, b.Message))
	})
	return out
}
