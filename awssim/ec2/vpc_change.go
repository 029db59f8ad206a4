package ec2

import (
	"context"
	"maps"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// Lengths of a VPC's IPv4 blocks.
const (
	longestBlock  = 28
	shortestBlock = 16
)

// CreateVpc makes a VPC with its main route table and default security group.
func (s *Service) CreateVpc(ctx context.Context, in *ec2.CreateVpcInput, _ ...func(*ec2.Options)) (*ec2.CreateVpcOutput, error) {
	return write(ctx, s, "CreateVpc", in, s.createVpc)
}

func (s *Service) createVpc(in *ec2.CreateVpcInput) (*ec2.CreateVpcOutput, error) {
	block, err := vpcBlock(in.CidrBlock)
	if err != nil {
		return nil, err
	}
	tags, err := specifiedTags(in.TagSpecifications, vpcKind)
	if err != nil {
		return nil, err
	}
	if len(s.account.VPCs) >= s.account.Quota("vpcs") {
		return nil, apierr.New("VpcLimitExceeded", "The maximum number of VPCs has been reached.")
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	v := &vpc.VPC{CIDRs: []vpc.CIDR{{Prefix: block}}, Tags: tags}
	if aws.ToBool(in.AmazonProvidedIpv6CidrBlock) {
		v.IPv6CIDRs = []vpc.CIDR{{Prefix: s.account.NewIPv6Block()}}
	}
	if err := s.account.AddVPC(v); err != nil {
		return nil, wireError(err)
	}
	s.account.CreatedCompute(v.ID)
	out := vpcOut(v)
	return &ec2.CreateVpcOutput{Vpc: &out}, nil
}

// vpcBlock reads an IPv4 block that a VPC may have.
func vpcBlock(text *string) (netip.Prefix, error) {
	if aws.ToString(text) == "" {
		return netip.Prefix{}, missing("cidrBlock")
	}
	p, err := netip.ParsePrefix(*text)
	if err != nil || !p.Addr().Is4() {
		return p, invalidValue("Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", *text)
	}
	if p.Bits() < shortestBlock || p.Bits() > longestBlock {
		return p, apierr.New("InvalidVpc.Range", "The CIDR '%s' is invalid.", *text)
	}
	return p.Masked(), nil
}

// DeleteVpc deletes an empty VPC.
func (s *Service) DeleteVpc(ctx context.Context, in *ec2.DeleteVpcInput, _ ...func(*ec2.Options)) (*ec2.DeleteVpcOutput, error) {
	return write(ctx, s, "DeleteVpc", in, func(in *ec2.DeleteVpcInput) (*ec2.DeleteVpcOutput, error) {
		v, err := named(s, vpcKind, "vpcId", in.VpcId, s.account.VPCs)
		if err != nil {
			return nil, err
		}
		if by := s.account.VPCDependent(v.ID); by != "" {
			return nil, apierr.New("DependencyViolation", "The vpc '%s' has dependencies and cannot be deleted.", v.ID)
		}
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		return &ec2.DeleteVpcOutput{}, wireError(s.account.DeleteVPC(v.ID))
	})
}

// ModifyVpcAttribute switches a VPC's name resolution.
func (s *Service) ModifyVpcAttribute(ctx context.Context, in *ec2.ModifyVpcAttributeInput, _ ...func(*ec2.Options)) (*ec2.ModifyVpcAttributeOutput, error) {
	return write(ctx, s, "ModifyVpcAttribute", in, func(in *ec2.ModifyVpcAttributeInput) (*ec2.ModifyVpcAttributeOutput, error) {
		v, err := named(s, vpcKind, "vpcId", in.VpcId, s.account.VPCs)
		if err != nil {
			return nil, err
		}
		if in.EnableDnsHostnames != nil && in.EnableDnsSupport != nil {
			return nil, apierr.New("InvalidParameterCombination", "Fields for multiple attribute types specified: enableDnsHostnames, enableDnsSupport")
		}
		if in.EnableDnsHostnames != nil {
			v.DNSHostnames = aws.ToBool(in.EnableDnsHostnames.Value)
		}
		if in.EnableDnsSupport != nil {
			v.NoDNSSupport = !aws.ToBool(in.EnableDnsSupport.Value)
		}
		return &ec2.ModifyVpcAttributeOutput{}, nil
	})
}

// DescribeVpcAttribute tells one attribute of a VPC.
func (s *Service) DescribeVpcAttribute(ctx context.Context, in *ec2.DescribeVpcAttributeInput, _ ...func(*ec2.Options)) (*ec2.DescribeVpcAttributeOutput, error) {
	return read(ctx, s, "DescribeVpcAttribute", in, func(in *ec2.DescribeVpcAttributeInput) (*ec2.DescribeVpcAttributeOutput, error) {
		v, err := named(s, vpcKind, "vpcId", in.VpcId, s.account.VPCs)
		if err != nil {
			return nil, err
		}
		out := &ec2.DescribeVpcAttributeOutput{VpcId: aws.String(v.ID)}
		value := func(on bool) *types.AttributeBooleanValue { return &types.AttributeBooleanValue{Value: aws.Bool(on)} }
		switch in.Attribute {
		case types.VpcAttributeNameEnableDnsSupport:
			out.EnableDnsSupport = value(!v.NoDNSSupport)
		case types.VpcAttributeNameEnableDnsHostnames:
			out.EnableDnsHostnames = value(v.DNSHostnames)
		case types.VpcAttributeNameEnableNetworkAddressUsageMetrics:
			out.EnableNetworkAddressUsageMetrics = value(false)
		case "":
			return nil, missing("attribute")
		default:
			return nil, invalidValue("Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
		}
		return out, nil
	})
}

// AssociateVpcCidrBlock gives a VPC another block.
func (s *Service) AssociateVpcCidrBlock(ctx context.Context, in *ec2.AssociateVpcCidrBlockInput, _ ...func(*ec2.Options)) (*ec2.AssociateVpcCidrBlockOutput, error) {
	return write(ctx, s, "AssociateVpcCidrBlock", in, s.associateVpcCidrBlock)
}

func (s *Service) associateVpcCidrBlock(in *ec2.AssociateVpcCidrBlockInput) (*ec2.AssociateVpcCidrBlockOutput, error) {
	v, err := named(s, vpcKind, "vpcId", in.VpcId, s.account.VPCs)
	if err != nil {
		return nil, err
	}
	six := aws.ToBool(in.AmazonProvidedIpv6CidrBlock)
	if six == (in.CidrBlock != nil) {
		return nil, apierr.New("InvalidParameterCombination", "Either cidrBlock or amazonProvidedIpv6CidrBlock must be specified")
	}
	list := &v.CIDRs
	c := vpc.CIDR{State: "associated", Association: s.account.NewID("vpc-cidr-assoc")}
	if six {
		list = &v.IPv6CIDRs
		c.Prefix = s.account.NewIPv6Block()
	} else if c.Prefix, err = vpcBlock(in.CidrBlock); err != nil {
		return nil, err
	}
	if len(*list) >= s.account.Quota("cidr-blocks-per-vpc") {
		return nil, apierr.New("CidrLimitExceeded", "This network '%s' has met its maximum number of allowed CIDRs: %d", v.ID, len(*list))
	}
	for _, have := range *list {
		if have.Prefix.Overlaps(c.Prefix) {
			return nil, apierr.New("InvalidVpc.Range", "The CIDR '%s' conflicts with another block of the VPC.", c.Prefix)
		}
	}
	*list = append(*list, c)
	for _, t := range s.account.RouteTables {
		if t.VPC == v.ID {
			t.Routes = append(t.Routes, vpc.Route{Destination: c.Prefix.String(), Gateway: "local", State: "active"})
		}
	}
	d, out := vpcOut(v), &ec2.AssociateVpcCidrBlockOutput{VpcId: aws.String(v.ID)}
	if six {
		out.Ipv6CidrBlockAssociation = &d.Ipv6CidrBlockAssociationSet[len(v.IPv6CIDRs)-1]
	} else {
		out.CidrBlockAssociation = &d.CidrBlockAssociationSet[len(v.CIDRs)-1]
	}
	return out, nil
}

// DisassociateVpcCidrBlock takes a block away from a VPC, unless it is the primary one or a subnet is in it.
func (s *Service) DisassociateVpcCidrBlock(ctx context.Context, in *ec2.DisassociateVpcCidrBlockInput, _ ...func(*ec2.Options)) (*ec2.DisassociateVpcCidrBlockOutput, error) {
	return write(ctx, s, "DisassociateVpcCidrBlock", in, s.disassociateVpcCidrBlock)
}

func (s *Service) disassociateVpcCidrBlock(in *ec2.DisassociateVpcCidrBlockInput) (*ec2.DisassociateVpcCidrBlockOutput, error) {
	id := aws.ToString(in.AssociationId)
	is := func(c vpc.CIDR) bool { return c.Association == id }
	for _, v := range s.account.VPCs {
		d := vpcOut(v)
		for six, list := range map[bool]*[]vpc.CIDR{false: &v.CIDRs, true: &v.IPv6CIDRs} {
			i := slices.IndexFunc(*list, is)
			if i < 0 {
				continue
			}
			if !six && i == 0 {
				return nil, apierr.New("OperationNotPermitted", "The vpc CIDR block with association ID %s may not be disassociated. It is the primary IPv4 CIDR block of the VPC", id)
			}
			if by := s.subnetIn(v, (*list)[i].Prefix); by != "" {
				return nil, apierr.New("DependencyViolation", "The CIDR '%s' has subnet %s in it", (*list)[i].Prefix, by)
			}
			out := &ec2.DisassociateVpcCidrBlockOutput{VpcId: aws.String(v.ID)}
			state := &types.VpcCidrBlockState{State: types.VpcCidrBlockStateCodeDisassociating}
			if six {
				out.Ipv6CidrBlockAssociation = &d.Ipv6CidrBlockAssociationSet[i]
				out.Ipv6CidrBlockAssociation.Ipv6CidrBlockState = state
			} else {
				out.CidrBlockAssociation = &d.CidrBlockAssociationSet[i]
				out.CidrBlockAssociation.CidrBlockState = state
			}
			gone := (*list)[i].Prefix.String()
			for _, t := range s.account.RouteTables {
				if t.VPC == v.ID {
					t.Routes = slices.DeleteFunc(t.Routes, func(r vpc.Route) bool { return r.Gateway == "local" && r.Destination == gone })
				}
			}
			*list = slices.Delete(*list, i, i+1)
			return out, nil
		}
	}
	return nil, apierr.New("InvalidVpcCidrBlockAssociationID.NotFound", "The vpc CIDR block association ID '%s' does not exist", id)
}

// subnetIn names a subnet of the VPC that lies in the block, "" if none does.
func (s *Service) subnetIn(v *vpc.VPC, block netip.Prefix) string {
	for _, id := range slices.Sorted(maps.Keys(s.account.Subnets)) {
		n := s.account.Subnets[id]
		if n.VPC != v.ID {
			continue
		}
		for _, c := range append([]vpc.CIDR{{Prefix: n.CIDR}}, n.IPv6CIDRs...) {
			if c.Prefix.IsValid() && block.Overlaps(c.Prefix) {
				return id
			}
		}
	}
	return ""
}

// named finds the one resource that a call names in a required parameter.
func named[R any](s *Service, k kind, parameter string, id *string, all map[string]R) (R, error) {
	var none R
	if aws.ToString(id) == "" {
		return none, missing(parameter)
	}
	r, ok := all[*id]
	if !ok || !s.account.Usable(*id) {
		return none, k.notFound([]string{*id})
	}
	return r, nil
}
