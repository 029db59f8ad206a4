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

// CreateEndpointGroup makes an endpoint group without endpoints.
type CreateEndpointGroup struct {
	Listener  stack.Ref
	Region    string
	Dial      float32
	Overrides []accelerator.Override
}

func (op CreateEndpointGroup) About() *plan.About { return takes(op.Listener, "endpoint groups") }

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

func (op UpdateEndpointGroup) About() *plan.About { return about(op.Group) }

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

func (op DeleteEndpointGroup) About() *plan.About { return frees(op.Group, "endpoint groups") }

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

func (op AddEndpoints) About() *plan.About { return about(op.Group) }

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

func (op RemoveEndpoints) About() *plan.About { return about(op.Group) }

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
