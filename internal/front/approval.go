package front

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/owner"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/plan/policy"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/stackjson"
)

// Approval refuses a whole plan for a stack while members of its load balancer have the annotation for an approval, and none of them approves of the stack. What is
// approved is the state that is wanted and not the steps towards it, which become fewer as they are carried out. A load balancer that no object declares is not
// concerned: its deletion is what was asked for, or the brake holds it. Of one that is taken over, the destructive steps are refused without the annotation, and with the
// approval of another state.
func Approval(w Input, desired *stack.Stack, o elb.Observed) (plan.Policy, error) {
	by, asked := owner.Of(desired.Key.Owner).ApprovedPlan, false
	var approved []string
	for _, o := range w.Members {
		if v, ok := o.GetAnnotations()[string(by)]; ok {
			asked, approved = true, append(approved, strings.Split(v, ",")...)
		}
	}
	adopts := w.Adopts(desired)
	if !asked && !adopts || desired.Removal != stack.NotRemoved {
		return policy.None, nil
	}
	digest, err := stackjson.Digest(desired)
	if err != nil {
		return nil, err
	}
	if slices.Contains(approved, digest) {
		return policy.None, nil
	}
	if adopts && !slices.Contains(approved, annotation.NoPlan) {
		return takeover(desired.Key.Owner, digest, o), nil
	}
	text := "the plan waits for its approval; nothing of the load balancer is changed"
	if approved[0] != annotation.NoPlan {
		text = fmt.Sprintf("%s approves of another plan; nothing of the load balancer is changed", by)
	}
	return policy.HoldAll(plan.Guard{Code: diag.PlanNotApproved, Text: text,
		Remedy: fmt.Sprintf("to approve of what lbc plan shows, set annotation %s: %s on one of the objects; without the annotation, every plan is carried out", by, digest)}), nil
}

// shownSteps is how many of the steps that wait a message names.
const shownSteps = 10

// takeover refuses the destructive steps of the plan for a load balancer that is taken over, and names them.
func takeover(of stack.Owner, digest string, o elb.Observed) plan.Policy {
	return func(p plan.Plan) plan.Plan {
		return p.Under(policy.HoldDestructive(o, func(held []plan.Step) plan.Guard {
			var names []string
			for _, s := range held[:min(len(held), shownSteps)] {
				name := plan.NameOf(s.Op)
				if len(s.Why) > 0 {
					name += " (" + s.Why[0] + ")"
				}
				names = append(names, name)
			}
			if n := len(held) - shownSteps; n > 0 {
				names = append(names, fmt.Sprintf("%d more", n))
			}
			return plan.Guard{Code: diag.TakeoverNotApproved,
				Text: fmt.Sprintf("of the plan for the load balancer that is taken over, %s, the steps that change or delete what is there wait for an approval: %s",
					p.Summary(), strings.Join(names, ", ")),
				Remedy: fmt.Sprintf("to approve of what lbc plan shows, set annotation %s: %s on one of the objects; everything else is carried out", owner.Of(of).ApprovedPlan, digest)}
		}))
	}
}
