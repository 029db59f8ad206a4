package inventory

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/facts"
)

const associated = "associated"

func filter(name string, values ...string) []ec2types.Filter {
	return []ec2types.Filter{{Name: aws.String(name), Values: values}}
}

func (i *Inventory) vpc(ctx context.Context) (*facts.VPC, error) {
	return i.learnVPC(ctx, i.cfg.VPC, &i.facts.vpc)
}

// vpcFact is the place of what is known of a VPC.
func (i *Inventory) vpcFact(id string) *fact[*facts.VPC] {
	if id == i.cfg.VPC {
		return &i.facts.vpc
	}
	return shelfOf(i, i.facts.foreignVPCs, id)
}

func (i *Inventory) learnVPC(ctx context.Context, id string, f *fact[*facts.VPC]) (*facts.VPC, error) {
	return learn(ctx, i, "vpc "+id, f, always[*facts.VPC](vpcLifetime), 0, func(ctx context.Context) (*facts.VPC, error) {
		out, err := i.clients.EC2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{id}})
		if err != nil {
			return nil, fmt.Errorf("describing VPC %s: %w", id, err)
		}
		if len(out.Vpcs) == 0 {
			return nil, fmt.Errorf("describing VPC %s: no such VPC in the answer", id)
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
		return v, nil
	})
}

func (a *answer) vpc(ctx context.Context) error {
	v, err := a.i.vpc(ctx)
	if err == nil {
		a.set(func(f *facts.Facts) { f.VPC = v })
	}
	return err
}

// locales of zone types as EC2 spells them.
var locales = map[string]facts.Locale{
	"availability-zone": facts.AvailabilityZone,
	"local-zone":        facts.LocalZone,
	"wavelength-zone":   facts.WavelengthZone,
}

func (i *Inventory) zones(ctx context.Context) (map[string]facts.Locale, error) {
	return learn(ctx, i, "zones", &i.facts.zones, always[map[string]facts.Locale](zoneLifetime), 0, func(ctx context.Context) (map[string]facts.Locale, error) {
		out, err := i.clients.EC2.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{})
		if err != nil {
			return nil, fmt.Errorf("describing availability zones: %w", err)
		}
		m := map[string]facts.Locale{}
		for _, z := range out.AvailabilityZones {
			m[aws.ToString(z.ZoneName)] = locales[aws.ToString(z.ZoneType)]
		}
		return m, nil
	})
}

func (i *Inventory) subnets(ctx context.Context) (map[string]facts.Subnet, error) {
	zones, err := i.zones(ctx)
	if err != nil {
		return nil, err
	}
	return learn(ctx, i, "subnets", &i.facts.subnets, always[map[string]facts.Subnet](subnetLifetime), i.cfg.Moment, func(ctx context.Context) (map[string]facts.Subnet, error) {
		return i.describeSubnets(ctx, filter("vpc-id", i.cfg.VPC), zones)
	})
}

func (i *Inventory) describeSubnets(ctx context.Context, by []ec2types.Filter, zones map[string]facts.Locale) (map[string]facts.Subnet, error) {
	out := map[string]facts.Subnet{}
	for p := ec2.NewDescribeSubnetsPaginator(i.clients.EC2, &ec2.DescribeSubnetsInput{Filters: by, MaxResults: aws.Int32(1000)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describing subnets: %w", err)
		}
		for n := range page.Subnets {
			s := subnet(&page.Subnets[n], zones)
			out[s.ID] = s
		}
	}
	return out, nil
}

func subnet(s *ec2types.Subnet, zones map[string]facts.Locale) facts.Subnet {
	out := facts.Subnet{
		ID: aws.ToString(s.SubnetId), VPC: aws.ToString(s.VpcId), Zone: aws.ToString(s.AvailabilityZone), CIDR: aws.ToString(s.CidrBlock),
		AvailableIPs: aws.ToInt32(s.AvailableIpAddressCount), Tags: cloud.ComputeTags(s.Tags),
	}
	out.Locale = zones[out.Zone]
	if out.Locale == "" {
		out.Locale = facts.AvailabilityZone
	}
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

func (a *answer) subnets(ctx context.Context) error {
	s, err := a.i.subnets(ctx)
	if err == nil {
		a.set(func(f *facts.Facts) { f.Subnets = s })
	}
	return err
}

// routing tells which subnets have a route to an internet gateway.
type routing struct {
	public map[string]bool // subnets with a route table of their own
	main   bool            // whether the main route table, which holds for all others, has one
}

func (r routing) apply(subnets map[string]facts.Subnet) map[string]facts.Subnet {
	out := make(map[string]facts.Subnet, len(subnets))
	for id, s := range subnets {
		public, own := r.public[id]
		s.Public = public || !own && r.main
		out[id] = s
	}
	return out
}

func (a *answer) routeTables(ctx context.Context) error {
	i := a.i
	subnets, err := i.subnets(ctx) // routes are a property of subnets
	if err != nil {
		return err
	}
	r, err := learn(ctx, i, "routes", &i.facts.routes, always[routing](routeLifetime), i.cfg.Moment, i.describeRoutes)
	if err != nil {
		return err
	}
	a.set(func(f *facts.Facts) { f.Subnets, a.routes, a.routesKnown = subnets, r, true })
	return nil
}

func (i *Inventory) describeRoutes(ctx context.Context) (routing, error) {
	r := routing{public: map[string]bool{}}
	for p := ec2.NewDescribeRouteTablesPaginator(i.clients.EC2, &ec2.DescribeRouteTablesInput{Filters: filter("vpc-id", i.cfg.VPC)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return routing{}, fmt.Errorf("describing route tables: %w", err)
		}
		for _, t := range page.RouteTables {
			public := slices.ContainsFunc(t.Routes, leadsOutside)
			for _, a := range t.Associations {
				if aws.ToBool(a.Main) {
					r.main = public
				} else if a.SubnetId != nil {
					r.public[*a.SubnetId] = public
				}
			}
		}
	}
	return r, nil
}

func leadsOutside(r ec2types.Route) bool {
	gateway := aws.ToString(r.GatewayId)
	return r.State == ec2types.RouteStateActive && len(gateway) > 4 && gateway[:4] == "igw-" &&
		(aws.ToString(r.DestinationCidrBlock) == "0.0.0.0/0" || aws.ToString(r.DestinationIpv6CidrBlock) == "::/0")
}

// Foreign subnets and groups are asked for by filter, which unlike ids does not fail for one that does not exist.

func (i *Inventory) readForeignSubnets(ctx context.Context, ids []string) (map[string]facts.Subnet, error) {
	zones, err := i.zones(ctx)
	if err != nil {
		return nil, err
	}
	return i.describeSubnets(ctx, filter("subnet-id", ids...), zones)
}

func (a *answer) foreignSubnets(ctx context.Context) error {
	got, err := named(ctx, a.i.facts.foreignSubnets, a.keys(facts.NeedForeignSubnet))
	if err == nil {
		a.set(func(f *facts.Facts) { f.ForeignSubnets = got })
	}
	return err
}

func (a *answer) foreignGroups(ctx context.Context) error {
	got, err := named(ctx, a.i.facts.foreignGroups, a.keys(facts.NeedForeignGroup))
	if err == nil {
		a.set(func(f *facts.Facts) { f.ForeignGroups = got })
	}
	return err
}

// named looks keys up; one that does not exist is nil.
func named[T any](ctx context.Context, l *lookups[string, T], keys []string) (map[string]*T, error) {
	found, err := l.get(ctx, keys...)
	if err != nil {
		return nil, err
	}
	out := map[string]*T{}
	for _, k := range keys {
		out[k] = nil
		if v, ok := found[k]; ok {
			out[k] = &v
		}
	}
	return out, nil
}

func (i *Inventory) describeForeignGroups(ctx context.Context, ids []string) (map[string]facts.SecurityGroup, error) {
	out := map[string]facts.SecurityGroup{}
	in := &ec2.DescribeSecurityGroupsInput{Filters: filter("group-id", ids...), MaxResults: aws.Int32(1000)}
	for p := ec2.NewDescribeSecurityGroupsPaginator(i.clients.EC2, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describing security groups: %w", err)
		}
		for n := range page.SecurityGroups {
			g := described(&page.SecurityGroups[n], i.cfg.Now())
			out[g.facts.ID] = g.facts
		}
	}
	return out, nil
}
