package cloud

import (
	"context"
	"fmt"

	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Resolve gives the ARN or group id behind a reference of an operation.
type Resolve func(stack.Ref) string

// Write sends one operation to AWS. The operations on TargetGroupBindings are not AWS's: they are an error. The error is the
// SDK's own, for Classify.
func Write(ctx context.Context, c Clients, op plan.Operation, resolve Resolve) (plan.Output, error) {
	w := writer{c, resolve}
	switch op := op.(type) {
	case elb.CreateSecurityGroup:
		return w.createSecurityGroup(ctx, op)
	case elb.AuthorizeIngress:
		return none(w.authorizeIngress(ctx, op))
	case elb.RevokeIngress:
		return none(w.revokeIngress(ctx, op))
	case elb.DeleteSecurityGroup:
		return none(w.deleteSecurityGroup(ctx, op))
	case elb.TagSecurityGroup:
		return none(w.tagSecurityGroup(ctx, op))
	case elb.UntagSecurityGroup:
		return none(w.untagSecurityGroup(ctx, op))
	case elb.CreateTargetGroup:
		return w.createTargetGroup(ctx, op)
	case elb.ModifyTargetGroup:
		return none(w.modifyTargetGroup(ctx, op))
	case elb.ModifyTargetGroupAttributes:
		return none(w.modifyTargetGroupAttributes(ctx, op))
	case elb.DeleteTargetGroup:
		return none(w.deleteTargetGroup(ctx, op))
	case elb.CreateLoadBalancer:
		return w.createLoadBalancer(ctx, op)
	case elb.SetSecurityGroups:
		return none(w.setSecurityGroups(ctx, op))
	case elb.SetSubnets:
		return none(w.setSubnets(ctx, op))
	case elb.SetIPAddressType:
		return none(w.setIPAddressType(ctx, op))
	case elb.ModifyLoadBalancerAttributes:
		return none(w.modifyLoadBalancerAttributes(ctx, op))
	case elb.DeleteLoadBalancer:
		return none(w.deleteLoadBalancer(ctx, op))
	case elb.CreateListener:
		return w.createListener(ctx, op)
	case elb.ModifyListener:
		return none(w.modifyListener(ctx, op))
	case elb.DeleteListener:
		return none(w.deleteListener(ctx, op))
	case elb.AddListenerCertificates:
		return none(w.addListenerCertificates(ctx, op))
	case elb.RemoveListenerCertificates:
		return none(w.removeListenerCertificates(ctx, op))
	case elb.ModifyListenerAttributes:
		return none(w.modifyListenerAttributes(ctx, op))
	case elb.CreateRule:
		return w.createRule(ctx, op)
	case elb.ModifyRule:
		return none(w.modifyRule(ctx, op))
	case elb.SetRulePriorities:
		return none(w.setRulePriorities(ctx, op))
	case elb.DeleteRule:
		return none(w.deleteRule(ctx, op))
	case elb.RegisterTargets:
		return none(w.registerTargets(ctx, op))
	case elb.DeregisterTargets:
		return none(w.deregisterTargets(ctx, op))
	case elb.RegisterLoadBalancer:
		return none(w.registerTargets(ctx, elb.RegisterTargets{TargetGroup: op.TargetGroup, Targets: []elb.Target{{ID: w.resolve(op.LoadBalancer), Port: op.Port}}}))
	case elb.DeregisterLoadBalancer:
		return none(w.deregisterTargets(ctx, elb.DeregisterTargets{TargetGroup: op.TargetGroup, Targets: []elb.Target{{ID: w.resolve(op.LoadBalancer), Port: op.Port}}}))
	case elb.AddTags:
		return none(w.addTags(ctx, op))
	case elb.RemoveTags:
		return none(w.removeTags(ctx, op))
	case elb.ModifyIPPools:
		return none(w.modifyIPPools(ctx, op))
	}
	if _, _, ok := elb.Changes(op); ok {
		return w.addOn(ctx, op)
	}
	if out, ok, err := w.certificate(ctx, op); ok {
		return out, err
	}
	return plan.Output{}, notOfAWS(op)
}

func notOfAWS(op plan.Operation) error { return fmt.Errorf("%s is not an operation of AWS", op.Name()) }

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
