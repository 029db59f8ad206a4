package hold

import (
	"fmt"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// remedy is what an administrator does about a hold.
const remedy = "wait until the hold ends; lbc hold lists the holds, and lbc hold --end ends one"

// Note says on an object that its load balancer is held.
func (h Hold) Note(o diag.Object) diag.Diagnostic {
	return diag.New(o, "", diag.OnHold, fmt.Sprintf("an administrator holds %s %s; targets are still registered and "+
		"deregistered, nothing else is written to AWS", h.Scope, h.Text()), remedy)
}

// Guard refuses what a hold keeps from being written. would says what that is; empty = it is not said.
func (h Hold) Guard(would string) plan.Guard {
	text := fmt.Sprintf("an administrator holds %s %s; the controller does not write this to AWS until the hold "+
		"ends", h.Scope, h.Text())
	if would != "" {
		text += ": " + would
	}
	return plan.Guard{Code: diag.PlanOnHold, Text: text, Remedy: remedy}
}

// Guard refuses an operation for a stack that is held at this moment; nil = it may be sent. Targets may be registered
// and deregistered.
func (b *Book) Guard(key stack.Key, op plan.Operation) *plan.Guard {
	switch op.(type) {
	case awsop.RegisterTargets, awsop.DeregisterTargets:
		return nil
	}
	if h := b.OfKey(key); h != nil {
		g := h.Guard("")
		return &g
	}
	return nil
}
