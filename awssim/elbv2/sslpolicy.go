package elbv2

import (
	"context"
	"crypto/tls"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// Security policies: what an API call without one gets, and the prefix of every name.
const (
	defaultPolicy = "ELBSecurityPolicy-2016-08"
	policyPrefix  = "ELBSecurityPolicy-"
)

// cipherSets are the building blocks of policies, strongest first within a policy.
var cipherSets = map[rune][]string{
	'A': {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"},
	'F': {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"},
	'G': {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"},
	'C': {"ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-RSA-AES256-SHA384"},
	'S': {"ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA"},
	'R': {"AES128-GCM-SHA256", "AES128-SHA256", "AES256-GCM-SHA384", "AES256-SHA256"},
	'r': {"AES128-SHA", "AES256-SHA"},
	'3': {"DES-CBC3-SHA"},
}

// policyRow is a policy: its name without the prefix, the lowest and highest minor version of TLS 1, its cipher sets.
type policyRow struct {
	name      string
	low, high int
	ciphers   string
}

var policies = []policyRow{
	{"TLS13-1-3-2021-06", 3, 3, "A"},
	{"TLS13-1-2-2021-06", 2, 3, "AGC"},
	{"TLS13-1-2-Res-2021-06", 2, 3, "AG"},
	{"TLS13-1-2-Ext1-2021-06", 2, 3, "AGCR"},
	{"TLS13-1-2-Ext2-2021-06", 2, 3, "AGCSRr"},
	{"TLS13-1-1-2021-06", 1, 3, "AGCSRr"},
	{"TLS13-1-0-2021-06", 0, 3, "AGCSRr"},
	{"TLS13-1-3-PQ-2025-09", 3, 3, "A"},
	{"TLS13-1-2-PQ-2025-09", 2, 3, "AGC"},
	{"TLS13-1-2-Res-PQ-2025-09", 2, 3, "AG"},
	{"TLS13-1-2-Ext1-PQ-2025-09", 2, 3, "AGCR"},
	{"TLS13-1-2-Ext2-PQ-2025-09", 2, 3, "AGCSRr"},
	{"TLS13-1-0-PQ-2025-09", 0, 3, "AGCSRr"},
	{"TLS13-1-3-FIPS-2023-04", 3, 3, "F"},
	{"TLS13-1-2-FIPS-2023-04", 2, 3, "FGC"},
	{"TLS13-1-2-Res-FIPS-2023-04", 2, 3, "FG"},
	{"TLS13-1-2-Ext0-FIPS-2023-04", 2, 3, "FGCS"},
	{"TLS13-1-2-Ext1-FIPS-2023-04", 2, 3, "FGCR"},
	{"TLS13-1-2-Ext2-FIPS-2023-04", 2, 3, "FGCSRr"},
	{"TLS13-1-1-FIPS-2023-04", 1, 3, "FGCSRr"},
	{"TLS13-1-0-FIPS-2023-04", 0, 3, "FGCSRr"},
	{"TLS13-1-3-FIPS-PQ-2025-09", 3, 3, "F"},
	{"TLS13-1-2-FIPS-PQ-2025-09", 2, 3, "FGC"},
	{"TLS13-1-2-Res-FIPS-PQ-2025-09", 2, 3, "FG"},
	{"TLS13-1-2-Ext0-FIPS-PQ-2025-09", 2, 3, "FGCS"},
	{"TLS13-1-2-Ext1-FIPS-PQ-2025-09", 2, 3, "FGCR"},
	{"TLS13-1-2-Ext2-FIPS-PQ-2025-09", 2, 3, "FGCSRr"},
	{"TLS13-1-0-FIPS-PQ-2025-09", 0, 3, "FGCSRr"},
	{"TLS-1-2-Ext-2018-06", 2, 2, "GCSRr"},
	{"TLS-1-2-2017-01", 2, 2, "GCR"},
	{"TLS-1-1-2017-01", 1, 2, "GCSRr"},
	{"2016-08", 0, 2, "GCSRr"},
	{"2015-05", 0, 2, "GCSRr"},
	{"TLS-1-0-2015-04", 0, 2, "GCSRr3"},
	{"FS-1-2-Res-2020-10", 2, 2, "G"},
	{"FS-1-2-Res-2019-08", 2, 2, "GC"},
	{"FS-1-2-2019-08", 2, 2, "GCS"},
	{"FS-1-1-2019-08", 1, 2, "GCS"},
	{"FS-2018-06", 0, 2, "GCS"},
}

// policyNamed is the policy of that full name.
func policyNamed(name string) (policyRow, bool) {
	i := slices.IndexFunc(policies, func(p policyRow) bool { return policyPrefix+p.name == name })
	if i < 0 {
		return policyRow{}, false
	}
	return policies[i], true
}

// TLSVersions is the lowest and highest version of TLS that a security policy admits, as crypto/tls numbers them; ok is
// false for a policy that does not exist.
func TLSVersions(policy string) (low, high uint16, ok bool) {
	p, ok := policyNamed(policy)
	return tls.VersionTLS10 + uint16(p.low), tls.VersionTLS10 + uint16(p.high), ok
}

func policyNotFound(name string) error {
	return apierr.New("SSLPolicyNotFound", "SSL policy '%s' not found", name)
}

func (p policyRow) describe() types.SslPolicy {
	out := types.SslPolicy{Name: aws.String(policyPrefix + p.name), SupportedLoadBalancerTypes: []string{application, network}}
	for minor := p.high; minor >= p.low; minor-- {
		out.SslProtocols = append(out.SslProtocols, []string{"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}[minor])
	}
	for _, set := range p.ciphers {
		for _, c := range cipherSets[set] {
			out.Ciphers = append(out.Ciphers, types.Cipher{Name: aws.String(c), Priority: aws.Int32(int32(len(out.Ciphers) + 1))})
		}
	}
	return out
}

// DescribeSSLPolicies answers the security policies that exist, or those of the given names.
func (s *Service) DescribeSSLPolicies(ctx context.Context, in *elb.DescribeSSLPoliciesInput, _ ...func(*elb.Options)) (*elb.DescribeSSLPoliciesOutput, error) {
	return read(ctx, s, "DescribeSSLPolicies", in, func(in *elb.DescribeSSLPoliciesInput) (*elb.DescribeSSLPoliciesOutput, error) {
		if err := oneOf("loadBalancerType", in.LoadBalancerType, in.LoadBalancerType.Values()); err != nil {
			return nil, err
		}
		rows := policies
		if in.LoadBalancerType == types.LoadBalancerTypeEnumGateway {
			rows = nil
		}
		if len(in.Names) > 0 {
			rows = nil
			for _, name := range in.Names {
				p, ok := policyNamed(name)
				if !ok {
					return nil, policyNotFound(name)
				}
				rows = append(rows, p)
			}
		}
		part, next, err := pageOf(rows, in.Marker, in.PageSize, s.pages(largePage))
		if err != nil {
			return nil, err
		}
		out := &elb.DescribeSSLPoliciesOutput{NextMarker: next}
		for _, p := range part {
			out.SslPolicies = append(out.SslPolicies, p.describe())
		}
		return out, nil
	})
}
