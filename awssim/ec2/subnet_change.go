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

// subnetIPv6Bits is the length of a subnet's IPv6 block.
const subnetIPv6Bits = 64

// CreateSubnet makes a subnet in a zone of a VPC; without a zone AWS chooses one.
func (s *Service) CreateSubnet(ctx context.Context, in *ec2.CreateSubnetInput, _ ...func(*ec2.Options)) (*ec2.CreateSubnetOutput, error) {
	return write(ctx, s, "CreateSubnet", in, s.createSubnet)
}

func (s *Service) createSubnet(in *ec2.CreateSubnetInput) (*ec2.CreateSubnetOutput, error) {
	v, err := named(s, vpcKind, "vpcId", in.VpcId, s.account.VPCs)
	if err != nil {
		return nil, err
	}
	tags, err := specifiedTags(in.TagSpecifications, subnetKind)
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
		return nil, apierr.New("InvalidParameterCombination", "When specifying ipv6Native, you must specify ipv6CidrBlock and not cidrBlock.")
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
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	if err := s.account.AddSubnet(n); err != nil {
		return nil, wireError(err)
	}
	s.account.CreatedCompute(n.ID)
	out := subnetOut(s.account, n)
	return &ec2.CreateSubnetOutput{Subnet: &out}, nil
}

// zoneFor is the name of the zone that the caller names by name or id, or the first of the region.
func (s *Service) zoneFor(name, id *string) (string, error) {
	if name != nil && id != nil {
		return "", apierr.New("InvalidParameterCombination", "You may specify either availabilityZone or availabilityZoneId, but not both.")
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
	return "", invalidValue("Value (%s) for parameter availabilityZone is invalid.", aws.ToString(name)+aws.ToString(id))
}

func (s *Service) subnetBlock4(v *vpc.VPC, text *string) (netip.Prefix, error) {
	if aws.ToString(text) == "" {
		return netip.Prefix{}, missing("cidrBlock")
	}
	p, err := netip.ParsePrefix(*text)
	if err != nil || !p.Addr().Is4() {
		return p, invalidValue("Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", *text)
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

func (s *Service) subnetBlock6(v *vpc.VPC, text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil || !p.Addr().Is6() {
		return p, invalidValue("Value (%s) for parameter ipv6CidrBlock is invalid. This is not a valid CIDR block.", text)
	}
	p = p.Masked()
	within := slices.ContainsFunc(v.IPv6CIDRs, func(c vpc.CIDR) bool { return c.State == "associated" && c.Prefix.Contains(p.Addr()) })
	if p.Bits() != subnetIPv6Bits || !within {
		return p, apierr.New("InvalidSubnet.Range", "The CIDR '%s' is invalid.", text)
	}
	if s.subnetIn(v, p) != "" {
		return p, apierr.New("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", text)
	}
	return p, nil
}

// DeleteSubnet deletes a subnet without interfaces.
func (s *Service) DeleteSubnet(ctx context.Context, in *ec2.DeleteSubnetInput, _ ...func(*ec2.Options)) (*ec2.DeleteSubnetOutput, error) {
	return write(ctx, s, "DeleteSubnet", in, func(in *ec2.DeleteSubnetInput) (*ec2.DeleteSubnetOutput, error) {
		n, err := named(s, subnetKind, "subnetId", in.SubnetId, s.account.Subnets)
		if err != nil {
			return nil, err
		}
		for _, i := range s.account.Interfaces {
			if i.Subnet == n.ID {
				return nil, apierr.New("DependencyViolation", "The subnet '%s' has dependencies and cannot be deleted.", n.ID)
			}
		}
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		return &ec2.DeleteSubnetOutput{}, wireError(s.account.DeleteSubnet(n.ID))
	})
}

// ModifySubnetAttribute changes one attribute of a subnet.
func (s *Service) ModifySubnetAttribute(ctx context.Context, in *ec2.ModifySubnetAttributeInput, _ ...func(*ec2.Options)) (*ec2.ModifySubnetAttributeOutput, error) {
	return write(ctx, s, "ModifySubnetAttribute", in, func(in *ec2.ModifySubnetAttributeInput) (*ec2.ModifySubnetAttributeOutput, error) {
		n, err := named(s, subnetKind, "subnetId", in.SubnetId, s.account.Subnets)
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
			return nil, invalidValue("Invalid value 'true' for assignIpv6AddressOnCreation. Subnet %s does not have an IPv6 CIDR block.", n.ID)
		}
		for _, c := range []struct {
			value *types.AttributeBooleanValue
			into  *bool
		}{{in.AssignIpv6AddressOnCreation, &n.AssignIPv6}, {in.EnableDns64, &n.EnableDNS64}, {in.MapPublicIpOnLaunch, &n.MapPublicIPOnLaunch}} {
			if c.value != nil {
				*c.into = aws.ToBool(c.value.Value)
			}
		}
		if in.MapCustomerOwnedIpOnLaunch != nil {
			n.CustomerOwnedPool = ""
			if aws.ToBool(in.MapCustomerOwnedIpOnLaunch.Value) {
				if n.CustomerOwnedPool = aws.ToString(in.CustomerOwnedIpv4Pool); n.CustomerOwnedPool == "" {
					return nil, missing("customerOwnedIpv4Pool")
				}
			}
		}
		return &ec2.ModifySubnetAttributeOutput{}, nil
	})
}

// AssociateSubnetCidrBlock gives a subnet an IPv6 block of its VPC.
func (s *Service) AssociateSubnetCidrBlock(ctx context.Context, in *ec2.AssociateSubnetCidrBlockInput, _ ...func(*ec2.Options)) (*ec2.AssociateSubnetCidrBlockOutput, error) {
	return write(ctx, s, "AssociateSubnetCidrBlock", in, func(in *ec2.AssociateSubnetCidrBlockInput) (*ec2.AssociateSubnetCidrBlockOutput, error) {
		n, err := named(s, subnetKind, "subnetId", in.SubnetId, s.account.Subnets)
		if err != nil {
			return nil, err
		}
		if aws.ToString(in.Ipv6CidrBlock) == "" {
			return nil, missing("ipv6CidrBlock")
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
		return &ec2.AssociateSubnetCidrBlockOutput{SubnetId: aws.String(n.ID), Ipv6CidrBlockAssociation: &d.Ipv6CidrBlockAssociationSet[0]}, nil
	})
}

// DisassociateSubnetCidrBlock takes the IPv6 block away from a subnet in which no interface has an IPv6 address.
func (s *Service) DisassociateSubnetCidrBlock(ctx context.Context, in *ec2.DisassociateSubnetCidrBlockInput, _ ...func(*ec2.Options)) (*ec2.DisassociateSubnetCidrBlockOutput, error) {
	return write(ctx, s, "DisassociateSubnetCidrBlock", in, func(in *ec2.DisassociateSubnetCidrBlockInput) (*ec2.DisassociateSubnetCidrBlockOutput, error) {
		id := aws.ToString(in.AssociationId)
		for _, n := range s.account.Subnets {
			i := slices.IndexFunc(n.IPv6CIDRs, func(c vpc.CIDR) bool { return c.Association == id })
			if i < 0 {
				continue
			}
			for _, eni := range s.account.Interfaces {
				if eni.Subnet == n.ID && len(eni.IPv6Addresses)+len(eni.IPv6Prefixes) > 0 {
					return nil, apierr.New("InvalidSubnetCidrBlock.InUse", "The IPv6 CIDR block of subnet '%s' is in use by %s", n.ID, eni.ID)
				}
			}
			d := subnetOut(s.account, n).Ipv6CidrBlockAssociationSet[i]
			d.Ipv6CidrBlockState = &types.SubnetCidrBlockState{State: types.SubnetCidrBlockStateCodeDisassociating}
			n.IPv6CIDRs = slices.Delete(n.IPv6CIDRs, i, i+1)
			n.AssignIPv6 = false
			return &ec2.DisassociateSubnetCidrBlockOutput{SubnetId: aws.String(n.ID), Ipv6CidrBlockAssociation: &d}, nil
		}
		return nil, apierr.New("InvalidSubnetCidrBlockAssociationID.NotFound", "The subnet CIDR block association ID '%s' does not exist", id)
	})
}
