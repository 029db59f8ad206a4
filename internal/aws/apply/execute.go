package apply

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

var priorities = map[plan.Lane]awsclient.Priority{plan.Vital: awsclient.Vital, plan.Cosmetic: awsclient.Cosmetic}

// subject is what the calls of a step are about.
func (r *run) subject(s plan.Step) awsclient.Subject {
	out := awsclient.SubjectOfStep(r.key, s)
	if r.d.Namespace != nil {
		out.Namespace = r.d.Namespace(s)
	}
	return out
}

// execute makes one attempt at one step.
func (r *run) execute(ctx context.Context, s plan.Step) Outcome {
	for _, ref := range s.Op.About().Refs {
		if r.resolve(ref) == "" {
			return impossible(fmt.Errorf("%s refers to %s %s, which neither exists nor is created by the plan",
				plan.NameOf(s.Op), ref.Kind, ref.ID))
		}
	}
	if !s.NotBefore.IsZero() { // a later plan deletes the load balancer, with its other resources
		return Outcome{State: Waiting, Until: s.NotBefore, On: "the end of the time for which it is kept"}
	}
	ctx = awsclient.WithSubject(awsclient.WithPriority(ctx, priorities[s.Lane]), r.subject(s))
	if active := s.Op.About().Active; active != (plan.Active{}) {
		if o, wait := r.awaitActive(ctx, s, active); wait {
			return o
		}
	}
	if op, ok := s.Op.(awsop.AwaitTargets); ok {
		return r.awaitTargets(ctx, op, len(s.After) > 0)
	}
	deletion, _ := s.Op.(awsop.DeleteTargetGroup)
	if deletion.Delayed {
		if o, wait := r.delayDeletion(s); wait {
			return o
		}
	}
	parts := awsop.Apart(s.Op)
	if len(parts) == 1 { // what AWS refused of a call with other changes is sent as it was then, after pauses that grow
		if r.d.Inventory.Refusals().Known(r.key, plan.Fingerprint(parts[0], r.resolve)) {
			s.Op = parts[0]
		}
		parts = nil
	}
	if o, rejected := r.rejectedBefore(s); rejected && !r.hasRoom(ctx, s) {
		return o
	}
	if o, wait := r.prepareAddOn(ctx, s); wait {
		return o
	}
	if s.Op.About().AddOn != "" {
		ctx = awsclient.WithMaxWait(ctx, addOnTimeout)
	}
	if slices.ContainsFunc(parts, func(op plan.Operation) bool { return r.knownRefused(s, op) }) {
		return r.writeApart(ctx, s, parts)
	}
	out, err := r.write(ctx, s)
	switch {
	case err != nil && len(parts) > 0 && refusesPart(s.Op, err):
		return r.writeApart(ctx, s, parts)
	case err != nil:
		return r.interpretError(ctx, s, err)
	}
	r.d.Inventory.Converged(r.key, s.ID)
	if deletion.Delayed {
		r.d.Inventory.Converged(r.key, delayOf(s))
	}
	if out.ID != "" {
		r.produced(s.Resource, out.ID)
	}
	return Outcome{State: Done}
}

// refusesPart reports whether AWS refuses an operation because of something in it, which may be one part of it.
func refusesPart(op plan.Operation, err error) bool {
	e := awsclient.Classify(err)
	missing := false
	switch op.(type) {
	case awsop.AuthorizeSecurityGroupIngress: // which may name a prefix list that does not exist
		missing = e.Class == diag.NotFound
	case awsop.ModifyListener: // a policy, certificate or trust store
		missing = e.Class == diag.NotFound && e.Missing() == ""
	}
	return e.Class == diag.Invalid || missing
}

// impossible is the outcome of a step that can never succeed.
func impossible(err error) Outcome {
	return Outcome{State: Failed, Err: err, Problem: diag.New(diag.Object{}, "", diag.AWSUnavailable, err.Error(), "")}
}

// failedToStart is the outcome of a step that needs a load balancer which AWS failed to provision.
func failedToStart(balancer, remedy string) Outcome {
	err := fmt.Errorf("%s failed to start; its state in AWS has the reason", balancer)
	return Outcome{State: Failed, Err: err, Problem: diag.New(diag.Object{}, "", diag.AWSRejected, err.Error(), remedy)}
}

// write sends the operation, and records the answer in the inventory.
func (r *run) write(ctx context.Context, s plan.Step) (awsop.Output, error) {
	switch op := s.Op.(type) {
	case awsop.CreateBinding:
		return awsop.Output{}, r.d.Bindings.CreateBinding(ctx, awsop.Literal(op.Binding, r.resolve))
	case awsop.UpdateBinding:
		return awsop.Output{}, r.d.Bindings.UpdateBinding(ctx, awsop.Literal(op.Binding, r.resolve))
	case awsop.ReleaseBinding:
		return awsop.Output{}, r.d.Bindings.ReleaseBinding(ctx, op.Namespace, op.ObjectName, op.Labels)
	case awsop.DeleteBinding:
		return awsop.Output{}, r.d.Bindings.DeleteBinding(ctx, op.Namespace, op.ObjectName)
	case awsop.CreateSecurityGroup:
		if op.Group.Shared {
			return r.d.Inventory.CreateShared(ctx, func() (awsop.Output, error) {
				op.Group.Name = r.d.Inventory.SecurityGroups().BackendName()
				return r.send(ctx, op)
			})
		}
	}
	return r.send(ctx, s.Op)
}

func (r *run) send(ctx context.Context, op plan.Operation) (awsop.Output, error) {
	out, err := awsclient.Write(ctx, r.d.Clients, op, r.resolve)
	if err != nil && (!op.About().Removes || awsclient.Classify(err).Class != diag.NotFound) {
		return awsop.Output{}, err
	}
	if err := r.d.Inventory.Claim(ctx, r.key, op, out.ID); err != nil {
		return awsop.Output{}, err
	}
	r.d.Inventory.Record(r.key, op, out, r.resolve)
	return out, nil
}

// awaitActive puts a step off until the load balancer that it needs is active.
func (r *run) awaitActive(ctx context.Context, s plan.Step, active plan.Active) (Outcome, bool) {
	state, err := r.d.Inventory.Refresh(ctx, r.key, r.resolve(active.Ref))
	switch {
	case err != nil:
		return r.interpretError(ctx, s, err), true
	case state == "active" || state == "active_impaired":
		return Outcome{}, false
	case state == "failed":
		return failedToStart("the load balancer "+active.Role,
			"see the state of the new load balancer in AWS; usually its subnets lack addresses"), true
	}
	return r.wait(s, "the load balancer "+active.Role+" to become active", nil), true
}

// Attempts at a waiting step are frequent at first: most waits end within waitsOften pauses of at most 16 s, about
// three minutes. Longer waits have other causes than the time that AWS needs.
var (
	often  = backoff.Policy{First: time.Second, Longest: 16 * time.Second}
	seldom = backoff.Policy{First: 30 * time.Second, Longest: 5 * time.Minute}
)

const waitsOften = 14

// pause returns the pause after a step was put off n times in a row: 1 s, 2 s, 4 s, … 16 s; after three minutes, 30 s
// to 5 min.
func pause(n int) time.Duration {
	if n > waitsOften {
		return seldom.Pause(n - waitsOften)
	}
	return often.Pause(n)
}

// wait puts a step off, for longer each time; see pause.
func (r *run) wait(s plan.Step, on string, err error) Outcome {
	n := r.d.Inventory.Backoff(r.key, s.ID)
	return Outcome{State: Waiting, Until: r.d.Now().Add(pause(n)), On: on, Err: err}
}

// writeApart sets attributes, tags and settings of a listener one by one, and opens ports source by source, if AWS
// refuses to do it together: what one member of a group declares holds up no edit of another. Those that AWS has
// refused before are not sent. The next plan has only what AWS refuses.
func (r *run) writeApart(ctx context.Context, s plan.Step, parts []plan.Operation) Outcome {
	whole := Outcome{State: Done}
	for _, op := range parts {
		part := s
		part.Op = op
		o, known := r.rejectedBefore(part)
		if !known {
			if _, err := r.send(ctx, op); err == nil {
				continue
			} else if o = r.interpretError(ctx, part, err); o.State != Failed || o.Until.IsZero() {
				return o // all are sent again
			}
		}
		if whole.State == Done {
			whole = o
		} else if o.Until.Before(whole.Until) {
			whole.Until = o.Until
		}
	}
	if whole.State == Done {
		r.d.Inventory.Converged(r.key, s.ID)
	}
	return whole
}
