package diff

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/policy/consent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// An adopted load balancer is deleted only if its own tag allows the namespaces of its objects to do so.

// ConsentsToDeletion reports whether the tag of a load balancer allows each of namespaces to delete it. Without
// namespaces, it reports whether the tag allows the cluster.
func ConsentsToDeletion(lb *awsop.LoadBalancer, cluster string, namespaces []string) bool {
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	return !slices.ContainsFunc(namespaces, func(ns string) bool {
		return consent.Tagged(lb.Tags[naming.DeletableByTag], cluster, ns) == consent.None
	})
}

// Retention returns what stays in AWS of a removed stack: what its objects declare, or all of it if an adopted load
// balancer does not consent to its deletion.
func Retention(desired *stack.Stack, obs *awsop.Observed, opt Options) stack.Retention {
	asked := desired.Retention
	if asked != stack.RetainNothing && asked != stack.RetainUnlessDeletable {
		return asked
	}
	for i := range obs.LoadBalancers {
		lb := &obs.LoadBalancers[i]
		if lb.Foreign || opt.DeleteAdopted || !lb.Adopted() && asked != stack.RetainUnlessDeletable {
			continue
		}
		if !ConsentsToDeletion(lb, desired.Cluster, opt.Namespaces) {
			return stack.RetainTagged
		}
	}
	return stack.RetainNothing
}

// withRetention returns the desired stack with the retention that the tags in AWS allow.
func withRetention(desired *stack.Stack, obs *awsop.Observed, opt Options) *stack.Stack {
	if desired.Removal == stack.NotRemoved {
		return desired
	}
	out := *desired
	out.Retention = Retention(desired, obs, opt)
	return &out
}

// undeletable reports whether an old load balancer stays because it was adopted and does not consent to its deletion.
func (d *differ) undeletable(old *awsop.LoadBalancer) bool {
	return !d.opt.DeleteAdopted && (old.Adopted() || old.ARN == d.want.Adopts) && !ConsentsToDeletion(old, d.want.Cluster,
		d.opt.Namespaces)
}

// stays returns the guard on the deletion of an old load balancer; nil = it may be deleted.
func (d *differ) stays(old *awsop.LoadBalancer) *plan.Guard {
	switch {
	case d.undeletable(old):
		return &plan.Guard{Code: diag.DeletionWithoutConsent,
			Text: fmt.Sprintf("the controller does not delete load balancer %q: it was adopted from another owner, and its "+
				"tags do not allow the deletion", old.Name),
			Remedy: fmt.Sprintf("ask the former owner to set tag %s: %s/NAMESPACE on load balancer %q, where NAMESPACE is "+
				"the namespace of your object; or, if an edit replaces this load balancer by another one, undo the edit",
				naming.DeletableByTag, d.want.Cluster, old.Name)}
	case d.protected(old):
		return Protected(old.ID, old.Name)
	}
	return nil
}

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
