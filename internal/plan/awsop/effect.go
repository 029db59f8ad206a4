package awsop

import (
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// Verb is what an operation does to a resource.
type Verb string

// The verbs.
const (
	Creates Verb = "creates"
	Changes Verb = "changes"
	Retags  Verb = "retags" // changes its tags only
	Deletes Verb = "deletes"
)

// Effect is what caches of AWS need to know of an operation: which resource is another one after a success, and is
// uncertain if the answer is lost. What exactly changes is in Advance. The zero value is that of an operation that
// changes nothing that is observed.
type Effect struct {
	Kind     stack.Kind
	Verb     Verb
	Resource stack.Ref // zero for one that is created
	// Name is that of a load balancer, target group or security group that is created: it is found by it.
	Name string
	// Below is the load balancer of a listener, or the listener of a rule, that is created.
	Below stack.Ref
	// AddOn is the add-on of the load balancer that changes; empty = none does.
	AddOn AddOn
	// Forwards is set if the operation decides which target groups listeners and rules forward to, and at which
	// priorities.
	Forwards bool
	// Import is the key pair that a certificate has afterwards; nil = the operation imports none.
	Import *stack.KeyPair
}

// EffectOf is the effect of an operation; zero for one of another package.
func EffectOf(op plan.Operation) Effect {
	if op, ok := op.(Operation); ok {
		return op.effect()
	}
	return Effect{}
}

func changes(r stack.Ref) Effect { return Effect{Kind: r.Kind, Verb: Changes, Resource: r} }
func retags(r stack.Ref) Effect  { return Effect{Kind: r.Kind, Verb: Retags, Resource: r} }
func deletes(r stack.Ref) Effect { return Effect{Kind: r.Kind, Verb: Deletes, Resource: r} }
