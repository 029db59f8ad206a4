// Package operation has the operations that change an accelerator, a struct per action of AWS Global Accelerator, and
// what an observation is after each. It decides nothing: package diff plans, package awsclient sends.
package operation

import (
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
)

// Resolve gives the ARN behind a reference.
type Resolve func(stack.Ref) string

// Operation is one write. All that is known of it is in its methods; how it is sent is in the method of package
// awsclient that Send calls.
type Operation interface {
	plan.Operation
	// Send calls the method of s that is for the operation.
	Send(s Sender)
	// Advance changes an observation to what it is after the operation.
	Advance(o *accelerator.Observed, out Output, resolve Resolve)
}

// Output is what a write answered.
type Output struct {
	ID string // ARN of what was created
	// Accelerator is the answer of a write to the accelerator itself, without tags and listeners.
	Accelerator *accelerator.Observed
	// Endpoints are those that the write is about, as AWS describes them; nil = it did not.
	Endpoints []accelerator.Endpoint
}

// Sender has a method for each operation.
type Sender interface {
	CreateAccelerator(CreateAccelerator)
	UpdateAccelerator(UpdateAccelerator)
	DeleteAccelerator(DeleteAccelerator)
	TagResource(TagResource)
	UntagResource(UntagResource)
	CreateListener(CreateListener)
	UpdateListener(UpdateListener)
	DeleteListener(DeleteListener)
	CreateEndpointGroup(CreateEndpointGroup)
	UpdateEndpointGroup(UpdateEndpointGroup)
	DeleteEndpointGroup(DeleteEndpointGroup)
	AddEndpoints(AddEndpoints)
	RemoveEndpoints(RemoveEndpoints)
}

// changed is an observation after a change that AWS has to deploy.
func changed(o *accelerator.Observed) { o.Status = accelerator.InProgress }
