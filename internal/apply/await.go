package apply

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
)

// How often a look at targets that are to take over is put off, at most. The pauses are 1, 2, 4, 8, 16, 16, … s.
const (
	longestWarming      = 11 // two minutes: the slowest health checks that people use for web services
	longestEmpty        = 4  // 15 s: nobody wants a target there, or nobody may look, so there is nothing to wait for
	longestUnregistered = 41 // ten minutes: AWS does not take targets that are wanted, and without them there are only errors
)

// awaitTargets ends when the targets of a group are fit to serve: one at least is healthy, and none is being looked at for the
// first time. After a while it ends all the same, so that a group that never becomes healthy gets the requests that it is meant
// to get. If AWS refuses the read, the wait is short once the targets are registered. Targets that a step of this run put to use
// get their first check only now: they are not looked at yet.
//
// Several listeners may wait for the same group: one of the steps looks, and the others wait for it. Steps that await occupy no
// slot of the run, see loop.
func (r *run) awaitTargets(ctx context.Context, op elb.AwaitTargets, begun bool) Outcome {
	arn := r.resolve(op.TargetGroup)
	r.mu.Lock()
	look, looking := r.looks[arn]
	if !looking {
		look = &targetLook{done: make(chan struct{})}
		r.looks[arn] = look
	}
	r.mu.Unlock()
	if looking {
		<-look.done
		return look.outcome
	}
	defer close(look.done)
	count := plan.StepID("targets of " + arn)
	if begun {
		look.outcome = r.warming(r.d.Inventory.Backoff(r.key, count), nil)
	} else {
		var awaited, registered bool
		if own := op.TargetGroup.Literal == ""; own && r.d.Awaited != nil {
			awaited, registered = r.d.Awaited(arn)
		}
		look.outcome = r.lookAtTargets(ctx, count, arn, awaited, registered)
	}
	return look.outcome
}

// targetLook is a look at the targets of a group. outcome may be read when done is closed.
type targetLook struct {
	done    chan struct{}
	outcome Outcome
}

// lookAtTargets looks once. awaited tells that the group is empty only because its targets could not be registered yet, registered
// that they are, as far as this process knows.
func (r *run) lookAtTargets(ctx context.Context, count plan.StepID, arn string, awaited, registered bool) Outcome {
	out, err := r.d.Clients.ELBV2.DescribeTargetHealth(ctx, &elbv2.DescribeTargetHealthInput{TargetGroupArn: aws.String(arn)})
	n := r.d.Inventory.Backoff(r.key, count)
	fit, longest := false, longestWarming
	unseen := err != nil // whether there is a target
	switch {
	case err == nil:
		fit, unseen = fitness(out.TargetHealthDescriptions)
		if unseen && !awaited {
			longest = longestEmpty
		}
	case !cloud.Passing(err) && (!awaited || registered): // a refusal tells nothing of the targets: they may not be registered yet
		longest = longestEmpty
	}
	if unseen && awaited && !registered {
		longest = longestUnregistered
	}
	if fit || n > longest {
		r.d.Inventory.Converged(r.key, count)
		return Outcome{State: Done}
	}
	return r.warming(n, err)
}

func (r *run) warming(n int, err error) Outcome {
	return Outcome{State: Waiting, Until: r.d.Now().Add(time.Second << min(n-1, 4)), On: "the targets that take over to become healthy", Err: err}
}

// fitness tells whether targets are fit to serve, and whether there are none that could become so.
func fitness(all []elbv2types.TargetHealthDescription) (fit, empty bool) {
	empty = true
	for _, t := range all {
		if t.TargetHealth == nil {
			continue
		}
		switch t.TargetHealth.State {
		case elbv2types.TargetHealthStateEnumHealthy, elbv2types.TargetHealthStateEnumUnavailable: // unavailable: not checked
			fit, empty = true, false
		case elbv2types.TargetHealthStateEnumInitial:
			return false, false
		case elbv2types.TargetHealthStateEnumUnhealthy:
			empty = false
		case elbv2types.TargetHealthStateEnumUnused, elbv2types.TargetHealthStateEnumDraining, elbv2types.TargetHealthStateEnumUnhealthyDraining:
		}
	}
	return fit, empty
}
