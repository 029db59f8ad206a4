package example

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/constraint"
)

// ARNs are refused ARNs, for a load balancer in us-west-2.
var ARNs = map[string][]constraint.Named{
	"scope of web ACL": arnsOf(constraint.WebACL,
		"arn:aws:wafv2:us-east-1:123456789012:global/webacl/web/00000000-0000-4000-8000-000000000001"),
	"web ACL of WAF Classic": arnsOf(constraint.WebACL,
		"arn:aws:waf-regional:us-west-2:123456789012:webacl/00000000-0000-4000-8000-000000000001",
		"arn:aws:waf::123456789012:webacl/00000000-0000-4000-8000-000000000001"),
	"ARN of web ACL": arnsOf(constraint.WebACL, "my-acl", "00000000-0000-4000-8000-000000000001",
		"arn:aws:wafv2:us-west-2:123456789012:regional/ipset/web/00000000-0000-4000-8000-000000000001",
		"arn:aws:wafv2:us-west-2:123456789012:regional/webacl/web"),
	"ARN of certificate": arnsOf(constraint.CertificateOfELB, "web",
		"arn:aws:acm:us-west-2:123456789012:certificate/a arn:aws:acm:us-west-2:123456789012:certificate/b",
		"arn:aws:acm:us-west-2:123456789012:certificate/a\narn:aws:acm:us-west-2:123456789012:certificate/b"),
	"ARN of target group": arnsOf(constraint.UserTargetGroup, "my-tg",
		"arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/web/0123456789abcdef"),
	"ARN of trust store": arnsOf(constraint.TrustStore, "arn:aws:acm:us-west-2:123456789012:certificate/x"),
	"Region of ARN": slices.Concat(arnsOf(constraint.WebACL,
		"arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/web/00000000-0000-4000-8000-000000000001",
		"arn:aws-cn:wafv2:us-west-2:123456789012:regional/webacl/web/00000000-0000-4000-8000-000000000001"),
		arnsOf(constraint.CertificateOfELB, "arn:aws-cn:iam::123456789012:server-certificate/web")),
}

// arnsOf are ARNs of resources of a kind.
func arnsOf(of constraint.Resource, arns ...string) (out []constraint.Named) {
	for _, arn := range arns {
		out = append(out, constraint.Named{Of: of, ARN: arn, Region: "us-west-2"})
	}
	return out
}
