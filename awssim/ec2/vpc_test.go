package ec2

import (
	"context"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account/vpc"
)

func TestVPCsAreDescribedWithTheirBlocks(t *testing.T) {
	t.Parallel()
	s := newService(t)
	out, err := s.DescribeVpcs(context.Background(), &ec2.DescribeVpcsInput{
		Filters: []types.Filter{filterOn("tag:Name", "demo"), filterOn("cidr-block-association.cidr-block", "10.0.0.0/16")}})
	if err != nil || len(out.Vpcs) != 1 {
		t.Fatalf("got %+v, %v", out, err)
	}
	v := out.Vpcs[0]
	if *v.VpcId != vpcID || *v.CidrBlock != "10.0.0.0/16" || v.CidrBlockAssociationSet[0].CidrBlockState.State !=
		"associated" ||
		*v.Ipv6CidrBlockAssociationSet[0].Ipv6CidrBlock != "2600:1f14:abc:de00::/56" || *v.IsDefault ||
		*v.OwnerId != "123456789012" {
		t.Errorf("got %+v", v)
	}
}

func TestPublicSubnetsAreThoseWhoseTableRoutesToTheGateway(t *testing.T) {
	t.Parallel()
	s := newService(t)
	out, err := s.DescribeRouteTables(context.Background(), &ec2.DescribeRouteTablesInput{
		Filters: []types.Filter{filterOn("vpc-id", vpcID)}})
	if err != nil || len(out.RouteTables) != 2 {
		t.Fatalf("got %+v, %v", out, err)
	}
	for _, table := range out.RouteTables {
		gateway := slices.ContainsFunc(table.Routes, func(r types.Route) bool {
			return aws.ToString(r.GatewayId) == "igw-0a1de000000000001" && aws.ToString(r.DestinationCidrBlock) == "0.0.0.0/0" &&
				r.State == "active"
		})
		main := slices.ContainsFunc(table.Associations, func(a types.RouteTableAssociation) bool { return *a.Main })
		if gateway == main {
			t.Errorf("table %s: gateway %v, main %v", *table.RouteTableId, gateway, main)
		}
		if gateway && len(table.Associations) != 3 || main && len(table.Associations) != 1 {
			t.Errorf("table %s has %d associations", *table.RouteTableId, len(table.Associations))
		}
	}
	byGateway, err := s.DescribeRouteTables(context.Background(), &ec2.DescribeRouteTablesInput{
		Filters: []types.Filter{filterOn("route.gateway-id", "igw-*")}})
	if err != nil || len(byGateway.RouteTables) != 1 {
		t.Errorf("by gateway: %v, %v", byGateway, err)
	}
	gateways, err := s.DescribeInternetGateways(context.Background(), &ec2.DescribeInternetGatewaysInput{
		Filters: []types.Filter{filterOn("attachment.vpc-id", vpcID)}})
	if err != nil || len(gateways.InternetGateways) != 1 || gateways.InternetGateways[0].Attachments[0].State !=
		"available" {
		t.Errorf("gateways: %+v, %v", gateways, err)
	}
}

func TestZonesNotOptedInToAreShownOnlyOnRequest(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.account.AddZone(&vpc.AvailabilityZone{Name: "us-west-2-lax-1a", ID: "usw2-lax1-az1", Type: "local-zone",
		State: "available", OptInStatus: "not-opted-in", Group: "us-west-2-lax-1"})
	ctx := context.Background()
	count := func(in *ec2.DescribeAvailabilityZonesInput, want int) {
		t.Helper()
		out, err := s.DescribeAvailabilityZones(ctx, in)
		if err != nil || len(out.AvailabilityZones) != want {
			t.Errorf("got %+v, %v; want %d zones", out, err, want)
		}
	}
	count(nil, 4)
	count(&ec2.DescribeAvailabilityZonesInput{AllAvailabilityZones: aws.Bool(true)}, 5)
	count(&ec2.DescribeAvailabilityZonesInput{ZoneIds: []string{"usw2-az1"}}, 1)
	count(&ec2.DescribeAvailabilityZonesInput{ZoneNames: []string{"us-west-2a", "us-west-2b"}, Filters: []types.Filter{
		filterOn("zone-id", "usw2-az1")}}, 1)
	_, err := s.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{ZoneIds: []string{"usw2-lax1-az1"}})
	wantCode(t, err, "InvalidParameterValue")
}

func TestElasticAddressesAreFound(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ctx := context.Background()
	out, err := s.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{
		AllocationIds: []string{"eipalloc-0a1de0000000000a1"}})
	if err != nil || len(out.Addresses) != 1 || *out.Addresses[0].PublicIp != "198.51.100.11" {
		t.Errorf("got %+v, %v", out, err)
	}
	_, err = s.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{AllocationIds: []string{"eipalloc-deadbeef"}})
	wantCode(t, err, "InvalidAllocationID.NotFound")
	_, err = s.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{PublicIps: []string{"192.0.2.1"}})
	wantCode(t, err, "InvalidAddress.NotFound")
}
