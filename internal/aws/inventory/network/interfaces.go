package network

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
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
	return slices.Contains(i.Addresses, a) || slices.ContainsFunc(i.Prefixes, func(p netip.Prefix) bool {
		return p.Contains(a)
	})
}

// Interfaces caches the network interfaces of instances, and those asked for by id or address. It is safe for
// concurrent use.
type Interfaces struct {
	ec2       awsclient.EC2
	instances *cache.Cache[string, []Interface]
	carried   *cache.Cache[carried, bool] // addresses that the known interfaces of an instance do not have
	byID      *cache.Cache[string, Interface]
	byAddress map[bool]*cache.Cache[vpcAddress, Interface] // by whether the address is of IPv6
}

// carried is an address that an instance is said to have.
type carried struct {
	instance string
	address  netip.Addr
}

const (
	interfaceLifetime = 10 * time.Minute
	// interfacesPerRead is how many instances or interfaces one call names.
	interfacesPerRead = 100
)

// NewInterfaces makes an empty cache.
func NewInterfaces(client awsclient.EC2, now func() time.Time) *Interfaces {
	x := &Interfaces{ec2: client}
	x.instances = newCache(now, interfacesPerRead, x.describeInstances)
	x.carried = cache.New(cache.Config{
		Now: now, Lifetime: interfaceLifetime, Absence: cache.AbsencePauses, Batch: interfacesPerRead,
	}, x.describeCarriers)
	x.byID = newCache(now, interfacesPerRead, x.describeInterfaces)
	x.byAddress = map[bool]*cache.Cache[vpcAddress, Interface]{}
	for ipv6, filter := range addressFilters {
		x.byAddress[ipv6] = newCache(now, filterValues, func(ctx context.Context, of []vpcAddress) (
			map[vpcAddress]Interface, error) {
			return x.describeAddresses(ctx, filter, of)
		})
	}
	return x
}

func newCache[K comparable, V any](now func() time.Time, batch int, read func(context.Context, []K) (map[K]V,
	error)) *cache.Cache[K, V] {
	return cache.New(cache.Config{
		Now: now, Lifetime: interfaceLifetime, Absence: cache.AbsencePauses, Stale: cache.Stale, Wait: cache.Wait,
		Passing: awsclient.Passing, Batch: batch,
	}, read)
}

// OfInstances returns the interfaces of each instance; one that does not exist is missing from the result, which
// belongs to the caller, unlike the lists in it.
func (x *Interfaces) OfInstances(ctx context.Context, ids []string) (map[string][]Interface, error) {
	return x.instances.Get(ctx, ids...)
}

// OfInstance returns the interfaces of an instance if OfInstances would not read them; none if it does not exist.
// Nobody changes the list.
func (x *Interfaces) OfInstance(id string) (of []Interface, fresh bool) {
	of, _, fresh = x.instances.Fresh(id)
	return of, fresh
}

// Reread returns the interfaces of instances on which addresses are sought that their interfaces did not have, so far
// as is known. It reads an instance again, for the same address after longer and longer pauses.
func (x *Interfaces) Reread(ctx context.Context, sought map[string][]netip.Addr) (map[string][]Interface, error) {
	var all []carried
	for _, id := range slices.Sorted(maps.Keys(sought)) {
		for _, a := range sought[id] {
			all = append(all, carried{id, a})
		}
	}
	x.carried.Drop(all...) // an address that was here once and is not now
	if _, err := x.carried.Get(ctx, all...); err != nil {
		return nil, err
	}
	return x.instances.Get(ctx, slices.Collect(maps.Keys(sought))...)
}

// ByID returns interfaces by their own ids; one that does not exist is an error of EC2.
func (x *Interfaces) ByID(ctx context.Context, ids []string) (map[string]Interface, error) {
	return x.byID.Get(ctx, ids...)
}

func (x *Interfaces) describeInterfaces(ctx context.Context, ids []string) (map[string]Interface, error) {
	found, err := x.describe(ctx, &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: ids})
	out := map[string]Interface{}
	for _, n := range found {
		out[n.ID] = n
	}
	for _, id := range ids {
		if _, there := out[id]; !there && err == nil {
			err = fmt.Errorf("describing network interfaces: EC2 answered without %s", id)
		}
	}
	return out, err
}

func (x *Interfaces) describe(ctx context.Context, in *ec2.DescribeNetworkInterfacesInput) (out []Interface,
	err error) {
	for p := ec2.NewDescribeNetworkInterfacesPaginator(x.ec2, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describing network interfaces: %w", err)
		}
		for i := range page.NetworkInterfaces {
			out = append(out, describedInterface(&page.NetworkInterfaces[i]))
		}
	}
	return out, nil
}

// describeCarriers reads the instances of addresses, and returns which addresses they have.
func (x *Interfaces) describeCarriers(ctx context.Context, of []carried) (map[carried]bool, error) {
	ids := make([]string, 0, len(of))
	for _, c := range of {
		ids = append(ids, c.instance)
	}
	slices.Sort(ids)
	instances, err := x.describeInstances(ctx, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	for id, list := range instances {
		x.instances.Put(id, list)
	}
	out := map[carried]bool{}
	for _, c := range of {
		if slices.ContainsFunc(instances[c.instance], func(i Interface) bool { return i.Carries(c.address) }) {
			out[c] = true
		}
	}
	return out, nil
}

// describeInstances reads by filter, which unlike ids does not fail for an instance that is gone.
func (x *Interfaces) describeInstances(ctx context.Context, ids []string) (map[string][]Interface, error) {
	out := map[string][]Interface{}
	in := &ec2.DescribeInstancesInput{Filters: []types.Filter{{Name: aws.String("instance-id"), Values: ids}}}
	for p := ec2.NewDescribeInstancesPaginator(x.ec2, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describing instances: %w", err)
		}
		for _, r := range page.Reservations {
			for i := range r.Instances {
				inst := &r.Instances[i]
				var list []Interface
				for j := range inst.NetworkInterfaces {
					list = append(list, attachedInterface(&inst.NetworkInterfaces[j]))
				}
				out[aws.ToString(inst.InstanceId)] = list
			}
		}
	}
	return out, nil
}

func attachedInterface(n *types.InstanceNetworkInterface) Interface {
	out := newInterface(n.NetworkInterfaceId, n.Attachment != nil && aws.ToInt32(n.Attachment.DeviceIndex) == 0, n.Groups)
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
	return out
}

func describedInterface(n *types.NetworkInterface) Interface {
	out := newInterface(n.NetworkInterfaceId, n.Attachment != nil && aws.ToInt32(n.Attachment.DeviceIndex) == 0, n.Groups)
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
	return out
}

func newInterface(id *string, primary bool, groups []types.GroupIdentifier) Interface {
	out := Interface{ID: aws.ToString(id), Primary: primary}
	for _, g := range groups {
		out.Groups = append(out.Groups, aws.ToString(g.GroupId))
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
