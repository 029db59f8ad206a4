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

func (op CreateListener) Refs() []stack.Ref { return []stack.Ref{op.Accelerator} }
func (op CreateListener) Traits() plan.Traits {
	return plan.Traits{Quota: plan.Quota{Of: op.Accelerator, Counts: "listeners"}}
}

// Send implements Operation.
func (op CreateListener) Send(s Sender) { s.CreateListener(op) }

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

func (op UpdateListener) Refs() []stack.Ref { return []stack.Ref{op.Listener} }
func (UpdateListener) Traits() plan.Traits  { return plan.Traits{} }

// Send implements Operation.
func (op UpdateListener) Send(s Sender) { s.UpdateListener(op) }

// Advance implements Operation.
func (op UpdateListener) Advance(o *accelerator.Observed, _ Output, resolve Resolve) {
	if l := o.Listener(resolve(op.Listener)); l != nil {
		l.Protocol, l.Ports, l.Affinity = op.Protocol, slices.Clone(op.Ports), op.Affinity
	}
	changed(o)
}

// DeleteListener deletes a listener that has no endpoint groups.
type DeleteListener struct{ Listener stack.Ref }

func (op DeleteListener) Refs() []stack.Ref { return []stack.Ref{op.Listener} }
func (op DeleteListener) Traits() plan.Traits {
	return plan.Traits{Removes: true, Quota: plan.Quota{Of: op.Listener, Counts: "listeners", Frees: true}}
}

// Send implements Operation.
func (op DeleteListener) Send(s Sender) { s.DeleteListener(op) }

// Advance implements Operation.
func (op DeleteListener) Advance(o *accelerator.Observed, _ Output, resolve Resolve) {
	arn := resolve(op.Listener)
	o.Listeners = slices.DeleteFunc(o.Listeners, func(l accelerator.Listener) bool { return l.ARN == arn })
	changed(o)
}
