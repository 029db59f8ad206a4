package front

import (
	"fmt"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/policy/replacement"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
	"github.com/k8s-lbc/lbc/internal/plan/policy"
)

// PlanPolicies are the policies of a stack's plans, and what they depend on.
type PlanPolicies struct {
	Owner    stack.Owner
	Input    Input
	Compiled compile.Result
	Observed awsop.Observed
	Withhold plan.Policy // leaves out the steps that the drift policies withhold
	Approved plan.Policy // refuses a plan that users must approve; see Approval
	Withdraw plan.Policy // ends forwards that are no longer permitted; see Withdrawals
	// Only a running controller knows enough for these; nil = they do not apply.
	DelayCertificates plan.Policy // delays imports and requests of certificates
	// RefusePlan are the holds of administrators and the brake. It is the last policy, because it counts deletions.
	RefusePlan plan.Policy
}

// InOrder returns the policies in the order in which they apply: each apply to each plan, and final apply once, to the
// plan that is executed.
func (p PlanPolicies) InOrder() (each, final []plan.Policy) {
	missing := func(p plan.Policy) bool { return p == nil }
	each = []plan.Policy{policy.Protect(p.Input.Protected, p.Observed), p.DelayCertificates, p.Withhold, p.seniorFirst()}
	final = []plan.Policy{Observation(p.Input, p.Owner), p.Approved, p.Withdraw, p.RefusePlan}
	return slices.DeleteFunc(each, missing), slices.DeleteFunc(final, missing)
}

// seniorFirst orders the creation of rules, if AWS may not allow all of them: those of the members that joined first
// come first.
func (p PlanPolicies) seniorFirst() plan.Policy {
	var joined []diag.Object
	if p.Compiled.Memory != nil {
		joined = p.Compiled.Memory.Members
	}
	return policy.SeniorFirst(p.Observed, joined, func(rule stack.Ref) diag.Object {
		if objects := p.Compiled.Origins[rule].Objects; len(objects) > 0 {
			return objects[0]
		}
		return diag.Object{}
	})
}

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
		return diff.Replacement{Policy: p, By: fmt.Sprintf("%s (%s)", f.Source.Object(), f.Source.Path()), Now: now}
	}
	return diff.Replacement{Policy: by, By: "flag --replacement-policy", Now: now}
}
