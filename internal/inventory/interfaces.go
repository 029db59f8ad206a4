package inventory

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/internal/cloud"
)

// Interface is a network interface as far as the rules of targets need it.
type Interface struct {
	ID        string
	Primary   bool // device index 0 of its instance
	Groups    []string
	Addresses []netip.Addr
	Prefixes  []netip.Prefix // delegated to the node for its pods
}

// Carries reports whether an address belongs to the interface.
func (i Interface) Carries(a netip.Addr) bool {
	return slices.Contains(i.Addresses, a) || slices.ContainsFunc(i.Prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Interfaces caches the network interfaces of instances and those asked for by id or address. It is safe for concurrent use.
type Interfaces struct {
	ec2 cloud.EC2
	now func() time.Time

	mu        sync.Mutex // held during reads, so that callers who miss the same thing cause one call
	instances map[string]cachedInterfaces
	byID      map[string]cachedInterfaces
	byAddress map[Address]cachedInterfaces // of one each
}

type cachedInterfaces struct {
	at   time.Time
	list []Interface
}

// NewInterfaces makes an empty cache.
func NewInterfaces(client cloud.EC2, now func() time.Time) *Interfaces {
	return &Interfaces{ec2: client, now: now, instances: map[string]cachedInterfaces{}, byID: map[string]cachedInterfaces{}, byAddress: map[Address]cachedInterfaces{}}
}

// OfInstances returns the interfaces of each instance; one that does not exist is missing from the result. fresh reads again
// what is cached, for an address that the cache does not know.
func (x *Interfaces) OfInstances(ctx context.Context, ids []string, fresh bool) (map[string][]Interface, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	out, missing := x.cached(x.instances, ids, fresh)
	for chunk := range slices.Chunk(missing, 100) {
		if err := x.describeInstances(ctx, chunk); err != nil {
			return nil, err
		}
	}
	for _, id := range missing {
		if c, ok := x.instances[id]; ok {
			out[id] = c.list
		}
	}
	return out, nil
}

// ByID returns interfaces by their own ids; one that does not exist is an error of EC2.
func (x *Interfaces) ByID(ctx context.Context, ids []string) (map[string]Interface, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	lists, missing := x.cached(x.byID, ids, false)
	for chunk := range slices.Chunk(missing, 100) {
		in := &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: chunk}
		for p := ec2.NewDescribeNetworkInterfacesPaginator(x.ec2, in); p.HasMorePages(); {
			page, err := p.NextPage(ctx)
			if err != nil {
				return nil, fmt.Errorf("describing network interfaces: %w", err)
			}
			for i := range page.NetworkInterfaces {
				n := describedInterface(&page.NetworkInterfaces[i])
				x.byID[n.ID] = cachedInterfaces{x.now(), []Interface{n}}
				lists[n.ID] = []Interface{n}
			}
		}
	}
	out := map[string]Interface{}
	for id, l := range lists {
		out[id] = l[0]
	}
	return out, nil
}

func (x *Interfaces) cached(from map[string]cachedInterfaces, ids []string, fresh bool) (hit map[string][]Interface, miss []string) {
	hit = map[string][]Interface{}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		c, ok := from[id]
		if !ok || fresh || x.now().Sub(c.at) > interfaceLifetime {
			delete(from, id)
			miss = append(miss, id)
			continue
		}
		hit[id] = c.list
	}
	if len(miss) > 0 {
		x.prune(from)
	}
	return hit, miss
}

// prune drops what is too old, be it of nodes that nobody asks for again.
func (x *Interfaces) prune(from map[string]cachedInterfaces) {
	maps.DeleteFunc(from, func(_ string, c cachedInterfaces) bool { return x.now().Sub(c.at) > interfaceLifetime })
}

// describeInstances asks by filter, which unlike ids does not fail for an instance that is gone.
func (x *Interfaces) describeInstances(ctx context.Context, ids []string) error {
	in := &ec2.DescribeInstancesInput{Filters: []types.Filter{{Name: aws.String("instance-id"), Values: ids}}}
	for p := ec2.NewDescribeInstancesPaginator(x.ec2, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("describing instances: %w", err)
		}
		for _, r := range page.Reservations {
			for i := range r.Instances {
				inst := &r.Instances[i]
				var list []Interface
				for j := range inst.NetworkInterfaces {
					list = append(list, attachedInterface(&inst.NetworkInterfaces[j]))
				}
				x.instances[aws.ToString(inst.InstanceId)] = cachedInterfaces{x.now(), list}
			}
		}
	}
	return nil
}

func attachedInterface(n *types.InstanceNetworkInterface) Interface {
	out := Interface{ID: aws.ToString(n.NetworkInterfaceId), Primary: n.Attachment != nil && aws.ToInt32(n.Attachment.DeviceIndex) == 0}
	for _, g := range n.Groups {
		out.Groups = append(out.Groups, aws.ToString(g.GroupId))
	}
	for _, a := range n.PrivateIpAddresses {
		out.address(a.PrivateIpAddress)
	}
	for _, a := range n.Ipv6Addresses {
		out.address(a.Ipv6Address)
	}
	for _, p := range n.Ipv4Prefixes {
		out.prefix(p.Ipv4Prefix)
	}
	for _, p := range n.Ipv6Prefixes {
		out.prefix(p.Ipv6Prefix)
	}
	slices.Sort(out.Groups)
	return out
}

func describedInterface(n *types.NetworkInterface) Interface {
	out := Interface{ID: aws.ToString(n.NetworkInterfaceId), Primary: n.Attachment != nil && aws.ToInt32(n.Attachment.DeviceIndex) == 0}
	for _, g := range n.Groups {
		out.Groups = append(out.Groups, aws.ToString(g.GroupId))
	}
	for _, a := range n.PrivateIpAddresses {
		out.address(a.PrivateIpAddress)
	}
	for _, a := range n.Ipv6Addresses {
		out.address(a.Ipv6Address)
	}
	for _, p := range n.Ipv4Prefixes {
		out.prefix(p.Ipv4Prefix)
	}
	for _, p := range n.Ipv6Prefixes {
		out.prefix(p.Ipv6Prefix)
	}
	slices.Sort(out.Groups)
	return out
}

func (i *Interface) address(s *string) {
	if a, err := netip.ParseAddr(aws.ToString(s)); err == nil {
		i.Addresses = append(i.Addresses, a)
	}
}

func (i *Interface) prefix(s *string) {
	if p, err := netip.ParsePrefix(aws.ToString(s)); err == nil {
		i.Prefixes = append(i.Prefixes, p)
	}
}
