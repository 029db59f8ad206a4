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
	quotaTargetsPerZone     = "targets-per-availability-zone-per-network-load-balancer"
	quotaTargetsPerGWZone   = "targets-per-availability-zone-per-gateway-load-balancer"
	quotaInterfaces         = "network-load-balancer-enis-per-vpc"
	quotaGWLBsPerVPC        = "gateway-load-balancers-per-vpc"
	quotaGeneveGroups       = "geneve-target-groups"
	quotaRegistrations      = "target-id-registrations-per-application-load-balancer"
)

// limits are the quotas that DescribeAccountLimits answers, in its order.
var limits = []string{
	quotaTargetGroups,
	quotaTargetsPerALB,
	quotaListenersPerALB,
	quotaRules,
	quotaNLBs,
	quotaTargetsPerNLB,
	quotaTargetsPerZone,
	quotaListenersPerNLB,
	quotaConditionValues,
	quotaConditionWildcards,
	quotaGroupsPerALB,
	quotaGroupsPerALBAction,
	quotaGroupsPerNLBAction,
	quotaCertificatesPerALB,
	quotaCertificatesPerNLB,
	quotaTargetsPerGroup,
	quotaRegistrations,
	quotaInterfaces,
	quotaALBs,
	quotaGWLBs,
	quotaGWLBsPerVPC,
	quotaGeneveGroups,
	quotaTargetsPerGWZone,
}

// limit is the account's value of that quota.
func (s *Service) limit(name string) int {
	return s.account.Quota(name)
}

// DescribeAccountLimits answers the account's quotas.
func (s *Service) DescribeAccountLimits(ctx context.Context, in *elb.DescribeAccountLimitsInput, _ ...func(*elb.Options)) (*elb.DescribeAccountLimitsOutput, error) {
	return read(ctx, s, "DescribeAccountLimits", in, func(in *elb.DescribeAccountLimitsInput) (*elb.DescribeAccountLimitsOutput, error) {
		part, next, err := pageOf(limits, in.Marker, in.PageSize, s.pages(largePage))
		if err != nil {
			return nil, err
		}
		out := &elb.DescribeAccountLimitsOutput{NextMarker: next}
		for _, l := range part {
			out.Limits = append(out.Limits, types.Limit{Name: aws.String(l), Max: aws.String(strconv.Itoa(s.limit(l)))})
		}
		return out, nil
	})
}
