package network

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/ec2/filter"
	"github.com/k8s-lbc/lbc/awssim/ec2/kind"
	"github.com/k8s-lbc/lbc/awssim/ec2/request"
)

var internetGateways = filter.Collection[*vpc.InternetGateway]{
	Kind:    kind.InternetGateway,
	IDParam: "internetGatewayIds",
	All:     func(a *account.Account) map[string]*vpc.InternetGateway { return a.InternetGateways },
	Tags:    func(g *vpc.InternetGateway) map[string]string { return g.Tags },
	Filters: map[string]filter.Accessor[*vpc.InternetGateway]{
		"internet-gateway-id": filter.One(func(g *vpc.InternetGateway) string { return g.ID }),
		"owner-id":            filter.One(func(g *vpc.InternetGateway) string { return g.Owner }),
		"attachment.vpc-id":   func(_ *account.Account, g *vpc.InternetGateway) []string { return g.VPCs },
		"attachment.state": func(_ *account.Account, g *vpc.InternetGateway) []string {
			if len(g.VPCs) == 0 {
				return nil
			}
			return []string{"available"}
		},
	},
}

// DescribeInternetGateways lists internet gateways.
func (s *Networks) DescribeInternetGateways(ctx context.Context, in *ec2.DescribeInternetGatewaysInput,
	_ ...func(*ec2.Options)) (*ec2.DescribeInternetGatewaysOutput, error) {
	return call.Read(ctx, s.entry, "DescribeInternetGateways", in, s.describeInternetGateways)
}

func (s *Networks) describeInternetGateways(in *ec2.DescribeInternetGatewaysInput) (*ec2.DescribeInternetGatewaysOutput,
	error) {
	found, next, err := internetGateways.Describe(s.account, filter.Query{DryRun: in.DryRun, IDs: in.InternetGatewayIds,
		Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeInternetGatewaysOutput{NextToken: next}
	for _, g := range found {
		item := types.InternetGateway{InternetGatewayId: aws.String(g.ID), OwnerId: aws.String(g.Owner),
			Tags: request.TagList(g.Tags)}
		for _, v := range g.VPCs {
			item.Attachments = append(item.Attachments, types.InternetGatewayAttachment{State: "available",
				VpcId: aws.String(v)})
		}
		out.InternetGateways = append(out.InternetGateways, item)
	}
	return out, nil
}

// CreateInternetGateway makes an internet gateway that is attached to nothing.
func (s *Networks) CreateInternetGateway(ctx context.Context, in *ec2.CreateInternetGatewayInput,
	_ ...func(*ec2.Options)) (*ec2.CreateInternetGatewayOutput, error) {
	return call.Write(ctx, s.entry, "CreateInternetGateway", in, func(in *ec2.CreateInternetGatewayInput) (
		*ec2.CreateInternetGatewayOutput, error) {
		tags, err := request.SpecifiedTags(in.TagSpecifications, kind.InternetGateway)
		if err != nil {
			return nil, err
		}
		if len(s.account.InternetGateways) >= s.account.Quota("internet-gateways") {
			return nil, apierr.New("InternetGatewayLimitExceeded", "The maximum number of internet gateways has been reached.")
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		g := &vpc.InternetGateway{Owner: s.account.ID, Tags: tags}
		s.account.AddInternetGateway(g)
		s.account.CreatedCompute(g.ID)
		return &ec2.CreateInternetGatewayOutput{InternetGateway: &types.InternetGateway{
			InternetGatewayId: aws.String(g.ID), OwnerId: aws.String(g.Owner), Tags: request.TagList(tags),
		}}, nil
	})
}

// AttachInternetGateway attaches a free gateway to a VPC that has none.
func (s *Networks) AttachInternetGateway(ctx context.Context, in *ec2.AttachInternetGatewayInput,
	_ ...func(*ec2.Options)) (*ec2.AttachInternetGatewayOutput, error) {
	return call.Write(ctx, s.entry, "AttachInternetGateway", in, func(in *ec2.AttachInternetGatewayInput) (
		*ec2.AttachInternetGatewayOutput, error) {
		g, v, err := s.gatewayAndVPC(in.InternetGatewayId, in.VpcId)
		if err != nil {
			return nil, err
		}
		if len(g.VPCs) > 0 {
			return nil, apierr.New("Resource.AlreadyAssociated", "resource %s is already attached to network %s",
				g.ID, g.VPCs[0])
		}
		for _, o := range s.account.InternetGateways {
			if slices.Contains(o.VPCs, v.ID) {
				return nil, request.InvalidValue("Network %s already has an internet gateway attached", v.ID)
			}
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		g.VPCs = []string{v.ID}
		return &ec2.AttachInternetGatewayOutput{}, nil
	})
}

// DetachInternetGateway detaches a gateway from a VPC without public addresses; routes to it lead nowhere then.
func (s *Networks) DetachInternetGateway(ctx context.Context, in *ec2.DetachInternetGatewayInput,
	_ ...func(*ec2.Options)) (*ec2.DetachInternetGatewayOutput, error) {
	return call.Write(ctx, s.entry, "DetachInternetGateway", in, func(in *ec2.DetachInternetGatewayInput) (
		*ec2.DetachInternetGatewayOutput, error) {
		g, v, err := s.gatewayAndVPC(in.InternetGatewayId, in.VpcId)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(g.VPCs, v.ID) {
			return nil, apierr.New("Gateway.NotAttached", "resource %s is not attached to network %s", g.ID, v.ID)
		}
		if s.account.PublicAddressIn(v.ID) != "" {
			return nil, apierr.New("DependencyViolation", "Network %s has some mapped public address(es). Please unmap those "+
				"public address(es) before detaching the gateway.", v.ID)
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		g.VPCs = nil
		s.account.BlackholeRoutes(func(r vpc.Route) bool { return r.Gateway == g.ID })
		return &ec2.DetachInternetGatewayOutput{}, nil
	})
}

func (s *Networks) gatewayAndVPC(gateway, vpc *string) (*vpc.InternetGateway, *vpc.VPC, error) {
	g, err := request.Named(s.account, kind.InternetGateway, "internetGatewayId", gateway, s.account.InternetGateways)
	if err != nil {
		return nil, nil, err
	}
	v, err := request.Named(s.account, kind.VPC, "vpcId", vpc, s.account.VPCs)
	return g, v, err
}

// DeleteInternetGateway deletes a gateway that is attached to nothing.
func (s *Networks) DeleteInternetGateway(ctx context.Context, in *ec2.DeleteInternetGatewayInput,
	_ ...func(*ec2.Options)) (*ec2.DeleteInternetGatewayOutput, error) {
	return call.Write(ctx, s.entry, "DeleteInternetGateway", in, func(in *ec2.DeleteInternetGatewayInput) (
		*ec2.DeleteInternetGatewayOutput, error) {
		g, err := request.Named(s.account, kind.InternetGateway, "internetGatewayId", in.InternetGatewayId,
			s.account.InternetGateways)
		if err != nil {
			return nil, err
		}
		if len(g.VPCs) > 0 {
			return nil, apierr.New("DependencyViolation", "The internetGateway '%s' has dependencies and cannot be deleted.",
				g.ID)
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		delete(s.account.InternetGateways, g.ID)
		return &ec2.DeleteInternetGatewayOutput{}, nil
	})
}
