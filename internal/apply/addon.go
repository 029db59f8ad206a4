package apply

import (
	"context"
	"errors"
	"time"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
)

// patience is how long an operation on an add-on waits for its turn before it is put off, so that services which take few
// calls hold up nobody's pass.
const patience = 2 * time.Second

// propagation is how often an operation is put off in a row while AWS does not know everywhere what it is about: by wait, for
// about three minutes.
const propagation = 14

// prepareAddOn puts off what needs an active load balancer. A new one is looked at once per Stabilize, and nobody waits for it.
func (r *run) prepareAddOn(ctx context.Context, s plan.Step) (Outcome, bool) {
	op, ok := s.Op.(elb.ModifyCapacityReservation)
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
			return r.judge(ctx, s, err), true
		}
	}
	switch {
	case starting(state):
		return Outcome{State: Waiting, Until: r.d.Now().Add(r.d.Stabilize), On: "the load balancer to become active"}, true
	case state == "failed":
		err := errors.New("the load balancer failed to start; AWS tells why in its state")
		return Outcome{State: Failed, Err: err, Problem: diag.New(diag.Object{}, "", diag.AWSRejected, err.Error(), "look at the load balancer in AWS")}, true
	}
	return Outcome{}, false
}

func starting(state string) bool { return state == "" || state == "provisioning" }

// judgeAddOn decides what an error means for an operation on an add-on of a load balancer. Whatever it is, nothing else of the
// stack is read again for it.
func (r *run) judgeAddOn(s plan.Step, e cloud.Error, failed Outcome, lb string, on elb.AddOn) Outcome {
	switch {
	case e.Class == diag.Throttled:
		return r.wait(s, "AWS to accept calls again", failed.Err)
	case e.Pending():
		return r.wait(s, "the last change of the reserved capacity to end", failed.Err)
	case e.Propagating():
		if r.d.Inventory.Backoff(r.key, s.ID) <= propagation {
			return r.wait(s, "AWS to know everywhere what was just created", failed.Err)
		}
	case e.Disagrees(), e.Class == diag.Transient:
		r.d.Inventory.ForgetAddOns(lb) // it is not what we believe, or whether there was an effect is unknown
	case e.Class == diag.NotFound && on == elb.AddOnWebACL:
		r.d.Inventory.InvalidateFacts(facts.Need{Kind: facts.NeedWebACLs}) // a web ACL of that name may have another ARN now
	}
	return failed
}
