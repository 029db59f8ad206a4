// Package apply executes plans: each step as soon as the steps that it needs are done, a bounded number at a time. It
// records each result in the inventory. It never sleeps: if a step cannot succeed now, its outcome has the time of the
// next attempt. Run is the way in; run.go orders the steps, execute.go sends one, and interpret.go decides what an
// error means.
package apply

import (
	"context"
	"errors"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// ErrBindingExists is the error of Bindings.CreateBinding if an object of that name exists; it may be in deletion.
var ErrBindingExists = errors.New("a TargetGroupBinding of that name exists")

// ErrNamespaceEnds is the error of Bindings.CreateBinding if the namespace is being deleted.
var ErrNamespaceEnds = errors.New("the namespace is being deleted")

// errAssumed is the error of all steps of a plan that rests on a checkpoint.
var errAssumed = errors.New("the plan uses a checkpoint that is not compared with AWS yet")

// ErrBindingsUndefined is the error of Bindings if the API server does not serve TargetGroupBindings.
var ErrBindingsUndefined = errors.New("the API server does not know the kind TargetGroupBinding of " +
	"elbv2.k8s.aws/v1beta1: its definition is missing")

// BindingsUndefined returns the diagnostic of ErrBindingsUndefined.
func BindingsUndefined() diag.Diagnostic {
	return diag.New(diag.Object{}, "", diag.DefinitionMissing, ErrBindingsUndefined.Error(),
		"apply the definitions: kubectl apply -f config/crd; it is tried again")
}

// Bindings writes TargetGroupBinding objects. References in its arguments are literals.
type Bindings interface {
	// CreateBinding creates the object; see ErrBindingExists and ErrNamespaceEnds.
	CreateBinding(ctx context.Context, b stack.Binding) error
	// UpdateBinding patches the spec, and the labels and annotations of the stack; other labels and annotations stay.
	UpdateBinding(ctx context.Context, b stack.Binding) error
	// ReleaseBinding removes labels from the object. It is no error if the object does not exist.
	ReleaseBinding(ctx context.Context, namespace, name string, labels []string) error
	// DeleteBinding requests the deletion and does not wait for it. It is no error if the object does not exist.
	DeleteBinding(ctx context.Context, namespace, name string) error
}

// Expected is what is known about the targets that a target group shall have. The zero value means that nothing is
// known.
type Expected struct {
	Any        bool // targets are expected, though none may be registered yet
	Registered bool // all expected ones are registered
	Withheld   bool // other endpoints cannot be registered until their pods change, e.g. without QUIC server id
	Stays      bool // none is expected since an edit, and those from before it stay
}

// Deps are the dependencies of a run.
type Deps struct {
	Clients   awsclient.Clients
	Inventory *inventory.Inventory
	Bindings  Bindings // may be nil for plans without bindings
	// Now is the clock of the times in outcomes; nil = time.Now.
	Now func() time.Time
	// Expected is the known state of the targets of a group; nil = nothing.
	Expected func(targetGroup string) Expected
	// Stabilize is the pause between reads of the state of a new load balancer that must become active; 0 = 2 min.
	Stabilize time.Duration
	// Hold returns a guard if an administrator holds the subject of an operation. It is called right before the operation
	// is sent; nil = nothing is held.
	Hold func(key stack.Key, op plan.Operation) *plan.Guard
	// Objects identifies the versions of the objects that a step comes from and that a problem is about; nil = they are
	// not known.
	Objects func(step plan.Step, problem diag.Diagnostic) string
	// Namespace is that of the objects that a step is about, for the record of what was done; empty = of several. nil =
	// that of the stack.
	Namespace func(step plan.Step) string
	// Concurrency limits how many steps run at a time; 0 = 8.
	Concurrency int
}

// State is how a step ended.
type State string

// States of a step after a run.
const (
	Done      State = "done"
	Waiting   State = "waiting" // cannot succeed before Until
	Blocked   State = "blocked" // step By is not done
	Failed    State = "failed"
	Prevented State = "refused" // its guard, or AWS's deletion protection, forbids it
)

// Outcome is the end of one step.
type Outcome struct {
	State State
	// Until is the time of the next attempt at a waiting step. A failed step is repeated before Until only after an edit;
	// zero = the caller decides.
	Until time.Time
	On    string      // waiting: for what, e.g. "the network interfaces of the load balancer to go"
	By    plan.StepID // blocked: the nearest step that is not done
	// Problem is the diagnostic of a failure or a refusal, without Object and Path.
	Problem diag.Diagnostic
	Err     error // failed, waiting: the original error; may be nil
}

// Result has the outcome of every step of the plan.
type Result struct {
	Outcomes map[plan.StepID]Outcome
}

// Wait returns the earliest time of another attempt at a waiting step; ok is false if none waits.
func (r Result) Wait() (until time.Time, ok bool) {
	for _, o := range r.Outcomes {
		if o.State == Waiting && (!ok || o.Until.Before(until)) {
			until, ok = o.Until, true
		}
	}
	return until, ok
}

// Count returns the number of steps in a state.
func (r Result) Count(s State) int {
	n := 0
	for _, o := range r.Outcomes {
		if o.State == s {
			n++
		}
	}
	return n
}

// Run executes a plan: each step as soon as its needs are done and the steps before it have ended. A step that is not
// done blocks only the steps that need it. Run returns when every step has an outcome; it waits for calls, but never
// for time to pass. The end of ctx ends the calls under way. If the plan rests on assumptions, no step is executed.
func Run(ctx context.Context, p plan.Plan, d Deps) Result {
	r := newRun(p, d)
	if p.Assumed {
		r.refuse(errAssumed)
	}
	r.loop(ctx)
	return Result{Outcomes: r.outcomes}
}

// refusedNow returns the outcome of a step that its guard or a hold refuses.
func (r *run) refusedNow(s *plan.Step) (_ Outcome, refused bool) {
	g := s.Guard
	if g == nil && r.d.Hold != nil {
		g = r.d.Hold(r.key, s.Op)
	}
	if g == nil {
		return Outcome{}, false
	}
	return Outcome{State: Prevented, Problem: diag.New(diag.Object{}, "", g.Code, g.Text, g.Remedy)}, true
}

// HoldError is the error of an operation that is no step of a plan and that Deps.Hold refuses.
type HoldError struct{ Problem diag.Diagnostic }

// Error implements error.
func (e HoldError) Error() string { return e.Problem.Text }

// Writer makes one attempt at an operation that is no step of a plan, such as a registration of targets. The
// operation's references are literals. key and id identify it in all attempts, to count refusals and pauses.
type Writer func(ctx context.Context, key stack.Key, id plan.StepID, op plan.Operation) Outcome

// Write is a Writer that makes one attempt. Its call has priority over those of plans.
func (d Deps) Write(ctx context.Context, key stack.Key, id plan.StepID, op plan.Operation) Outcome {
	r := newRun(plan.Plan{Key: key}, d)
	if err := context.Cause(ctx); err != nil {
		return r.stopped(err)
	}
	step := plan.Step{ID: id, Op: op, Lane: plan.Vital}
	if o, refused := r.refusedNow(&step); refused { // a failure: what is not written is to be tried again
		return Outcome{State: Failed, Problem: o.Problem, Err: HoldError{o.Problem}}
	}
	return r.execute(ctx, step)
}
