package ec2

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
)

var subnets = collection[*vpc.Subnet]{
	kind:    subnetKind,
	idParam: "subnetIds",
	all:     func(a *account.Account) map[string]*vpc.Subnet { return a.Subnets },
	tags:    func(s *vpc.Subnet) map[string]string { return s.Tags },
	filters: map[string]accessor[*vpc.Subnet]{
		"subnet-id":         one(func(s *vpc.Subnet) string { return s.ID }),
		"vpc-id":            one(func(s *vpc.Subnet) string { return s.VPC }),
		"availability-zone": one(func(s *vpc.Subnet) string { return s.Zone }),
		"availabilityZone":  one(func(s *vpc.Subnet) string { return s.Zone }),
		"availability-zone-id": func(a *account.Account, s *vpc.Subnet) []string {
			return []string{zoneID(a, s.Zone)}
		},
		"availabilityZoneId": func(a *account.Account, s *vpc.Subnet) []string {
			return []string{zoneID(a, s.Zone)}
		},
		"available-ip-address-count": one(func(s *vpc.Subnet) string { return strconv.Itoa(int(s.AvailableIPs())) }),
		"cidr-block":                 one(subnetBlock),
		"cidr":                       one(subnetBlock),
		"cidrBlock":                  one(subnetBlock),
		"default-for-az":             flag(func(s *vpc.Subnet) bool { return s.Default }),
		"defaultForAz":               flag(func(s *vpc.Subnet) bool { return s.Default }),
		"ipv6-native":                flag(func(s *vpc.Subnet) bool { return s.IPv6Native }),
		"map-public-ip-on-launch":    flag(func(s *vpc.Subnet) bool { return s.MapPublicIPOnLaunch }),
		"enable-dns64":               flag(func(s *vpc.Subnet) bool { return s.EnableDNS64 }),
		"outpost-arn":                one(func(s *vpc.Subnet) string { return s.Outpost }),
		"owner-id":                   one(func(s *vpc.Subnet) string { return s.Owner }),
		"state":                      one(func(*vpc.Subnet) string { return "available" }),
		"subnet-arn": func(a *account.Account, s *vpc.Subnet) []string {
			return []string{subnetARN(a, s)}
		},
		"customer-owned-ipv4-pool":        one(func(s *vpc.Subnet) string { return s.CustomerOwnedPool }),
		"map-customer-owned-ip-on-launch": flag(func(s *vpc.Subnet) bool { return s.CustomerOwnedPool != "" }),

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

func zoneID(a *account.Account, name string) string {
	if z, ok := a.Zones[name]; ok {
		return z.ID
	}
	return ""
}

// DescribeSubnets lists subnets.
func (s *Service) DescribeSubnets(ctx context.Context, in *ec2.DescribeSubnetsInput, _ ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error) {
	return read(ctx, s, "DescribeSubnets", in, s.describeSubnets)
}

func (s *Service) describeSubnets(in *ec2.DescribeSubnetsInput) (*ec2.DescribeSubnetsOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	found, next, err := subnets.describe(s.account, query{in.SubnetIds, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSubnetsOutput{NextToken: next}
	for _, n := range found {
		out.Subnets = append(out.Subnets, subnetOut(s.account, n))
	}
	return out, nil
}

func subnetOut(a *account.Account, s *vpc.Subnet) types.Subnet {
	out := types.Subnet{
		SubnetId:                    aws.String(s.ID),
		SubnetArn:                   aws.String(subnetARN(a, s)),
		VpcId:                       aws.String(s.VPC),
		OwnerId:                     aws.String(s.Owner),
		AvailabilityZone:            aws.String(s.Zone),
		AvailabilityZoneId:          aws.String(zoneID(a, s.Zone)),
		AvailableIpAddressCount:     aws.Int32(s.AvailableIPs()),
		AssignIpv6AddressOnCreation: aws.Bool(s.IPv6Native || s.AssignIPv6),
		DefaultForAz:                aws.Bool(s.Default),
		EnableDns64:                 aws.Bool(s.EnableDNS64),
		Ipv6Native:                  aws.Bool(s.IPv6Native),
		MapPublicIpOnLaunch:         aws.Bool(s.MapPublicIPOnLaunch),
		MapCustomerOwnedIpOnLaunch:  aws.Bool(s.CustomerOwnedPool != ""),
		State:                       types.SubnetStateAvailable,
		Tags:                        tagList(s.Tags),
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
