package network

import (
	"context"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Address is an address and its holder. EC2 assigns addresses again, so that what is known of one is believed for its
// holder only.
type Address struct {
	Holder string
	IP     netip.Addr
}

// vpcAddress is an address in a VPC.
type vpcAddress struct {
	vpc string
	Address
}

// addressFilters are the filters by which EC2 finds interfaces, by whether the address is of IPv6.
var addressFilters = map[bool]string{false: "addresses.private-ip-address", true: "ipv6-addresses.ipv6-address"}

// ByAddress returns the interfaces of a VPC that have addresses; one that no interface has is missing from the result.
func (x *Interfaces) ByAddress(ctx context.Context, vpc string, of []Address) (map[Address]Interface, error) {
	families := map[bool][]vpcAddress{}
	for _, a := range of {
		families[a.IP.Is6()] = append(families[a.IP.Is6()], vpcAddress{vpc, a})
	}
	out := map[Address]Interface{}
	for ipv6, addresses := range families {
		found, err := x.byAddress[ipv6].Get(ctx, addresses...)
		if err != nil {
			return nil, err
		}
		for a, i := range found {
			out[a.Address] = i
		}
	}
	return out, nil
}

// describeAddresses reads the interfaces of addresses by filter, once for each VPC.
func (x *Interfaces) describeAddresses(ctx context.Context, filter string, of []vpcAddress) (
	map[vpcAddress]Interface, error) {
	byVPC := map[string][]vpcAddress{}
	for _, a := range of {
		byVPC[a.vpc] = append(byVPC[a.vpc], a)
	}
	out := map[vpcAddress]Interface{}
	for vpc, addresses := range byVPC {
		found, err := x.interfacesWith(ctx, vpc, filter, addresses)
		if err != nil {
			return nil, err
		}
		for _, a := range addresses {
			if i := slices.IndexFunc(found, func(n Interface) bool { return slices.Contains(n.Addresses, a.IP) }); i >= 0 {
				out[a] = found[i]
			}
		}
	}
	return out, nil
}

func (x *Interfaces) interfacesWith(ctx context.Context, vpc, filter string, of []vpcAddress) ([]Interface, error) {
	values := make([]string, 0, len(of))
	for _, a := range of {
		values = append(values, a.IP.String())
	}
	slices.Sort(values)
	return x.describe(ctx, &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{
		{Name: aws.String("vpc-id"), Values: []string{vpc}}, {Name: aws.String(filter), Values: slices.Compact(values)},
	}})
}
