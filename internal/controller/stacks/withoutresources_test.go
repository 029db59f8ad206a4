package stacks

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

func TestOnlyWhatLeavingAMemberOutWouldChangeIsThere(t *testing.T) {
	t.Parallel()
	rule, other := stack.Ref{Kind: stack.KindRule, ID: "80:1"}, stack.Ref{Kind: stack.KindRule, ID: "80:2"}
	steps := func(s ...plan.Step) *plan.Plan { return &plan.Plan{Steps: s} }
	for name, c := range map[string]struct {
		with, without *plan.Plan
		proven        bool
	}{
		"nothing to do either way": {steps(), steps(), true},
		"it would be created":      {steps(plan.Step{Action: plan.Create, Resource: rule}), steps(), true},
		"another is created either way": {steps(plan.Step{Action: plan.Create, Resource: other}),
			steps(plan.Step{Action: plan.Create, Resource: other}), true},
		"another is deleted either way": {steps(plan.Step{Action: plan.Delete, Resource: other}),
			steps(plan.Step{Action: plan.Delete, Resource: other}), true},
		"it would be deleted": {steps(), steps(plan.Step{Action: plan.Delete, Resource: rule}), false},
		"it is edited, and would be deleted": {steps(plan.Step{Action: plan.Update, Resource: rule}),
			steps(plan.Step{Action: plan.Delete, Resource: rule}), false},
		"what is shared would change": {steps(), steps(plan.Step{Action: plan.Update, Resource: rule}), false},
		"what is shared changes in any event": {steps(plan.Step{Action: plan.Update, Resource: rule}),
			steps(plan.Step{Action: plan.Update, Resource: rule}), true},
	} {
		if got := provenAbsent(c.with, c.without); got.Proven() != c.proven {
			t.Errorf("%s: %q", name, got)
		}
	}
}
