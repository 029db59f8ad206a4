package network

import (
	"context"

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

var natGateways = filter.Collection[*vpc.NATGateway]{
	Kind:    kind.NATGateway,
	IDParam: "natGatewayIds",
	All:     func(a *account.Account) map[string]*vpc.NATGateway { return a.NATGateways },
	Tags:    func(g *vpc.NATGateway) map[string]string { return g.Tags },
	Filters: map[string]filter.Accessor[*vpc.NATGateway]{
		"nat-gateway-id": filter.One(func(g *vpc.NATGateway) string { return g.ID }),
		"state":          filter.One(func(g *vpc.NATGateway) string { return g.State }),
		"subnet-id":      filter.One(func(g *vpc.NATGateway) string { return g.Subnet }),
		"vpc-id":         filter.One(func(g *vpc.NATGateway) string { return g.VPC }),
	},
}

// CreateNatGateway makes a NAT gateway in a subnet. It is available at once and carries no traffic.
func (s *Networks) CreateNatGateway(ctx context.Context, in *ec2.CreateNatGatewayInput, _ ...func(*ec2.Options)) (
	*ec2.CreateNatGatewayOutput, error) {
	return call.Write(ctx, s.entry, "CreateNatGateway", in, s.createNatGateway)
}

func (s *Networks) createNatGateway(in *ec2.CreateNatGatewayInput) (*ec2.CreateNatGatewayOutput, error) {
	subnet, err := request.Named(s.account, kind.Subnet, "subnetId", in.SubnetId, s.account.Subnets)
	if err != nil {
		return nil, err
	}
	tags, err := request.SpecifiedTags(in.TagSpecifications, kind.NATGateway)
	if err != nil {
		return nil, err
	}
	g := &vpc.NATGateway{VPC: subnet.VPC, Subnet: subnet.ID, Private: in.ConnectivityType == types.ConnectivityTypePrivate,
		State: "available", Tags: tags}
	var address *vpc.ElasticAddress
	switch {
	case g.Private && in.AllocationId != nil:
		return nil, apierr.New("InvalidParameterCombination", "Private NAT gateways have no allocationId")
	case !g.Private:
		if address, err = request.Named(s.account, kind.Address, "allocationId", in.AllocationId, s.account.Addresses); err !=
			nil {
			return nil, err
		}
		if address.Association != "" {
			return nil, apierr.New("Resource.AlreadyAssociated", "Elastic IP address [%s] is already associated",
				address.Allocation)
		}
	}
	if err := request.DryRun(in.DryRun); err != nil {
		return nil, err
	}
	g.ID = s.account.NewID("nat")
	n := &vpc.Interface{
		Type: "nat_gateway", Description: "Interface for NAT Gateway " + g.ID, RequesterManaged: true,
		RequesterID: s.account.ID,
		Attachment: &vpc.Attachment{ID: s.account.NewID("ela-attach"), InstanceOwner: "amazon-aws", DeviceIndex: 1,
			Status: "attached"},
	}
	private, err := request.OptionalAddress(in.PrivateIpAddress)
	if err != nil {
		return nil, err
	}
	if err := s.account.AddInterface(n, subnet.ID, nil, private); err != nil {
		return nil, request.AWSError(err)
	}
	g.Interface = n.ID
	if address != nil {
		g.Allocation = address.Allocation
		s.account.Associate(address, n, n.PrimaryAddress())
	}
	s.account.AddNATGateway(g)
	s.account.CreatedCompute(g.ID)
	out := natGatewayOut(s.account, g)
	return &ec2.CreateNatGatewayOutput{NatGateway: &out, ClientToken: in.ClientToken}, nil
}

// DeleteNatGateway deletes a NAT gateway; it is still described, as deleted.
func (s *Networks) DeleteNatGateway(ctx context.Context, in *ec2.DeleteNatGatewayInput, _ ...func(*ec2.Options)) (
	*ec2.DeleteNatGatewayOutput, error) {
	return call.Write(ctx, s.entry, "DeleteNatGateway", in, func(in *ec2.DeleteNatGatewayInput) (
		*ec2.DeleteNatGatewayOutput, error) {
		g, err := request.Named(s.account, kind.NATGateway, "natGatewayId", in.NatGatewayId, s.account.NATGateways)
		if err != nil {
			return nil, err
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		if g.State == "available" {
			g.State = "deleted"
			_ = s.account.DeleteInterface(g.Interface) // it has had one since it was made
			s.account.BlackholeRoutes(func(r vpc.Route) bool { return r.NATGateway == g.ID })
		}
		return &ec2.DeleteNatGatewayOutput{NatGatewayId: aws.String(g.ID)}, nil
	})
}

// DescribeNatGateways lists NAT gateways.
func (s *Networks) DescribeNatGateways(ctx context.Context, in *ec2.DescribeNatGatewaysInput, _ ...func(*ec2.Options)) (
	*ec2.DescribeNatGatewaysOutput, error) {
	return call.Read(ctx, s.entry, "DescribeNatGateways", in, func(in *ec2.DescribeNatGatewaysInput) (
		*ec2.DescribeNatGatewaysOutput, error) {
		found, next, err := natGateways.Describe(s.account, filter.Query{DryRun: in.DryRun, IDs: in.NatGatewayIds,
			Filters: in.Filter, Max: in.MaxResults, Token: in.NextToken})
		if err != nil {
			return nil, err
		}
		return &ec2.DescribeNatGatewaysOutput{
			NatGateways: filter.Answer(found, func(g *vpc.NATGateway) types.NatGateway { return natGatewayOut(s.account, g) }),
			NextToken:   next}, nil
	})
}

func natGatewayOut(a *account.Account, g *vpc.NATGateway) types.NatGateway {
	out := types.NatGateway{
		NatGatewayId: aws.String(g.ID), VpcId: aws.String(g.VPC), SubnetId: aws.String(g.Subnet),
		State:            types.NatGatewayState(g.State),
		ConnectivityType: types.ConnectivityTypePublic, Tags: request.TagList(g.Tags),
	}
	if g.Private {
		out.ConnectivityType = types.ConnectivityTypePrivate
	}
	address := types.NatGatewayAddress{NetworkInterfaceId: aws.String(g.Interface), IsPrimary: aws.Bool(true)}
	if n, ok := a.Interface(g.Interface); ok {
		address.PrivateIp = aws.String(n.PrimaryAddress().String())
	}
	if e, ok := a.Addresses[g.Allocation]; ok {
		address.AllocationId, address.PublicIp = aws.String(e.Allocation), aws.String(e.Public.String())
	}
	out.NatGatewayAddresses = []types.NatGatewayAddress{address}
	return out
}
