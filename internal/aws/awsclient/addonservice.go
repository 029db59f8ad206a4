package awsclient

import (
	"context"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/partition"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// addOnService is a service that is called only if an object asks for an add-on of it.
type addOnService struct {
	id    string
	codes map[string]diag.Class // of errors that no other service has
	// connect adds the client; endpoint is nil where none is given.
	connect func(c *Clients, cfg aws.Config, endpoint *string)
	// family is the token bucket of an operation; nil = one of the usual size for each.
	family func(operation string) apiFamily
}

// addOnServices are the services of add-ons.
var addOnServices = []addOnService{
	wafv2Service,
	shieldService,
	acceleratorService,
}

// withAddOns completes a table by the rows of the services of add-ons.
func withAddOns[V any](table map[string]V, rows func(addOnService) map[string]V) map[string]V {
	for _, s := range addOnServices {
		maps.Copy(table, rows(s))
	}
	return table
}

// Shield has the operations of Shield Advanced that the controller calls.
type Shield interface {
	CreateProtection(context.Context, *shield.CreateProtectionInput, ...func(*shield.Options)) (
		*shield.CreateProtectionOutput, error)
	DeleteProtection(context.Context, *shield.DeleteProtectionInput, ...func(*shield.Options)) (
		*shield.DeleteProtectionOutput, error)
	DescribeProtection(context.Context, *shield.DescribeProtectionInput, ...func(*shield.Options)) (
		*shield.DescribeProtectionOutput, error)
	GetSubscriptionState(context.Context, *shield.GetSubscriptionStateInput, ...func(*shield.Options)) (
		*shield.GetSubscriptionStateOutput, error)
}

// shieldService is Shield Advanced.
var shieldService = addOnService{
	id: ServiceShield,
	connect: func(c *Clients, cfg aws.Config, endpoint *string) {
		c.Shield = shield.NewFromConfig(cfg, func(o *shield.Options) {
			override(&o.BaseEndpoint, endpoint)
			if partition.Of(o.Region) == "aws" { // one service for all regions, which the SDK forgets where an endpoint is given
				o.Region = "us-east-1"
			}
		})
	},
}

func (s *requestBuilder) CreateProtection(op awsop.CreateProtection) {
	setCreate(s, s.c.Shield.CreateProtection, &shield.CreateProtectionInput{
		Name: aws.String(naming.ProtectionName), ResourceArn: s.id(op.LoadBalancer),
	}, func(out *shield.CreateProtectionOutput) awsop.Output {
		return awsop.Output{Protection: value(out.ProtectionId)}
	})
}

func (s *requestBuilder) DeleteProtection(op awsop.DeleteProtection) {
	setCall(s, s.c.Shield.DeleteProtection, &shield.DeleteProtectionInput{ProtectionId: aws.String(op.Protection)})
}

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
	family: firewallFamily,
}

func (s *requestBuilder) AssociateWebACL(op awsop.AssociateWebACL) {
	setCall(s, s.c.WAFv2.AssociateWebACL, &wafv2.AssociateWebACLInput{WebACLArn: aws.String(op.WebACL),
		ResourceArn: s.id(op.LoadBalancer)})
}

func (s *requestBuilder) DisassociateWebACL(op awsop.DisassociateWebACL) {
	setCall(s, s.c.WAFv2.DisassociateWebACL, &wafv2.DisassociateWebACLInput{ResourceArn: s.id(op.LoadBalancer)})
}

// firewallFamily is one bucket per operation, and a slow one: the developer guide's "AWS WAF quotas".
func firewallFamily(operation string) apiFamily {
	switch {
	case strings.HasSuffix(operation, "ssociateWebACL"):
		return apiFamily{ServiceWAFv2 + "/" + operation, 0.5, 1}
	case operation == "GetWebACLForResource":
		return apiFamily{ServiceWAFv2 + "/" + operation, 1, 1}
	}
	return usualFamily(ServiceWAFv2, operation)
}
