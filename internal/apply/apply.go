package apply

import (
	"context"
	"time"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/inventory"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Bindings writes TargetGroupBinding objects; references in the bindings it is given are literals.
type Bindings interface {
	// CreateBinding creates the object. ErrBindingExists = an object of that name exists (it may be on its way out).
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
	Bindings  Bindings
	// Now is the clock of the times in outcomes; nil = time.Now.
	Now func() time.Time
	// Concurrency bounds the steps under way at once; 0 = 8.
	Concurrency int
}

// State is how a step ended.
type State string

const (
	Done    State = "done"
	Waiting State = "waiting" // cannot succeed before Until, or until On happens
	Blocked State = "blocked" // By did not get done
	Failed  State = "failed"
	Refused State = "refused" // its guard, or AWS's deletion protection, says no
)

// Outcome is the end of one step.
type Outcome struct {
	State State
	Until time.Time   // waiting: when to try again
	On    string      // waiting: for what, e.g. "the network interfaces of the load balancer to go"
	By    plan.StepID // blocked: the nearest step that is not done
	// Failed and Refused: what to tell; Path and Object are the caller's to fill in.
	Problem diag.Diagnostic
	Err     error // failed: the error as it came
}

// Result maps every step of the plan to its outcome.
type Result struct {
	Outcomes map[plan.StepID]Outcome
	// Outputs of the steps that created something.
	Outputs map[plan.StepID]plan.Output
}

// Run executes a plan. It returns when every step has an outcome; ctx ends the calls under way.
func Run(ctx context.Context, p plan.Plan, d Deps) Result {
	return Result{}
}
