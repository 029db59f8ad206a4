package diff

import (
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/operation"
)

// Removal returns what deletes an accelerator. AWS deletes none that is not disabled everywhere, which takes minutes:
// as long as that, or another change, is under way, the plan has no step, and wait is true. Listeners stay until the
// accelerator is disabled.
func Removal(d accelerator.Declared, o accelerator.Observed) (p plan.Plan, wait bool) {
	b := newBuilder(d, o)
	switch {
	case !o.Exists():
		return b.plan, false
	case o.Enabled:
		b.add(plan.Step{Action: plan.Update, Resource: root, Op: operation.UpdateAccelerator{Accelerator: root, Name: o.Name,
			IPAddressType: o.IPAddressType, Enabled: false},
			Why: []string{"the object is deleted, and AWS deletes only disabled accelerators"}}, "")
		return b.plan, true
	case o.Status == accelerator.InProgress:
		return b.plan, true
	}
	for _, l := range accelerator.CloneListeners(o.Listeners) {
		b.deleteListener(l.ARN, "the object is deleted")
	}
	if len(o.Listeners) > 0 { // which is a change that AWS deploys before it deletes the accelerator
		return b.plan, true
	}
	b.add(plan.Step{Action: plan.Delete, Resource: root, Op: operation.DeleteAccelerator{Accelerator: root}, Why: []string{
		"the object is deleted"}}, "")
	return b.plan, false
}
