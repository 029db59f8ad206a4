package ec2

import (
	"context"
	"net/netip"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
)

func TestAPodsAddressOnANodeIsFoundByInstanceAndByAddress(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ctx := context.Background()
	eni := s.account.Instances[nodeA].Interfaces[0]
	assigned, err := s.AssignPrivateIpAddresses(ctx, &ec2.AssignPrivateIpAddressesInput{
		NetworkInterfaceId: aws.String(eni), SecondaryPrivateIpAddressCount: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	pod := *assigned.AssignedPrivateIpAddresses[0].PrivateIpAddress
	found, err := s.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{
		Filters: []types.Filter{filterOn("vpc-id", vpcID), filterOn("addresses.private-ip-address", pod, "10.99.99.99")},
	})
	if err != nil || len(found.NetworkInterfaces) != 1 || *found.NetworkInterfaces[0].NetworkInterfaceId != eni {
		t.Fatalf("by address: %+v, %v", found, err)
	}
	if g := found.NetworkInterfaces[0].Groups; len(g) != 1 || *g[0].GroupId != nodeGroup ||
		*g[0].GroupName != "demo-node" {
		t.Errorf("groups %+v", g)
	}
	instances, err := s.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{nodeA}})
	if err != nil {
		t.Fatal(err)
	}
	i := instances.Reservations[0].Instances[0]
	if *i.PrivateIpAddress != "10.0.128.10" || *i.PrivateDnsName != "ip-10-0-128-10.us-west-2.compute.internal" ||
		i.State.Name != "running" ||
		*i.Placement.AvailabilityZone != "us-west-2a" || *i.VpcId != vpcID {
		t.Errorf("instance %+v", i)
	}
	n := i.NetworkInterfaces[0]
	if *n.Attachment.DeviceIndex != 0 || !slices.ContainsFunc(n.PrivateIpAddresses,
		func(p types.InstancePrivateIpAddress) bool { return *p.PrivateIpAddress == pod && !*p.Primary }) {
		t.Errorf("interface of the instance %+v", n)
	}
	_, err = s.UnassignPrivateIpAddresses(ctx, &ec2.UnassignPrivateIpAddressesInput{NetworkInterfaceId: aws.String(eni),
		PrivateIpAddresses: []string{pod}})
	wantCode(t, err, "")
	_, err = s.UnassignPrivateIpAddresses(ctx, &ec2.UnassignPrivateIpAddressesInput{NetworkInterfaceId: aws.String(eni),
		PrivateIpAddresses: []string{pod}})
	wantCode(t, err, "InvalidParameterValue")
	_, err = s.UnassignPrivateIpAddresses(ctx, &ec2.UnassignPrivateIpAddressesInput{NetworkInterfaceId: aws.String(eni),
		PrivateIpAddresses: []string{"10.0.128.10"}})
	wantCode(t, err, "InvalidParameterValue") // the primary one stays
}

func TestAddressesAreAssignedAllOrNone(t *testing.T) {
	t.Parallel()
	s := newService(t)
	eni := s.account.Instances[nodeA].Interfaces[0]
	assign := func(addresses ...string) error {
		_, err := s.AssignPrivateIpAddresses(context.Background(), &ec2.AssignPrivateIpAddressesInput{
			NetworkInterfaceId: aws.String(eni), PrivateIpAddresses: addresses})
		return err
	}
	before := s.account.Subnets[subnetA].AvailableIPs()
	wantCode(t, assign("10.0.130.1", "10.0.144.20"), "InvalidParameterValue") // the second is of another subnet
	wantCode(t, assign("10.0.130.1", "10.0.128.0"), "InvalidParameterValue")  // the network's own address
	if got := s.account.Subnets[subnetA].AvailableIPs(); got != before {
		t.Errorf("%d addresses free after refusals, want %d", got, before)
	}
	wantCode(t, assign("10.0.130.1"), "")
	other, err := s.account.NewInterface(subnetA, []string{nodeGroup}, "x", false)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.AssignPrivateIpAddresses(context.Background(), &ec2.AssignPrivateIpAddressesInput{
		NetworkInterfaceId: aws.String(other.ID), PrivateIpAddresses: []string{"10.0.130.1"}})
	wantCode(t, err, "InvalidIPAddress.InUse")
}

func TestCreateNetworkInterfaceValidatesAsAWSDoes(t *testing.T) {
	t.Parallel()
	s := newService(t)
	groups := []string{nodeGroup, webGroup}
	for _, name := range []string{"a", "b", "c", "d"} {
		groups = append(groups, newGroup(t, s, name))
	}
	tests := []struct {
		name string
		in   ec2.CreateNetworkInterfaceInput
		code string
	}{
		{"no subnet", ec2.CreateNetworkInterfaceInput{}, "MissingParameter"},
		{"unknown subnet", ec2.CreateNetworkInterfaceInput{SubnetId: aws.String("subnet-deadbeef")},
			"InvalidSubnetID.NotFound"},
		{"default group", ec2.CreateNetworkInterfaceInput{SubnetId: aws.String(subnetA)}, ""},
		{"five groups", ec2.CreateNetworkInterfaceInput{SubnetId: aws.String(subnetA), Groups: groups[:5]}, ""},
		{"six groups", ec2.CreateNetworkInterfaceInput{SubnetId: aws.String(subnetA), Groups: groups},
			"SecurityGroupsPerInterfaceLimitExceeded"},
		{"unknown group", ec2.CreateNetworkInterfaceInput{SubnetId: aws.String(subnetA), Groups: []string{"sg-deadbeef"}},
			"InvalidGroup.NotFound"},
		{"taken address", ec2.CreateNetworkInterfaceInput{SubnetId: aws.String(subnetA), PrivateIpAddress: aws.String(
			"10.0.128.10")}, "InvalidIPAddress.InUse"},
		{"foreign address", ec2.CreateNetworkInterfaceInput{SubnetId: aws.String(subnetA), PrivateIpAddress: aws.String(
			"10.0.0.10")}, "InvalidParameterValue"},
		{"malformed address", ec2.CreateNetworkInterfaceInput{SubnetId: aws.String(subnetA), PrivateIpAddress: aws.String(
			"ten")}, "InvalidParameterValue"},
		{"prefix and IPv6", ec2.CreateNetworkInterfaceInput{SubnetId: aws.String(subnetA), Ipv4PrefixCount: aws.Int32(1),
			Ipv6AddressCount: aws.Int32(1)}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := s.CreateNetworkInterface(context.Background(), &tt.in)
			wantCode(t, err, tt.code)
		})
	}
}

func TestAFullSubnetGivesNoAddress(t *testing.T) {
	t.Parallel()
	s := newService(t)
	subnet := s.account.Subnets[subnetA]
	subnet.UseAddresses(int(subnet.AvailableIPs()))
	_, err := s.CreateNetworkInterface(context.Background(), &ec2.CreateNetworkInterfaceInput{
		SubnetId: aws.String(subnetA)})
	wantCode(t, err, "InsufficientFreeAddressesInSubnet")
}

func TestInterfacesInUseOrOfLoadBalancersStay(t *testing.T) {
	t.Parallel()
	s := newService(t)
	remove := func(id string) error {
		_, err := s.DeleteNetworkInterface(context.Background(), &ec2.DeleteNetworkInterfaceInput{
			NetworkInterfaceId: aws.String(id)})
		return err
	}
	elb, err := s.account.NewInterface(subnetA, []string{webGroup}, "ELB net/x/1", true)
	if err != nil {
		t.Fatal(err)
	}
	if elb.Type != "network_load_balancer" || elb.RequesterID != "amazon-elb" || elb.SourceDestCheck ||
		elb.Attachment.Instance != "" {
		t.Errorf("interface of a load balancer: %+v", elb)
	}
	wantCode(t, remove(elb.ID), "OperationNotPermitted")
	wantCode(t, remove(s.account.Instances[nodeA].Interfaces[0]), "InvalidParameterValue")
	free, err := s.account.NewInterface(subnetA, []string{webGroup}, "free", false)
	if err != nil {
		t.Fatal(err)
	}
	address := free.PrimaryAddress()
	wantCode(t, remove(free.ID), "")
	wantCode(t, remove(free.ID), "InvalidNetworkInterfaceID.NotFound")
	if _, ok := s.account.InterfaceAt(vpcID, address); ok {
		t.Error("the address of a deleted interface still leads somewhere")
	}
}

func TestAnInstancesInterfacesAreFilterable(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ctx := context.Background()
	tests := []struct {
		filters []types.Filter
		want    int
	}{
		{[]types.Filter{filterOn("private-ip-address", "10.0.128.10")}, 1},
		{[]types.Filter{filterOn("network-interface.addresses.private-ip-address", "10.0.144.10")}, 1},
		{[]types.Filter{filterOn("instance-state-name", "running"), filterOn("architecture", "arm64")}, 1},
		{[]types.Filter{filterOn("instance.group-id", nodeGroup)}, 3},
		{[]types.Filter{filterOn("tag:kubernetes.io/cluster/demo-cluster", "owned")}, 3},
		{[]types.Filter{filterOn("instance-state-name", "stopped")}, 0},
	}
	for _, tt := range tests {
		out, err := s.DescribeInstances(ctx, &ec2.DescribeInstancesInput{Filters: tt.filters})
		if err != nil || len(out.Reservations) != tt.want {
			t.Errorf("%s: %d, %v; want %d", *tt.filters[0].Name, len(out.Reservations), err, tt.want)
		}
	}
}

func TestATerminatedInstanceIsShownWithoutItsNetwork(t *testing.T) {
	t.Parallel()
	s := newService(t)
	if err := s.account.SetInstanceState(nodeA, "terminated"); err != nil {
		t.Fatal(err)
	}
	out, err := s.DescribeInstances(context.Background(), &ec2.DescribeInstancesInput{InstanceIds: []string{nodeA}})
	if err != nil {
		t.Fatal(err)
	}
	i := out.Reservations[0].Instances[0]
	if i.State.Name != "terminated" || i.VpcId != nil || len(i.NetworkInterfaces) != 0 {
		t.Errorf("got %+v", i)
	}
	if _, ok := s.account.InterfaceAt(vpcID, netip.MustParseAddr("10.0.128.10")); ok {
		t.Error("the address of a terminated instance still leads somewhere")
	}
}

func TestInstancesChangeTheirStateInTime(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.account.Profile = account.Real()
	steps := s.account.Clock.(*clock.Stepped)
	ctx := context.Background()
	state := func() string {
		out, err := s.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{nodeA}})
		if err != nil {
			t.Fatal(err)
		}
		return string(out.Reservations[0].Instances[0].State.Name)
	}
	expect := func(want string) {
		t.Helper()
		if got := state(); got != want {
			t.Errorf("the instance is %s, want %s", got, want)
		}
	}
	out, err := s.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{nodeA}})
	if err != nil || out.StoppingInstances[0].PreviousState.Name != "running" ||
		out.StoppingInstances[0].CurrentState.Name != "stopping" {
		t.Fatalf("got %+v, %v", out, err)
	}
	_, err = s.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{nodeA}})
	wantCode(t, err, "IncorrectInstanceState")
	expect("stopping")
	steps.Advance(s.account.Profile.InstanceTransition)
	expect("stopped")
	_, err = s.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{nodeA}})
	wantCode(t, err, "")
	expect("pending")
	_, err = s.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{nodeA}})
	wantCode(t, err, "")
	expect("shutting-down")
	steps.Advance(s.account.Profile.InstanceTransition)
	expect("terminated")
	_, err = s.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{nodeA}})
	wantCode(t, err, "IncorrectInstanceState")
	_, err = s.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{"i-deadbeef"}})
	wantCode(t, err, "InvalidInstanceID.NotFound")
}
