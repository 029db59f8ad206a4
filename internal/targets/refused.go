package targets

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/k8s-lbc/lbc/internal/apply"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// registerOthers registers what it can of a part that AWS refused because of one target among it, such as an instance that is
// being terminated: AWS takes all of a call or nothing. Those that the refusal names are left out of the next attempt; if it
// names none, halves are tried. done hears of each part that was taken; the error is about the targets that were not.
func (r *Registry) registerOthers(ctx context.Context, q Request, part []Target, refusal error, done func([]Target)) error {
	named, others := split(part, func(t Target) bool { return strings.Contains(refusal.Error(), "'"+t.ID+"'") })
	switch {
	case len(others) == 0 || len(part) == 1:
		return refusal
	case len(named) == 0:
		half := len(part) / 2
		return errors.Join(r.registerPart(ctx, q, part[:half], done), r.registerPart(ctx, q, part[half:], done))
	}
	return errors.Join(refusal, r.registerPart(ctx, q, others, done))
}

func (r *Registry) registerPart(ctx context.Context, q Request, part []Target, done func([]Target)) error {
	s := registration("RegisterTargets", q.ARN, part)
	o := r.run(ctx, plan.Plan{Key: Key(q.Binding), Steps: []plan.Step{s}}).Outcomes[s.ID]
	if o.State == apply.Done {
		done(part)
		return nil
	}
	err := fmt.Errorf("%s: %w", s.Op.Name(), o.Err)
	if refused(o) {
		return r.registerOthers(ctx, q, part, err, done)
	}
	return err
}

func registration(id plan.StepID, arn string, part []Target) plan.Step {
	ref := stack.Literal(stack.KindTargetGroup, arn)
	return plan.Step{ID: id, Action: plan.Update, Resource: ref, Lane: plan.Vital, Op: plan.RegisterTargets{TargetGroup: ref, Targets: planned(part)}}
}

// refused reports that AWS took nothing of a step, for what one of its targets is.
func refused(o apply.Outcome) bool {
	return o.State == apply.Failed && o.Err != nil && cloud.Classify(o.Err).Code == cloud.CodeInvalidTarget
}

func split(all []Target, is func(Target) bool) (yes, no []Target) {
	for _, t := range all {
		if is(t) {
			yes = append(yes, t)
		} else {
			no = append(no, t)
		}
	}
	return yes, no
}
