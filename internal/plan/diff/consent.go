package diff

import (
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
		return &plan.Guard{
			Code: diag.DeletionWithoutConsent,
			Text: fmt.Sprintf("load balancer %s was adopted from another owner, and its tags do not allow the deletion; the "+
				"controller keeps it", old.Name),
			Remedy: fmt.Sprintf("undo the edit that would replace it, or have its former owner set tag %s: %s/NAMESPACE on "+
				"it, with the namespace of its objects",
				naming.DeletableByTag, d.want.Cluster),
		}
	case d.protected(old):
		return Protected(old.Name)
	}
	return nil
}
