package awsclient

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"

	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// WAFv2 has the operations of AWS WAF that the controller calls.
type WAFv2 interface {
	AssociateWebACL(context.Context, *wafv2.AssociateWebACLInput, ...func(*wafv2.Options)) (*wafv2.AssociateWebACLOutput,
		error)
	DisassociateWebACL(context.Context, *wafv2.DisassociateWebACLInput, ...func(*wafv2.Options)) (
		*wafv2.DisassociateWebACLOutput, error)
	GetWebACLForResource(context.Context, *wafv2.GetWebACLForResourceInput, ...func(*wafv2.Options)) (
		*wafv2.GetWebACLForResourceOutput, error)
	ListWebACLs(context.Context, *wafv2.ListWebACLsInput, ...func(*wafv2.Options)) (*wafv2.ListWebACLsOutput, error)
}

// wafv2Service is AWS WAF.
var wafv2Service = addOnService{
	id: ServiceWAFv2,
	connect: func(c *Clients, cfg aws.Config, endpoint *string) {
		c.WAFv2 = wafv2.NewFromConfig(cfg, func(o *wafv2.Options) { override(&o.BaseEndpoint, endpoint) })
	},
	family: func(operation string) apiFamily { return firewallFamily(ServiceWAFv2, operation) },
}

func (s *requestBuilder) AssociateWebACL(op awsop.AssociateWebACL) {
	setCall(s, s.c.WAFv2.AssociateWebACL, &wafv2.AssociateWebACLInput{WebACLArn: aws.String(op.WebACL),
		ResourceArn: s.id(op.LoadBalancer)})
}

func (s *requestBuilder) DisassociateWebACL(op awsop.DisassociateWebACL) {
	setCall(s, s.c.WAFv2.DisassociateWebACL, &wafv2.DisassociateWebACLInput{ResourceArn: s.id(op.LoadBalancer)})
}

// firewallFamily is one bucket per operation, and a slow one: the developer guide's "AWS WAF quotas".
func firewallFamily(service, operation string) apiFamily {
	switch {
	case strings.HasSuffix(operation, "ssociateWebACL"):
		return apiFamily{service + "/" + operation, 0.5, 1}
	case operation == "GetWebACLForResource":
		return apiFamily{service + "/" + operation, 1, 1}
	}
	return usualFamily(service, operation)
}
