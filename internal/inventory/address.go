package inventory

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Address is an address and who has it. EC2 gives addresses away anew, so that what is known of one is believed for its holder
// only.
type Address struct {
	Holder string
	IP     netip.Addr
}

// maxFilterValues is how many values EC2 admits in the filters of a call, less the VPC's.
const maxFilterValues = 199

// ByAddress returns the interfaces of a VPC that have addresses; one that nobody has is missing from the result.
func (x *Interfaces) ByAddress(ctx context.Context, vpc string, of []Address) (map[Address]Interface, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := map[Address]Interface{}
	missing := map[string][]Address{} // by filter
	for _, a := range of {
		if c, ok := x.byAddress[a]; ok && x.now().Sub(c.at) <= interfaceLifetime {
			out[a] = c.list[0]
			continue
		}
		filter := "addresses.private-ip-address"
		if a.IP.Is6() {
			filter = "ipv6-addresses.ipv6-address"
		}
		missing[filter] = append(missing[filter], a)
	}
	if len(missing) > 0 {
		maps.DeleteFunc(x.byAddress, func(_ Address, c cachedInterfaces) bool { return x.now().Sub(c.at) > interfaceLifetime })
	}
	for filter, addresses := range missing {
		for chunk := range slices.Chunk(addresses, maxFilterValues) {
			found, err := x.describeAddresses(ctx, vpc, filter, chunk)
			if err != nil {
				return nil, err
			}
			for _, a := range chunk {
				if i := slices.IndexFunc(found, func(n Interface) bool { return slices.Contains(n.Addresses, a.IP) }); i >= 0 {
					x.byAddress[a] = cachedInterfaces{x.now(), []Interface{found[i]}}
					out[a] = found[i]
				}
			}
		}
	}
	return out, nil
}

func (x *Interfaces) describeAddresses(ctx context.Context, vpc, filter string, of []Address) ([]Interface, error) {
	values := make([]string, 0, len(of))
	for _, a := range of {
		values = append(values, a.IP.String())
	}
	slices.Sort(values)
	in := &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{
		{Name: aws.String("vpc-id"), Values: []string{vpc}}, {Name: aws.String(filter), Values: slices.Compact(values)},
	}}
	var out []Interface
	for p := ec2.NewDescribeNetworkInterfacesPaginator(x.ec2, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describing network interfaces by address: %w", err)
		}
		for i := range page.NetworkInterfaces {
			out = append(out, describedInterface(&page.NetworkInterfaces[i]))
		}
	}
	return out, nil
}
