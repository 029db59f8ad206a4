package stacks

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/k8s-lbc/lbc/internal/brake"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// holdDeletion refuses the plan that deletes a load balancer whose objects are not deleted, if more of that kind than usual come
// within a short time and nobody has consented. It reports whether it did; then the plan holds only what is refused.
func (s *Reconciler) holdDeletion(key stack.Key, w front.Input, desired *stack.Stack, p *plan.Plan) bool {
	var deletions []plan.Step
	for _, step := range p.Steps {
		if _, ok := step.Op.(elb.DeleteLoadBalancer); ok && step.Guard == nil {
			deletions = append(deletions, step)
		}
	}
	switch consented, annotation := w.DeletionAllowed(); {
	case desired.Removal != stack.NotDeclared || consented:
		s.Brake.Forget(key.String())
	case len(deletions) > 0 && !s.Brake.Allow(key.String(), s.Inventory.LoadBalancers()):
		for i := range deletions {
			deletions[i].Needs, deletions[i].After = nil, nil
			deletions[i].Guard = &plan.Guard{
				Code: diag.DeletionsHeld,
				Text: fmt.Sprintf("load balancer %s is to be deleted because %s, with more others than usual within %s; it stays", key,
					strings.ToLower(string(desired.Removal)), brake.Window),
				Remedy: fmt.Sprintf("if that is meant, set annotation %s: \"true\" on the object or delete the object; else undo what took the object from the controller, as a change of its class", annotation),
			}
		}
		p.Steps = deletions
		return true
	}
	return false
}

// HeldGauge shows how many deletions wait for consent.
func HeldGauge(b *brake.Brake) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "lbc_deletions_held",
		Help: "Load balancers whose deletion waits for consent, because more than usual were to be deleted at once."}, func() float64 { return float64(b.Held()) })
}
