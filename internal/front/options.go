package front

import (
	"time"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/policy/replacement"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// DriftPolicies are those that members and classes declare, and by for the other groups of fields.
func DriftPolicies(c compile.Result, by drift.Policies) drift.Policies {
	declared := drift.Policies{}
	for g, p := range c.DriftPolicy {
		declared[drift.Group(g)] = drift.Policy(p)
	}
	return declared.Over(by)
}

// Replacement returns the policy that members or their class declare, else by, for a plan of this moment.
func Replacement(c compile.Result, by replacement.Policy, now time.Time) diff.Replacement {
	if f := c.ReplacementPolicy; f.Set {
		p, _ := replacement.Parse(f.Value) // which the front end has printed
		return diff.Replacement{Policy: p, By: f.Source.Object().String() + ", " + f.Source.Path(), Now: now}
	}
	return diff.Replacement{Policy: by, By: "flag --replacement-policy", Now: now}
}
