package diff

import (
	"cmp"
	"slices"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// retains reports whether the plan releases the load balancers of a stack and leaves them in AWS. If none exists, the
// rest of the stack is deleted as usual.
func retains(desired *stack.Stack, obs *awsop.Observed) bool {
	return desired.Retention != stack.RetainNothing && obs.Owned()
}

// retain plans that the controller releases the stack, and that its load balancers stay.
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
				"the deletion policy of its objects keeps it and its target groups")
		}
	}
}

// disown removes the tags and labels by which the controller finds the stack's resources. Load balancers come last,
// one after the other: while one of them is the stack's, a new plan continues here. Without one, the rest of the
// stack would be deleted.
func (d *differ) disown() {
	const why = "the deletion policy of its objects keeps it; the controller no longer manages it"
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
