package diff

import (
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// retains reports whether the plan for a stack leaves its load balancer to itself. What is left of one that does not exist is deleted as ever.
func (o Options) retains(desired *stack.Stack, obs *elb.Observed) bool {
	return o.Retain && desired.Removal == stack.ObjectsDeleted && len(obs.LoadBalancers) > 0
}

// retain marks the load balancers of a stack. Objects that ask for the stack again take it over, and the mark goes as a tag that is not wanted.
func (d *differ) retain() {
	for i := range d.obs.LoadBalancers {
		if lb := &d.obs.LoadBalancers[i]; !lb.Retained() {
			d.step(plan.Update, stack.Literal(stack.KindLoadBalancer, lb.ARN), plan.Vital,
				elb.AddTags{Resource: stack.Literal(stack.KindLoadBalancer, lb.ARN), Tags: map[string]string{naming.RetainedTag: "true"}},
				"it stays with its target groups, by the deletion policy of its objects")
		}
	}
}
