// Package apply executes plans: every step as soon as those that it needs are done, a bounded number at a time, writing each
// result through to the inventory. It never sleeps and decides nothing about what is desired; a step that cannot succeed now says
// until when to wait. It may import cloud, inventory, plan, stack, diag and the AWS SDK.
package apply

import (
	"context"
	"errors"
	"time"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/inventory"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// ErrBindingExists is what Bindings.CreateBinding wraps if an object of that name exists; it may be on its way out.
var ErrBindingExists = errors.New("a TargetGroupBinding of that name exists")

// errAssumed ends the steps of a plan that was made of what nobody has read.
var errAssumed = errors.New("the plan rests on what an earlier process left and this one has not verified")

// ErrBindingsUndefined is what Bindings wraps if the API server does not serve TargetGroupBindings.
var ErrBindingsUndefined = errors.New("the API server does not know the kind TargetGroupBinding of elbv2.k8s.aws/v1beta1: its definition is missing")

// BindingsUndefined tells of ErrBindingsUndefined.
func BindingsUndefined() diag.Diagnostic {
	return diag.New(diag.Object{}, "", diag.DefinitionMissing, ErrBindingsUndefined.Error(), "apply the definitions: kubectl apply -f config/crd; it is tried again")
}

// Bindings writes TargetGroupBinding objects; references in the bindings it is given are literals.
type Bindings interface {
	// CreateBinding creates the object; see ErrBindingExists.
	CreateBinding(ctx context.Context, b stack.Binding) error
	// UpdateBinding patches spec and our labels; other labels and annotations stay.
	UpdateBinding(ctx context.Context, b stack.Binding) error
	// DeleteBinding asks for deletion and does not wait; an object that is gone is no error.
	DeleteBinding(ctx context.Context, namespace, name string) error
}

// Deps is what a run works with.
type Deps struct {
	Clients   cloud.Clients
	Inventory *inventory.Inventory
	Bindings  Bindings // may be nil for plans without bindings
	// Now is the clock of the times in outcomes; nil = time.Now.
	Now func() time.Time
	// Awaited reports whether targets of a group may be on their way, though none is registered, and whether all of them are registered as far as
	// is known; nil = nobody knows.
	Awaited func(targetGroup string) (awaited, registered bool)
	// Stabilize is how often to look whether a new load balancer has become active, where that must be waited for; 0 = 2 min.
	Stabilize time.Duration
	// Concurrency bounds the steps under way at once; 0 = 8.
	Concurrency int
}

// State is how a step ended.
type State string

// States of a step after a run.
const (
	Done    State = "done"
	Waiting State = "waiting" // cannot succeed before Until
	Blocked State = "blocked" // By did not get done
	Failed  State = "failed"
	Refused State = "refused" // its guard, or AWS's deletion protection, says no
)

// Outcome is the end of one step.
type Outcome struct {
	State State
	// Until is, of a waiting step, when to try again; of a failed one, before when another attempt is pointless unless something
	// is edited, or zero if that is the caller's to decide.
	Until time.Time
	On    string      // waiting: for what, e.g. "the network interfaces of the load balancer to go"
	By    plan.StepID // blocked: the nearest step that is not done
	// Problem is what to tell of a failure or a refusal; its Object and Path are the caller's to fill in.
	Problem diag.Diagnostic
	Err     error // failed, waiting: the error as it came; may be nil
}

// Result maps every step of the plan to its outcome.
type Result struct {
	Outcomes map[plan.StepID]Outcome
	// Outputs of the steps that created something.
	Outputs map[plan.StepID]plan.Output
}

// Wait is the earliest time at which a waiting step is worth another try; ok is false if none waits.
func (r Result) Wait() (until time.Time, ok bool) {
	for _, o := range r.Outcomes {
		if o.State == Waiting && (!ok || o.Until.Before(until)) {
			until, ok = o.Until, true
		}
	}
	return until, ok
}

// Count is the number of steps in a state.
func (r Result) Count(s State) int {
	n := 0
	for _, o := range r.Outcomes {
		if o.State == s {
			n++
		}
	}
	return n
}

// Run executes a plan: each step as soon as its needs are done and those that it follows have ended. A step that does not
// get done blocks only what needs it. Run returns when every step has an outcome; it waits for AWS's answers, never for time
// to pass. ctx ends the calls under way. Of a plan that rests on assumptions no step is executed.
func Run(ctx context.Context, p plan.Plan, d Deps) Result {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Concurrency <= 0 {
		d.Concurrency = 8
	}
	if d.Stabilize <= 0 {
		d.Stabilize = 2 * time.Minute
	}
	r := newRun(p, d)
	if p.Assumed {
		r.refuse(errAssumed)
	}
	r.loop(ctx)
	return Result{Outcomes: r.outcomes, Outputs: r.outputs}
}
