package front

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/owner"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/policy"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/stackjson"
)

// Approval refuses a whole plan for a stack while members of its load balancer have the annotation for an approval, and none of them approves of the stack. What is
// approved is the state that is wanted and not the steps towards it, which become fewer as they are carried out. A load balancer that no object declares is not
// concerned: its deletion is what was asked for, or the brake holds it.
func Approval(w Input, desired *stack.Stack) (plan.Policy, error) {
	by, asked := owner.Of(desired.Key.Owner).ApprovedPlan, false
	var approved []string
	for _, o := range w.Members {
		if v, ok := o.GetAnnotations()[string(by)]; ok {
			asked, approved = true, append(approved, strings.Split(v, ",")...)
		}
	}
	if !asked || desired.Removal != stack.NotRemoved {
		return policy.None, nil
	}
	digest, err := stackjson.Digest(desired)
	if err != nil {
		return nil, err
	}
	if slices.Contains(approved, digest) {
		return policy.None, nil
	}
	text := "the plan waits for its approval; nothing of the load balancer is changed"
	if approved[0] != annotation.NoPlan {
		text = fmt.Sprintf("%s approves of another plan; nothing of the load balancer is changed", by)
	}
	return policy.HoldAll(plan.Guard{Code: diag.PlanNotApproved, Text: text,
		Remedy: fmt.Sprintf("to approve of what lbc plan shows, set annotation %s: %s on one of the objects; without the annotation, every plan is carried out", by, digest)}), nil
}
