// Package elbv2 is the control plane of Elastic Load Balancing: a method for each action with the SDK client's
// signature, over the account's state, with AWS's validations, defaults, quotas and error codes. The actions on each
// kind of resource are in a package below; tags and limits, which are of all kinds, are here. It holds no state and no
// wire format and carries no traffic.
package elbv2

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/elbv2/listener"
	"github.com/k8s-lbc/lbc/awssim/elbv2/loadbalancer"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
	"github.com/k8s-lbc/lbc/awssim/elbv2/targetgroup"
	"github.com/k8s-lbc/lbc/awssim/elbv2/truststore"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// Service answers the actions of Elastic Load Balancing v2.
type Service struct {
	*loadbalancer.LoadBalancers
	*listener.Listeners
	*targetgroup.TargetGroups
	*truststore.TrustStores

	account *account.Account
	entry   call.Entry
}

// New is the service over that account; calls pass g, which may be nil.
func New(a *account.Account, g *gate.Gate) *Service {
	e := call.Entry{Service: request.ServiceName, Account: a, Gate: g}
	return &Service{
		LoadBalancers: loadbalancer.New(e), Listeners: listener.New(e), TargetGroups: targetgroup.New(e),
		TrustStores: truststore.New(e),
		account:     a, entry: e,
	}
}

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
func (s *Service) DescribeAccountLimits(ctx context.Context, in *elb.DescribeAccountLimitsInput,
	_ ...func(*elb.Options)) (*elb.DescribeAccountLimitsOutput, error) {
	return call.Read(ctx, s.entry, "DescribeAccountLimits", in, func(in *elb.DescribeAccountLimitsInput) (
		*elb.DescribeAccountLimitsOutput, error) {
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
