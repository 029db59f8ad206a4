package apply

import (
	"context"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// addOnTimeout is how long the call of an add-on may wait for the limiter before its step is put off, so that services
// with low limits do not delay passes.
const addOnTimeout = 2 * time.Second

// mostPropagationWaits bounds the consecutive waits for a new resource to be visible everywhere in AWS: about three
// minutes.
const mostPropagationWaits = 14

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
	case e.Propagating():
		if r.d.Inventory.Backoff(r.key, s.ID) <= mostPropagationWaits {
			return r.wait(s, "the new resource to be visible everywhere in AWS", failed.Err)
		}
	case e.Disagrees(), e.Class == diag.Transient:
		r.d.Inventory.ForgetAddOns(lb) // AWS differs from the cache, or the effect of the call is unknown
	case e.Class == diag.NotFound && on == awsop.AddOnWebACL:
		r.d.Inventory.InvalidateFacts(facts.Need{Kind: facts.NeedWebACLs}) // a web ACL of that name may have another ARN now
	}
	return failed
}
