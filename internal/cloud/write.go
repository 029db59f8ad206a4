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

// Write sends one operation to AWS. The operations on TargetGroupBindings are not AWS's, and AwaitTargets writes nothing: they are an
// error. The error is the SDK's own, for Classify.
func Write(ctx context.Context, c Clients, op plan.Operation, resolve Resolve) (plan.Output, error) {
	s := sender{writer: writer{c, resolve}, call: notOfAWS(op)}
	if op, ok := op.(elb.Operation); ok {
		op.Send(&s)
	}
	return s.call(ctx)
}

// sender keeps the call that an operation is sent by.
type sender struct {
	writer
	call apiCall
}

type apiCall func(context.Context) (plan.Output, error)

// outputs is a call that creates something.
func outputs[O elb.Operation](send func(context.Context, O) (plan.Output, error), op O) apiCall {
	return func(ctx context.Context) (plan.Output, error) { return send(ctx, op) }
}

// writes is a call of which nothing but success is of interest.
func writes[O elb.Operation](send func(context.Context, O) error, op O) apiCall {
	return func(ctx context.Context) (plan.Output, error) { return plan.Output{}, send(ctx, op) }
}

func notOfAWS(op plan.Operation) apiCall {
	return func(context.Context) (plan.Output, error) {
		return plan.Output{}, fmt.Errorf("%s is not a write to AWS", op.Name())
	}
}

func (s *sender) CreateSecurityGroup(op elb.CreateSecurityGroup) {
	s.call = outputs(s.createSecurityGroup, op)
}
func (s *sender) AuthorizeSecurityGroupIngress(op elb.AuthorizeSecurityGroupIngress) {
	s.call = writes(s.authorizeSecurityGroupIngress, op)
}
func (s *sender) RevokeSecurityGroupIngress(op elb.RevokeSecurityGroupIngress) {
	s.call = writes(s.revokeSecurityGroupIngress, op)
}
func (s *sender) DeleteSecurityGroup(op elb.DeleteSecurityGroup) {
	s.call = writes(s.deleteSecurityGroup, op)
}
func (s *sender) CreateTags(op elb.CreateTags) { s.call = writes(s.createTags, op) }
func (s *sender) DeleteTags(op elb.DeleteTags) {
	s.call = writes(s.deleteTags, op)
}
func (s *sender) CreateTargetGroup(op elb.CreateTargetGroup) {
	s.call = outputs(s.createTargetGroup, op)
}
func (s *sender) ModifyTargetGroup(op elb.ModifyTargetGroup) {
	s.call = writes(s.modifyTargetGroup, op)
}
func (s *sender) ModifyTargetGroupAttributes(op elb.ModifyTargetGroupAttributes) {
	s.call = writes(s.modifyTargetGroupAttributes, op)
}
func (s *sender) DeleteTargetGroup(op elb.DeleteTargetGroup) {
	s.call = writes(s.deleteTargetGroup, op)
}
func (s *sender) AwaitTargets(op elb.AwaitTargets)       { s.call = notOfAWS(op) }
func (s *sender) RegisterTargets(op elb.RegisterTargets) { s.call = writes(s.registerTargets, op) }
func (s *sender) DeregisterTargets(op elb.DeregisterTargets) {
	s.call = writes(s.deregisterTargets, op)
}
func (s *sender) RegisterLoadBalancer(op elb.RegisterLoadBalancer) {
	s.RegisterTargets(elb.RegisterTargets{TargetGroup: op.TargetGroup, Targets: []elb.Target{{ID: s.resolve(op.LoadBalancer), Port: op.Port}}})
}
func (s *sender) DeregisterLoadBalancer(op elb.DeregisterLoadBalancer) {
	s.DeregisterTargets(elb.DeregisterTargets{TargetGroup: op.TargetGroup, Targets: []elb.Target{{ID: s.resolve(op.LoadBalancer), Port: op.Port}}})
}
func (s *sender) CreateLoadBalancer(op elb.CreateLoadBalancer) {
	s.call = outputs(s.createLoadBalancer, op)
}
func (s *sender) SetSecurityGroups(op elb.SetSecurityGroups) {
	s.call = writes(s.setSecurityGroups, op)
}
func (s *sender) SetSubnets(op elb.SetSubnets)             { s.call = writes(s.setSubnets, op) }
func (s *sender) SetIpAddressType(op elb.SetIpAddressType) { s.call = writes(s.setIpAddressType, op) }
func (s *sender) ModifyLoadBalancerAttributes(op elb.ModifyLoadBalancerAttributes) {
	s.call = writes(s.modifyLoadBalancerAttributes, op)
}
func (s *sender) ModifyIpPools(op elb.ModifyIpPools) { s.call = writes(s.modifyIpPools, op) }
func (s *sender) DeleteLoadBalancer(op elb.DeleteLoadBalancer) {
	s.call = writes(s.deleteLoadBalancer, op)
}
func (s *sender) AssociateWebACL(op elb.AssociateWebACL) { s.call = writes(s.associateWebACL, op) }
func (s *sender) DisassociateWebACL(op elb.DisassociateWebACL) {
	s.call = writes(s.disassociateWebACL, op)
}
func (s *sender) CreateProtection(op elb.CreateProtection) { s.call = outputs(s.createProtection, op) }
func (s *sender) DeleteProtection(op elb.DeleteProtection) { s.call = writes(s.deleteProtection, op) }
func (s *sender) ModifyCapacityReservation(op elb.ModifyCapacityReservation) {
	s.call = writes(s.modifyCapacityReservation, op)
}
func (s *sender) CreateListener(op elb.CreateListener) { s.call = outputs(s.createListener, op) }
func (s *sender) ModifyListener(op elb.ModifyListener) { s.call = writes(s.modifyListener, op) }
func (s *sender) DeleteListener(op elb.DeleteListener) { s.call = writes(s.deleteListener, op) }
func (s *sender) AddListenerCertificates(op elb.AddListenerCertificates) {
	s.call = writes(s.addListenerCertificates, op)
}
func (s *sender) RemoveListenerCertificates(op elb.RemoveListenerCertificates) {
	s.call = writes(s.removeListenerCertificates, op)
}
func (s *sender) ModifyListenerAttributes(op elb.ModifyListenerAttributes) {
	s.call = writes(s.modifyListenerAttributes, op)
}
func (s *sender) CreateRule(op elb.CreateRule) { s.call = outputs(s.createRule, op) }
func (s *sender) ModifyRule(op elb.ModifyRule) { s.call = writes(s.modifyRule, op) }
func (s *sender) SetRulePriorities(op elb.SetRulePriorities) {
	s.call = writes(s.setRulePriorities, op)
}
func (s *sender) DeleteRule(op elb.DeleteRule) { s.call = writes(s.deleteRule, op) }
func (s *sender) AddTags(op elb.AddTags)       { s.call = writes(s.addTags, op) }
func (s *sender) RemoveTags(op elb.RemoveTags) { s.call = writes(s.removeTags, op) }
func (s *sender) RequestCertificate(op elb.RequestCertificate) {
	s.call = outputs(s.requestCertificate, op)
}
func (s *sender) ImportCertificate(op elb.ImportCertificate) {
	s.call = outputs(s.importCertificate, op)
}
func (s *sender) AddTagsToCertificate(op elb.AddTagsToCertificate) {
	s.call = writes(s.addTagsToCertificate, op)
}
func (s *sender) DeleteCertificate(op elb.DeleteCertificate) {
	s.call = writes(s.deleteCertificate, op)
}
func (s *sender) PublishValidation(op elb.PublishValidation) {
	s.call = writes(s.publishValidation, op)
}
func (s *sender) WithdrawValidation(op elb.WithdrawValidation) {
	s.call = writes(s.withdrawValidation, op)
}
func (s *sender) CreateBinding(op elb.CreateBinding) { s.call = notOfAWS(op) }
func (s *sender) UpdateBinding(op elb.UpdateBinding) { s.call = notOfAWS(op) }
func (s *sender) DeleteBinding(op elb.DeleteBinding) { s.call = notOfAWS(op) }

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
