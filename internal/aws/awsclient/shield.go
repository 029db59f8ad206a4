package awsclient

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/shield"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

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
			if PartitionOf(o.Region) == "aws" { // one service for all regions, which the SDK forgets where an endpoint is given
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
