package listener

import (
	"context"
	"crypto/tls"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
	"github.com/k8s-lbc/lbc/awssim/sslpolicy"
)

func policyNotFound(name string) error {
	return apierr.New("SSLPolicyNotFound", "SSL policy '%s' not found", name)
}

func describePolicy(p sslpolicy.Policy) types.SslPolicy {
	out := types.SslPolicy{Name: aws.String(p.Name), SupportedLoadBalancerTypes: []string{request.Application,
		request.Network}}
	for version := p.High; version >= p.Low; version-- {
		out.SslProtocols = append(out.SslProtocols, []string{"TLSv1", "TLSv1.1", "TLSv1.2",
			"TLSv1.3"}[version-tls.VersionTLS10])
	}
	for i, c := range p.Ciphers {
		out.Ciphers = append(out.Ciphers, types.Cipher{Name: aws.String(c), Priority: aws.Int32(int32(i + 1))})
	}
	return out
}

// DescribeSSLPolicies answers the security policies that exist, or those of the given names.
func (s *Listeners) DescribeSSLPolicies(ctx context.Context, in *elb.DescribeSSLPoliciesInput,
	_ ...func(*elb.Options)) (*elb.DescribeSSLPoliciesOutput, error) {
	return call.Read(ctx, s.entry, "DescribeSSLPolicies", in, func(in *elb.DescribeSSLPoliciesInput) (
		*elb.DescribeSSLPoliciesOutput, error) {
		if err := check.OneOf("loadBalancerType", in.LoadBalancerType, in.LoadBalancerType.Values()); err != nil {
			return nil, err
		}
		rows := sslpolicy.All()
		if in.LoadBalancerType == types.LoadBalancerTypeEnumGateway {
			rows = nil
		}
		if len(in.Names) > 0 {
			rows = nil
			for _, name := range in.Names {
				p, ok := sslpolicy.Named(name)
				if !ok {
					return nil, policyNotFound(name)
				}
				rows = append(rows, p)
			}
		}
		part, next, err := request.PageOf(rows, in.Marker, in.PageSize, request.PagesOf(s.account, request.LargePage))
		if err != nil {
			return nil, err
		}
		out := &elb.DescribeSSLPoliciesOutput{NextMarker: next}
		for _, p := range part {
			out.SslPolicies = append(out.SslPolicies, describePolicy(p))
		}
		return out, nil
	})
}
