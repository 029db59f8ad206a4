package apply

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// How many times the health of new targets is read at most. The pauses are 1, 2, 4, 8, 16, 16, … s.
const (
	mostWarming = 11 // two minutes, enough for the slowest common health checks of web services
	// five minutes, the longest that network load balancers take to register targets, as far as is known
	mostRegistering  = 22
	mostEmpty        = 4  // 15 s, as no target is expected, or the health cannot be read
	mostUnregistered = 41 // ten minutes, as AWS rejects the expected targets, and without them there are only errors
)

// withheldPause is the pause between checks whether an endpoint can be registered, or whether a Service has any that
// still has old targets. Until then, the old targets serve, without a limit.
const withheldPause = 30 * time.Second

// awaitTargets is done when the targets of a group are ready to serve: at least one is healthy, and none is in its
// first health check. After a number of reads it is done in any case, so that a group that never becomes healthy gets
// its requests. If AWS denies the read, that number is small once the targets are registered. If the run itself first
// uses the group (begun), it does not read the health, because the first health check only begins.
//
// Several listeners may wait for the same group: one step reads, and the others wait for its outcome. Steps that await
// occupy no slot of the run; see loop.
func (r *run) awaitTargets(ctx context.Context, op awsop.AwaitTargets, begun bool) Outcome {
	arn := r.resolve(op.TargetGroup)
	r.mu.Lock()
	read, reading := r.reads[arn]
	if !reading {
		read = &healthRead{done: make(chan struct{})}
		r.reads[arn] = read
	}
	r.mu.Unlock()
	if reading {
		<-read.done
		return read.outcome
	}
	defer close(read.done)
	count := plan.StepID("targets of " + arn)
	if begun {
		read.outcome = r.warming(r.d.Inventory.Backoff(r.key, count), nil)
	} else {
		var expected Expected
		if own := op.TargetGroup.Literal == ""; own && r.d.Expected != nil {
			expected = r.d.Expected(arn)
		}
		if !expected.Any && (expected.Withheld || expected.Registered && r.hasTargets(op.Succeeds)) {
			read.outcome = Outcome{State: Waiting, Until: r.d.Now().Add(withheldPause), On: "endpoints for the new target group"}
			return read.outcome
		}
		most := mostWarming
		if op.Network {
			most = mostRegistering
		}
		read.outcome = r.readHealth(ctx, count, arn, most, expected)
	}
	return read.outcome
}

// hasTargets reports whether a target group has targets, or may have them.
func (r *run) hasTargets(arn string) bool {
	if arn == "" || r.d.Expected == nil {
		return false
	}
	expected := r.d.Expected(arn)
	return expected.Any || expected.Stays
}

// healthRead is a read of the health of a group's targets. outcome is valid when done is closed.
type healthRead struct {
	done    chan struct{}
	outcome Outcome
}

// readHealth reads the health once. After most reads, in this run and in earlier ones, it is done in any case.
func (r *run) readHealth(ctx context.Context, count plan.StepID, arn string, most int, expected Expected) Outcome {
	out, err := r.d.Clients.ELBV2.DescribeTargetHealth(ctx, &elbv2.DescribeTargetHealthInput{
		TargetGroupArn: aws.String(arn)})
	n := r.d.Inventory.Backoff(r.key, count)
	ready := false
	unseen := err != nil // no target was seen
	switch {
	case err == nil:
		ready, unseen = readiness(out.TargetHealthDescriptions)
		if unseen && !expected.Any {
			most = mostEmpty
		}
	case !awsclient.Passing(err) && (!expected.Any || expected.Registered): // else the targets may not be registered yet
		most = mostEmpty
	}
	if unseen && expected.Any && !expected.Registered || expected.Withheld {
		most = mostUnregistered
	}
	ready = ready && !expected.Withheld // the few registered targets would get all requests
	if ready || n > most {
		r.d.Inventory.Converged(r.key, count)
		return Outcome{State: Done}
	}
	return r.warming(n, err)
}

func (r *run) warming(n int, err error) Outcome {
	return Outcome{State: Waiting, Until: r.d.Now().Add(time.Second << min(n-1, 4)),
		On: "the new targets to become healthy", Err: err}
}

// mostLeaving is how many such pauses delay the deletion of a target group at most: two minutes, in which all nodes
// of a network load balancer learn that its listener forwards to another group. A new process begins to count again.
const mostLeaving = 11

// delayDeletion puts off the deletion of a target group that nodes of a load balancer may still use.
func (r *run) delayDeletion(s plan.Step) (o Outcome, wait bool) {
	n := r.d.Inventory.Backoff(r.key, delayOf(s))
	o = Outcome{State: Waiting, Until: r.d.Now().Add(time.Second << min(n-1, 4)),
		On: "all nodes of the load balancer to use the new targets"}
	return o, n <= mostLeaving
}

func delayOf(s plan.Step) plan.StepID { return "delay of " + s.ID }

// readiness reports whether targets are ready to serve. empty is true if no target can become ready.
func readiness(all []elbv2types.TargetHealthDescription) (ready, empty bool) {
	empty = true
	for _, t := range all {
		if t.TargetHealth == nil {
			continue
		}
		switch t.TargetHealth.State {
		case elbv2types.TargetHealthStateEnumHealthy, elbv2types.TargetHealthStateEnumUnavailable: // unavailable: not checked
			ready, empty = true, false
		case elbv2types.TargetHealthStateEnumInitial:
			return false, false
		case elbv2types.TargetHealthStateEnumUnhealthy:
			empty = false
		case elbv2types.TargetHealthStateEnumUnused, elbv2types.TargetHealthStateEnumDraining,
			elbv2types.TargetHealthStateEnumUnhealthyDraining:
		}
	}
	return ready, empty
}
