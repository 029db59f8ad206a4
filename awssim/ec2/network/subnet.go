package network

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"strconv"

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

var subnets = filter.Collection[*vpc.Subnet]{
	Kind:    kind.Subnet,
	IDParam: "subnetIds",
	All:     func(a *account.Account) map[string]*vpc.Subnet { return a.Subnets },
	Tags:    func(s *vpc.Subnet) map[string]string { return s.Tags },
	Filters: map[string]filter.Accessor[*vpc.Subnet]{
		"subnet-id":         filter.One(func(s *vpc.Subnet) string { return s.ID }),
		"vpc-id":            filter.One(func(s *vpc.Subnet) string { return s.VPC }),
		"availability-zone": filter.One(func(s *vpc.Subnet) string { return s.Zone }),
		"availabilityZone":  filter.One(func(s *vpc.Subnet) string { return s.Zone }),
		"availability-zone-id": func(a *account.Account, s *vpc.Subnet) []string {
			return []string{request.ZoneID(a, s.Zone)}
		},
		"availabilityZoneId": func(a *account.Account, s *vpc.Subnet) []string {
			return []string{request.ZoneID(a, s.Zone)}
		},
		"available-ip-address-count": filter.One(func(s *vpc.Subnet) string { return strconv.Itoa(int(s.AvailableIPs())) }),
		"cidr-block":                 filter.One(subnetBlock),
		"cidr":                       filter.One(subnetBlock),
		"cidrBlock":                  filter.One(subnetBlock),
		"default-for-az":             filter.Flag(func(s *vpc.Subnet) bool { return s.Default }),
		"defaultForAz":               filter.Flag(func(s *vpc.Subnet) bool { return s.Default }),
		"ipv6-native":                filter.Flag(func(s *vpc.Subnet) bool { return s.IPv6Native }),
		"map-public-ip-on-launch":    filter.Flag(func(s *vpc.Subnet) bool { return s.MapPublicIPOnLaunch }),
		"enable-dns64":               filter.Flag(func(s *vpc.Subnet) bool { return s.EnableDNS64 }),
		"outpost-arn":                filter.One(func(s *vpc.Subnet) string { return s.Outpost }),
		"owner-id":                   filter.One(func(s *vpc.Subnet) string { return s.Owner }),
		"state":                      filter.One(func(*vpc.Subnet) string { return "available" }),
		"subnet-arn": func(a *account.Account, s *vpc.Subnet) []string {
			return []string{subnetARN(a, s)}
		},
		"customer-owned-ipv4-pool":        filter.One(func(s *vpc.Subnet) string { return s.CustomerOwnedPool }),
		"map-customer-owned-ip-on-launch": filter.Flag(func(s *vpc.Subnet) bool { return s.CustomerOwnedPool != "" }),

		"ipv6-cidr-block-association.ipv6-cidr-block": blocks(subnetIPv6, blockText),
		"ipv6-cidr-block-association.association-id":  blocks(subnetIPv6, blockAssociation),
		"ipv6-cidr-block-association.state":           blocks(subnetIPv6, blockState),
	},
}

// subnetBlock is the IPv4 block, or nothing for a subnet of IPv6 only.
func subnetBlock(s *vpc.Subnet) string {
	if !s.CIDR.IsValid() {
		return ""
	}
	return s.CIDR.String()
}

func subnetARN(a *account.Account, s *vpc.Subnet) string { return a.ARN("ec2", "subnet/"+s.ID) }

// DescribeSubnets lists subnets.
func (s *Networks) DescribeSubnets(ctx context.Context, in *ec2.DescribeSubnetsInput, _ ...func(*ec2.Options)) (
	*ec2.DescribeSubnetsOutput, error) {
	return call.Read(ctx, s.entry, "DescribeSubnets", in, s.describeSubnets)
}

func (s *Networks) describeSubnets(in *ec2.DescribeSubnetsInput) (*ec2.DescribeSubnetsOutput, error) {
	found, next, err := subnets.Describe(s.account, filter.Query{DryRun: in.DryRun, IDs: in.SubnetIds, Filters: in.Filters,
		Max: in.MaxResults, Token: in.NextToken})
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeSubnetsOutput{
			Subnets: filter.Answer(found, func(n *vpc.Subnet) types.Subnet { return subnetOut(s.account, n) }), NextToken: next},
		nil
}

func subnetOut(a *account.Account, s *vpc.Subnet) types.Subnet {
	out := types.Subnet{
		SubnetId:                    aws.String(s.ID),
		SubnetArn:                   aws.String(subnetARN(a, s)),
		VpcId:                       aws.String(s.VPC),
		OwnerId:                     aws.String(s.Owner),
		AvailabilityZone:            aws.String(s.Zone),
		AvailabilityZoneId:          aws.String(request.ZoneID(a, s.Zone)),
		AvailableIpAddressCount:     aws.Int32(s.AvailableIPs()),
		AssignIpv6AddressOnCreation: aws.Bool(s.IPv6Native || s.AssignIPv6),
		DefaultForAz:                aws.Bool(s.Default),
		EnableDns64:                 aws.Bool(s.EnableDNS64),
		Ipv6Native:                  aws.Bool(s.IPv6Native),
		MapPublicIpOnLaunch:         aws.Bool(s.MapPublicIPOnLaunch),
		MapCustomerOwnedIpOnLaunch:  aws.Bool(s.CustomerOwnedPool != ""),
		State:                       types.SubnetStateAvailable,
		Tags:                        request.TagList(s.Tags),
	}
	if s.CIDR.IsValid() {
		out.CidrBlock = aws.String(s.CIDR.String())
	}
	if s.Outpost != "" {
		out.OutpostArn = aws.String(s.Outpost)
	}
	if s.CustomerOwnedPool != "" {
		out.CustomerOwnedIpv4Pool = aws.String(s.CustomerOwnedPool)
	}
	for _, c := range s.IPv6CIDRs {
		out.Ipv6CidrBlockAssociationSet = append(out.Ipv6CidrBlockAssociationSet, types.SubnetIpv6CidrBlockAssociation{
			AssociationId:      aws.String(c.Association),
			Ipv6CidrBlock:      aws.String(c.Prefix.String()),
			Ipv6CidrBlockState: &types.SubnetCidrBlockState{State: types.SubnetCidrBlockStateCode(c.State)},
		})
	}
	return out
}

// subnetIPv6Bits is the length of a subnet's IPv6 block.
const subnetIPv6Bits = 64

// CreateSubnet makes a subnet in a zone of a VPC; without a zone AWS chooses one.
func (s *Networks) CreateSubnet(ctx context.Context, in *ec2.CreateSubnetInput, _ ...func(*ec2.Options)) (
	*ec2.CreateSubnetOutput, error) {
	return call.Write(ctx, s.entry, "CreateSubnet", in, s.createSubnet)
}

func (s *Networks) createSubnet(in *ec2.CreateSubnetInput) (*ec2.CreateSubnetOutput, error) {
	v, err := request.Named(s.account, kind.VPC, "vpcId", in.VpcId, s.account.VPCs)
	if err != nil {
		return nil, err
	}
	tags, err := request.SpecifiedTags(in.TagSpecifications, kind.Subnet)
	if err != nil {
		return nil, err
	}
	n := &vpc.Subnet{VPC: v.ID, IPv6Native: aws.ToBool(in.Ipv6Native), Outpost: aws.ToString(in.OutpostArn), Tags: tags}
	if n.Zone, err = s.zoneFor(in.AvailabilityZone, in.AvailabilityZoneId); err != nil {
		return nil, err
	}
	if !n.IPv6Native {
		if n.CIDR, err = s.subnetBlock4(v, in.CidrBlock); err != nil {
			return nil, err
		}
	} else if in.CidrBlock != nil || in.Ipv6CidrBlock == nil {
		return nil, apierr.New("InvalidParameterCombination",
			"When specifying ipv6Native, you must specify ipv6CidrBlock and not cidrBlock.")
	}
	if in.Ipv6CidrBlock != nil {
		block, err := s.subnetBlock6(v, *in.Ipv6CidrBlock)
		if err != nil {
			return nil, err
		}
		n.IPv6CIDRs = []vpc.CIDR{{Prefix: block}}
	}
	count := 0
	for _, o := range s.account.Subnets {
		if o.VPC == v.ID {
			count++
		}
	}
	if count >= s.account.Quota("subnets-per-vpc") {
		return nil, apierr.New("SubnetLimitExceeded", "The maximum number of subnets has been reached.")
	}
	if err := request.DryRun(in.DryRun); err != nil {
		return nil, err
	}
	if err := s.account.AddSubnet(n); err != nil {
		return nil, request.AWSError(err)
	}
	s.account.CreatedCompute(n.ID)
	out := subnetOut(s.account, n)
	return &ec2.CreateSubnetOutput{Subnet: &out}, nil
}

// zoneFor is the name of the zone that the caller names by name or id, or the first of the region.
func (s *Networks) zoneFor(name, id *string) (string, error) {
	if name != nil && id != nil {
		return "", apierr.New("InvalidParameterCombination",
			"You may specify either availabilityZone or availabilityZoneId, but not both.")
	}
	for _, n := range slices.Sorted(maps.Keys(s.account.Zones)) {
		z := s.account.Zones[n]
		if z.OptInStatus == "not-opted-in" {
			continue
		}
		if name == nil && id == nil || name != nil && n == *name || id != nil && z.ID == *id {
			return n, nil
		}
	}
	return "", request.InvalidValue("Value (%s) for parameter availabilityZone is invalid.", aws.ToString(name)+
		aws.ToString(id))
}

func (s *Networks) subnetBlock4(v *vpc.VPC, text *string) (netip.Prefix, error) {
	if aws.ToString(text) == "" {
		return netip.Prefix{}, request.Missing("cidrBlock")
	}
	p, err := netip.ParsePrefix(*text)
	if err != nil || !p.Addr().Is4() {
		return p, request.InvalidValue("Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
			*text)
	}
	p = p.Masked()
	within := slices.ContainsFunc(v.CIDRs, func(c vpc.CIDR) bool {
		return c.State == "associated" && c.Prefix.Bits() <= p.Bits() && c.Prefix.Contains(p.Addr())
	})
	if p.Bits() < shortestBlock || p.Bits() > longestBlock || !within {
		return p, apierr.New("InvalidSubnet.Range", "The CIDR '%s' is invalid.", *text)
	}
	if s.subnetIn(v, p) != "" {
		return p, apierr.New("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", *text)
	}
	return p, nil
}

func (s *Networks) subnetBlock6(v *vpc.VPC, text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil || !p.Addr().Is6() {
		return p, request.InvalidValue("Value (%s) for parameter ipv6CidrBlock is invalid. This is not a valid CIDR block.",
			text)
	}
	p = p.Masked()
	within := slices.ContainsFunc(v.IPv6CIDRs, func(c vpc.CIDR) bool {
		return c.State == "associated" && c.Prefix.Contains(p.Addr())
	})
	if p.Bits() != subnetIPv6Bits || !within {
		return p, apierr.New("InvalidSubnet.Range", "The CIDR '%s' is invalid.", text)
	}
	if s.subnetIn(v, p) != "" {
		return p, apierr.New("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", text)
	}
	return p, nil
}

// DeleteSubnet deletes a subnet without interfaces.
func (s *Networks) DeleteSubnet(ctx context.Context, in *ec2.DeleteSubnetInput, _ ...func(*ec2.Options)) (
	*ec2.DeleteSubnetOutput, error) {
	return call.Write(ctx, s.entry, "DeleteSubnet", in, func(in *ec2.DeleteSubnetInput) (*ec2.DeleteSubnetOutput, error) {
		n, err := request.Named(s.account, kind.Subnet, "subnetId", in.SubnetId, s.account.Subnets)
		if err != nil {
			return nil, err
		}
		for _, i := range s.account.Interfaces {
			if i.Subnet == n.ID {
				return nil, apierr.New("DependencyViolation", "The subnet '%s' has dependencies and cannot be deleted.", n.ID)
			}
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		return &ec2.DeleteSubnetOutput{}, request.AWSError(s.account.DeleteSubnet(n.ID))
	})
}

// ModifySubnetAttribute changes one attribute of a subnet.
func (s *Networks) ModifySubnetAttribute(ctx context.Context, in *ec2.ModifySubnetAttributeInput,
	_ ...func(*ec2.Options)) (*ec2.ModifySubnetAttributeOutput, error) {
	return call.Write(ctx, s.entry, "ModifySubnetAttribute", in, func(in *ec2.ModifySubnetAttributeInput) (
		*ec2.ModifySubnetAttributeOutput, error) {
		n, err := request.Named(s.account, kind.Subnet, "subnetId", in.SubnetId, s.account.Subnets)
		if err != nil {
			return nil, err
		}
		given := 0
		for _, v := range []*types.AttributeBooleanValue{
			in.AssignIpv6AddressOnCreation, in.EnableDns64, in.MapPublicIpOnLaunch, in.MapCustomerOwnedIpOnLaunch,
			in.DisableLniAtDeviceIndex, in.EnableResourceNameDnsAAAARecordOnLaunch, in.EnableResourceNameDnsARecordOnLaunch,
		} {
			if v != nil {
				given++
			}
		}
		if given > 1 {
			return nil, apierr.New("InvalidParameterCombination", "Only one attribute may be modified in a call")
		}
		six := in.AssignIpv6AddressOnCreation != nil && aws.ToBool(in.AssignIpv6AddressOnCreation.Value)
		if six && len(n.IPv6CIDRs) == 0 {
			return nil, request.InvalidValue("Invalid value 'true' for assignIpv6AddressOnCreation. Subnet %s does not have "+
				"an IPv6 CIDR block.", n.ID)
		}
		for _, c := range []struct {
			value *types.AttributeBooleanValue
			into  *bool
		}{{in.AssignIpv6AddressOnCreation, &n.AssignIPv6}, {in.EnableDns64, &n.EnableDNS64},
			{in.MapPublicIpOnLaunch, &n.MapPublicIPOnLaunch}} {
			if c.value != nil {
				*c.into = aws.ToBool(c.value.Value)
			}
		}
		if in.MapCustomerOwnedIpOnLaunch != nil {
			n.CustomerOwnedPool = ""
			if aws.ToBool(in.MapCustomerOwnedIpOnLaunch.Value) {
				if n.CustomerOwnedPool = aws.ToString(in.CustomerOwnedIpv4Pool); n.CustomerOwnedPool == "" {
					return nil, request.Missing("customerOwnedIpv4Pool")
				}
			}
		}
		return &ec2.ModifySubnetAttributeOutput{}, nil
	})
}

// AssociateSubnetCidrBlock gives a subnet an IPv6 block of its VPC.
func (s *Networks) AssociateSubnetCidrBlock(ctx context.Context, in *ec2.AssociateSubnetCidrBlockInput,
	_ ...func(*ec2.Options)) (*ec2.AssociateSubnetCidrBlockOutput, error) {
	return call.Write(ctx, s.entry, "AssociateSubnetCidrBlock", in, func(in *ec2.AssociateSubnetCidrBlockInput) (
		*ec2.AssociateSubnetCidrBlockOutput, error) {
		n, err := request.Named(s.account, kind.Subnet, "subnetId", in.SubnetId, s.account.Subnets)
		if err != nil {
			return nil, err
		}
		if aws.ToString(in.Ipv6CidrBlock) == "" {
			return nil, request.Missing("ipv6CidrBlock")
		}
		block, err := s.subnetBlock6(s.account.VPCs[n.VPC], *in.Ipv6CidrBlock)
		if err != nil {
			return nil, err
		}
		if len(n.IPv6CIDRs) > 0 {
			return nil, apierr.New("SubnetCidrBlockLimitExceeded", "The subnet '%s' has an IPv6 CIDR block already.", n.ID)
		}
		n.IPv6CIDRs = []vpc.CIDR{{Prefix: block, State: "associated", Association: s.account.NewID("subnet-cidr-assoc")}}
		d := subnetOut(s.account, n)
		return &ec2.AssociateSubnetCidrBlockOutput{SubnetId: aws.String(n.ID),
			Ipv6CidrBlockAssociation: &d.Ipv6CidrBlockAssociationSet[0]}, nil
	})
}

// DisassociateSubnetCidrBlock takes the IPv6 block away from a subnet in which no interface has an IPv6 address.
func (s *Networks) DisassociateSubnetCidrBlock(ctx context.Context, in *ec2.DisassociateSubnetCidrBlockInput,
	_ ...func(*ec2.Options)) (*ec2.DisassociateSubnetCidrBlockOutput, error) {
	return call.Write(ctx, s.entry, "DisassociateSubnetCidrBlock", in, func(in *ec2.DisassociateSubnetCidrBlockInput) (
		*ec2.DisassociateSubnetCidrBlockOutput, error) {
		id := aws.ToString(in.AssociationId)
		for _, n := range s.account.Subnets {
			i := slices.IndexFunc(n.IPv6CIDRs, func(c vpc.CIDR) bool { return c.Association == id })
			if i < 0 {
				continue
			}
			for _, eni := range s.account.Interfaces {
				if eni.Subnet == n.ID && len(eni.IPv6Addresses)+len(eni.IPv6Prefixes) > 0 {
					return nil, apierr.New("InvalidSubnetCidrBlock.InUse", "The IPv6 CIDR block of subnet '%s' is in use by %s",
						n.ID, eni.ID)
				}
			}
			d := subnetOut(s.account, n).Ipv6CidrBlockAssociationSet[i]
			d.Ipv6CidrBlockState = &types.SubnetCidrBlockState{State: types.SubnetCidrBlockStateCodeDisassociating}
			n.IPv6CIDRs = slices.Delete(n.IPv6CIDRs, i, i+1)
			n.AssignIPv6 = false
			return &ec2.DisassociateSubnetCidrBlockOutput{SubnetId: aws.String(n.ID), Ipv6CidrBlockAssociation: &d}, nil
		}
		return nil, apierr.New("InvalidSubnetCidrBlockAssociationID.NotFound",
			"The subnet CIDR block association ID '%s' does not exist", id)
	})
}
