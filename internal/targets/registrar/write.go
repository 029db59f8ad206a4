package registrar

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// batch is how many targets one call carries, as in the existing controller; AWS accepts up to 1,000.
const batch = 200

// callsPerWrite is how many calls of one write run in parallel.
const callsPerWrite = 8

// sent is the result of sending targets to AWS.
type sent struct {
	done       []Target
	uncertain  []Target // it is not known whether AWS accepted them
	absent     []Target // AWS does not know one of them, or all
	inOtherVPC []Target // instances that are not in the VPC of the group
	errs       []error
	retry      time.Time // when internal/aws/apply allows another attempt for targets that AWS refused
}

// send registers or deregisters targets, by calls in parallel of at most batch targets each.
func (r *Registry) send(ctx context.Context, q Request, a action, targets []Target) (out sent) {
	account, err := r.account(q.Scope)
	if err != nil {
		return sent{errs: []error{err}}
	}
	var calls errgroup.Group
	calls.SetLimit(callsPerWrite)
	parts := slices.Collect(slices.Chunk(targets, batch))
	outcomes := make([]apply.Outcome, len(parts))
	for i, part := range parts {
		op := operation(a, q.ARN, part)
		calls.Go(func() error {
			outcomes[i] = account.Write(ctx, TargetCalls(q.Binding), plan.StepID(fmt.Sprintf("%s %d", a, i+1)), op)
			return nil
		})
	}
	_ = calls.Wait()
	for i, part := range parts {
		o := outcomes[i]
		if o.State == apply.Done {
			out.done = append(out.done, part...)
			continue
		}
		err := fmt.Errorf("%s: %w", a, o.Err)
		refused := o.State == apply.Failed && codeOf(o.Err) == awsclient.CodeInvalidTarget
		switch {
		case refused && a == register:
			out.add(r.registerWithoutRefused(ctx, q, part, err))
			continue
		case a == register && codeOf(o.Err) == awsclient.CodeTooManyTargets && len(part) > 1:
			out.add(r.registerFitting(ctx, q, part))
			continue
		case refused:
			out.absent = append(out.absent, part...)
		case o.Err != nil && awsclient.Classify(o.Err).Class == diag.Transient:
			out.uncertain = append(out.uncertain, part...)
		}
		out.add(sent{errs: []error{err}, retry: o.Until})
	}
	return out
}

func (s *sent) add(o sent) {
	s.done, s.uncertain, s.absent, s.errs = append(s.done, o.done...), append(s.uncertain, o.uncertain...),
		append(s.absent, o.absent...), append(s.errs, o.errs...)
	s.inOtherVPC = append(s.inOtherVPC, o.inOtherVPC...)
	if s.retry.IsZero() || !o.retry.IsZero() && o.retry.Before(s.retry) {
		s.retry = o.retry
	}
}

// otherVPC is a part of AWS's message when it refuses instances that are not in the VPC of the target group.
const otherVPC = "not in the target group VPC"

// registerWithoutRefused registers what it can of a part that AWS refused because of one target, such as an instance
// that is being terminated: AWS accepts all targets of a call or none. The next attempt leaves out the targets that the
// refusal names; if it names none, registerWithoutRefused tries each half.
func (r *Registry) registerWithoutRefused(ctx context.Context, q Request, part []Target, refusal error) sent {
	var named, others []Target
	for _, t := range part {
		if strings.Contains(refusal.Error(), "'"+t.ID+"'") {
			named = append(named, t)
		} else {
			others = append(others, t)
		}
	}
	switch {
	case len(named) > 0 && strings.Contains(refusal.Error(), otherVPC):
		out := r.send(ctx, q, register, others)
		out.inOtherVPC = append(out.inOtherVPC, named...)
		return out
	case len(others) == 0 || len(part) == 1:
		return sent{errs: []error{refusal}}
	case len(others) == len(part):
		half := len(part) / 2
		out := r.send(ctx, q, register, part[:half])
		out.add(r.send(ctx, q, register, part[half:]))
		return out
	}
	out := r.send(ctx, q, register, others)
	out.errs = append([]error{refusal}, out.errs...)
	return out
}

// registerFitting registers as many targets as it can of a part that AWS refused because of a quota: half of them, and
// then what it can of the other half; of a half that AWS refuses too, what it can, and nothing of the other half.
func (r *Registry) registerFitting(ctx context.Context, q Request, part []Target) sent {
	half := (len(part) + 1) / 2
	out := r.send(ctx, q, register, part[:half])
	if len(out.errs) == 0 {
		out.add(r.send(ctx, q, register, part[half:]))
	}
	return out
}

func operation(a action, arn string, part []Target) plan.Operation {
	ref := stack.Literal(stack.KindTargetGroup, arn)
	if a == register {
		return awsop.RegisterTargets{TargetGroup: ref, Targets: part}
	}
	return awsop.DeregisterTargets{TargetGroup: ref, Targets: part}
}
