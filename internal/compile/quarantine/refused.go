package quarantine

import (
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Refused is what AWS is certain to refuse of the rule of a route; empty if nothing is certain.
func Refused(r *intent.Route) string {
	if problem := constraint.OfConditions(r.Conditions); problem != "" {
		return problem
	}
	all := make([]stack.Action, 0, len(r.Authentication)+len(r.Actions))
	for _, list := range [][]intent.Action{r.Authentication, r.Actions} {
		for _, a := range list {
			if a.OIDC != nil && a.OIDC.Withheld() { // its Secret cannot be read, which is reported
				continue
			}
			one := stack.Action{Type: a.Type, Redirect: a.Redirect, FixedResponse: a.FixedResponse, OIDC: a.OIDC, Cognito: a.Cognito, JWT: a.JWT}
			if a.Type == stack.ActionForward {
				one.Forward = &stack.Forward{Stickiness: a.Stickiness}
				for _, b := range a.Backends {
					one.Forward.TargetGroups = append(one.Forward.TargetGroups, stack.WeightedTargetGroup{Weight: b.Weight})
				}
			}
			all = append(all, one)
		}
	}
	return constraint.OfActions(all, r.Transforms)
}
