package consolesource

import (
	"cmp"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/view/console"
	"github.com/k8s-lbc/lbc/internal/view/console/data"
	"github.com/k8s-lbc/lbc/internal/view/explain"
)

const (
	// mostPasses is how many plans of a load balancer are kept.
	mostPasses = 20
	// mostSteps is how many steps of each are.
	mostSteps = 100
)

// balancer is what the passes over a stack came to. Each pass makes a new one, so that answers are made of it without the lock.
type balancer struct {
	shown     data.LoadBalancer
	found     diag.List
	decisions *gateway.Decisions // nil = it is not one of a Gateway
	left      []console.Step     // of the last plan, what was not carried out
	passes    []console.Pass     // newest first
	summary   console.Summary
}

// concerned are the objects whose events are about the load balancer: those that declare it and its bindings.
func (b *balancer) concerned() []diag.Object {
	out := slices.Clone(b.shown.Objects)
	if b.shown.Stack != nil {
		for _, x := range b.shown.Stack.Bindings {
			out = append(out, diag.Object{Kind: "TargetGroupBinding", Namespace: x.Namespace, Name: x.Name})
		}
	}
	return out
}

// Passed takes what a pass came to. What a pass that ended early does not show is as it was.
func (s *Source) Passed(p stacks.Passed) {
	unmet := explain.UnmetFindings(p.Input.Unmet(p.Found))
	if p.Nothing {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.balancers, p.Key)
		delete(s.others, p.Key)
		if len(unmet) > 0 {
			s.others[p.Key] = data.Findings("", unmet)
		}
		return
	}
	s.mu.Lock()
	before := s.balancers[p.Key]
	s.mu.Unlock()
	b := next(before, p, s.Now)
	b.shown.Findings = append(explain.Findings(p.Found), unmet...)
	b.summary = b.shown.Summary()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.balancers[p.Key] = b
	delete(s.others, p.Key)
}

// next is what is known after a pass; before is nil after the first one.
func next(before *balancer, p stacks.Passed, now func() time.Time) *balancer {
	b := &balancer{}
	if before != nil {
		*b = *before
	}
	b.shown.Key, b.found, b.decisions = p.Key, p.Found, cmp.Or(p.Input.Decisions, b.decisions)
	b.shown.Objects = nil
	for _, m := range p.Input.LoadBalancer.Members {
		b.shown.Objects = append(b.shown.Objects, m.Object)
	}
	for _, o := range p.Input.Leaving {
		if len(p.Input.LoadBalancer.Members) == 0 {
			b.shown.Objects = append(b.shown.Objects, owner.Object(o))
		}
	}
	switch c := &p.Compiled; {
	case c.Stack != nil:
		b.shown.Stack, b.shown.Keep, b.shown.Origins, b.shown.Unbuildable = c.Stack, c.Keep, c.Origins, false
	case !p.Partial: // what was built before serves on, and is not what is wanted
		b.shown.Stack, b.shown.Origins, b.shown.Unbuildable = nil, nil, true
		b.shown.Plan, b.left = plan.Plan{Key: p.Key}, nil
	}
	if p.Observed != nil {
		b.shown.Observed = p.Observed.Clone() // the pass may go on with it
	}
	if p.Plan != nil {
		b.shown.Plan, b.left = remaining(p.Plan, p.Result)
		b.passes = withPass(b.passes, p, now())
	}
	if b.left == nil {
		b.left = []console.Step{}
	}
	return b
}

// remaining are the steps of a plan that were not carried out.
func remaining(p *plan.Plan, r apply.Result) (plan.Plan, []console.Step) {
	left := plan.Plan{Key: p.Key, Withheld: p.Withheld}
	for _, step := range p.Steps {
		if r.Outcomes[step.ID].State != apply.Done {
			left.Steps = append(left.Steps, step)
		}
	}
	return left, stepsOf(left, r)
}

// stepsOf are the steps of a plan with their outcomes.
func stepsOf(p plan.Plan, r apply.Result) []console.Step {
	out := data.Steps(p)
	for i, step := range p.Steps {
		if out[i].Refused == "" {
			out[i].Outcome = outcomeText(r.Outcomes[step.ID])
		}
	}
	return out
}

func outcomeText(o apply.Outcome) string {
	text := string(o.State)
	switch o.State {
	case apply.Waiting:
		if o.On != "" {
			text += ": for " + o.On
		}
	case apply.Blocked:
		text += ": by " + string(o.By)
	case apply.Failed, apply.Refused:
		text += ": " + o.Problem.Message()
	case apply.Done:
	}
	return text
}

// withPass adds the plan of a pass that had any steps. One that repeats the last one, as its steps go on failing, is counted there.
func withPass(before []console.Pass, p stacks.Passed, now time.Time) []console.Pass {
	if p.Plan.Empty() {
		return before
	}
	steps := stepsOf(plan.Plan{Key: p.Key, Steps: p.Plan.Steps}, p.Result)
	x := console.Pass{Time: now, Times: 1, Steps: steps}
	if more := len(steps) - mostSteps; more > 0 {
		x.Steps, x.More = slices.Clone(steps[:mostSteps]), more
	}
	if len(before) > 0 && before[0].More == x.More && slices.EqualFunc(before[0].Steps, x.Steps, equal) {
		x.Times += before[0].Times
		before = before[1:]
	}
	out := append([]console.Pass{x}, before...)
	return out[:min(len(out), mostPasses)]
}

func equal(a, b console.Step) bool {
	return a.Action == b.Action && a.Resource == b.Resource && a.Operation == b.Operation && a.Refused == b.Refused && a.Outcome == b.Outcome && slices.Equal(a.Why, b.Why)
}
