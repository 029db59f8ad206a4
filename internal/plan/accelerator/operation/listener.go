package operation

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
)

// CreateListener makes a listener without endpoint groups.
type CreateListener struct {
	Accelerator stack.Ref
	Protocol    string
	Ports       []accelerator.PortRange
	Affinity    string
}

func (op CreateListener) About() *plan.About { return takes(op.Accelerator, "listeners") }

// Advance implements Operation.
func (op CreateListener) Advance(o *accelerator.Observed, out Output, _ Resolve) {
	o.Listeners = append(o.Listeners, accelerator.Listener{ARN: out.ID, Protocol: op.Protocol,
		Ports: slices.Clone(op.Ports), Affinity: op.Affinity})
	changed(o)
}

// UpdateListener changes a listener in place; its endpoint groups stay.
type UpdateListener struct {
	Listener stack.Ref
	Protocol string
	Ports    []accelerator.PortRange
	Affinity string
}

func (op UpdateListener) About() *plan.About { return about(op.Listener) }

// Advance implements Operation.
func (op UpdateListener) Advance(o *accelerator.Observed, _ Output, resolve Resolve) {
	if l := o.Listener(resolve(op.Listener)); l != nil {
		l.Protocol, l.Ports, l.Affinity = op.Protocol, slices.Clone(op.Ports), op.Affinity
	}
	changed(o)
}

// DeleteListener deletes a listener that has no endpoint groups.
type DeleteListener struct{ Listener stack.Ref }

func (op DeleteListener) About() *plan.About { return frees(op.Listener, "listeners") }

// Advance implements Operation.
func (op DeleteListener) Advance(o *accelerator.Observed, _ Output, resolve Resolve) {
	arn := resolve(op.Listener)
	o.Listeners = slices.DeleteFunc(o.Listeners, func(l accelerator.Listener) bool { return l.ARN == arn })
	changed(o)
}
