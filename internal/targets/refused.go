package targets

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/apply"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// batch is how many targets one call carries, as the existing controller sends them; AWS takes up to 1,000.
const batch = 200

// sent is what became of targets that were sent to AWS.
type sent struct {
	done     []Target
	doubtful []Target // it is not known whether AWS took them
	absent   []Target // AWS does not know them, or says so of one among them
	errs     []error
	retry    time.Time // when AWS may take what it refused because of its limits
}

// write registers or deregisters targets, in as many calls as it takes, side by side.
func (r *Registry) write(ctx context.Context, q Request, a action, targets []Target) sent {
	p := plan.Plan{Key: Key(q.Binding)}
	parts := slices.Collect(slices.Chunk(targets, batch))
	for i, part := range parts {
		p.Steps = append(p.Steps, step(a, i+1, q.ARN, part))
	}
	result := r.run(ctx, p)
	var out sent
	for i, part := range parts {
		o := result.Outcomes[p.Steps[i].ID]
		if o.State == apply.Done {
			out.done = append(out.done, part...)
			continue
		}
		err := fmt.Errorf("%s: %w", p.Steps[i].Op.Name(), o.Err)
		refused := o.State == apply.Failed && codeOf(o.Err) == cloud.CodeInvalidTarget
		switch {
		case refused && a == register:
			out.add(r.registerOthers(ctx, q, part, err))
			continue
		case refused:
			out.absent = append(out.absent, part...)
		case o.Err != nil && cloud.Classify(o.Err).Class == diag.Transient:
			out.doubtful = append(out.doubtful, part...)
		}
		out.add(sent{errs: []error{err}, retry: o.Until})
	}
	return out
}

func (s *sent) add(o sent) {
	s.done, s.doubtful, s.absent, s.errs = append(s.done, o.done...), append(s.doubtful, o.doubtful...), append(s.absent, o.absent...), append(s.errs, o.errs...)
	if s.retry.IsZero() || !o.retry.IsZero() && o.retry.Before(s.retry) {
		s.retry = o.retry
	}
}

// registerOthers registers what it can of a part that AWS refused because of one target among it, such as an instance that is
// being terminated: AWS takes all of a call or nothing. Those that the refusal names are left out of the next attempt; if it
// names none, halves are tried.
func (r *Registry) registerOthers(ctx context.Context, q Request, part []Target, refusal error) sent {
	named, others := split(part, func(t Target) bool { return strings.Contains(refusal.Error(), "'"+t.ID+"'") })
	switch {
	case len(others) == 0 || len(part) == 1:
		return sent{errs: []error{refusal}}
	case len(named) == 0:
		half := len(part) / 2
		out := r.write(ctx, q, register, part[:half])
		out.add(r.write(ctx, q, register, part[half:]))
		return out
	}
	out := r.write(ctx, q, register, others)
	out.errs = append([]error{refusal}, out.errs...)
	return out
}

func step(a action, number int, arn string, part []Target) plan.Step {
	ref := stack.Literal(stack.KindTargetGroup, arn)
	s := plan.Step{Action: plan.Update, Resource: ref, Lane: plan.Vital}
	if a == register {
		s.Op = elb.RegisterTargets{TargetGroup: ref, Targets: planned(part)}
	} else {
		s.Op = elb.DeregisterTargets{TargetGroup: ref, Targets: planned(part)}
	}
	s.ID = plan.StepID(fmt.Sprintf("%s %d", s.Op.Name(), number))
	return s
}

func planned(in []Target) []elb.Target {
	out := make([]elb.Target, 0, len(in))
	for _, t := range in {
		out = append(out, elb.Target{ID: t.ID, Port: t.Port, Zone: t.Zone})
	}
	return out
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
