// Package operation has the operations that change an accelerator, one struct for each action of AWS Global
// Accelerator, and the observation after each. It decides nothing: package diff plans, and package awsclient sends.
package operation

import (
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
