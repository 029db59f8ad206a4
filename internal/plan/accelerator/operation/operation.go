// Package operation has the operations that change an accelerator, one struct for each action of AWS Global
// Accelerator, and the observation after each. It decides nothing: package diff plans, and package awsclient sends.
package operation

import (
	"maps"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
)

// Resolve gives the ARN behind a reference.
type Resolve func(stack.Ref) string

// Operation is one write. About describes it. How it is sent is in the method of its name in package awsclient.
type Operation interface {
	plan.Operation
	// Advance changes an observation to what it is after the operation.
	Advance(o *accelerator.Observed, out Output, resolve Resolve)
}

func about(of stack.Ref) *plan.About { return &plan.About{Refs: []stack.Ref{of}} }

func takes(of stack.Ref, counts string) *plan.About {
	return &plan.About{Refs: []stack.Ref{of}, Quota: plan.Quota{Of: of, Counts: counts}}
}

func frees(of stack.Ref, counts string) *plan.About {
	return &plan.About{Refs: []stack.Ref{of}, Removes: true, Quota: plan.Quota{Of: of, Counts: counts, Frees: true}}
}

// Output is the answer to a write.
type Output struct {
	ID string // ARN of what was created
	// Accelerator is the answer of a write to the accelerator itself, without tags and listeners.
	Accelerator *accelerator.Observed
	// Endpoints are those that the write is about, as AWS describes them; nil = it did not.
	Endpoints []accelerator.Endpoint
}

// changed is an observation after a change that AWS has to deploy.
func changed(o *accelerator.Observed) { o.Status = accelerator.InProgress }

// CreateAccelerator makes an accelerator. AWS answers a repetition with the same token and parameters by the one that
// it made.
type CreateAccelerator struct {
	Name          string
	IPAddressType string
	IPAddresses   []string
	Token         string
	Tags          map[string]string
}

func (CreateAccelerator) About() *plan.About { return &plan.About{} }

// Advance implements Operation.
func (op CreateAccelerator) Advance(o *accelerator.Observed, out Output, _ Resolve) {
	*o = accelerator.Observed{ARN: out.ID, Name: op.Name, IPAddressType: op.IPAddressType, Enabled: true}
	if out.Accelerator != nil {
		*o = out.Accelerator.Clone()
	}
	o.Tags = maps.Clone(op.Tags)
	changed(o)
}

// UpdateAccelerator changes the accelerator itself in place.
type UpdateAccelerator struct {
	Accelerator   stack.Ref
	Name          string
	IPAddressType string
	Enabled       bool
}

func (op UpdateAccelerator) About() *plan.About { return about(op.Accelerator) }

// Advance implements Operation.
func (op UpdateAccelerator) Advance(o *accelerator.Observed, out Output, _ Resolve) {
	tags, listeners := o.Tags, o.Listeners
	if out.Accelerator != nil {
		*o = out.Accelerator.Clone()
	}
	o.Name, o.IPAddressType, o.Enabled, o.Tags, o.Listeners = op.Name, op.IPAddressType, op.Enabled, tags, listeners
	changed(o)
}

// DeleteAccelerator deletes an accelerator that is disabled and has no listeners. Its addresses are gone for good.
type DeleteAccelerator struct{ Accelerator stack.Ref }

func (op DeleteAccelerator) About() *plan.About {
	return &plan.About{Refs: []stack.Ref{op.Accelerator}, Removes: true,
		UsedBy: "AWS to disable the accelerator everywhere"}
}

// Advance implements Operation.
func (DeleteAccelerator) Advance(o *accelerator.Observed, _ Output, _ Resolve) {
	*o = accelerator.Observed{}
}

// TagResource adds tags to an accelerator, or changes their values.
type TagResource struct {
	Accelerator stack.Ref
	Tags        map[string]string
}

func (op TagResource) About() *plan.About {
	return &plan.About{Refs: []stack.Ref{op.Accelerator}, Setting: "Tags", Values: op.Tags}
}

// Advance implements Operation.
func (op TagResource) Advance(o *accelerator.Observed, _ Output, _ Resolve) {
	if o.Tags == nil {
		o.Tags = map[string]string{}
	}
	maps.Copy(o.Tags, op.Tags)
}

// UntagResource removes tags.
type UntagResource struct {
	Accelerator stack.Ref
	Keys        []string
}

func (op UntagResource) About() *plan.About {
	return &plan.About{Refs: []stack.Ref{op.Accelerator}, Setting: "Tags"}
}

// Advance implements Operation.
func (op UntagResource) Advance(o *accelerator.Observed, _ Output, _ Resolve) {
	for _, k := range op.Keys {
		delete(o.Tags, k)
	}
}
