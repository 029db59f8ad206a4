package impact

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/plan"
)

// The values of --fail-on.
const (
	OnExposure    = "exposure"
	OnReplacement = "replacement"
	OnDeletion    = "deletion"
)

// FailOn are the values of --fail-on.
var FailOn = []string{OnExposure, OnReplacement, OnDeletion}

// Trigger is a reason why --fail-on fails.
type Trigger struct {
	On string `json:"on"`
	// Of is the stack, accelerator or TargetGroupBinding.
	Of    string        `json:"of"`
	Steps []plan.StepID `json:"steps,omitempty"`
	Why   string        `json:"why"`
}

// Text returns the trigger as a line.
func (t Trigger) Text() string {
	text := fmt.Sprintf("%s: %s: %s", t.On, t.Of, t.Why)
	if len(t.Steps) > 0 {
		names := make([]string, len(t.Steps))
		for i, s := range t.Steps {
			names[i] = string(s)
		}
		text += " (" + strings.Join(names, "; ") + ")"
	}
	return text
}

// Triggers returns the reasons why plans fail on some of the values of FailOn. Steps that a guard refuses count as
// well, and what is unknown counts as exposure: a pipeline that asks must not pass because something was not read.
func Triggers(on []string, plans []plan.Plan, r Report) (out []Trigger) {
	for _, p := range plans {
		for _, s := range p.Steps {
			what := map[plan.Action]string{plan.Replace: OnReplacement, plan.Delete: OnDeletion}[s.Action]
			if !slices.Contains(on, what) {
				continue
			}
			why := strings.Join(s.Why, ", ")
			if s.Guard != nil {
				why = "refused: " + s.Guard.Text
			}
			out = append(out, Trigger{what, p.Key.String(), []plan.StepID{s.ID}, why})
		}
	}
	if !slices.Contains(on, OnExposure) {
		return out
	}
	for _, c := range r.Exposure {
		if c.Exposes {
			out = append(out, Trigger{OnExposure, c.Of, c.Steps, c.sentence()})
		}
	}
	for _, u := range r.Unknown {
		if u.Exposes {
			out = append(out, Trigger{OnExposure, u.Of, nil, "unknown: " + u.What})
		}
	}
	return out
}
