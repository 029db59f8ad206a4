package diff

import (
	"cmp"
	"slices"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// retains reports whether the plan for a stack leaves its load balancer to itself. What is left of one that does not
// exist is deleted as ever.
func retains(desired *stack.Stack, obs *awsop.Observed) bool {
	return desired.Retention != stack.RetainNothing && obs.Owned()
}

// retain lets the stack go and its load balancers stay.
func (d *differ) retain() {
	if d.want.Retention == stack.RetainWithoutTags {
		d.disown()
		return
	}
	for i := range d.obs.LoadBalancers {
		if lb := &d.obs.LoadBalancers[i]; !lb.Retained() && !lb.Foreign {
			d.step(plan.Update, stack.Literal(stack.KindLoadBalancer, lb.ARN), plan.Vital,
				awsop.AddTags{Resource: stack.Literal(stack.KindLoadBalancer, lb.ARN), Tags: map[string]string{
					naming.RetainedTag: "true"}},
				"it stays with its target groups, because of the deletion policy of its objects")
		}
	}
}

// disown takes the tags and labels off by which the controller finds what a stack holds. Load balancers come last and
// one after the other: as long as one of them is the stack's, a plan that is made anew goes on here, where without one
// what is left of the stack would be deleted.
func (d *differ) disown() {
	const why = "it stays and is no longer managed, because of the deletion policy of its objects"
	var before []plan.StepID
	for i := range d.obs.Bindings {
		if b := &d.obs.Bindings[i]; !b.Deleting && d.ownsBinding(b) {
			s := d.step(plan.Update, bindingRef(cmp.Or(b.ID, b.Name)), plan.Vital, awsop.ReleaseBinding{Namespace: b.Namespace,
				ObjectName: b.Name, Labels: sortedKeys(naming.Labels(d.plan.Key))}, why)
			before = append(before, s.ID)
		}
	}
	for x := range d.obs.Resources(stack.KindRule, stack.KindListener, stack.KindTargetGroup, stack.KindSecurityGroup,
		stack.KindTrustStore, stack.KindLoadBalancer) {
		onBalancer := x.Kind == stack.KindLoadBalancer || x.Below != ""
		// it belongs to the cluster, or may be that of others, which an object has named
		if x.Shared || onBalancer && len(d.beside) > 0 && !d.own(x.Tags) {
			continue
		}
		keys := slices.DeleteFunc(naming.OwnTags(d.plan.Key.Owner), func(k string) bool { _, has := x.Tags[k]; return !has })
		if len(keys) == 0 {
			continue
		}
		r := stack.Literal(x.Kind, x.Literal)
		var op awsop.Operation = awsop.RemoveTags{Resource: r, Keys: keys}
		if r.Kind == stack.KindSecurityGroup {
			op = awsop.DeleteTags{Group: r, Keys: keys}
		}
		s := d.step(plan.Update, r, plan.Vital, op, why)
		if r.Kind == stack.KindLoadBalancer {
			s.Need(before...)
		}
		before = append(before, s.ID)
	}
}
