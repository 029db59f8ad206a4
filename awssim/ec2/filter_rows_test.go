package ec2

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account/vpc"
)

const (
	outpost  = "arn:aws:outposts:us-west-2:123456789012:outpost/op-0a1de000000000001"
	coipPool = "ipv4pool-coip-0a1de000000000001"
	ipamPool = "ipam-pool-0a1de000000000001"
	eipA     = "eipalloc-0a1de0000000000a1"
)

// variety is EC2 over the built-in account with one resource of each sort that a filter selects.
func variety(t *testing.T) (s *Service, balancer *vpc.Interface) {
	t.Helper()
	s = newService(t)
	ctx := t.Context()
	if _, err := s.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.9.0.0/16")}); err != nil {
		t.Fatal(err)
	}
	s.account.VPCs[vpcID].Default = true
	odd := s.account.Subnets[subnetA]
	odd.Outpost, odd.CustomerOwnedPool, odd.EnableDNS64, odd.Default, odd.IPv6Native = outpost, coipPool, true, true, true
	s.account.AddCustomerPool(&vpc.CustomerPool{ID: coipPool, RouteTable: "lgw-rtb-0a1de000000000001"})
	s.account.AddCustomerPool(&vpc.CustomerPool{RouteTable: "lgw-rtb-0a1de000000000002"})
	s.account.AddIPAMPool(&vpc.IPAMPool{ID: ipamPool, Description: "pool", Family: "ipv4", Public: true,
		CIDRs: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}})
	s.account.AddIPAMPool(&vpc.IPAMPool{Description: "other", Family: "ipv6"})
	s.account.AddZone(&vpc.AvailabilityZone{
		Name: "us-west-2-lax-1a", ID: "usw2-lax1-az1", Type: "local-zone", State: "available", OptInStatus: "opted-in",
		Group:    "us-west-2-lax-1",
		ParentID: "usw2-az2", ParentName: "us-west-2b",
	})
	balancer, err := s.account.NewInterface("subnet-0a1de0000000000a1", []string{webGroup}, "ELB app/web/0123456789abcdef",
		true)
	if err != nil {
		t.Fatal(err)
	}
	balancer.IPv6Addresses = []netip.Addr{netip.MustParseAddr("2600:1f14:abc:de00::9")}
	balancer.Tags = map[string]string{"a": "b"}
	own, err := s.account.NewInterface("subnet-0a1de0000000000a1", []string{webGroup}, "own", false)
	if err != nil {
		t.Fatal(err)
	}
	s.account.Associate(s.account.Addresses[eipA], own, own.PrimaryAddress())
	egress := types.IpPermission{
		IpProtocol: aws.String("tcp"), FromPort: aws.Int32(5432), ToPort: aws.Int32(5433),
		UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: aws.String(nodeGroup)}},
		Ipv6Ranges:       []types.Ipv6Range{{CidrIpv6: aws.String("2001:db8::/32")}}, IpRanges: []types.IpRange{
			{CidrIp: aws.String("192.0.2.0/24")}},
		PrefixListIds: []types.PrefixListId{{PrefixListId: aws.String("pl-00000001")}},
	}
	s.account.AddPrefixList(&vpc.PrefixList{ID: "pl-00000001", MaxEntries: 1})
	if _, err := s.AuthorizeSecurityGroupEgress(ctx, &ec2.AuthorizeSecurityGroupEgressInput{GroupId: aws.String(webGroup),
		IpPermissions: []types.IpPermission{egress}}); err != nil {
		t.Fatal(err)
	}
	if err := authorize(s, webGroup, egress); err != nil {
		t.Fatal(err)
	}
	return s, balancer
}

// count is how many resources a Describe with one filter finds.
func (s *Service) count(t *testing.T, call string, f types.Filter) (int, error) {
	t.Helper()
	ctx, filters := t.Context(), []types.Filter{f}
	switch call {
	case "DescribeVpcs":
		out, err := s.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: filters})
		return found(err, func() int { return len(out.Vpcs) })
	case "DescribeSubnets":
		out, err := s.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: filters})
		return found(err, func() int { return len(out.Subnets) })
	case "DescribeSecurityGroups":
		out, err := s.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: filters})
		return found(err, func() int { return len(out.SecurityGroups) })
	case "DescribeNetworkInterfaces":
		out, err := s.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{Filters: filters})
		return found(err, func() int { return len(out.NetworkInterfaces) })
	case "DescribeInstances":
		out, err := s.DescribeInstances(ctx, &ec2.DescribeInstancesInput{Filters: filters})
		return found(err, func() int { return len(out.Reservations) })
	case "DescribeAvailabilityZones":
		out, err := s.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{Filters: filters})
		return found(err, func() int { return len(out.AvailabilityZones) })
	case "DescribeRouteTables":
		out, err := s.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: filters})
		return found(err, func() int { return len(out.RouteTables) })
	case "DescribeInternetGateways":
		out, err := s.DescribeInternetGateways(ctx, &ec2.DescribeInternetGatewaysInput{Filters: filters})
		return found(err, func() int { return len(out.InternetGateways) })
	case "DescribeAddresses":
		out, err := s.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: filters})
		return found(err, func() int { return len(out.Addresses) })
	case "GetSecurityGroupsForVpc":
		out, err := s.GetSecurityGroupsForVpc(ctx, &ec2.GetSecurityGroupsForVpcInput{VpcId: aws.String(vpcID),
			Filters: filters})
		return found(err, func() int { return len(out.SecurityGroupForVpcs) })
	case "DescribeCoipPools":
		out, err := s.DescribeCoipPools(ctx, &ec2.DescribeCoipPoolsInput{Filters: filters})
		return found(err, func() int { return len(out.CoipPools) })
	case "DescribeIpamPools":
		out, err := s.DescribeIpamPools(ctx, &ec2.DescribeIpamPoolsInput{Filters: filters})
		return found(err, func() int { return len(out.IpamPools) })
	}
	t.Fatalf("there is no %s", call)
	return 0, nil
}

func found(err error, n func() int) (int, error) {
	if err != nil {
		return 0, err
	}
	return n(), nil
}

// Every filter of every Describe call: how many it finds with a value that fits, and none with one that does not.
func TestEveryFilterOfEveryDescribeSelects(t *testing.T) {
	t.Parallel()
	s, balancer := variety(t)
	for _, tt := range []struct {
		row, value string
		want       int
	}{
		{"DescribeVpcs vpc-id", vpcID, 1},
		{"DescribeVpcs cidr", "10.9.0.0/16", 1},
		{"DescribeVpcs is-default", "true", 1},
		{"DescribeVpcs owner-id", "123456789012", 2},
		{"DescribeVpcs state", "available", 2},
		{"DescribeVpcs tag:Name", "demo", 1},
		{"DescribeVpcs tag-key", "Name", 1},
		{"DescribeVpcs tag-value", "demo", 1},
		{"DescribeVpcs cidr-block-association.cidr-block", "10.0.0.0/16", 1},
		{"DescribeVpcs cidr-block-association.association-id", "vpc-cidr-assoc-*", 2},
		{"DescribeVpcs cidr-block-association.state", "associated", 2},
		{"DescribeVpcs ipv6-cidr-block-association.ipv6-cidr-block", "2600:1f14:abc:de00::/56", 1},
		{"DescribeVpcs ipv6-cidr-block-association.association-id", "vpc-cidr-assoc-*", 1},
		{"DescribeVpcs ipv6-cidr-block-association.state", "associated", 1},
		{"DescribeVpcs dhcp-options-id", "dopt-*", 2},

		{"DescribeSubnets vpc-id", vpcID, 7},
		{"DescribeSubnets subnet-id", subnetA, 1},
		{"DescribeSubnets availability-zone", "us-west-2a", 3},
		{"DescribeSubnets availability-zone-id", "usw2-az2", 3},
		{"DescribeSubnets available-ip-address-count", "4089", 1}, // 4,096 less AWS's 5 and two interfaces
		{"DescribeSubnets cidr-block", "10.0.16.0/20", 1},
		{"DescribeSubnets default-for-az", "true", 1},
		{"DescribeSubnets ipv6-native", "true", 1},
		{"DescribeSubnets map-public-ip-on-launch", "true", 3},
		{"DescribeSubnets outpost-arn", outpost, 1},
		{"DescribeSubnets owner-id", "123456789012", 7},
		{"DescribeSubnets state", "available", 7},
		{"DescribeSubnets subnet-arn", "arn:aws:ec2:us-west-2:123456789012:subnet/" + subnetA, 1},
		{"DescribeSubnets tag:Name", "demo-public-a", 1},
		{"DescribeSubnets tag-key", "kubernetes.io/role/elb", 3},
		{"DescribeSubnets ipv6-cidr-block-association.ipv6-cidr-block", "2600:1f14:abc:de00::/64", 1},
		{"DescribeSubnets customer-owned-ipv4-pool", coipPool, 1},
		{"DescribeSubnets map-customer-owned-ip-on-launch", "true", 1},
		{"DescribeSubnets enable-dns64", "true", 1},

		{"DescribeSecurityGroups group-id", webGroup, 1},
		{"DescribeSecurityGroups group-name", "demo-web", 1},
		{"DescribeSecurityGroups description", "default VPC security group", 2},
		{"DescribeSecurityGroups vpc-id", vpcID, 3},
		{"DescribeSecurityGroups owner-id", "123456789012", 4},
		{"DescribeSecurityGroups tag:Name", "demo-web", 1},
		{"DescribeSecurityGroups tag-key", "Name", 2},
		{"DescribeSecurityGroups ip-permission.cidr", "192.0.2.0/24", 1},
		{"DescribeSecurityGroups ip-permission.from-port", "5432", 1},
		{"DescribeSecurityGroups ip-permission.to-port", "5433", 1},
		{"DescribeSecurityGroups ip-permission.group-id", nodeGroup, 2},
		{"DescribeSecurityGroups ip-permission.group-name", "demo-node", 2},
		{"DescribeSecurityGroups ip-permission.ipv6-cidr", "2001:db8::/32", 1},
		{"DescribeSecurityGroups ip-permission.prefix-list-id", "pl-00000001", 1},
		{"DescribeSecurityGroups ip-permission.protocol", "tcp", 1},
		{"DescribeSecurityGroups ip-permission.user-id", "123456789012", 2},
		{"DescribeSecurityGroups egress.ip-permission.cidr", "192.0.2.0/24", 1},
		{"DescribeSecurityGroups egress.ip-permission.from-port", "5432", 1},
		{"DescribeSecurityGroups egress.ip-permission.to-port", "5433", 1},
		{"DescribeSecurityGroups egress.ip-permission.group-id", nodeGroup, 1},
		{"DescribeSecurityGroups egress.ip-permission.group-name", "demo-node", 1},
		{"DescribeSecurityGroups egress.ip-permission.ipv6-cidr", "2001:db8::/32", 1},
		{"DescribeSecurityGroups egress.ip-permission.prefix-list-id", "pl-00000001", 1},
		{"DescribeSecurityGroups egress.ip-permission.protocol", "tcp", 1},
		{"DescribeSecurityGroups egress.ip-permission.user-id", "123456789012", 1},

		{"DescribeNetworkInterfaces addresses.private-ip-address", "10.0.128.10", 1},
		{"DescribeNetworkInterfaces private-ip-address", "10.0.128.10", 1},
		{"DescribeNetworkInterfaces ipv6-addresses.ipv6-address", "2600:1f14:abc:de00::9", 1},
		{"DescribeNetworkInterfaces vpc-id", vpcID, 5},
		{"DescribeNetworkInterfaces subnet-id", subnetA, 1},
		{"DescribeNetworkInterfaces group-id", webGroup, 2},
		{"DescribeNetworkInterfaces network-interface-id", balancer.ID, 1},
		{"DescribeNetworkInterfaces attachment.instance-id", nodeA, 1},
		{"DescribeNetworkInterfaces status", "available", 1},
		{"DescribeNetworkInterfaces description", "ELB app/*", 1},
		{"DescribeNetworkInterfaces interface-type", "interface", 5},
		{"DescribeNetworkInterfaces requester-managed", "true", 1},
		{"DescribeNetworkInterfaces requester-id", "amazon-elb", 1},
		{"DescribeNetworkInterfaces availability-zone", "us-west-2b", 1},
		{"DescribeNetworkInterfaces tag:a", "b", 1},
		{"DescribeNetworkInterfaces tag-key", "a", 1},

		{"DescribeInstances instance-id", nodeA, 1},
		{"DescribeInstances instance-state-name", "running", 3},
		{"DescribeInstances vpc-id", vpcID, 3},
		{"DescribeInstances subnet-id", subnetA, 1},
		{"DescribeInstances private-ip-address", "10.0.128.10", 1},
		{"DescribeInstances private-dns-name", "ip-10-0-128-10.us-west-2.compute.internal", 1},
		{"DescribeInstances network-interface.addresses.private-ip-address", "10.0.128.10", 1},
		{"DescribeInstances network-interface.subnet-id", subnetA, 1},
		{"DescribeInstances network-interface.attachment.instance-id", nodeA, 1},
		{"DescribeInstances tag:kubernetes.io/cluster/demo-cluster", "owned", 3},

		{"DescribeAvailabilityZones zone-name", "us-west-2a", 1},
		{"DescribeAvailabilityZones zone-id", "usw2-az1", 1},
		{"DescribeAvailabilityZones zone-type", "local-zone", 1},
		{"DescribeAvailabilityZones state", "available", 5},
		{"DescribeAvailabilityZones region-name", "us-west-2", 5},
		{"DescribeAvailabilityZones group-name", "us-west-2-lax-1", 1},
		{"DescribeAvailabilityZones opt-in-status", "opted-in", 1},
		{"DescribeAvailabilityZones parent-zone-id", "usw2-az2", 1},
		{"DescribeAvailabilityZones parent-zone-name", "us-west-2b", 1},

		{"DescribeRouteTables vpc-id", vpcID, 2},
		{"DescribeRouteTables association.subnet-id", "subnet-0a1de0000000000a1", 1},
		{"DescribeRouteTables association.main", "true", 2},
		{"DescribeRouteTables association.route-table-id", "rtb-*", 3},
		{"DescribeRouteTables route.gateway-id", "igw-0a1de000000000001", 1},
		{"DescribeRouteTables route.destination-cidr-block", "0.0.0.0/0", 1},
		{"DescribeRouteTables route.state", "active", 3},

		{"DescribeInternetGateways attachment.vpc-id", vpcID, 1},
		{"DescribeInternetGateways attachment.state", "available", 1},
		{"DescribeInternetGateways internet-gateway-id", "igw-0a1de000000000001", 1},
		{"DescribeInternetGateways owner-id", "123456789012", 1},

		{"DescribeAddresses allocation-id", eipA, 1},
		{"DescribeAddresses association-id", "eipassoc-*", 1},
		{"DescribeAddresses public-ip", "198.51.100.11", 1},
		{"DescribeAddresses network-interface-id", "eni-*", 1},
		{"DescribeAddresses network-border-group", "us-west-2", 3},
		{"DescribeAddresses private-ip-address", "10.0.*", 1},
		{"DescribeAddresses tag:Name", "demo-a", 1},

		{"GetSecurityGroupsForVpc group-id", webGroup, 1},
		{"GetSecurityGroupsForVpc group-name", "demo-web", 1},
		{"GetSecurityGroupsForVpc description", "default VPC security group", 1},
		{"GetSecurityGroupsForVpc owner-id", "123456789012", 3},
		{"GetSecurityGroupsForVpc primary-vpc-id", vpcID, 3},

		{"DescribeCoipPools coip-pool.pool-id", coipPool, 1},
		{"DescribeCoipPools coip-pool.local-gateway-route-table-id", "lgw-rtb-0a1de000000000001", 1},
		{"DescribeIpamPools ipam-pool-id", ipamPool, 1},
		{"DescribeIpamPools address-family", "ipv6", 1},
	} {
		call, name, _ := strings.Cut(tt.row, " ")
		if n, err := s.count(t, call, filterOn(name, tt.value)); err != nil || n != tt.want {
			t.Errorf("%s=%s: %d, %v; want %d", tt.row, tt.value, n, err, tt.want)
		}
		if n, err := s.count(t, call, filterOn(name, "none-such")); err != nil || n != 0 {
			t.Errorf("%s=none-such: %d, %v; want none", tt.row, n, err)
		}
		if _, err := s.count(t, call, filterOn(name)); err == nil || !strings.Contains(err.Error(), "The filter '"+name+
			"' is null") {
			t.Errorf("%s without values: %v", tt.row, err)
		}
		if _, err := s.count(t, call, filterOn(name+"s", tt.value)); !strings.HasPrefix(name, "tag:") &&
			(err == nil || !strings.Contains(err.Error(), "The filter '"+name+"s' is invalid")) {
			t.Errorf("%ss: %v", tt.row, err)
		}
	}
}

// What has no tags of its own in the call's answer to filter by refuses such filters.
func TestFiltersByTagAreRefusedWhereTheCallHasNone(t *testing.T) {
	t.Parallel()
	s, _ := variety(t)
	for _, call := range []string{"DescribeAvailabilityZones", "GetSecurityGroupsForVpc"} {
		_, err := s.count(t, call, filterOn("tag:Name", "demo"))
		wantCode(t, err, "InvalidParameterValue")
	}
}
