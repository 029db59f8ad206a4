package ec2

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
)

// dhcpOptions is the id of the one set of DHCP options that all VPCs have.
const dhcpOptions = "dopt-00000000000000001"

var vpcs = collection[*vpc.VPC]{
	kind:    vpcKind,
	idParam: "vpcIds",
	all:     func(a *account.Account) map[string]*vpc.VPC { return a.VPCs },
	tags:    func(v *vpc.VPC) map[string]string { return v.Tags },
	filters: map[string]accessor[*vpc.VPC]{
		"vpc-id":          one(func(v *vpc.VPC) string { return v.ID }),
		"cidr":            one(primaryBlock),
		"cidrBlock":       one(primaryBlock),
		"is-default":      flag(func(v *vpc.VPC) bool { return v.Default }),
		"isDefault":       flag(func(v *vpc.VPC) bool { return v.Default }),
		"owner-id":        one(func(v *vpc.VPC) string { return v.Owner }),
		"state":           one(func(*vpc.VPC) string { return "available" }),
		"dhcp-options-id": one(func(*vpc.VPC) string { return dhcpOptions }),

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

func blocks[R any](list func(R) []vpc.CIDR, read func(vpc.CIDR) string) accessor[R] {
	return func(_ *account.Account, r R) []string {
		var values []string
		for _, c := range list(r) {
			values = append(values, read(c))
		}
		return values
	}
}

// DescribeVpcs lists VPCs.
func (s *Service) DescribeVpcs(ctx context.Context, in *ec2.DescribeVpcsInput, _ ...func(*ec2.Options)) (*ec2.DescribeVpcsOutput, error) {
	return read(ctx, s, "DescribeVpcs", in, s.describeVpcs)
}

func (s *Service) describeVpcs(in *ec2.DescribeVpcsInput) (*ec2.DescribeVpcsOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	found, next, err := vpcs.describe(s.account, query{in.VpcIds, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcsOutput{NextToken: next}
	for _, v := range found {
		out.Vpcs = append(out.Vpcs, vpcOut(v))
	}
	return out, nil
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
		Tags:            tagList(v.Tags),
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

var internetGateways = collection[*vpc.InternetGateway]{
	kind:    internetGatewayKind,
	idParam: "internetGatewayIds",
	all:     func(a *account.Account) map[string]*vpc.InternetGateway { return a.InternetGateways },
	tags:    func(g *vpc.InternetGateway) map[string]string { return g.Tags },
	filters: map[string]accessor[*vpc.InternetGateway]{
		"internet-gateway-id": one(func(g *vpc.InternetGateway) string { return g.ID }),
		"owner-id":            one(func(g *vpc.InternetGateway) string { return g.Owner }),
		"attachment.vpc-id":   func(_ *account.Account, g *vpc.InternetGateway) []string { return g.VPCs },
		"attachment.state": func(_ *account.Account, g *vpc.InternetGateway) []string {
			if len(g.VPCs) == 0 {
				return nil
			}
			return []string{"available"}
		},
	},
}

// DescribeInternetGateways lists internet gateways.
func (s *Service) DescribeInternetGateways(ctx context.Context, in *ec2.DescribeInternetGatewaysInput, _ ...func(*ec2.Options)) (*ec2.DescribeInternetGatewaysOutput, error) {
	return read(ctx, s, "DescribeInternetGateways", in, s.describeInternetGateways)
}

func (s *Service) describeInternetGateways(in *ec2.DescribeInternetGatewaysInput) (*ec2.DescribeInternetGatewaysOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	found, next, err := internetGateways.describe(s.account, query{in.InternetGatewayIds, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeInternetGatewaysOutput{NextToken: next}
	for _, g := range found {
		item := types.InternetGateway{InternetGatewayId: aws.String(g.ID), OwnerId: aws.String(g.Owner), Tags: tagList(g.Tags)}
		for _, v := range g.VPCs {
			item.Attachments = append(item.Attachments, types.InternetGatewayAttachment{State: "available", VpcId: aws.String(v)})
		}
		out.InternetGateways = append(out.InternetGateways, item)
	}
	return out, nil
}

var routeTables = collection[*vpc.RouteTable]{
	kind:    routeTableKind,
	idParam: "routeTableIds",
	all:     func(a *account.Account) map[string]*vpc.RouteTable { return a.RouteTables },
	tags:    func(t *vpc.RouteTable) map[string]string { return t.Tags },
	filters: map[string]accessor[*vpc.RouteTable]{
		"vpc-id":         one(func(t *vpc.RouteTable) string { return t.VPC }),
		"route-table-id": one(func(t *vpc.RouteTable) string { return t.ID }),
		"owner-id":       one(func(t *vpc.RouteTable) string { return t.Owner }),

		"association.main":      flag(func(t *vpc.RouteTable) bool { return t.Main }),
		"association.subnet-id": func(_ *account.Account, t *vpc.RouteTable) []string { return slices.Sorted(maps.Keys(t.Subnets)) },
		"association.route-table-id": func(_ *account.Account, t *vpc.RouteTable) []string {
			if !t.Main && len(t.Subnets) == 0 {
				return nil
			}
			return []string{t.ID}
		},
		"association.route-table-association-id": func(_ *account.Account, t *vpc.RouteTable) []string {
			var ids []string
			if t.Main {
				ids = append(ids, t.MainID)
			}
			for _, id := range t.Subnets {
				ids = append(ids, id)
			}
			return ids
		},

		"route.gateway-id":     routeValues(func(r vpc.Route) string { return r.Gateway }),
		"route.nat-gateway-id": routeValues(func(r vpc.Route) string { return r.NATGateway }),
		"route.state":          routeValues(func(r vpc.Route) string { return r.State }),
		"route.destination-cidr-block": routeValues(func(r vpc.Route) string {
			if strings.Contains(r.Destination, ".") {
				return r.Destination
			}
			return ""
		}),
		"route.destination-ipv6-cidr-block": routeValues(func(r vpc.Route) string {
			if strings.Contains(r.Destination, ":") {
				return r.Destination
			}
			return ""
		}),
		"route.destination-prefix-list-id": routeValues(func(r vpc.Route) string {
			if strings.HasPrefix(r.Destination, "pl-") {
				return r.Destination
			}
			return ""
		}),
	},
}

// routeValues reads one attribute of all routes, leaving out those that lack it.
func routeValues(read func(vpc.Route) string) accessor[*vpc.RouteTable] {
	return func(_ *account.Account, t *vpc.RouteTable) []string {
		var values []string
		for _, r := range t.Routes {
			if v := read(r); v != "" {
				values = append(values, v)
			}
		}
		return values
	}
}

// DescribeRouteTables lists route tables. Only explicit associations and the main one are told.
func (s *Service) DescribeRouteTables(ctx context.Context, in *ec2.DescribeRouteTablesInput, _ ...func(*ec2.Options)) (*ec2.DescribeRouteTablesOutput, error) {
	return read(ctx, s, "DescribeRouteTables", in, s.describeRouteTables)
}

func (s *Service) describeRouteTables(in *ec2.DescribeRouteTablesInput) (*ec2.DescribeRouteTablesOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	found, next, err := routeTables.describe(s.account, query{in.RouteTableIds, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeRouteTablesOutput{NextToken: next}
	for _, t := range found {
		out.RouteTables = append(out.RouteTables, routeTableOut(t))
	}
	return out, nil
}

func routeTableOut(t *vpc.RouteTable) types.RouteTable {
	out := types.RouteTable{RouteTableId: aws.String(t.ID), VpcId: aws.String(t.VPC), OwnerId: aws.String(t.Owner), Tags: tagList(t.Tags)}
	associated := &types.RouteTableAssociationState{State: types.RouteTableAssociationStateCodeAssociated}
	if t.Main {
		out.Associations = append(out.Associations, types.RouteTableAssociation{
			Main: aws.Bool(true), RouteTableAssociationId: aws.String(t.MainID), RouteTableId: aws.String(t.ID), AssociationState: associated,
		})
	}
	for _, subnet := range slices.Sorted(maps.Keys(t.Subnets)) {
		out.Associations = append(out.Associations, types.RouteTableAssociation{
			Main: aws.Bool(false), RouteTableAssociationId: aws.String(t.Subnets[subnet]), RouteTableId: aws.String(t.ID),
			SubnetId: aws.String(subnet), AssociationState: associated,
		})
	}
	for _, r := range t.Routes {
		route := types.Route{State: types.RouteState(r.State), Origin: types.RouteOriginCreateRoute}
		if r.Gateway == "local" {
			route.Origin = types.RouteOriginCreateRouteTable
		}
		if strings.HasPrefix(r.Gateway, "eigw-") {
			route.EgressOnlyInternetGatewayId = aws.String(r.Gateway)
		} else if r.Gateway != "" {
			route.GatewayId = aws.String(r.Gateway)
		}
		for _, other := range []struct {
			id   string
			into **string
		}{
			{r.NATGateway, &route.NatGatewayId}, {r.Peering, &route.VpcPeeringConnectionId},
			{r.Interface, &route.NetworkInterfaceId}, {r.Transit, &route.TransitGatewayId},
		} {
			if other.id != "" {
				*other.into = aws.String(other.id)
			}
		}
		switch {
		case strings.HasPrefix(r.Destination, "pl-"):
			route.DestinationPrefixListId = aws.String(r.Destination)
		case strings.Contains(r.Destination, ":"):
			route.DestinationIpv6CidrBlock = aws.String(r.Destination)
		default:
			route.DestinationCidrBlock = aws.String(r.Destination)
		}
		out.Routes = append(out.Routes, route)
	}
	return out
}
