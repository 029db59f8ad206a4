package stacks

import (
	"slices"
	"strings"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// creates reports whether a plan creates a load balancer. Nobody can have changed it by hand yet.
func creates(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Steps, func(step plan.Step) bool {
		_, ok := step.Op.(awsop.CreateLoadBalancer)
		return ok && step.Guard == nil
	})
}

// logPlan logs a plan before its execution. A plan that is the same as the last failed one is logged only at debug
// level, and so are all plans while AWS refuses the credentials.
func (s *Reconciler) logPlan(log logr.Logger, key stack.Key, p *plan.Plan) {
	s.mu.Lock()
	again := s.state(key).failed == planText(p)
	s.mu.Unlock()
	if again || s.Waiting.Has(impairment.Credentials) {
		log = log.V(1)
	}
	log.Info("carrying out plan", "summary", p.Summary(), "steps", describe(p))
}

// notePlan records a failed plan, for logPlan.
func (s *Reconciler) notePlan(key stack.Key, p *plan.Plan, result apply.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.state(key)
	if st.failed = ""; result.Count(apply.Failed) > 0 {
		st.failed = planText(p)
	}
}

func planText(p *plan.Plan) string { return strings.Join(describe(p), "\n") }

// describe lists a plan's steps for the log, one short text each.
func describe(p *plan.Plan) []string {
	out := make([]string, 0, len(p.Steps))
	for _, st := range p.Steps {
		out = append(out, describeStep(st))
	}
	return out
}

func describeStep(st plan.Step) string {
	if len(st.Why) > 0 {
		return string(st.ID) + " (" + st.Why[0] + ")"
	}
	return string(st.ID)
}
