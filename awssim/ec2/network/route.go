package network

import (
	"context"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/ec2/kind"
	"github.com/k8s-lbc/lbc/awssim/ec2/request"
)

// CreateRoute adds a route. The same route again is no error; another way to the same destination is.
func (s *Networks) CreateRoute(ctx context.Context, in *ec2.CreateRouteInput, _ ...func(*ec2.Options)) (
	*ec2.CreateRouteOutput, error) {
	return call.Write(ctx, s.entry, "CreateRoute", in, func(in *ec2.CreateRouteInput) (*ec2.CreateRouteOutput, error) {
		t, err := request.Named(s.account, kind.RouteTable, "routeTableId", in.RouteTableId, s.account.RouteTables)
		if err != nil {
			return nil, err
		}
		r, err := s.route(t, in)
		if err != nil {
			return nil, err
		}
		if i := routeTo(t, r.Destination); i >= 0 {
			if t.Routes[i] == r {
				return &ec2.CreateRouteOutput{Return: aws.Bool(true)}, request.DryRun(in.DryRun)
			}
			return nil, apierr.New("RouteAlreadyExists", "The route identified by %s already exists.", r.Destination)
		}
		if len(t.Routes) >= s.account.Quota("routes-per-route-table") {
			return nil, apierr.New("RouteLimitExceeded", "The maximum number of routes has been reached.")
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		t.Routes = append(t.Routes, r)
		return &ec2.CreateRouteOutput{Return: aws.Bool(true)}, nil
	})
}

// ReplaceRoute changes where an existing route leads.
func (s *Networks) ReplaceRoute(ctx context.Context, in *ec2.ReplaceRouteInput, _ ...func(*ec2.Options)) (
	*ec2.ReplaceRouteOutput, error) {
	return call.Write(ctx, s.entry, "ReplaceRoute", in, func(in *ec2.ReplaceRouteInput) (*ec2.ReplaceRouteOutput, error) {
		t, err := request.Named(s.account, kind.RouteTable, "routeTableId", in.RouteTableId, s.account.RouteTables)
		if err != nil {
			return nil, err
		}
		r, err := s.route(t, &ec2.CreateRouteInput{
			DestinationCidrBlock: in.DestinationCidrBlock, DestinationIpv6CidrBlock: in.DestinationIpv6CidrBlock,
			DestinationPrefixListId: in.DestinationPrefixListId,
			GatewayId:               in.GatewayId, NatGatewayId: in.NatGatewayId,
			VpcPeeringConnectionId: in.VpcPeeringConnectionId,
			NetworkInterfaceId:     in.NetworkInterfaceId, EgressOnlyInternetGatewayId: in.EgressOnlyInternetGatewayId,
			TransitGatewayId: in.TransitGatewayId,
		})
		if err != nil {
			return nil, err
		}
		i := routeTo(t, r.Destination)
		if i < 0 {
			return nil, request.InvalidValue("There is no route defined for '%s' in the route table. Use CreateRoute instead.",
				r.Destination)
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		t.Routes[i] = r
		return &ec2.ReplaceRouteOutput{}, nil
	})
}

// DeleteRoute removes a route, but no local one.
func (s *Networks) DeleteRoute(ctx context.Context, in *ec2.DeleteRouteInput, _ ...func(*ec2.Options)) (
	*ec2.DeleteRouteOutput, error) {
	return call.Write(ctx, s.entry, "DeleteRoute", in, func(in *ec2.DeleteRouteInput) (*ec2.DeleteRouteOutput, error) {
		t, err := request.Named(s.account, kind.RouteTable, "routeTableId", in.RouteTableId, s.account.RouteTables)
		if err != nil {
			return nil, err
		}
		destination, err := s.destination(in.DestinationCidrBlock, in.DestinationIpv6CidrBlock, in.DestinationPrefixListId)
		if err != nil {
			return nil, err
		}
		i := routeTo(t, destination)
		if i < 0 {
			return nil, apierr.New("InvalidRoute.NotFound", "no route with destination-cidr-block %s in route table %s",
				destination, t.ID)
		}
		if t.Routes[i].Gateway == "local" {
			return nil, request.InvalidValue("cannot remove local route %s in route table %s", destination, t.ID)
		}
		if err := request.DryRun(in.DryRun); err != nil {
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
func (s *Networks) destination(v4, v6, list *string) (string, error) {
	given := 0
	for _, p := range []*string{v4, v6, list} {
		if p != nil {
			given++
		}
	}
	if given != 1 {
		return "", apierr.New("InvalidParameterCombination",
			"The request must contain exactly one of destinationCidrBlock, destinationIpv6CidrBlock, destinationPrefixListId")
	}
	if list != nil {
		if _, ok := s.account.PrefixLists[*list]; !ok {
			return "", kind.PrefixList.NotFound([]string{*list})
		}
		return *list, nil
	}
	text, family := v4, netip.Addr.Is4
	if v6 != nil {
		text, family = v6, netip.Addr.Is6
	}
	p, err := netip.ParsePrefix(*text)
	if err != nil || !family(p.Addr()) {
		return "", request.InvalidValue("Value (%s) for parameter destinationCidrBlock is invalid. This is not a "+
			"valid CIDR block.", *text)
	}
	return p.Masked().String(), nil
}

// route reads a route of the table and checks that what it leads to exists.
func (s *Networks) route(t *vpc.RouteTable, in *ec2.CreateRouteInput) (vpc.Route, error) {
	r := vpc.Route{State: "active"}
	var err error
	if r.Destination, err = s.destination(in.DestinationCidrBlock, in.DestinationIpv6CidrBlock,
		in.DestinationPrefixListId); err != nil {
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
		return r, apierr.New("InvalidParameterCombination",
			"The request must contain exactly one of gatewayId, natGatewayId, networkInterfaceId, vpcPeeringConnectionId, "+
				"egressOnlyInternetGatewayId, transitGatewayId")
	}
	if g := in.GatewayId; g != nil && kind.InternetGateway.WellFormed(*g) {
		gateway, ok := s.account.InternetGateways[*g]
		if !ok {
			return r, apierr.New("InvalidGatewayID.NotFound", "The gateway ID '%s' does not exist", *g)
		}
		if !slices.Contains(gateway.VPCs, t.VPC) {
			return r, request.InvalidValue("route table %s and network gateway %s belong to different networks", t.ID, *g)
		}
	}
	if r.NATGateway != "" {
		if g, ok := s.account.NATGateways[r.NATGateway]; !ok || g.State != "available" {
			return r, apierr.New("InvalidNatGatewayID.NotFound", "The NAT gateway ID '%s' does not exist", r.NATGateway)
		}
	}
	if r.Peering != "" {
		if _, ok := s.account.Peerings[r.Peering]; !ok {
			return r, kind.Peering.NotFound([]string{r.Peering})
		}
	}
	if r.Interface != "" {
		if _, ok := s.account.Interface(r.Interface); !ok {
			return r, kind.Interface.NotFound([]string{r.Interface})
		}
	}
	return r, nil
}
