package elbv2

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// Names of the quotas that are enforced.
const (
	quotaALBs               = "application-load-balancers"
	quotaNLBs               = "network-load-balancers"
	quotaGWLBs              = "gateway-load-balancers"
	quotaTargetGroups       = "target-groups"
	quotaTargetsPerALB      = "targets-per-application-load-balancer"
	quotaTargetsPerNLB      = "targets-per-network-load-balancer"
	quotaTargetsPerGroup    = "targets-per-target-group"
	quotaGroupsPerALB       = "target-groups-per-application-load-balancer"
	quotaGroupsPerALBAction = "target-groups-per-action-on-application-load-balancer"
	quotaGroupsPerNLBAction = "target-groups-per-action-on-network-load-balancer"
	quotaListenersPerALB    = "listeners-per-application-load-balancer"
	quotaListenersPerNLB    = "listeners-per-network-load-balancer"
	quotaRules              = "rules-per-application-load-balancer"
	quotaConditionValues    = "condition-values-per-alb-rule"
	quotaConditionWildcards = "condition-wildcards-per-alb-rule"
	quotaCertificatesPerALB = "certificates-per-application-load-balancer"
	quotaCertificatesPerNLB = "certificates-per-network-load-balancer"
	quotaRegistrations      = "target-id-registrations-per-application-load-balancer"
)

// limits is AWS's defaults, in the order that DescribeAccountLimits answers in.
var limits = []struct {
	name string
	max  int
}{
	{quotaTargetGroups, 3000},
	{quotaTargetsPerALB, 1000},
	{quotaListenersPerALB, 50},
	{quotaRules, 100},
	{quotaNLBs, 50},
	{quotaTargetsPerNLB, 3000},
	{"targets-per-availability-zone-per-network-load-balancer", 500},
	{quotaListenersPerNLB, 50},
	{quotaConditionValues, 5},
	{quotaConditionWildcards, 6},
	{quotaGroupsPerALB, 100},
	{quotaGroupsPerALBAction, 5},
	{quotaGroupsPerNLBAction, 5},
	{quotaCertificatesPerALB, 25},
	{quotaCertificatesPerNLB, 25},
	{quotaTargetsPerGroup, 1000},
	{quotaRegistrations, 1000},
	{"network-load-balancer-enis-per-vpc", 1200},
	{quotaALBs, 50},
	{quotaGWLBs, 100},
	{"gateway-load-balancers-per-vpc", 100},
	{"geneve-target-groups", 100},
	{"targets-per-availability-zone-per-gateway-load-balancer", 300},
}

// limit is the account's value of that quota.
func (s *Service) limit(name string) int {
	if v, ok := s.account.Quotas[name]; ok {
		return v
	}
	for _, l := range limits {
		if l.name == name {
			return l.max
		}
	}
	return 0
}

// DescribeAccountLimits answers the account's quotas.
func (s *Service) DescribeAccountLimits(ctx context.Context, in *elb.DescribeAccountLimitsInput, _ ...func(*elb.Options)) (*elb.DescribeAccountLimitsOutput, error) {
	return read(ctx, s, "DescribeAccountLimits", in, func(in *elb.DescribeAccountLimitsInput) (*elb.DescribeAccountLimitsOutput, error) {
		part, next, err := pageOf(limits, in.Marker, in.PageSize, largePage)
		if err != nil {
			return nil, err
		}
		out := &elb.DescribeAccountLimitsOutput{NextMarker: next}
		for _, l := range part {
			out.Limits = append(out.Limits, types.Limit{Name: aws.String(l.name), Max: aws.String(strconv.Itoa(s.limit(l.name)))})
		}
		return out, nil
	})
}
