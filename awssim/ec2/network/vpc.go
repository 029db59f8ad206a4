// Package network is the actions on networks: VPCs, subnets, zones, route tables, gateways, peering, prefix lists. What
// is in the networks is in ec2/instance and ec2/securitygroup; of ec2 it imports filter, request and kind.
package network

import (
	"context"
	"maps"
	"net/netip"
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

// Networks answers the actions on VPCs and their parts.
type Networks struct {
	account *account.Account
	entry   call.Entry
}

// New is the actions over the account of e.
func New(e call.Entry) *Networks { return &Networks{account: e.Account, entry: e} }

// dhcpOptions is the id of the one set of DHCP options that all VPCs have.
const dhcpOptions = "dopt-00000000000000001"

var vpcs = filter.Collection[*vpc.VPC]{
	Kind:    kind.VPC,
	IDParam: "vpcIds",
	All:     func(a *account.Account) map[string]*vpc.VPC { return a.VPCs },
	Tags:    func(v *vpc.VPC) map[string]string { return v.Tags },
	Filters: map[string]filter.Accessor[*vpc.VPC]{
		"vpc-id":          filter.One(func(v *vpc.VPC) string { return v.ID }),
		"cidr":            filter.One(primaryBlock),
		"cidrBlock":       filter.One(primaryBlock),
		"is-default":      filter.Flag(func(v *vpc.VPC) bool { return v.Default }),
		"isDefault":       filter.Flag(func(v *vpc.VPC) bool { return v.Default }),
		"owner-id":        filter.One(func(v *vpc.VPC) string { return v.Owner }),
		"state":           filter.One(func(*vpc.VPC) string { return "available" }),
		"dhcp-options-id": filter.One(func(*vpc.VPC) string { return dhcpOptions }),

		"cidr-block-association.cidr-block":           blocks(ipv4Blocks, blockText),
		"cidr-block-association.association-id":       blocks(ipv4Blocks, blockAssociation),
		"cidr-block-association.state":                blocks(ipv4Blocks, blockState),
		"ipv6-cidr-block-association.ipv6-cidr-block": blocks(ipv6Blocks, blockText),
		"ipv6-cidr-block-association.association-id":  blocks(ipv6Blocks, blockAssociation),
		"ipv6-cidr-block-association.state":           blocks(ipv6Blocks, blockState),
	},
}

func primaryBlock(v *vpc.VPC) string      { return v.CIDRs[0].Prefix.String() }
func ipv4Blocks(v *vpc.VPC) []vpc.CIDR    { return v.CIDRs }
func ipv6Blocks(v *vpc.VPC) []vpc.CIDR    { return v.IPv6CIDRs }
func subnetIPv6(s *vpc.Subnet) []vpc.CIDR { return s.IPv6CIDRs }
func blockText(c vpc.CIDR) string         { return c.Prefix.String() }
func blockAssociation(c vpc.CIDR) string  { return c.Association }
func blockState(c vpc.CIDR) string        { return c.State }

func blocks[R any](list func(R) []vpc.CIDR, read func(vpc.CIDR) string) filter.Accessor[R] {
	return func(_ *account.Account, r R) []string {
		var values []string
		for _, c := range list(r) {
			values = append(values, read(c))
		}
		return values
	}
}

// DescribeVpcs lists VPCs.
func (s *Networks) DescribeVpcs(ctx context.Context, in *ec2.DescribeVpcsInput, _ ...func(*ec2.Options)) (
	*ec2.DescribeVpcsOutput, error) {
	return call.Read(ctx, s.entry, "DescribeVpcs", in, s.describeVpcs)
}

func (s *Networks) describeVpcs(in *ec2.DescribeVpcsInput) (*ec2.DescribeVpcsOutput, error) {
	found, next, err := vpcs.Describe(s.account, filter.Query{DryRun: in.DryRun, IDs: in.VpcIds, Filters: in.Filters,
		Max: in.MaxResults, Token: in.NextToken})
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeVpcsOutput{Vpcs: filter.Answer(found, vpcOut), NextToken: next}, nil
}

func vpcOut(v *vpc.VPC) types.Vpc {
	out := types.Vpc{
		VpcId:           aws.String(v.ID),
		CidrBlock:       aws.String(primaryBlock(v)),
		DhcpOptionsId:   aws.String(dhcpOptions),
		InstanceTenancy: types.TenancyDefault,
		IsDefault:       aws.Bool(v.Default),
		OwnerId:         aws.String(v.Owner),
		State:           types.VpcStateAvailable,
		Tags:            request.TagList(v.Tags),
	}
	for _, c := range v.CIDRs {
		out.CidrBlockAssociationSet = append(out.CidrBlockAssociationSet, types.VpcCidrBlockAssociation{
			AssociationId:  aws.String(c.Association),
			CidrBlock:      aws.String(c.Prefix.String()),
			CidrBlockState: &types.VpcCidrBlockState{State: types.VpcCidrBlockStateCode(c.State)},
		})
	}
	for _, c := range v.IPv6CIDRs {
		out.Ipv6CidrBlockAssociationSet = append(out.Ipv6CidrBlockAssociationSet, types.VpcIpv6CidrBlockAssociation{
			AssociationId:      aws.String(c.Association),
			Ipv6CidrBlock:      aws.String(c.Prefix.String()),
			Ipv6CidrBlockState: &types.VpcCidrBlockState{State: types.VpcCidrBlockStateCode(c.State)},
			Ipv6Pool:           aws.String("Amazon"),
		})
	}
	return out
}

// Lengths of a VPC's IPv4 blocks.
const (
	longestBlock  = 28
	shortestBlock = 16
)

// CreateVpc makes a VPC with its main route table and default security group.
func (s *Networks) CreateVpc(ctx context.Context, in *ec2.CreateVpcInput, _ ...func(*ec2.Options)) (
	*ec2.CreateVpcOutput, error) {
	return call.Write(ctx, s.entry, "CreateVpc", in, s.createVpc)
}

func (s *Networks) createVpc(in *ec2.CreateVpcInput) (*ec2.CreateVpcOutput, error) {
	block, err := vpcBlock(in.CidrBlock)
	if err != nil {
		return nil, err
	}
	tags, err := request.SpecifiedTags(in.TagSpecifications, kind.VPC)
	if err != nil {
		return nil, err
	}
	if len(s.account.VPCs) >= s.account.Quota("vpcs") {
		return nil, apierr.New("VpcLimitExceeded", "The maximum number of VPCs has been reached.")
	}
	if err := request.DryRun(in.DryRun); err != nil {
		return nil, err
	}
	v := &vpc.VPC{CIDRs: []vpc.CIDR{{Prefix: block}}, Tags: tags}
	if aws.ToBool(in.AmazonProvidedIpv6CidrBlock) {
		v.IPv6CIDRs = []vpc.CIDR{{Prefix: s.account.NewIPv6Block()}}
	}
	if err := s.account.AddVPC(v); err != nil {
		return nil, request.AWSError(err)
	}
	s.account.CreatedCompute(v.ID)
	out := vpcOut(v)
	return &ec2.CreateVpcOutput{Vpc: &out}, nil
}

// vpcBlock reads an IPv4 block that a VPC may have.
func vpcBlock(text *string) (netip.Prefix, error) {
	if aws.ToString(text) == "" {
		return netip.Prefix{}, request.Missing("cidrBlock")
	}
	p, err := netip.ParsePrefix(*text)
	if err != nil || !p.Addr().Is4() {
		return p, request.InvalidValue("Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
			*text)
	}
	if p.Bits() < shortestBlock || p.Bits() > longestBlock {
		return p, apierr.New("InvalidVpc.Range", "The CIDR '%s' is invalid.", *text)
	}
	return p.Masked(), nil
}

// DeleteVpc deletes an empty VPC.
func (s *Networks) DeleteVpc(ctx context.Context, in *ec2.DeleteVpcInput, _ ...func(*ec2.Options)) (
	*ec2.DeleteVpcOutput, error) {
	return call.Write(ctx, s.entry, "DeleteVpc", in, func(in *ec2.DeleteVpcInput) (*ec2.DeleteVpcOutput, error) {
		v, err := request.Named(s.account, kind.VPC, "vpcId", in.VpcId, s.account.VPCs)
		if err != nil {
			return nil, err
		}
		if by := s.account.VPCDependent(v.ID); by != "" {
			return nil, apierr.New("DependencyViolation", "The vpc '%s' has dependencies and cannot be deleted.", v.ID)
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		return &ec2.DeleteVpcOutput{}, request.AWSError(s.account.DeleteVPC(v.ID))
	})
}

// ModifyVpcAttribute switches a VPC's name resolution.
func (s *Networks) ModifyVpcAttribute(ctx context.Context, in *ec2.ModifyVpcAttributeInput, _ ...func(*ec2.Options)) (
	*ec2.ModifyVpcAttributeOutput, error) {
	return call.Write(ctx, s.entry, "ModifyVpcAttribute", in, func(in *ec2.ModifyVpcAttributeInput) (
		*ec2.ModifyVpcAttributeOutput, error) {
		v, err := request.Named(s.account, kind.VPC, "vpcId", in.VpcId, s.account.VPCs)
		if err != nil {
			return nil, err
		}
		if in.EnableDnsHostnames != nil && in.EnableDnsSupport != nil {
			return nil, apierr.New("InvalidParameterCombination",
				"Fields for multiple attribute types specified: enableDnsHostnames, enableDnsSupport")
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

// DescribeVpcAttribute answers one attribute of a VPC.
func (s *Networks) DescribeVpcAttribute(ctx context.Context, in *ec2.DescribeVpcAttributeInput,
	_ ...func(*ec2.Options)) (*ec2.DescribeVpcAttributeOutput, error) {
	return call.Read(ctx, s.entry, "DescribeVpcAttribute", in, func(in *ec2.DescribeVpcAttributeInput) (
		*ec2.DescribeVpcAttributeOutput, error) {
		v, err := request.Named(s.account, kind.VPC, "vpcId", in.VpcId, s.account.VPCs)
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
			return nil, request.Missing("attribute")
		default:
			return nil, request.InvalidValue("Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
		}
		return out, nil
	})
}

// AssociateVpcCidrBlock gives a VPC another block.
func (s *Networks) AssociateVpcCidrBlock(ctx context.Context, in *ec2.AssociateVpcCidrBlockInput,
	_ ...func(*ec2.Options)) (*ec2.AssociateVpcCidrBlockOutput, error) {
	return call.Write(ctx, s.entry, "AssociateVpcCidrBlock", in, s.associateVpcCidrBlock)
}

func (s *Networks) associateVpcCidrBlock(in *ec2.AssociateVpcCidrBlockInput) (*ec2.AssociateVpcCidrBlockOutput, error) {
	v, err := request.Named(s.account, kind.VPC, "vpcId", in.VpcId, s.account.VPCs)
	if err != nil {
		return nil, err
	}
	six := aws.ToBool(in.AmazonProvidedIpv6CidrBlock)
	if six == (in.CidrBlock != nil) {
		return nil, apierr.New("InvalidParameterCombination",
			"Either cidrBlock or amazonProvidedIpv6CidrBlock must be specified")
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
		return nil, apierr.New("CidrLimitExceeded", "This network '%s' has met its maximum number of allowed CIDRs: %d",
			v.ID, len(*list))
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
func (s *Networks) DisassociateVpcCidrBlock(ctx context.Context, in *ec2.DisassociateVpcCidrBlockInput,
	_ ...func(*ec2.Options)) (*ec2.DisassociateVpcCidrBlockOutput, error) {
	return call.Write(ctx, s.entry, "DisassociateVpcCidrBlock", in, s.disassociateVpcCidrBlock)
}

func (s *Networks) disassociateVpcCidrBlock(in *ec2.DisassociateVpcCidrBlockInput) (*ec2.DisassociateVpcCidrBlockOutput,
	error) {
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
				return nil, apierr.New("OperationNotPermitted",
					"The vpc CIDR block with association ID %s may not be disassociated. It is the primary IPv4 CIDR block of the VPC",
					id)
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
					t.Routes = slices.DeleteFunc(t.Routes, func(r vpc.Route) bool {
						return r.Gateway == "local" && r.Destination == gone
					})
				}
			}
			*list = slices.Delete(*list, i, i+1)
			return out, nil
		}
	}
	return nil, apierr.New("InvalidVpcCidrBlockAssociationID.NotFound",
		"The vpc CIDR block association ID '%s' does not exist", id)
}

// subnetIn names a subnet of the VPC that lies in the block, "" if none does.
func (s *Networks) subnetIn(v *vpc.VPC, block netip.Prefix) string {
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
