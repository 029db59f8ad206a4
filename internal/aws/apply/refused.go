package apply

import (
	"context"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/refusal"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// lookAgain is the pause before planning again after the first refusal of a write: the refusal may have shown
// that facts are out of date. The same write is not sent then.
const lookAgain = time.Second

// remembered is the outcome of a step that failed, of which the memory of refusals takes note if AWS will refuse the
// same write again.
func (r *run) remembered(ctx context.Context, s plan.Step, e awsclient.Error, failed Outcome) Outcome {
	cause, lasts := r.causeOf(s.Op, e)
	if failed.State != Failed || !failed.Until.IsZero() || !lasts {
		return failed
	}
	said := r.refusal(ctx, s, e, failed, cause)
	n, until := r.d.Inventory.Refusals().Refused(r.key, plan.Fingerprint(s.Op, r.resolve), said)
	failed.Until = until
	if _, targets := s.Op.(awsop.RegisterTargets); n == 1 && !targets {
		failed.Until = r.d.Now().Add(lookAgain)
	}
	return failed
}

// causeOf is why AWS refuses an operation; lasts is false if the same call may succeed at the next attempt.
func (r *run) causeOf(op plan.Operation, e awsclient.Error) (_ refusal.Cause, lasts bool) {
	if e.Code == awsclient.CodeNotPermitted && removes(op) {
		return refusal.Obstacle, true
	}
	if e.Code == "" || e.Credentials || e.Class != diag.Invalid && e.Class != diag.NotFound && e.Class != diag.Quota {
		return "", false
	}
	// an instance, or a load balancer, gets fit for registration without an event
	if e.Code == awsclient.CodeInvalidTarget {
		return "", false
	}
	switch op.(type) {
	case awsop.DeregisterTargets: // the same targets may be registered again meanwhile
		return "", false
	case awsop.RegisterTargets:
		return refusal.Content, e.Class == diag.Invalid // a new target group is not known everywhere in AWS
	}
	if e.Class == diag.NotFound && r.refersToCreated(op, "") { // it may not be known everywhere in AWS
		return "", false
	}
	if removes(op) || e.Class == diag.Quota { // what a deletion says is never wrong by itself
		return refusal.Obstacle, true
	}
	return refusal.Content, true
}

func removes(op plan.Operation) bool {
	a := op.About()
	return a.Removes || a.Verb == plan.Deletes
}

// refusal is what is remembered of a step that failed with an error of AWS.
func (r *run) refusal(ctx context.Context, s plan.Step, e awsclient.Error, failed Outcome,
	cause refusal.Cause) refusal.Refusal {
	x := refusal.Refusal{
		Step: s.ID, Action: plan.NameOf(s.Op), Cause: cause, Err: failed.Err, Secret: len(s.Op.About().Secrets) > 0,
		Effect: s.Op.About().Effect,
	}
	for _, ref := range s.Op.About().Refs {
		x.Resources = append(x.Resources, r.resolve(ref))
	}
	switch cause {
	case refusal.Content:
		x.Objects = r.objectsOf(s, failed.Err)
	case refusal.Obstacle:
		x.Room = r.d.Inventory.Room(ctx, s.Op, e.Code)
	}
	return x
}

// objectsOf identifies the objects that AWS refuses a step for, in their versions.
func (r *run) objectsOf(s plan.Step, err error) string {
	if r.d.Objects == nil {
		return ""
	}
	return r.d.Objects(s, problemOf(s.Op, err))
}

// hasRoom looks whether what AWS refused a step for is gone: a name that was taken, or a quota of the account.
func (r *run) hasRoom(ctx context.Context, s plan.Step) bool {
	code, was := r.d.Inventory.Refusals().Room(r.key, plan.Fingerprint(s.Op, r.resolve))
	if was == nil {
		return false
	}
	now := r.d.Inventory.Room(ctx, s.Op, code)
	return now != nil && *now > *was
}

// rejectedBefore is the outcome of a step whose operation AWS has refused, before the pause after that is over.
func (r *run) rejectedBefore(s plan.Step) (Outcome, bool) {
	if !r.d.Inventory.Refusals().Any(r.key) {
		return Outcome{}, false
	}
	until, err := r.d.Inventory.Refusals().Before(r.key, plan.Fingerprint(s.Op, r.resolve),
		func(err error) string { return r.objectsOf(s, err) })
	if err == nil {
		return Outcome{}, false
	}
	return Outcome{State: Failed, Err: err, Until: until, Problem: problemOf(s.Op, err)}, true
}

// knownRefused reports whether AWS has refused a part of a step's operation, before the pause after that is over.
func (r *run) knownRefused(s plan.Step, part plan.Operation) bool {
	s.Op = part
	_, known := r.rejectedBefore(s)
	return known
}

// addOnTimeout is how long the call of an add-on may wait for the limiter before its step is put off, so that services
// with low limits do not delay passes.
const addOnTimeout = 2 * time.Second

// mostPropagationWaits bounds the consecutive waits for a new resource to be visible everywhere in AWS: about three
// minutes.
const mostPropagationWaits = 14

// mostNotFoundWaits is the same where the answer may also mean that the resource will never exist: about half a minute.
const mostNotFoundWaits = 5

// prepareAddOn puts an operation off that needs an active load balancer. The state of a new one is read once per
// Stabilize.
func (r *run) prepareAddOn(ctx context.Context, s plan.Step) (Outcome, bool) {
	op, ok := s.Op.(awsop.ModifyCapacityReservation)
	if !ok {
		return Outcome{}, false
	}
	arn := r.resolve(op.LoadBalancer)
	state := r.d.Inventory.State(r.key, arn)
	if !starting(state) {
		return Outcome{}, false
	}
	if r.d.Inventory.Backoff(r.key, s.ID) > 1 {
		var err error
		if state, err = r.d.Inventory.Refresh(ctx, r.key, arn); err != nil {
			return r.interpretError(ctx, s, err), true
		}
	}
	switch {
	case starting(state):
		return Outcome{State: Waiting, Until: r.d.Now().Add(r.d.Stabilize), On: "the load balancer to become active"}, true
	case state == "failed":
		return failedToStart("the load balancer", "see the state of the load balancer in AWS"), true
	}
	return Outcome{}, false
}

func starting(state string) bool { return state == "" || state == "provisioning" }

// interpretAddOn decides the outcome of a failed operation on an add-on of a load balancer. Nothing else of the stack
// is read again.
func (r *run) interpretAddOn(s plan.Step, e awsclient.Error, failed Outcome, lb string, on awsop.AddOn) Outcome {
	switch {
	case e.Class == diag.Throttled:
		return r.wait(s, "AWS to accept calls again", failed.Err)
	case e.Pending():
		return r.wait(s, "the last change of the reserved capacity to end", failed.Err)
	case e.Propagating() && r.d.Inventory.Backoff(r.key, s.ID) <= mostPropagationWaits,
		e.Class == diag.NotFound && on == awsop.AddOnWebACL && starting(r.d.Inventory.State(r.key, lb)) &&
			r.d.Inventory.Backoff(r.key, s.ID) <= mostNotFoundWaits: // the web ACL is missing, or the new load balancer
		return r.wait(s, "the new resource to be visible everywhere in AWS", failed.Err)
	case e.Disagrees(), e.Class == diag.Transient:
		r.d.Inventory.ForgetAddOns(lb) // AWS differs from the cache, or the effect of the call is unknown
	case e.Class == diag.NotFound && on == awsop.AddOnWebACL:
		r.d.Inventory.InvalidateFacts(facts.Need{Kind: facts.NeedWebACLs}) // a web ACL of that name may have another ARN now
	}
	return failed
}
