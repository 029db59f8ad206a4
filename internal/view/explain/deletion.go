package explain

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// Deletion is why an object that is deleted is still there.
type Deletion struct {
	Since      time.Time `json:"since"`
	Cause      string    `json:"cause"`
	Finalizers []string  `json:"finalizers"` // of the controller
	Others     []string  `json:"others,omitempty"`
	Steps      []string  `json:"steps,omitempty"` // that are left
}

// Deleted explains an object that is deleted. plans are those of the stacks that it leaves.
func Deleted(o metav1.Object, plans []plan.Plan) *Deletion {
	d := &Deletion{Since: o.GetDeletionTimestamp().Time, Finalizers: []string{}}
	for _, f := range o.GetFinalizers() {
		if naming.IsFinalizer(f) {
			d.Finalizers = append(d.Finalizers, f)
		} else {
			d.Others = append(d.Others, f)
		}
	}
	guarded := ""
	for i := range plans {
		for _, s := range plans[i].Steps {
			text := string(s.ID)
			if s.Guard != nil {
				text += "; the controller does not execute this step: " + s.Guard.Text
				if guarded == "" {
					guarded = strings.TrimSuffix(s.Guard.Text+"; "+s.Guard.Remedy, "; ")
				}
			}
			d.Steps = append(d.Steps, text)
		}
	}
	switch shown := o.GetAnnotations()[naming.DeletionCause]; {
	case len(d.Finalizers) == 0:
		d.Cause = "the controller has let the object go; other finalizers keep it"
	case shown != "":
		d.Cause = shown
	case guarded != "":
		d.Cause = guarded
	case len(d.Steps) > 0:
		d.Cause = "the steps below are left; if they stay, lbc doctor says whether the controller runs"
	default:
		d.Cause = "nothing is left in AWS; the controller removes its finalizer when it has proof of that, if it " +
			"runs (lbc doctor)"
	}
	return d
}

func (d *Deletion) text(t *Page) {
	t.Line("  is being deleted since %s", d.Since.UTC().Format(time.RFC3339))
	t.Line("  why it stays: %s", d.Cause)
	if len(d.Finalizers) > 0 {
		t.Line("  finalizers of the controller: %s", strings.Join(d.Finalizers, ", "))
	}
	if len(d.Others) > 0 {
		t.Line("  other finalizers: %s", strings.Join(d.Others, ", "))
	}
	if len(d.Steps) > 0 {
		t.Line("")
		t.Line("%s", t.Bold(fmt.Sprintf("Left to do (%d)", len(d.Steps))))
	}
	for _, s := range d.Steps {
		t.Line("  %s", s)
	}
}
