package stacks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/k8s-lbc/lbc/internal/brake"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/plan/policy"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// plan is the plan from what is observed of a stack to what is compiled, under the policies of the stack.
func (s *Reconciler) plan(key stack.Key, w front.Input, c compile.Result, o elb.Observed) plan.Plan {
	opt := w.Options(s.Options)
	s.mu.Lock()
	if st := s.states[key]; st != nil {
		opt.Duplicates = maps.Clone(st.duplicates)
	}
	s.mu.Unlock()
	return diff.Stack(c.Stack, c.Keep, o, opt).Under(policy.Protect(w.Protected, o), s.holdImports(key, c.Stack))
}

// holdImports refuses the imports of Secrets that change too often.
func (s *Reconciler) holdImports(key stack.Key, desired *stack.Stack) plan.Policy {
	return policy.HoldImports(s.Inventory.Certificates().Held(key, desired))
}

// holdDeletion refuses the plan that deletes a load balancer whose objects are not deleted, if more of that kind than usual come
// within a short time without consent. It is the last policy of a plan, because it counts what would be deleted.
func (s *Reconciler) holdDeletion(key stack.Key, w front.Input, desired *stack.Stack, p plan.Plan) (_ plan.Plan, held bool) {
	deletes := slices.ContainsFunc(p.Steps, func(step plan.Step) bool {
		_, ok := step.Op.(elb.DeleteLoadBalancer)
		return ok && step.Guard == nil
	})
	switch consented, annotation := w.DeletionAllowed(); {
	case desired.Removal != stack.NotDeclared || consented:
		s.Brake.Forget(key.String())
	case deletes && !s.Brake.Allow(key.String(), s.Inventory.LoadBalancers()):
		return p.Under(policy.HoldDeletions(plan.Guard{
			Code: diag.DeletionsHeld,
			Text: fmt.Sprintf("load balancer %s is to be deleted because %s, with more others than usual within %s; it stays", key,
				strings.ToLower(string(desired.Removal)), brake.Window),
			Remedy: fmt.Sprintf("if that is meant, set annotation %s: \"true\" on the object or delete the object; else undo what took the object from the controller, as a change of its class", annotation),
		})), true
	}
	return p, false
}

// HeldGauge shows how many deletions wait for consent.
func HeldGauge(b *brake.Brake) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "lbc_deletions_held",
		Help: "Load balancers whose deletion waits for consent, because more than usual were to be deleted at once."}, func() float64 { return float64(b.Held()) })
}
