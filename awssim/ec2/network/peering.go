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

var peerings = filter.Collection[*vpc.Peering]{
	Kind:    kind.Peering,
	IDParam: "vpcPeeringConnectionIds",
	All:     func(a *account.Account) map[string]*vpc.Peering { return a.Peerings },
	Tags:    func(p *vpc.Peering) map[string]string { return p.Tags },
	Filters: map[string]filter.Accessor[*vpc.Peering]{
		"vpc-peering-connection-id":   filter.One(func(p *vpc.Peering) string { return p.ID }),
		"status-code":                 filter.One(func(p *vpc.Peering) string { return p.Status }),
		"requester-vpc-info.vpc-id":   filter.One(func(p *vpc.Peering) string { return p.Requester }),
		"accepter-vpc-info.vpc-id":    filter.One(func(p *vpc.Peering) string { return p.Accepter }),
		"accepter-vpc-info.owner-id":  filter.One(func(p *vpc.Peering) string { return p.PeerOwner }),
		"requester-vpc-info.owner-id": func(a *account.Account, _ *vpc.Peering) []string { return []string{a.ID} },
		"requester-vpc-info.cidr-block": func(a *account.Account, p *vpc.Peering) []string {
			return peerBlocks(a, p.Requester)
		},
		"accepter-vpc-info.cidr-block": func(a *account.Account, p *vpc.Peering) []string {
			return peerBlocks(a, p.Accepter)
		},
	},
}

func peerBlocks(a *account.Account, vpc string) []string {
	v, ok := a.VPC(vpc)
	if !ok {
		return nil
	}
	return blocks(ipv4Blocks, blockText)(a, v)
}

// CreateVpcPeeringConnection requests a connection to a VPC, which may belong to another account or region.
func (s *Networks) CreateVpcPeeringConnection(ctx context.Context, in *ec2.CreateVpcPeeringConnectionInput,
	_ ...func(*ec2.Options)) (*ec2.CreateVpcPeeringConnectionOutput, error) {
	return call.Write(ctx, s.entry, "CreateVpcPeeringConnection", in, func(in *ec2.CreateVpcPeeringConnectionInput) (
		*ec2.CreateVpcPeeringConnectionOutput, error) {
		v, err := request.Named(s.account, kind.VPC, "vpcId", in.VpcId, s.account.VPCs)
		if err != nil {
			return nil, err
		}
		tags, err := request.SpecifiedTags(in.TagSpecifications, kind.Peering)
		if err != nil {
			return nil, err
		}
		p := &vpc.Peering{
			Requester: v.ID, Accepter: aws.ToString(in.PeerVpcId), PeerOwner: s.account.ID, PeerRegion: s.account.Region,
			Status: "pending-acceptance", Tags: tags,
		}
		if in.PeerOwnerId != nil {
			p.PeerOwner = *in.PeerOwnerId
		}
		if in.PeerRegion != nil {
			p.PeerRegion = *in.PeerRegion
		}
		switch {
		case p.Accepter == "":
			return nil, request.Missing("peerVpcId")
		case p.Accepter == p.Requester:
			return nil, request.InvalidValue("The requester and the accepter are the same VPC, '%s'", p.Accepter)
		case p.PeerOwner == s.account.ID && p.PeerRegion == s.account.Region:
			if _, ok := s.account.VPC(p.Accepter); !ok {
				return nil, kind.VPC.NotFound([]string{p.Accepter})
			}
		}
		for _, o := range s.account.Peerings {
			if o.Status != "deleted" && (o.Requester == p.Requester && o.Accepter == p.Accepter || o.Requester == p.Accepter &&
				o.Accepter == p.Requester) {
				return nil, apierr.New("VpcPeeringConnectionAlreadyExists",
					"A VPC peering connection between '%s' and '%s' exists already: %s", p.Requester, p.Accepter, o.ID)
			}
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		s.account.AddPeering(p)
		s.account.CreatedCompute(p.ID)
		return &ec2.CreateVpcPeeringConnectionOutput{VpcPeeringConnection: peeringOut(s.account, p)}, nil
	})
}

// AcceptVpcPeeringConnection makes a connection active.
func (s *Networks) AcceptVpcPeeringConnection(ctx context.Context, in *ec2.AcceptVpcPeeringConnectionInput,
	_ ...func(*ec2.Options)) (*ec2.AcceptVpcPeeringConnectionOutput, error) {
	return call.Write(ctx, s.entry, "AcceptVpcPeeringConnection", in, func(in *ec2.AcceptVpcPeeringConnectionInput) (
		*ec2.AcceptVpcPeeringConnectionOutput, error) {
		p, err := request.Named(s.account, kind.Peering, "vpcPeeringConnectionId", in.VpcPeeringConnectionId,
			s.account.Peerings)
		if err != nil {
			return nil, err
		}
		if p.Status == "deleted" {
			return nil, apierr.New("InvalidStateTransition",
				"Invalid state transition for %s, attempted to transition from deleted to active", p.ID)
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		p.Status = "active"
		return &ec2.AcceptVpcPeeringConnectionOutput{VpcPeeringConnection: peeringOut(s.account, p)}, nil
	})
}

// DeleteVpcPeeringConnection ends a connection; it is still described, as deleted.
func (s *Networks) DeleteVpcPeeringConnection(ctx context.Context, in *ec2.DeleteVpcPeeringConnectionInput,
	_ ...func(*ec2.Options)) (*ec2.DeleteVpcPeeringConnectionOutput, error) {
	return call.Write(ctx, s.entry, "DeleteVpcPeeringConnection", in, func(in *ec2.DeleteVpcPeeringConnectionInput) (
		*ec2.DeleteVpcPeeringConnectionOutput, error) {
		p, err := request.Named(s.account, kind.Peering, "vpcPeeringConnectionId", in.VpcPeeringConnectionId,
			s.account.Peerings)
		if err != nil {
			return nil, err
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		p.Status = "deleted"
		s.account.BlackholeRoutes(func(r vpc.Route) bool { return r.Peering == p.ID })
		return &ec2.DeleteVpcPeeringConnectionOutput{Return: aws.Bool(true)}, nil
	})
}

// DescribeVpcPeeringConnections lists connections between VPCs.
func (s *Networks) DescribeVpcPeeringConnections(ctx context.Context, in *ec2.DescribeVpcPeeringConnectionsInput,
	_ ...func(*ec2.Options)) (*ec2.DescribeVpcPeeringConnectionsOutput, error) {
	return call.Read(ctx, s.entry, "DescribeVpcPeeringConnections", in, func(in *ec2.DescribeVpcPeeringConnectionsInput) (
		*ec2.DescribeVpcPeeringConnectionsOutput, error) {
		found, next, err := peerings.Describe(s.account, filter.Query{DryRun: in.DryRun, IDs: in.VpcPeeringConnectionIds,
			Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken})
		if err != nil {
			return nil, err
		}
		return &ec2.DescribeVpcPeeringConnectionsOutput{
			VpcPeeringConnections: filter.Answer(found, func(p *vpc.Peering) types.VpcPeeringConnection {
				return *peeringOut(s.account, p)
			}), NextToken: next}, nil
	})
}

func peeringOut(a *account.Account, p *vpc.Peering) *types.VpcPeeringConnection {
	side := func(vpc, owner, region string) *types.VpcPeeringConnectionVpcInfo {
		info := &types.VpcPeeringConnectionVpcInfo{VpcId: aws.String(vpc), OwnerId: aws.String(owner),
			Region: aws.String(region)}
		v, ok := a.VPC(vpc)
		if !ok {
			return info
		}
		info.CidrBlock = aws.String(primaryBlock(v))
		for _, c := range v.CIDRs {
			info.CidrBlockSet = append(info.CidrBlockSet, types.CidrBlock{CidrBlock: aws.String(c.Prefix.String())})
		}
		for _, c := range v.IPv6CIDRs {
			info.Ipv6CidrBlockSet = append(info.Ipv6CidrBlockSet, types.Ipv6CidrBlock{
				Ipv6CidrBlock: aws.String(c.Prefix.String())})
		}
		return info
	}
	return &types.VpcPeeringConnection{
		VpcPeeringConnectionId: aws.String(p.ID), Tags: request.TagList(p.Tags),
		Status: &types.VpcPeeringConnectionStateReason{Code: types.VpcPeeringConnectionStateReasonCode(p.Status),
			Message: aws.String(p.Status)},
		RequesterVpcInfo: side(p.Requester, a.ID, a.Region),
		AccepterVpcInfo:  side(p.Accepter, p.PeerOwner, p.PeerRegion),
	}
}
