package ec2

import (
	"context"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// CreateRouteTable makes a table with the local routes of its VPC.
func (s *Service) CreateRouteTable(ctx context.Context, in *ec2.CreateRouteTableInput, _ ...func(*ec2.Options)) (*ec2.CreateRouteTableOutput, error) {
	return write(ctx, s, "CreateRouteTable", in, func(in *ec2.CreateRouteTableInput) (*ec2.CreateRouteTableOutput, error) {
		v, err := named(s, vpcKind, "vpcId", in.VpcId, s.account.VPCs)
		if err != nil {
			return nil, err
		}
		tags, err := specifiedTags(in.TagSpecifications, routeTableKind)
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
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		t := &vpc.RouteTable{VPC: v.ID, Owner: v.Owner, Subnets: map[string]string{}, Routes: s.account.LocalRoutes(v), Tags: tags}
		s.account.AddRouteTable(t)
		s.account.CreatedCompute(t.ID)
		out := routeTableOut(t)
		return &ec2.CreateRouteTableOutput{RouteTable: &out, ClientToken: in.ClientToken}, nil
	})
}

// DeleteRouteTable deletes a table that no subnet uses and that is not the main one.
func (s *Service) DeleteRouteTable(ctx context.Context, in *ec2.DeleteRouteTableInput, _ ...func(*ec2.Options)) (*ec2.DeleteRouteTableOutput, error) {
	return write(ctx, s, "DeleteRouteTable", in, func(in *ec2.DeleteRouteTableInput) (*ec2.DeleteRouteTableOutput, error) {
		t, err := named(s, routeTableKind, "routeTableId", in.RouteTableId, s.account.RouteTables)
		if err != nil {
			return nil, err
		}
		if t.Main || len(t.Subnets) > 0 {
			return nil, apierr.New("DependencyViolation", "The routeTable '%s' has dependencies and cannot be deleted.", t.ID)
		}
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		delete(s.account.RouteTables, t.ID)
		return &ec2.DeleteRouteTableOutput{}, nil
	})
}

// AssociateRouteTable makes a subnet that uses the main table use another one.
func (s *Service) AssociateRouteTable(ctx context.Context, in *ec2.AssociateRouteTableInput, _ ...func(*ec2.Options)) (*ec2.AssociateRouteTableOutput, error) {
	return write(ctx, s, "AssociateRouteTable", in, func(in *ec2.AssociateRouteTableInput) (*ec2.AssociateRouteTableOutput, error) {
		t, err := named(s, routeTableKind, "routeTableId", in.RouteTableId, s.account.RouteTables)
		if err != nil {
			return nil, err
		}
		if in.GatewayId != nil {
			return nil, invalidValue("Route tables of gateways are not simulated; give a subnetId")
		}
		n, err := named(s, subnetKind, "subnetId", in.SubnetId, s.account.Subnets)
		if err != nil {
			return nil, err
		}
		if n.VPC != t.VPC {
			return nil, invalidValue("Route table %s and subnet %s belong to different networks", t.ID, n.ID)
		}
		for _, o := range s.account.RouteTables {
			if _, ok := o.Subnets[n.ID]; ok && o != t {
				return nil, apierr.New("Resource.AlreadyAssociated", "the specified association for route table %s conflicts with an existing association", t.ID)
			}
		}
		if err := dryRun(in.DryRun); err != nil {
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
func (s *Service) association(id *string) (*vpc.RouteTable, string, error) {
	if aws.ToString(id) == "" {
		return nil, "", missing("associationId")
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
func (s *Service) DisassociateRouteTable(ctx context.Context, in *ec2.DisassociateRouteTableInput, _ ...func(*ec2.Options)) (*ec2.DisassociateRouteTableOutput, error) {
	return write(ctx, s, "DisassociateRouteTable", in, func(in *ec2.DisassociateRouteTableInput) (*ec2.DisassociateRouteTableOutput, error) {
		t, subnet, err := s.association(in.AssociationId)
		if err != nil {
			return nil, err
		}
		if subnet == "" {
			return nil, invalidValue("cannot disassociate the main route table association %s", *in.AssociationId)
		}
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		delete(t.Subnets, subnet)
		return &ec2.DisassociateRouteTableOutput{}, nil
	})
}

// ReplaceRouteTableAssociation makes a subnet, or the VPC, use another table.
func (s *Service) ReplaceRouteTableAssociation(ctx context.Context, in *ec2.ReplaceRouteTableAssociationInput, _ ...func(*ec2.Options)) (*ec2.ReplaceRouteTableAssociationOutput, error) {
	return write(ctx, s, "ReplaceRouteTableAssociation", in, func(in *ec2.ReplaceRouteTableAssociationInput) (*ec2.ReplaceRouteTableAssociationOutput, error) {
		old, subnet, err := s.association(in.AssociationId)
		if err != nil {
			return nil, err
		}
		t, err := named(s, routeTableKind, "routeTableId", in.RouteTableId, s.account.RouteTables)
		if err != nil {
			return nil, err
		}
		if t.VPC != old.VPC {
			return nil, invalidValue("Route tables %s and %s belong to different networks", t.ID, old.ID)
		}
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		if subnet == "" {
			old.Main, old.MainID = false, ""
			t.Main, t.MainID = true, s.account.NewID("rtbassoc")
			return &ec2.ReplaceRouteTableAssociationOutput{NewAssociationId: aws.String(t.MainID), AssociationState: associated()}, nil
		}
		delete(old.Subnets, subnet)
		associate(s.account, t, subnet)
		return &ec2.ReplaceRouteTableAssociationOutput{NewAssociationId: aws.String(t.Subnets[subnet]), AssociationState: associated()}, nil
	})
}

// CreateRoute adds a route. The same route again is no error; another way to the same destination is.
func (s *Service) CreateRoute(ctx context.Context, in *ec2.CreateRouteInput, _ ...func(*ec2.Options)) (*ec2.CreateRouteOutput, error) {
	return write(ctx, s, "CreateRoute", in, func(in *ec2.CreateRouteInput) (*ec2.CreateRouteOutput, error) {
		t, err := named(s, routeTableKind, "routeTableId", in.RouteTableId, s.account.RouteTables)
		if err != nil {
			return nil, err
		}
		r, err := s.route(t, in)
		if err != nil {
			return nil, err
		}
		if i := routeTo(t, r.Destination); i >= 0 {
			if t.Routes[i] == r {
				return &ec2.CreateRouteOutput{Return: aws.Bool(true)}, dryRun(in.DryRun)
			}
			return nil, apierr.New("RouteAlreadyExists", "The route identified by %s already exists.", r.Destination)
		}
		if len(t.Routes) >= s.account.Quota("routes-per-route-table") {
			return nil, apierr.New("RouteLimitExceeded", "The maximum number of routes has been reached.")
		}
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		t.Routes = append(t.Routes, r)
		return &ec2.CreateRouteOutput{Return: aws.Bool(true)}, nil
	})
}

// ReplaceRoute changes where an existing route leads.
func (s *Service) ReplaceRoute(ctx context.Context, in *ec2.ReplaceRouteInput, _ ...func(*ec2.Options)) (*ec2.ReplaceRouteOutput, error) {
	return write(ctx, s, "ReplaceRoute", in, func(in *ec2.ReplaceRouteInput) (*ec2.ReplaceRouteOutput, error) {
		t, err := named(s, routeTableKind, "routeTableId", in.RouteTableId, s.account.RouteTables)
		if err != nil {
			return nil, err
		}
		r, err := s.route(t, &ec2.CreateRouteInput{
			DestinationCidrBlock: in.DestinationCidrBlock, DestinationIpv6CidrBlock: in.DestinationIpv6CidrBlock, DestinationPrefixListId: in.DestinationPrefixListId,
			GatewayId: in.GatewayId, NatGatewayId: in.NatGatewayId, VpcPeeringConnectionId: in.VpcPeeringConnectionId,
			NetworkInterfaceId: in.NetworkInterfaceId, EgressOnlyInternetGatewayId: in.EgressOnlyInternetGatewayId, TransitGatewayId: in.TransitGatewayId,
		})
		if err != nil {
			return nil, err
		}
		i := routeTo(t, r.Destination)
		if i < 0 {
			return nil, invalidValue("There is no route defined for '%s' in the route table. Use CreateRoute instead.", r.Destination)
		}
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		t.Routes[i] = r
		return &ec2.ReplaceRouteOutput{}, nil
	})
}

// DeleteRoute removes a route, but no local one.
func (s *Service) DeleteRoute(ctx context.Context, in *ec2.DeleteRouteInput, _ ...func(*ec2.Options)) (*ec2.DeleteRouteOutput, error) {
	return write(ctx, s, "DeleteRoute", in, func(in *ec2.DeleteRouteInput) (*ec2.DeleteRouteOutput, error) {
		t, err := named(s, routeTableKind, "routeTableId", in.RouteTableId, s.account.RouteTables)
		if err != nil {
			return nil, err
		}
		destination, err := s.destination(in.DestinationCidrBlock, in.DestinationIpv6CidrBlock, in.DestinationPrefixListId)
		if err != nil {
			return nil, err
		}
		i := routeTo(t, destination)
		if i < 0 {
			return nil, apierr.New("InvalidRoute.NotFound", "no route with destination-cidr-block %s in route table %s", destination, t.ID)
		}
		if t.Routes[i].Gateway == "local" {
			return nil, invalidValue("cannot remove local route %s in route table %s", destination, t.ID)
		}
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		t.Routes = slices.Delete(t.Routes, i, i+1)
		return &ec2.DeleteRouteOutput{}, nil
	})
}

func routeTo(t *vpc.RouteTable, destination string) int {
	return slices.IndexFunc(t.Routes, func(r vpc.Route) bool { return r.Destination == destination })
}

// destination reads where a route goes to: exactly one of the three.
func (s *Service) destination(v4, v6, list *string) (string, error) {
	given := 0
	for _, p := range []*string{v4, v6, list} {
		if p != nil {
			given++
		}
	}
	if given != 1 {
		return "", apierr.New("InvalidParameterCombination", "The request must contain exactly one of destinationCidrBlock, destinationIpv6CidrBlock, destinationPrefixListId")
	}
	if list != nil {
		if _, ok := s.account.PrefixLists[*list]; !ok {
			return "", prefixListKind.notFound([]string{*list})
		}
		return *list, nil
	}
	text, family := v4, netip.Addr.Is4
	if v6 != nil {
		text, family = v6, netip.Addr.Is6
	}
	p, err := netip.ParsePrefix(*text)
	if err != nil || !family(p.Addr()) {
		return "", invalidValue("Value (%s) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.", *text)
	}
	return p.Masked().String(), nil
}

// route reads a route of the table and checks that what it leads to exists.
func (s *Service) route(t *vpc.RouteTable, in *ec2.CreateRouteInput) (vpc.Route, error) {
	r := vpc.Route{State: "active"}
	var err error
	if r.Destination, err = s.destination(in.DestinationCidrBlock, in.DestinationIpv6CidrBlock, in.DestinationPrefixListId); err != nil {
		return r, err
	}
	given := 0
	for _, target := range []struct {
		id   *string
		into *string
	}{
		{in.GatewayId, &r.Gateway}, {in.EgressOnlyInternetGatewayId, &r.Gateway}, {in.NatGatewayId, &r.NATGateway},
		{in.VpcPeeringConnectionId, &r.Peering}, {in.NetworkInterfaceId, &r.Interface}, {in.TransitGatewayId, &r.Transit},
	} {
		if target.id != nil {
			given++
			*target.into = *target.id
		}
	}
	if given != 1 {
		return r, apierr.New("InvalidParameterCombination", "The request must contain exactly one of gatewayId, natGatewayId, networkInterfaceId, vpcPeeringConnectionId, egressOnlyInternetGatewayId, transitGatewayId")
	}
	if g := in.GatewayId; g != nil && internetGatewayKind.wellFormed(*g) {
		gateway, ok := s.account.InternetGateways[*g]
		if !ok {
			return r, apierr.New("InvalidGatewayID.NotFound", "The gateway ID '%s' does not exist", *g)
		}
		if !slices.Contains(gateway.VPCs, t.VPC) {
			return r, invalidValue("route table %s and network gateway %s belong to different networks", t.ID, *g)
		}
	}
	if r.NATGateway != "" {
		if g, ok := s.account.NATGateways[r.NATGateway]; !ok || g.State != "available" {
			return r, apierr.New("InvalidNatGatewayID.NotFound", "The NAT gateway ID '%s' does not exist", r.NATGateway)
		}
	}
	if r.Peering != "" {
		if _, ok := s.account.Peerings[r.Peering]; !ok {
			return r, peeringKind.notFound([]string{r.Peering})
		}
	}
	if r.Interface != "" {
		if _, ok := s.account.Interface(r.Interface); !ok {
			return r, interfaceKind.notFound([]string{r.Interface})
		}
	}
	return r, nil
}
