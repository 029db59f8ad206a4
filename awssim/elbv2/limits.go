package elbv2

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

// limits are the quotas that DescribeAccountLimits answers, in its order.
var limits = []string{
	request.QuotaTargetGroups,
	request.QuotaTargetsPerALB,
	request.QuotaListenersPerALB,
	request.QuotaRules,
	request.QuotaNLBs,
	request.QuotaTargetsPerNLB,
	request.QuotaTargetsPerZone,
	request.QuotaListenersPerNLB,
	request.QuotaConditionValues,
	request.QuotaConditionWildcards,
	request.QuotaGroupsPerALB,
	request.QuotaGroupsPerALBAction,
	request.QuotaGroupsPerNLBAction,
	request.QuotaCertificatesPerALB,
	request.QuotaCertificatesPerNLB,
	request.QuotaTargetsPerGroup,
	request.QuotaRegistrations,
	request.QuotaInterfaces,
	request.QuotaALBs,
	request.QuotaGWLBs,
	request.QuotaGWLBsPerVPC,
	request.QuotaGeneveGroups,
	request.QuotaTargetsPerGWZone,
}

// DescribeAccountLimits answers the account's quotas.
func (s *Service) DescribeAccountLimits(ctx context.Context, in *elb.DescribeAccountLimitsInput, _ ...func(*elb.Options)) (*elb.DescribeAccountLimitsOutput, error) {
	return call.Read(ctx, s.entry, "DescribeAccountLimits", in, func(in *elb.DescribeAccountLimitsInput) (*elb.DescribeAccountLimitsOutput, error) {
		part, next, err := request.PageOf(limits, in.Marker, in.PageSize, request.PagesOf(s.account, request.LargePage))
		if err != nil {
			return nil, err
		}
		out := &elb.DescribeAccountLimitsOutput{NextMarker: next}
		for _, l := range part {
			out.Limits = append(out.Limits, types.Limit{Name: aws.String(l), Max: aws.String(strconv.Itoa(s.account.Quota(l)))})
		}
		return out, nil
	})
}
