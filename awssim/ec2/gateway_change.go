package ec2

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// CreateInternetGateway makes an internet gateway that is attached to nothing.
func (s *Service) CreateInternetGateway(ctx context.Context, in *ec2.CreateInternetGatewayInput, _ ...func(*ec2.Options)) (*ec2.CreateInternetGatewayOutput, error) {
	return write(ctx, s, "CreateInternetGateway", in, func(in *ec2.CreateInternetGatewayInput) (*ec2.CreateInternetGatewayOutput, error) {
		tags, err := specifiedTags(in.TagSpecifications, internetGatewayKind)
		if err != nil {
			return nil, err
		}
		if len(s.account.InternetGateways) >= s.account.Quota("internet-gateways") {
			return nil, apierr.New("InternetGatewayLimitExceeded", "The maximum number of internet gateways has been reached.")
		}
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		g := &vpc.InternetGateway{Owner: s.account.ID, Tags: tags}
		s.account.AddInternetGateway(g)
		s.account.CreatedCompute(g.ID)
		return &ec2.CreateInternetGatewayOutput{InternetGateway: &types.InternetGateway{
			InternetGatewayId: aws.String(g.ID), OwnerId: aws.String(g.Owner), Tags: tagList(tags),
		}}, nil
	})
}

// AttachInternetGateway attaches a free gateway to a VPC that has none.
func (s *Service) AttachInternetGateway(ctx context.Context, in *ec2.AttachInternetGatewayInput, _ ...func(*ec2.Options)) (*ec2.AttachInternetGatewayOutput, error) {
	return write(ctx, s, "AttachInternetGateway", in, func(in *ec2.AttachInternetGatewayInput) (*ec2.AttachInternetGatewayOutput, error) {
		g, v, err := s.gatewayAndVPC(in.InternetGatewayId, in.VpcId)
		if err != nil {
			return nil, err
		}
		if len(g.VPCs) > 0 {
			return nil, apierr.New("Resource.AlreadyAssociated", "resource %s is already attached to network %s", g.ID, g.VPCs[0])
		}
		for _, o := range s.account.InternetGateways {
			if slices.Contains(o.VPCs, v.ID) {
				return nil, invalidValue("Network %s already has an internet gateway attached", v.ID)
			}
		}
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		g.VPCs = []string{v.ID}
		return &ec2.AttachInternetGatewayOutput{}, nil
	})
}

// DetachInternetGateway detaches a gateway from a VPC without public addresses; routes to it lead nowhere then.
func (s *Service) DetachInternetGateway(ctx context.Context, in *ec2.DetachInternetGatewayInput, _ ...func(*ec2.Options)) (*ec2.DetachInternetGatewayOutput, error) {
	return write(ctx, s, "DetachInternetGateway", in, func(in *ec2.DetachInternetGatewayInput) (*ec2.DetachInternetGatewayOutput, error) {
		g, v, err := s.gatewayAndVPC(in.InternetGatewayId, in.VpcId)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(g.VPCs, v.ID) {
			return nil, apierr.New("Gateway.NotAttached", "resource %s is not attached to network %s", g.ID, v.ID)
		}
		if s.account.PublicAddressIn(v.ID) != "" {
			return nil, apierr.New("DependencyViolation", "Network %s has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.", v.ID)
		}
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		g.VPCs = nil
		s.account.BlackholeRoutes(func(r vpc.Route) bool { return r.Gateway == g.ID })
		return &ec2.DetachInternetGatewayOutput{}, nil
	})
}

func (s *Service) gatewayAndVPC(gateway, vpc *string) (*vpc.InternetGateway, *vpc.VPC, error) {
	g, err := named(s, internetGatewayKind, "internetGatewayId", gateway, s.account.InternetGateways)
	if err != nil {
		return nil, nil, err
	}
	v, err := named(s, vpcKind, "vpcId", vpc, s.account.VPCs)
	return g, v, err
}

// DeleteInternetGateway deletes a gateway that is attached to nothing.
func (s *Service) DeleteInternetGateway(ctx context.Context, in *ec2.DeleteInternetGatewayInput, _ ...func(*ec2.Options)) (*ec2.DeleteInternetGatewayOutput, error) {
	return write(ctx, s, "DeleteInternetGateway", in, func(in *ec2.DeleteInternetGatewayInput) (*ec2.DeleteInternetGatewayOutput, error) {
		g, err := named(s, internetGatewayKind, "internetGatewayId", in.InternetGatewayId, s.account.InternetGateways)
		if err != nil {
			return nil, err
		}
		if len(g.VPCs) > 0 {
			return nil, apierr.New("DependencyViolation", "The internetGateway '%s' has dependencies and cannot be deleted.", g.ID)
		}
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		delete(s.account.InternetGateways, g.ID)
		return &ec2.DeleteInternetGatewayOutput{}, nil
	})
}
