package network

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
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/ec2/filter"
	"github.com/k8s-lbc/lbc/awssim/ec2/kind"
	"github.com/k8s-lbc/lbc/awssim/ec2/request"
)

var routeTables = filter.Collection[*vpc.RouteTable]{
	Kind:    kind.RouteTable,
	IDParam: "routeTableIds",
	All:     func(a *account.Account) map[string]*vpc.RouteTable { return a.RouteTables },
	Tags:    func(t *vpc.RouteTable) map[string]string { return t.Tags },
	Filters: map[string]filter.Accessor[*vpc.RouteTable]{
		"vpc-id":         filter.One(func(t *vpc.RouteTable) string { return t.VPC }),
		"route-table-id": filter.One(func(t *vpc.RouteTable) string { return t.ID }),
		"owner-id":       filter.One(func(t *vpc.RouteTable) string { return t.Owner }),

		"association.main": filter.Flag(func(t *vpc.RouteTable) bool { return t.Main }),
		"association.subnet-id": func(_ *account.Account, t *vpc.RouteTable) []string {
			return slices.Sorted(maps.Keys(t.Subnets))
		},
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
func routeValues(read func(vpc.Route) string) filter.Accessor[*vpc.RouteTable] {
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

// DescribeRouteTables lists route tables. Only explicit associations and the main one are listed.
func (s *Networks) DescribeRouteTables(ctx context.Context, in *ec2.DescribeRouteTablesInput, _ ...func(*ec2.Options)) (
	*ec2.DescribeRouteTablesOutput, error) {
	return call.Read(ctx, s.entry, "DescribeRouteTables", in, s.describeRouteTables)
}

func (s *Networks) describeRouteTables(in *ec2.DescribeRouteTablesInput) (*ec2.DescribeRouteTablesOutput, error) {
	found, next, err := routeTables.Describe(s.account, filter.Query{DryRun: in.DryRun, IDs: in.RouteTableIds,
		Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken})
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeRouteTablesOutput{RouteTables: filter.Answer(found, routeTableOut), NextToken: next}, nil
}

func routeTableOut(t *vpc.RouteTable) types.RouteTable {
	out := types.RouteTable{RouteTableId: aws.String(t.ID), VpcId: aws.String(t.VPC), OwnerId: aws.String(t.Owner),
		Tags: request.TagList(t.Tags)}
	associated := &types.RouteTableAssociationState{State: types.RouteTableAssociationStateCodeAssociated}
	if t.Main {
		out.Associations = append(out.Associations, types.RouteTableAssociation{
			Main: aws.Bool(true), RouteTableAssociationId: aws.String(t.MainID), RouteTableId: aws.String(t.ID),
			AssociationState: associated,
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

// CreateRouteTable makes a table with the local routes of its VPC.
func (s *Networks) CreateRouteTable(ctx context.Context, in *ec2.CreateRouteTableInput, _ ...func(*ec2.Options)) (
	*ec2.CreateRouteTableOutput, error) {
	return call.Write(ctx, s.entry, "CreateRouteTable", in, func(in *ec2.CreateRouteTableInput) (
		*ec2.CreateRouteTableOutput, error) {
		v, err := request.Named(s.account, kind.VPC, "vpcId", in.VpcId, s.account.VPCs)
		if err != nil {
			return nil, err
		}
		tags, err := request.SpecifiedTags(in.TagSpecifications, kind.RouteTable)
		if err != nil {
			return nil, err
		}
		count := 0
		for _, t := range s.account.RouteTables {
			if t.VPC == v.ID {
				count++
			}
		}
		if count >= s.account.Quota("route-tables-per-vpc") {
			return nil, apierr.New("RouteTableLimitExceeded", "The maximum number of route tables has been reached.")
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		t := &vpc.RouteTable{VPC: v.ID, Owner: v.Owner, Subnets: map[string]string{}, Routes: s.account.LocalRoutes(v),
			Tags: tags}
		s.account.AddRouteTable(t)
		s.account.CreatedCompute(t.ID)
		out := routeTableOut(t)
		return &ec2.CreateRouteTableOutput{RouteTable: &out, ClientToken: in.ClientToken}, nil
	})
}

// DeleteRouteTable deletes a table that no subnet uses and that is not the main one.
func (s *Networks) DeleteRouteTable(ctx context.Context, in *ec2.DeleteRouteTableInput, _ ...func(*ec2.Options)) (
	*ec2.DeleteRouteTableOutput, error) {
	return call.Write(ctx, s.entry, "DeleteRouteTable", in, func(in *ec2.DeleteRouteTableInput) (
		*ec2.DeleteRouteTableOutput, error) {
		t, err := request.Named(s.account, kind.RouteTable, "routeTableId", in.RouteTableId, s.account.RouteTables)
		if err != nil {
			return nil, err
		}
		if t.Main || len(t.Subnets) > 0 {
			return nil, apierr.New("DependencyViolation", "The routeTable '%s' has dependencies and cannot be deleted.", t.ID)
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		delete(s.account.RouteTables, t.ID)
		return &ec2.DeleteRouteTableOutput{}, nil
	})
}

// AssociateRouteTable makes a subnet that uses the main table use another one.
func (s *Networks) AssociateRouteTable(ctx context.Context, in *ec2.AssociateRouteTableInput, _ ...func(*ec2.Options)) (
	*ec2.AssociateRouteTableOutput, error) {
	return call.Write(ctx, s.entry, "AssociateRouteTable", in, func(in *ec2.AssociateRouteTableInput) (
		*ec2.AssociateRouteTableOutput, error) {
		t, err := request.Named(s.account, kind.RouteTable, "routeTableId", in.RouteTableId, s.account.RouteTables)
		if err != nil {
			return nil, err
		}
		if in.GatewayId != nil {
			return nil, request.InvalidValue("Route tables of gateways are not simulated; give a subnetId")
		}
		n, err := request.Named(s.account, kind.Subnet, "subnetId", in.SubnetId, s.account.Subnets)
		if err != nil {
			return nil, err
		}
		if n.VPC != t.VPC {
			return nil, request.InvalidValue("Route table %s and subnet %s belong to different networks", t.ID, n.ID)
		}
		for _, o := range s.account.RouteTables {
			if _, ok := o.Subnets[n.ID]; ok && o != t {
				return nil, apierr.New("Resource.AlreadyAssociated",
					"the specified association for route table %s conflicts with an existing association", t.ID)
			}
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		if t.Subnets[n.ID] == "" {
			associate(s.account, t, n.ID)
		}
		return &ec2.AssociateRouteTableOutput{AssociationId: aws.String(t.Subnets[n.ID]), AssociationState: associated()}, nil
	})
}

func associate(a *account.Account, t *vpc.RouteTable, subnet string) {
	if t.Subnets == nil {
		t.Subnets = map[string]string{}
	}
	t.Subnets[subnet] = a.NewID("rtbassoc")
}

func associated() *types.RouteTableAssociationState {
	return &types.RouteTableAssociationState{State: types.RouteTableAssociationStateCodeAssociated}
}

// association finds a table, and the subnet ("" for the main association) by association id.
func (s *Networks) association(id *string) (*vpc.RouteTable, string, error) {
	if aws.ToString(id) == "" {
		return nil, "", request.Missing("associationId")
	}
	for _, t := range s.account.RouteTables {
		if t.Main && t.MainID == *id {
			return t, "", nil
		}
		for subnet, association := range t.Subnets {
			if association == *id {
				return t, subnet, nil
			}
		}
	}
	return nil, "", apierr.New("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", *id)
}

// DisassociateRouteTable makes a subnet use the main table again.
func (s *Networks) DisassociateRouteTable(ctx context.Context, in *ec2.DisassociateRouteTableInput,
	_ ...func(*ec2.Options)) (*ec2.DisassociateRouteTableOutput, error) {
	return call.Write(ctx, s.entry, "DisassociateRouteTable", in, func(in *ec2.DisassociateRouteTableInput) (
		*ec2.DisassociateRouteTableOutput, error) {
		t, subnet, err := s.association(in.AssociationId)
		if err != nil {
			return nil, err
		}
		if subnet == "" {
			return nil, request.InvalidValue("cannot disassociate the main route table association %s", *in.AssociationId)
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		delete(t.Subnets, subnet)
		return &ec2.DisassociateRouteTableOutput{}, nil
	})
}

// ReplaceRouteTableAssociation makes a subnet, or the VPC, use another table.
func (s *Networks) ReplaceRouteTableAssociation(ctx context.Context, in *ec2.ReplaceRouteTableAssociationInput,
	_ ...func(*ec2.Options)) (*ec2.ReplaceRouteTableAssociationOutput, error) {
	return call.Write(ctx, s.entry, "ReplaceRouteTableAssociation", in, func(in *ec2.ReplaceRouteTableAssociationInput) (
		*ec2.ReplaceRouteTableAssociationOutput, error) {
		old, subnet, err := s.association(in.AssociationId)
		if err != nil {
			return nil, err
		}
		t, err := request.Named(s.account, kind.RouteTable, "routeTableId", in.RouteTableId, s.account.RouteTables)
		if err != nil {
			return nil, err
		}
		if t.VPC != old.VPC {
			return nil, request.InvalidValue("Route tables %s and %s belong to different networks", t.ID, old.ID)
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		if subnet == "" {
			old.Main, old.MainID = false, ""
			t.Main, t.MainID = true, s.account.NewID("rtbassoc")
			return &ec2.ReplaceRouteTableAssociationOutput{NewAssociationId: aws.String(t.MainID),
				AssociationState: associated()}, nil
		}
		delete(old.Subnets, subnet)
		associate(s.account, t, subnet)
		return &ec2.ReplaceRouteTableAssociationOutput{NewAssociationId: aws.String(t.Subnets[subnet]),
			AssociationState: associated()}, nil
	})
}
