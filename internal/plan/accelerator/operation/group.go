package operation

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
)

// CreateEndpointGroup makes an endpoint group without endpoints.
type CreateEndpointGroup struct {
	Listener  stack.Ref
	Region    string
	Dial      float32
	Overrides []accelerator.Override
}

func (op CreateEndpointGroup) Refs() []stack.Ref { return []stack.Ref{op.Listener} }
func (op CreateEndpointGroup) Traits() plan.Traits {
	return plan.Traits{Quota: plan.Quota{Of: op.Listener, Counts: "endpoint groups"}}
}

// Send implements Operation.
func (op CreateEndpointGroup) Send(s Sender) { s.CreateEndpointGroup(op) }

// Advance implements Operation.
func (op CreateEndpointGroup) Advance(o *accelerator.Observed, out Output, resolve Resolve) {
	if l := o.Listener(resolve(op.Listener)); l != nil {
		l.Groups = append(l.Groups, accelerator.Group{ARN: out.ID, Region: op.Region, Dial: op.Dial,
			Overrides: slices.Clone(op.Overrides)})
	}
	changed(o)
}

// UpdateEndpointGroup changes what is set of an endpoint group; nil stays as it is.
type UpdateEndpointGroup struct {
	Group     stack.Ref
	Dial      *float32               `json:",omitempty"`
	Overrides []accelerator.Override `json:",omitempty"` // all of them
	// NoOverrides removes all port overrides.
	NoOverrides bool `json:",omitempty"`
	// Endpoints are all of them: others are removed.
	Endpoints []accelerator.Endpoint `json:",omitempty"`
}

func (op UpdateEndpointGroup) Refs() []stack.Ref { return []stack.Ref{op.Group} }
func (UpdateEndpointGroup) Traits() plan.Traits  { return plan.Traits{} }

// Send implements Operation.
func (op UpdateEndpointGroup) Send(s Sender) { s.UpdateEndpointGroup(op) }

// Advance implements Operation.
func (op UpdateEndpointGroup) Advance(o *accelerator.Observed, out Output, resolve Resolve) {
	if _, g := o.Group(resolve(op.Group)); g != nil {
		if op.Dial != nil {
			g.Dial = *op.Dial
		}
		if op.Overrides != nil || op.NoOverrides {
			g.Overrides = slices.Clone(op.Overrides)
		}
		if op.Endpoints != nil {
			g.Endpoints = described(op.Endpoints, out.Endpoints)
		}
	}
	changed(o)
}

// DeleteEndpointGroup deletes an endpoint group with its endpoints.
type DeleteEndpointGroup struct{ Group stack.Ref }

func (op DeleteEndpointGroup) Refs() []stack.Ref { return []stack.Ref{op.Group} }
func (op DeleteEndpointGroup) Traits() plan.Traits {
	return plan.Traits{Removes: true, Quota: plan.Quota{Of: op.Group, Counts: "endpoint groups", Frees: true}}
}

// Send implements Operation.
func (op DeleteEndpointGroup) Send(s Sender) { s.DeleteEndpointGroup(op) }

// Advance implements Operation.
func (op DeleteEndpointGroup) Advance(o *accelerator.Observed, _ Output, resolve Resolve) {
	arn := resolve(op.Group)
	if l, _ := o.Group(arn); l != nil {
		l.Groups = slices.DeleteFunc(l.Groups, func(g accelerator.Group) bool { return g.ARN == arn })
	}
	changed(o)
}

// AddEndpoints adds endpoints to a group.
type AddEndpoints struct {
	Group     stack.Ref
	Endpoints []accelerator.Endpoint
}

func (op AddEndpoints) Refs() []stack.Ref { return []stack.Ref{op.Group} }
func (AddEndpoints) Traits() plan.Traits  { return plan.Traits{} }

// Send implements Operation.
func (op AddEndpoints) Send(s Sender) { s.AddEndpoints(op) }

// Advance implements Operation.
func (op AddEndpoints) Advance(o *accelerator.Observed, out Output, resolve Resolve) {
	if _, g := o.Group(resolve(op.Group)); g != nil {
		g.Endpoints = append(slices.DeleteFunc(g.Endpoints, func(e accelerator.Endpoint) bool {
			return index(op.Endpoints, e.ID) >= 0
		}),
			described(op.Endpoints, out.Endpoints)...)
	}
	changed(o)
}

// RemoveEndpoints takes endpoints out of a group.
type RemoveEndpoints struct {
	Group stack.Ref
	IDs   []string
}

func (op RemoveEndpoints) Refs() []stack.Ref { return []stack.Ref{op.Group} }
func (RemoveEndpoints) Traits() plan.Traits  { return plan.Traits{} }

// Send implements Operation.
func (op RemoveEndpoints) Send(s Sender) { s.RemoveEndpoints(op) }

// Advance implements Operation.
func (op RemoveEndpoints) Advance(o *accelerator.Observed, _ Output, resolve Resolve) {
	if _, g := o.Group(resolve(op.Group)); g != nil {
		g.Endpoints = slices.DeleteFunc(g.Endpoints, func(e accelerator.Endpoint) bool {
			return slices.Contains(op.IDs, e.ID)
		})
	}
	changed(o)
}

// described are endpoints as AWS describes them, or where it does not, as they were sent.
func described(sent, answered []accelerator.Endpoint) []accelerator.Endpoint {
	out := slices.Clone(sent)
	for i := range out {
		if at := index(answered, out[i].ID); at >= 0 {
			out[i] = answered[at]
		}
	}
	return out
}

func index(list []accelerator.Endpoint, id string) int {
	return slices.IndexFunc(list, func(e accelerator.Endpoint) bool { return e.ID == id })
}
