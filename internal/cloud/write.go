package cloud

import (
	"context"
	"fmt"

	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Resolve gives the ARN or group id behind a reference of an operation.
type Resolve func(stack.Ref) string

// Write sends one operation to AWS. The operations on TargetGroupBindings are not AWS's: they are an error. The error is the
// SDK's own, for Classify.
func Write(ctx context.Context, c Clients, op plan.Op, resolve Resolve) (plan.Output, error) {
	w := writer{c, resolve}
	switch op := op.(type) {
	case plan.CreateSecurityGroup:
		return w.createSecurityGroup(ctx, op)
	case plan.AuthorizeIngress:
		return none(w.authorizeIngress(ctx, op))
	case plan.RevokeIngress:
		return none(w.revokeIngress(ctx, op))
	case plan.DeleteSecurityGroup:
		return none(w.deleteSecurityGroup(ctx, op))
	case plan.TagSecurityGroup:
		return none(w.tagSecurityGroup(ctx, op))
	case plan.UntagSecurityGroup:
		return none(w.untagSecurityGroup(ctx, op))
	case plan.CreateTargetGroup:
		return w.createTargetGroup(ctx, op)
	case plan.ModifyTargetGroup:
		return none(w.modifyTargetGroup(ctx, op))
	case plan.ModifyTargetGroupAttributes:
		return none(w.modifyTargetGroupAttributes(ctx, op))
	case plan.DeleteTargetGroup:
		return none(w.deleteTargetGroup(ctx, op))
	case plan.CreateLoadBalancer:
		return w.createLoadBalancer(ctx, op)
	case plan.SetSecurityGroups:
		return none(w.setSecurityGroups(ctx, op))
	case plan.SetSubnets:
		return none(w.setSubnets(ctx, op))
	case plan.SetIPAddressType:
		return none(w.setIPAddressType(ctx, op))
	case plan.ModifyLoadBalancerAttributes:
		return none(w.modifyLoadBalancerAttributes(ctx, op))
	case plan.DeleteLoadBalancer:
		return none(w.deleteLoadBalancer(ctx, op))
	case plan.CreateListener:
		return w.createListener(ctx, op)
	case plan.ModifyListener:
		return none(w.modifyListener(ctx, op))
	case plan.DeleteListener:
		return none(w.deleteListener(ctx, op))
	case plan.AddListenerCertificates:
		return none(w.addListenerCertificates(ctx, op))
	case plan.RemoveListenerCertificates:
		return none(w.removeListenerCertificates(ctx, op))
	case plan.ModifyListenerAttributes:
		return none(w.modifyListenerAttributes(ctx, op))
	case plan.CreateRule:
		return w.createRule(ctx, op)
	case plan.ModifyRule:
		return none(w.modifyRule(ctx, op))
	case plan.SetRulePriorities:
		return none(w.setRulePriorities(ctx, op))
	case plan.DeleteRule:
		return none(w.deleteRule(ctx, op))
	case plan.RegisterTargets:
		return none(w.registerTargets(ctx, op))
	case plan.DeregisterTargets:
		return none(w.deregisterTargets(ctx, op))
	case plan.RegisterLoadBalancer:
		return none(w.registerTargets(ctx, plan.RegisterTargets{TargetGroup: op.TargetGroup, Targets: []plan.Target{{ID: w.resolve(op.LoadBalancer), Port: op.Port}}}))
	case plan.DeregisterLoadBalancer:
		return none(w.deregisterTargets(ctx, plan.DeregisterTargets{TargetGroup: op.TargetGroup, Targets: []plan.Target{{ID: w.resolve(op.LoadBalancer), Port: op.Port}}}))
	case plan.AddTags:
		return none(w.addTags(ctx, op))
	case plan.RemoveTags:
		return none(w.removeTags(ctx, op))
	case plan.ModifyIPPools:
		return none(w.modifyIPPools(ctx, op))
	}
	if _, _, ok := plan.Changes(op); ok {
		return w.addOn(ctx, op)
	}
	if out, ok, err := w.certificate(ctx, op); ok {
		return out, err
	}
	return plan.Output{}, notOfAWS(op)
}

func notOfAWS(op plan.Op) error { return fmt.Errorf("%s is not an operation of AWS", op.Name()) }

func none(err error) (plan.Output, error) { return plan.Output{}, err }

// writer sends operations; its methods stand in the files of the resources.
type writer struct {
	c       Clients
	resolve Resolve
}

func (w writer) all(refs []stack.Ref) []string {
	out := make([]string, len(refs))
	for i, r := range refs {
		out[i] = w.resolve(r)
	}
	return out
}

// optional turns "not managed" into an absent parameter.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
