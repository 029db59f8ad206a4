// Package network caches the network of the account: VPCs, subnets with their zones and routes, network interfaces
// and addresses. Each kind has its own cache with its own lifetime. The package writes nothing to AWS.
package network

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	vpcLifetime           = 10 * time.Minute
	vpcStale              = 24 * time.Hour // ranges are added to a VPC, and hardly ever taken away
	zoneLifetime          = 24 * time.Hour
	subnetLifetime        = 10 * time.Minute
	routeLifetime         = 10 * time.Minute
	foreignSubnetLifetime = 20 * time.Minute
	addressLifetime       = time.Minute // what is in use changes with load balancers
	// firstVPCRead bounds how long VPCAtHand waits for the read that it begins.
	firstVPCRead = 100 * time.Millisecond
	// filterValues is how many values EC2 admits in the filters of a call, less the VPC's.
	filterValues = 199

	associated = "associated"
)

// Network is the known state of the network around one VPC. It is safe for concurrent use.
type Network struct {
	ec2 awsclient.EC2
	vpc string

	vpcs      *cache.Cache[string, *facts.VPC]
	zones     *cache.Value[map[string]facts.Locale]
	subnets   *cache.Value[map[string]facts.Subnet]
	routes    *cache.Value[routing]
	foreign   *cache.Cache[string, facts.Subnet]
	addresses *cache.Value[map[string]facts.Address]
	lists     *cache.Cache[string, stack.PrefixList]
}

// New makes an empty Network around a VPC. wait is how long, in real time, a caller waits for a new answer where an old
// one serves.
func New(client awsclient.EC2, vpc string, now func() time.Time, wait time.Duration) *Network {
	n := &Network{ec2: client, vpc: vpc}
	n.vpcs = cache.New(cache.Config{
		Now: now, Lifetime: vpcLifetime, Absence: cache.AbsencePauses, Stale: vpcStale, Passing: awsclient.Passing,
		Batch: 1,
	}, cache.One(n.describeVPC))
	n.zones = cache.NewValue(cache.Config{
		Now: now, Lifetime: zoneLifetime, Stale: cache.Stale, Passing: awsclient.Passing,
	}, n.describeZones)
	n.subnets = cache.NewValue(cache.Config{
		Now: now, Lifetime: subnetLifetime, Stale: cache.Stale, Wait: wait, Passing: awsclient.Passing,
	}, func(ctx context.Context) (map[string]facts.Subnet, error) {
		return n.describeSubnets(ctx, "vpc-id", vpc)
	})
	n.routes = cache.NewValue(cache.Config{
		Now: now, Lifetime: routeLifetime, Stale: cache.Stale, Wait: wait, Passing: awsclient.Passing,
	}, n.describeRoutes)
	n.addresses = cache.NewValue(cache.Config{
		Now: now, Lifetime: addressLifetime, Stale: cache.Stale, Wait: wait, Passing: awsclient.Passing,
	}, n.describeAddresses)
	n.foreign = cache.New(cache.Config{
		Now: now, Lifetime: foreignSubnetLifetime, Absence: cache.AbsencePauses, Stale: cache.Stale, Wait: wait,
		Passing: awsclient.Passing, Batch: filterValues,
	}, func(ctx context.Context, ids []string) (map[string]facts.Subnet, error) {
		return n.describeSubnets(ctx, "subnet-id", ids...) // a filter, unlike ids, does not fail for what does not exist
	})
	n.lists = newPrefixLists(client, now, wait)
	return n
}

// VPC returns the VPC that this network is around. What it points to must not be changed.
func (n *Network) VPC(ctx context.Context) (*facts.VPC, error) {
	got, err := n.vpcs.Get(ctx, n.vpc)
	return got[n.vpc], err
}

// VPCAtHand returns a VPC as it was read last, however long ago; known is false if it was never read. It does not wait:
// what is past its lifetime is read meanwhile. Only the caller that begins the first read waits for it, for 100 ms at
// most.
func (n *Network) VPCAtHand(ctx context.Context, id string) (vpc *facts.VPC, known bool) {
	done := n.vpcs.Refresh(ctx, id)
	if vpc, known = n.vpcs.Peek(id); known || done == nil {
		return vpc, known
	}
	t := time.NewTimer(firstVPCRead)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	case <-ctx.Done():
	}
	return n.vpcs.Peek(id)
}

// Subnets returns the subnets of the VPC by id. The map must not be changed.
func (n *Network) Subnets(ctx context.Context) (map[string]facts.Subnet, error) {
	return n.subnets.Get(ctx)
}

// Lists counts the lists of the VPC's subnets and route tables that were read.
func (n *Network) Lists() uint64 { return n.subnets.Loads() + n.routes.Loads() }

// RoutedSubnets returns the subnets of the VPC by id, each with Public filled in.
func (n *Network) RoutedSubnets(ctx context.Context) (map[string]facts.Subnet, error) {
	subnets, err := n.subnets.Get(ctx)
	if err != nil {
		return nil, err
	}
	r, err := n.routes.Get(ctx)
	if err != nil {
		return nil, err
	}
	return r.apply(subnets), nil
}

// ForeignSubnets finds subnets of any VPC by id. One that does not exist is missing from the result, which belongs to
// the caller.
func (n *Network) ForeignSubnets(ctx context.Context, ids []string) (map[string]facts.Subnet, error) {
	return n.foreign.Get(ctx, ids...)
}

// ConfirmMissing reads subnets that the list lacks and that a load balancer is about to lose. If any of them exists in
// the VPC, the list is read again, and an error says so. Without a list nothing is read: none decided about them.
func (n *Network) ConfirmMissing(ctx context.Context, ids []string) error {
	for _, id := range ids {
		list, listed := n.subnets.Peek()
		if _, there := list[id]; there || !listed {
			continue
		}
		out, err := n.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{id}})
		there := err == nil && len(out.Subnets) > 0
		gone, err := absence.OfRead(there, err != nil && awsclient.Classify(err).Class == diag.NotFound, err)
		if err != nil {
			return fmt.Errorf("looking whether subnet %s, which the list lacks, exists: %w", id, err)
		}
		if !gone.Proven() && aws.ToString(out.Subnets[0].VpcId) == n.vpc {
			n.ForgetSubnets()
			return fmt.Errorf("subnet %s exists and AWS's list of subnets lacks it: %w", id, absence.ErrUnknown)
		}
	}
	return nil
}

// Misrouted confirms the routes of subnets that a load balancer is about to lose or to get: the list of route tables
// may lack their tables. If the routes differ, the list is read again, and an error says so. Without a list nothing is
// read: none decided about them.
func (n *Network) Misrouted(ctx context.Context, ids []string) error {
	listed, known := n.routes.Peek()
	if !known || len(ids) == 0 {
		return nil
	}
	read, err := n.routesOf(ctx, ids)
	if err != nil {
		return fmt.Errorf("looking whether subnets %s are public: %w", strings.Join(ids, ", "), err)
	}
	for _, id := range ids {
		if read.isPublic(id) != listed.isPublic(id) {
			n.ForgetRoutes()
			return fmt.Errorf("AWS's list of route tables lacks the one of subnet %s: %w", id, absence.ErrUnknown)
		}
	}
	return nil
}

// routesOf reads the route tables of subnets: their own ones, and for those without one the main one.
func (n *Network) routesOf(ctx context.Context, subnets []string) (routing, error) {
	r, err := n.describeTables(ctx, filter("association.subnet-id", subnets...))
	lacksOwn := func(subnet string) bool { _, own := r.public[subnet]; return !own }
	if err != nil || !slices.ContainsFunc(subnets, lacksOwn) {
		return r, err
	}
	main, err := n.describeTables(ctx, filter("association.main", "true"))
	r.main = main.main
	return r, cmp.Or(err, r.incomplete())
}

// Addresses returns the Elastic IP addresses of the account by their text. The map must not be changed.
func (n *Network) Addresses(ctx context.Context) (map[string]facts.Address, error) {
	return n.addresses.Get(ctx)
}

// ForgetAddresses has the Elastic IP addresses read again.
func (n *Network) ForgetAddresses() { n.addresses.Forget() }

// ForgetVPC has the VPC read again.
func (n *Network) ForgetVPC() { n.vpcs.Forget(n.vpc) }

// ForgetSubnets has the subnets of the VPC listed again.
func (n *Network) ForgetSubnets() { n.subnets.Forget() }

// ForgetRoutes has the route tables read again.
func (n *Network) ForgetRoutes() { n.routes.Forget() }

// ForgetForeignSubnets has subnets of other VPCs read again; no id stands for all.
func (n *Network) ForgetForeignSubnets(ids ...string) { n.foreign.Forget(ids...) }

// describeVPC reads a VPC. Another one than that of the network may be of another account, and is not shown then.
func (n *Network) describeVPC(ctx context.Context, id string) (*facts.VPC, bool, error) {
	out, err := n.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{id}})
	if err != nil {
		if id != n.vpc && awsclient.Classify(err).Class == diag.NotFound {
			return nil, false, nil
		}
		return nil, false, fmt.Errorf("describing VPC %s: %w", id, err)
	}
	if len(out.Vpcs) == 0 {
		return nil, false, fmt.Errorf("describing VPC %s: no such VPC in the answer", id)
	}
	v := &facts.VPC{ID: id}
	for _, a := range out.Vpcs[0].CidrBlockAssociationSet {
		if a.CidrBlockState != nil && a.CidrBlockState.State == associated {
			v.CIDRs = append(v.CIDRs, aws.ToString(a.CidrBlock))
		}
	}
	for _, a := range out.Vpcs[0].Ipv6CidrBlockAssociationSet {
		if a.Ipv6CidrBlockState != nil && a.Ipv6CidrBlockState.State == associated {
			v.IPv6CIDRs = append(v.IPv6CIDRs, aws.ToString(a.Ipv6CidrBlock))
		}
	}
	return v, true, nil
}

func (n *Network) describeAddresses(ctx context.Context) (map[string]facts.Address, error) {
	out, err := n.ec2.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{})
	if err != nil {
		return nil, fmt.Errorf("describing Elastic IP addresses: %w", err)
	}
	m := map[string]facts.Address{}
	for i := range out.Addresses {
		a := &out.Addresses[i]
		m[aws.ToString(a.PublicIp)] = facts.Address{AllocationID: aws.ToString(a.AllocationId), InUse: a.AssociationId != nil}
	}
	return m, nil
}

// locales of zone types as EC2 spells them.
var locales = map[string]facts.Locale{
	"availability-zone": facts.AvailabilityZone,
	"local-zone":        facts.LocalZone,
	"wavelength-zone":   facts.WavelengthZone,
}

func (n *Network) describeZones(ctx context.Context) (map[string]facts.Locale, error) {
	out, err := n.ec2.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{})
	if err != nil {
		return nil, fmt.Errorf("describing availability zones: %w", err)
	}
	m := map[string]facts.Locale{}
	for _, z := range out.AvailabilityZones {
		m[aws.ToString(z.ZoneName)] = locales[aws.ToString(z.ZoneType)]
	}
	return m, nil
}

func (n *Network) describeSubnets(ctx context.Context, by string, values ...string) (
	map[string]facts.Subnet, error) {
	zones, err := n.zones.Get(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]facts.Subnet{}
	in := &ec2.DescribeSubnetsInput{Filters: []ec2types.Filter{filter(by, values...)},
		MaxResults: aws.Int32(1000)}
	for p := ec2.NewDescribeSubnetsPaginator(n.ec2, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describing subnets: %w", err)
		}
		for i := range page.Subnets {
			s := subnet(&page.Subnets[i], zones)
			out[s.ID] = s
		}
	}
	return out, nil
}

func subnet(s *ec2types.Subnet, zones map[string]facts.Locale) facts.Subnet {
	out := facts.Subnet{
		ID: aws.ToString(s.SubnetId), VPC: aws.ToString(s.VpcId), Zone: aws.ToString(s.AvailabilityZone),
		CIDR: aws.ToString(s.CidrBlock), IPv6Native: aws.ToBool(s.Ipv6Native),
		AvailableIPs: aws.ToInt32(s.AvailableIpAddressCount), Tags: awsclient.ComputeTags(s.Tags),
	}
	out.Locale = cmp.Or(zones[out.Zone], facts.AvailabilityZone)
	if aws.ToString(s.OutpostArn) != "" {
		out.Locale = facts.Outpost
	}
	for _, a := range s.Ipv6CidrBlockAssociationSet {
		if a.Ipv6CidrBlockState != nil && a.Ipv6CidrBlockState.State == associated {
			out.IPv6CIDRs = append(out.IPv6CIDRs, aws.ToString(a.Ipv6CidrBlock))
		}
	}
	return out
}

// routing says which subnets have a route to an internet gateway.
type routing struct {
	public map[string]bool // subnets with a route table of their own
	main   *bool           // whether the main route table, which holds for all others, has one; nil = it was not read
}

// incomplete is an error if the main route table, which each VPC has, was not read.
func (r routing) incomplete() error {
	if r.main == nil {
		return fmt.Errorf("AWS's answer lacks the main route table: %w", absence.ErrUnknown)
	}
	return nil
}

func (r routing) isPublic(subnet string) bool {
	public, own := r.public[subnet]
	return public || !own && aws.ToBool(r.main)
}

func (r routing) apply(subnets map[string]facts.Subnet) map[string]facts.Subnet {
	out := make(map[string]facts.Subnet, len(subnets))
	for id, s := range subnets {
		s.Public = r.isPublic(id)
		out[id] = s
	}
	return out
}

func (n *Network) describeRoutes(ctx context.Context) (routing, error) {
	r, err := n.describeTables(ctx)
	return r, cmp.Or(err, r.incomplete())
}

// describeTables reads the route tables of the VPC that filters select.
func (n *Network) describeTables(ctx context.Context, more ...ec2types.Filter) (routing, error) {
	r := routing{public: map[string]bool{}}
	in := &ec2.DescribeRouteTablesInput{Filters: append(more, filter("vpc-id", n.vpc))}
	for p := ec2.NewDescribeRouteTablesPaginator(n.ec2, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return routing{}, fmt.Errorf("describing route tables: %w", err)
		}
		for _, t := range page.RouteTables {
			public := slices.ContainsFunc(t.Routes, leadsOutside)
			for _, a := range t.Associations {
				if aws.ToBool(a.Main) {
					r.main = &public
				} else if a.SubnetId != nil {
					r.public[*a.SubnetId] = public
				}
			}
		}
	}
	return r, nil
}

func filter(name string, values ...string) ec2types.Filter {
	return ec2types.Filter{Name: &name, Values: values}
}

func leadsOutside(r ec2types.Route) bool {
	return r.State == ec2types.RouteStateActive && strings.HasPrefix(aws.ToString(r.GatewayId), "igw-") &&
		(aws.ToString(r.DestinationCidrBlock) == "0.0.0.0/0" || aws.ToString(r.DestinationIpv6CidrBlock) == "::/0")
}
