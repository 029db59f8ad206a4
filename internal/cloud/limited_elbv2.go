package cloud

import (
	"context"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
)

// limitedELBV2 passes every call of ELBV2 through the limiter.
type limitedELBV2 struct {
	inner ELBV2
	l     *Limiter
}

func (c limitedELBV2) AddListenerCertificates(ctx context.Context, in *elbv2.AddListenerCertificatesInput, opts ...func(*elbv2.Options)) (*elbv2.AddListenerCertificatesOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "AddListenerCertificates", in, c.inner.AddListenerCertificates, opts)
}

func (c limitedELBV2) AddTags(ctx context.Context, in *elbv2.AddTagsInput, opts ...func(*elbv2.Options)) (*elbv2.AddTagsOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "AddTags", in, c.inner.AddTags, opts)
}

func (c limitedELBV2) CreateListener(ctx context.Context, in *elbv2.CreateListenerInput, opts ...func(*elbv2.Options)) (*elbv2.CreateListenerOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "CreateListener", in, c.inner.CreateListener, opts)
}

func (c limitedELBV2) CreateLoadBalancer(ctx context.Context, in *elbv2.CreateLoadBalancerInput, opts ...func(*elbv2.Options)) (*elbv2.CreateLoadBalancerOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "CreateLoadBalancer", in, c.inner.CreateLoadBalancer, opts)
}

func (c limitedELBV2) CreateRule(ctx context.Context, in *elbv2.CreateRuleInput, opts ...func(*elbv2.Options)) (*elbv2.CreateRuleOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "CreateRule", in, c.inner.CreateRule, opts)
}

func (c limitedELBV2) CreateTargetGroup(ctx context.Context, in *elbv2.CreateTargetGroupInput, opts ...func(*elbv2.Options)) (*elbv2.CreateTargetGroupOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "CreateTargetGroup", in, c.inner.CreateTargetGroup, opts)
}

func (c limitedELBV2) DeleteListener(ctx context.Context, in *elbv2.DeleteListenerInput, opts ...func(*elbv2.Options)) (*elbv2.DeleteListenerOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "DeleteListener", in, c.inner.DeleteListener, opts)
}

func (c limitedELBV2) DeleteLoadBalancer(ctx context.Context, in *elbv2.DeleteLoadBalancerInput, opts ...func(*elbv2.Options)) (*elbv2.DeleteLoadBalancerOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "DeleteLoadBalancer", in, c.inner.DeleteLoadBalancer, opts)
}

func (c limitedELBV2) DeleteRule(ctx context.Context, in *elbv2.DeleteRuleInput, opts ...func(*elbv2.Options)) (*elbv2.DeleteRuleOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "DeleteRule", in, c.inner.DeleteRule, opts)
}

func (c limitedELBV2) DeleteTargetGroup(ctx context.Context, in *elbv2.DeleteTargetGroupInput, opts ...func(*elbv2.Options)) (*elbv2.DeleteTargetGroupOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "DeleteTargetGroup", in, c.inner.DeleteTargetGroup, opts)
}

func (c limitedELBV2) DeregisterTargets(ctx context.Context, in *elbv2.DeregisterTargetsInput, opts ...func(*elbv2.Options)) (*elbv2.DeregisterTargetsOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "DeregisterTargets", in, c.inner.DeregisterTargets, opts)
}

func (c limitedELBV2) DescribeListenerAttributes(ctx context.Context, in *elbv2.DescribeListenerAttributesInput, opts ...func(*elbv2.Options)) (*elbv2.DescribeListenerAttributesOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "DescribeListenerAttributes", in, c.inner.DescribeListenerAttributes, opts)
}

func (c limitedELBV2) DescribeListenerCertificates(ctx context.Context, in *elbv2.DescribeListenerCertificatesInput, opts ...func(*elbv2.Options)) (*elbv2.DescribeListenerCertificatesOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "DescribeListenerCertificates", in, c.inner.DescribeListenerCertificates, opts)
}

func (c limitedELBV2) DescribeListeners(ctx context.Context, in *elbv2.DescribeListenersInput, opts ...func(*elbv2.Options)) (*elbv2.DescribeListenersOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "DescribeListeners", in, c.inner.DescribeListeners, opts)
}

func (c limitedELBV2) DescribeLoadBalancerAttributes(ctx context.Context, in *elbv2.DescribeLoadBalancerAttributesInput, opts ...func(*elbv2.Options)) (*elbv2.DescribeLoadBalancerAttributesOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "DescribeLoadBalancerAttributes", in, c.inner.DescribeLoadBalancerAttributes, opts)
}

func (c limitedELBV2) DescribeLoadBalancers(ctx context.Context, in *elbv2.DescribeLoadBalancersInput, opts ...func(*elbv2.Options)) (*elbv2.DescribeLoadBalancersOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "DescribeLoadBalancers", in, c.inner.DescribeLoadBalancers, opts)
}

func (c limitedELBV2) DescribeRules(ctx context.Context, in *elbv2.DescribeRulesInput, opts ...func(*elbv2.Options)) (*elbv2.DescribeRulesOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "DescribeRules", in, c.inner.DescribeRules, opts)
}

func (c limitedELBV2) DescribeTags(ctx context.Context, in *elbv2.DescribeTagsInput, opts ...func(*elbv2.Options)) (*elbv2.DescribeTagsOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "DescribeTags", in, c.inner.DescribeTags, opts)
}

func (c limitedELBV2) DescribeTargetGroupAttributes(ctx context.Context, in *elbv2.DescribeTargetGroupAttributesInput, opts ...func(*elbv2.Options)) (*elbv2.DescribeTargetGroupAttributesOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "DescribeTargetGroupAttributes", in, c.inner.DescribeTargetGroupAttributes, opts)
}

func (c limitedELBV2) DescribeTargetGroups(ctx context.Context, in *elbv2.DescribeTargetGroupsInput, opts ...func(*elbv2.Options)) (*elbv2.DescribeTargetGroupsOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "DescribeTargetGroups", in, c.inner.DescribeTargetGroups, opts)
}

func (c limitedELBV2) DescribeTargetHealth(ctx context.Context, in *elbv2.DescribeTargetHealthInput, opts ...func(*elbv2.Options)) (*elbv2.DescribeTargetHealthOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "DescribeTargetHealth", in, c.inner.DescribeTargetHealth, opts)
}

func (c limitedELBV2) DescribeTrustStores(ctx context.Context, in *elbv2.DescribeTrustStoresInput, opts ...func(*elbv2.Options)) (*elbv2.DescribeTrustStoresOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "DescribeTrustStores", in, c.inner.DescribeTrustStores, opts)
}

func (c limitedELBV2) ModifyListener(ctx context.Context, in *elbv2.ModifyListenerInput, opts ...func(*elbv2.Options)) (*elbv2.ModifyListenerOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "ModifyListener", in, c.inner.ModifyListener, opts)
}

func (c limitedELBV2) ModifyListenerAttributes(ctx context.Context, in *elbv2.ModifyListenerAttributesInput, opts ...func(*elbv2.Options)) (*elbv2.ModifyListenerAttributesOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "ModifyListenerAttributes", in, c.inner.ModifyListenerAttributes, opts)
}

func (c limitedELBV2) ModifyLoadBalancerAttributes(ctx context.Context, in *elbv2.ModifyLoadBalancerAttributesInput, opts ...func(*elbv2.Options)) (*elbv2.ModifyLoadBalancerAttributesOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "ModifyLoadBalancerAttributes", in, c.inner.ModifyLoadBalancerAttributes, opts)
}

func (c limitedELBV2) ModifyRule(ctx context.Context, in *elbv2.ModifyRuleInput, opts ...func(*elbv2.Options)) (*elbv2.ModifyRuleOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "ModifyRule", in, c.inner.ModifyRule, opts)
}

func (c limitedELBV2) ModifyTargetGroup(ctx context.Context, in *elbv2.ModifyTargetGroupInput, opts ...func(*elbv2.Options)) (*elbv2.ModifyTargetGroupOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "ModifyTargetGroup", in, c.inner.ModifyTargetGroup, opts)
}

func (c limitedELBV2) ModifyTargetGroupAttributes(ctx context.Context, in *elbv2.ModifyTargetGroupAttributesInput, opts ...func(*elbv2.Options)) (*elbv2.ModifyTargetGroupAttributesOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "ModifyTargetGroupAttributes", in, c.inner.ModifyTargetGroupAttributes, opts)
}

func (c limitedELBV2) RegisterTargets(ctx context.Context, in *elbv2.RegisterTargetsInput, opts ...func(*elbv2.Options)) (*elbv2.RegisterTargetsOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "RegisterTargets", in, c.inner.RegisterTargets, opts)
}

func (c limitedELBV2) RemoveListenerCertificates(ctx context.Context, in *elbv2.RemoveListenerCertificatesInput, opts ...func(*elbv2.Options)) (*elbv2.RemoveListenerCertificatesOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "RemoveListenerCertificates", in, c.inner.RemoveListenerCertificates, opts)
}

func (c limitedELBV2) RemoveTags(ctx context.Context, in *elbv2.RemoveTagsInput, opts ...func(*elbv2.Options)) (*elbv2.RemoveTagsOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "RemoveTags", in, c.inner.RemoveTags, opts)
}

func (c limitedELBV2) SetIpAddressType(ctx context.Context, in *elbv2.SetIpAddressTypeInput, opts ...func(*elbv2.Options)) (*elbv2.SetIpAddressTypeOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "SetIpAddressType", in, c.inner.SetIpAddressType, opts)
}

func (c limitedELBV2) SetRulePriorities(ctx context.Context, in *elbv2.SetRulePrioritiesInput, opts ...func(*elbv2.Options)) (*elbv2.SetRulePrioritiesOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "SetRulePriorities", in, c.inner.SetRulePriorities, opts)
}

func (c limitedELBV2) SetSecurityGroups(ctx context.Context, in *elbv2.SetSecurityGroupsInput, opts ...func(*elbv2.Options)) (*elbv2.SetSecurityGroupsOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "SetSecurityGroups", in, c.inner.SetSecurityGroups, opts)
}

func (c limitedELBV2) SetSubnets(ctx context.Context, in *elbv2.SetSubnetsInput, opts ...func(*elbv2.Options)) (*elbv2.SetSubnetsOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "SetSubnets", in, c.inner.SetSubnets, opts)
}

func (c limitedELBV2) DescribeCapacityReservation(ctx context.Context, in *elbv2.DescribeCapacityReservationInput, opts ...func(*elbv2.Options)) (*elbv2.DescribeCapacityReservationOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "DescribeCapacityReservation", in, c.inner.DescribeCapacityReservation, opts)
}

func (c limitedELBV2) ModifyCapacityReservation(ctx context.Context, in *elbv2.ModifyCapacityReservationInput, opts ...func(*elbv2.Options)) (*elbv2.ModifyCapacityReservationOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "ModifyCapacityReservation", in, c.inner.ModifyCapacityReservation, opts)
}

func (c limitedELBV2) ModifyIpPools(ctx context.Context, in *elbv2.ModifyIpPoolsInput, opts ...func(*elbv2.Options)) (*elbv2.ModifyIpPoolsOutput, error) {
	return call(ctx, c.l, ServiceELBV2, "ModifyIpPools", in, c.inner.ModifyIpPools, opts)
}
