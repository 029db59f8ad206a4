package ec2

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
)

func TestGatewaysAndRoutesRefuseAsAWSDoes(t *testing.T) {
	t.Parallel()
	route := func(change func(in *ec2.CreateRouteInput, b built)) func(context.Context, *Service, built) error {
		return func(ctx context.Context, s *Service, b built) error {
			in := &ec2.CreateRouteInput{RouteTableId: &b.table, DestinationCidrBlock: aws.String("192.0.2.0/24"), GatewayId: &b.gateway}
			change(in, b)
			return failing(s.CreateRoute(ctx, in))
		}
	}
	checkRows(t, []row{
		{"gateway attached twice", "Resource.AlreadyAssociated", func(ctx context.Context, s *Service, b built) error {
			return failing(s.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: &b.gateway, VpcId: &b.vpc}))
		}},
		{"second gateway", "InvalidParameterValue", func(ctx context.Context, s *Service, b built) error {
			g, _ := s.CreateInternetGateway(ctx, nil)
			return failing(s.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: g.InternetGateway.InternetGatewayId, VpcId: &b.vpc}))
		}},
		{"gateway detached twice", "Gateway.NotAttached", func(ctx context.Context, s *Service, b built) error {
			g, _ := s.CreateInternetGateway(ctx, nil)
			return failing(s.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: g.InternetGateway.InternetGatewayId, VpcId: &b.vpc}))
		}},
		{"route", "", route(func(*ec2.CreateRouteInput, built) {})},
		{"same route", "", route(func(in *ec2.CreateRouteInput, _ built) { in.DestinationCidrBlock = aws.String("0.0.0.0/0") })},
		{"other route to the same", "RouteAlreadyExists", route(func(in *ec2.CreateRouteInput, b built) {
			in.DestinationCidrBlock, in.GatewayId, in.NetworkInterfaceId = aws.String("0.0.0.0/0"), nil, &b.eni
		})},
		{"local block", "RouteAlreadyExists", route(func(in *ec2.CreateRouteInput, _ built) { in.DestinationCidrBlock = aws.String("10.1.0.0/16") })},
		{"route to nowhere", "InvalidParameterCombination", route(func(in *ec2.CreateRouteInput, _ built) { in.GatewayId = nil })},
		{"route for nothing", "InvalidParameterCombination", route(func(in *ec2.CreateRouteInput, _ built) { in.DestinationCidrBlock = nil })},
		{"malformed destination", "InvalidParameterValue", route(func(in *ec2.CreateRouteInput, _ built) { in.DestinationCidrBlock = aws.String("::/0") })},
		{"unknown gateway", "InvalidGatewayID.NotFound", route(func(in *ec2.CreateRouteInput, _ built) { in.GatewayId = aws.String("igw-deadbeef") })},
		{"unknown NAT gateway", "InvalidNatGatewayID.NotFound", route(func(in *ec2.CreateRouteInput, _ built) {
			in.GatewayId, in.NatGatewayId = nil, aws.String("nat-deadbeef")
		})},
		{"unknown peering", "InvalidVpcPeeringConnectionID.NotFound", route(func(in *ec2.CreateRouteInput, _ built) {
			in.GatewayId, in.VpcPeeringConnectionId = nil, aws.String("pcx-deadbeef")
		})},
		{"unknown prefix list", "InvalidPrefixListID.NotFound", route(func(in *ec2.CreateRouteInput, _ built) {
			in.DestinationCidrBlock, in.DestinationPrefixListId = nil, aws.String("pl-deadbeef")
		})},
		{"gateway of another network", "InvalidParameterValue", func(ctx context.Context, s *Service, b built) error {
			g, _ := s.CreateInternetGateway(ctx, nil)
			return failing(s.CreateRoute(ctx, &ec2.CreateRouteInput{RouteTableId: &b.table, DestinationCidrBlock: aws.String("192.0.2.0/24"), GatewayId: g.InternetGateway.InternetGatewayId}))
		}},
		{"too many routes", "RouteLimitExceeded", func(ctx context.Context, s *Service, b built) error {
			_ = s.account.SetQuota("routes-per-route-table", 3)
			return failing(s.CreateRoute(ctx, &ec2.CreateRouteInput{RouteTableId: &b.table, DestinationCidrBlock: aws.String("192.0.2.0/24"), GatewayId: &b.gateway}))
		}},
		{"replace what is not there", "InvalidParameterValue", func(ctx context.Context, s *Service, b built) error {
			return failing(s.ReplaceRoute(ctx, &ec2.ReplaceRouteInput{RouteTableId: &b.table, DestinationCidrBlock: aws.String("192.0.2.0/24"), GatewayId: &b.gateway}))
		}},
		{"delete what is not there", "InvalidRoute.NotFound", func(ctx context.Context, s *Service, b built) error {
			return failing(s.DeleteRoute(ctx, &ec2.DeleteRouteInput{RouteTableId: &b.table, DestinationCidrBlock: aws.String("192.0.2.0/24")}))
		}},
		{"delete the local route", "InvalidParameterValue", func(ctx context.Context, s *Service, b built) error {
			return failing(s.DeleteRoute(ctx, &ec2.DeleteRouteInput{RouteTableId: &b.table, DestinationCidrBlock: aws.String("10.1.0.0/16")}))
		}},
		{"second table of a subnet", "Resource.AlreadyAssociated", func(ctx context.Context, s *Service, b built) error {
			out, _ := s.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: &b.vpc})
			return failing(s.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: out.RouteTable.RouteTableId, SubnetId: &b.subnet}))
		}},
		{"main association away", "InvalidParameterValue", func(ctx context.Context, s *Service, b built) error {
			for _, table := range s.account.RouteTables {
				if table.Main {
					return failing(s.DisassociateRouteTable(ctx, &ec2.DisassociateRouteTableInput{AssociationId: &table.MainID}))
				}
			}
			return nil
		}},
		{"table becomes the main one", "DependencyViolation", func(ctx context.Context, s *Service, b built) error {
			for _, table := range s.account.RouteTables {
				if !table.Main {
					continue
				}
				if _, err := s.ReplaceRouteTableAssociation(ctx, &ec2.ReplaceRouteTableAssociationInput{AssociationId: &table.MainID, RouteTableId: &b.table}); err != nil {
					return err
				}
				if _, err := s.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: &table.ID}); err != nil {
					return fmt.Errorf("the former main table stays: %w", err)
				}
				break
			}
			return failing(s.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: &b.table}))
		}},
		{"unknown association", "InvalidAssociationID.NotFound", func(ctx context.Context, s *Service, _ built) error {
			return failing(s.DisassociateRouteTable(ctx, &ec2.DisassociateRouteTableInput{AssociationId: aws.String("rtbassoc-1")}))
		}},
	})
}

func TestAddressesAndInterfacesRefuseAsAWSDoes(t *testing.T) {
	t.Parallel()
	allocate := func(s *Service) *string {
		out, err := s.AllocateAddress(context.Background(), nil)
		if err != nil {
			return aws.String("eipalloc-deadbeef")
		}
		return out.AllocationId
	}
	checkRows(t, []row{
		{"sixth address", "AddressLimitExceeded", func(_ context.Context, s *Service, _ built) error {
			for range 5 {
				allocate(s)
			}
			return failing(s.AllocateAddress(context.Background(), nil))
		}},
		{"unknown pool", "InvalidCoipPoolId.NotFound", func(ctx context.Context, s *Service, _ built) error {
			return failing(s.AllocateAddress(ctx, &ec2.AllocateAddressInput{CustomerOwnedIpv4Pool: aws.String("ipv4pool-coip-deadbeef")}))
		}},
		{"unknown IPAM pool", "InvalidIpamPoolId.NotFound", func(ctx context.Context, s *Service, _ built) error {
			return failing(s.AllocateAddress(ctx, &ec2.AllocateAddressInput{IpamPoolId: aws.String("ipam-pool-deadbeef")}))
		}},
		{"associate, release", "InvalidIPAddress.InUse", func(ctx context.Context, s *Service, b built) error {
			id := allocate(s)
			if _, err := s.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllocationId: id, InstanceId: &b.instance}); err != nil {
				return err
			}
			if got := s.account.Interfaces[b.eni].Addresses[0]; got.Allocation != *id || got.Public != s.account.Addresses[*id].Public {
				return fmt.Errorf("the interface has %+v", got)
			}
			return failing(s.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: id}))
		}},
		{"associate, disassociate, release", "", func(ctx context.Context, s *Service, b built) error {
			id := allocate(s)
			out, err := s.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllocationId: id, NetworkInterfaceId: &b.eni})
			if err != nil {
				return err
			}
			if _, err := s.DisassociateAddress(ctx, &ec2.DisassociateAddressInput{AssociationId: out.AssociationId}); err != nil {
				return err
			}
			return failing(s.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: id}))
		}},
		{"associate again", "Resource.AlreadyAssociated", func(ctx context.Context, s *Service, b built) error {
			first, second := allocate(s), allocate(s)
			if _, err := s.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllocationId: first, InstanceId: &b.instance}); err != nil {
				return err
			}
			return failing(s.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllocationId: second, InstanceId: &b.instance, AllowReassociation: aws.Bool(false)}))
		}},
		{"associate with a load balancer's", "OperationNotPermitted", func(ctx context.Context, s *Service, b built) error {
			n, err := s.account.NewInterface(b.subnet, []string{b.group}, "ELB net/x/1", true)
			if err != nil {
				return err
			}
			return failing(s.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllocationId: allocate(s), NetworkInterfaceId: &n.ID}))
		}},
		{"unknown association", "InvalidAssociationID.NotFound", func(ctx context.Context, s *Service, _ built) error {
			return failing(s.DisassociateAddress(ctx, &ec2.DisassociateAddressInput{AssociationId: aws.String("eipassoc-1")}))
		}},
		{"unknown public address", "InvalidAddress.NotFound", func(ctx context.Context, s *Service, _ built) error {
			return failing(s.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{PublicIp: aws.String("203.0.113.9")}))
		}},

		{"IPv6 outside", "InvalidParameterValue", func(ctx context.Context, s *Service, b built) error {
			return failing(s.AssignIpv6Addresses(ctx, &ec2.AssignIpv6AddressesInput{NetworkInterfaceId: &b.eni, Ipv6Addresses: []string{"2001:db8::1"}}))
		}},
		{"IPv6 taken", "InvalidIPAddress.InUse", func(ctx context.Context, s *Service, b built) error {
			return failing(s.AssignIpv6Addresses(ctx, &ec2.AssignIpv6AddressesInput{NetworkInterfaceId: &b.eni, Ipv6Addresses: []string{s.account.Interfaces[b.eni].IPv6Addresses[0].String()}}))
		}},
		{"IPv6 both ways", "InvalidParameterCombination", func(ctx context.Context, s *Service, b built) error {
			return failing(s.AssignIpv6Addresses(ctx, &ec2.AssignIpv6AddressesInput{NetworkInterfaceId: &b.eni, Ipv6Addresses: []string{"::1"}, Ipv6AddressCount: aws.Int32(1)}))
		}},
		{"IPv6 and back", "", func(ctx context.Context, s *Service, b built) error {
			out, err := s.AssignIpv6Addresses(ctx, &ec2.AssignIpv6AddressesInput{NetworkInterfaceId: &b.eni, Ipv6AddressCount: aws.Int32(2), Ipv6PrefixCount: aws.Int32(1)})
			if err != nil {
				return err
			}
			if n := s.account.Interfaces[b.eni]; len(n.IPv6Addresses) != 3 || len(n.IPv6Prefixes) != 1 {
				return fmt.Errorf("the interface has %v, %v", n.IPv6Addresses, n.IPv6Prefixes)
			}
			if n, ok := s.account.InterfaceAt(b.vpc, s.account.Interfaces[b.eni].IPv6Prefixes[0].Addr().Next()); !ok || n.ID != b.eni {
				return fmt.Errorf("an address of the prefix leads to %v", n)
			}
			return failing(s.UnassignIpv6Addresses(ctx, &ec2.UnassignIpv6AddressesInput{NetworkInterfaceId: &b.eni, Ipv6Addresses: out.AssignedIpv6Addresses, Ipv6Prefixes: out.AssignedIpv6Prefixes}))
		}},
		{"IPv6 not held", "InvalidParameterValue", func(ctx context.Context, s *Service, b built) error {
			return failing(s.UnassignIpv6Addresses(ctx, &ec2.UnassignIpv6AddressesInput{NetworkInterfaceId: &b.eni, Ipv6Addresses: []string{"2001:db8::1"}}))
		}},

		{"attach and detach", "", func(ctx context.Context, s *Service, b built) error {
			n, err := s.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &b.subnet})
			if err != nil {
				return err
			}
			out, err := s.AttachNetworkInterface(ctx, &ec2.AttachNetworkInterfaceInput{NetworkInterfaceId: n.NetworkInterface.NetworkInterfaceId, InstanceId: &b.instance, DeviceIndex: aws.Int32(2)})
			if err != nil {
				return err
			}
			if got := s.account.Instances[b.instance].Interfaces; len(got) != 2 {
				return fmt.Errorf("the instance has %v", got)
			}
			if _, err := s.DetachNetworkInterface(ctx, &ec2.DetachNetworkInterfaceInput{AttachmentId: out.AttachmentId}); err != nil {
				return err
			}
			return failing(s.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: n.NetworkInterface.NetworkInterfaceId}))
		}},
		{"attach what is in use", "InvalidNetworkInterface.InUse", func(ctx context.Context, s *Service, b built) error {
			return failing(s.AttachNetworkInterface(ctx, &ec2.AttachNetworkInterfaceInput{NetworkInterfaceId: &b.eni, InstanceId: &b.instance, DeviceIndex: aws.Int32(1)}))
		}},
		{"attach at a taken index", "InvalidParameterValue", func(ctx context.Context, s *Service, b built) error {
			n, _ := s.account.NewInterface(b.subnet, nil, "", false)
			return failing(s.AttachNetworkInterface(ctx, &ec2.AttachNetworkInterfaceInput{NetworkInterfaceId: &n.ID, InstanceId: &b.instance, DeviceIndex: aws.Int32(0)}))
		}},
		{"detach the primary one", "OperationNotPermitted", func(ctx context.Context, s *Service, b built) error {
			return failing(s.DetachNetworkInterface(ctx, &ec2.DetachNetworkInterfaceInput{AttachmentId: &s.account.Interfaces[b.eni].Attachment.ID}))
		}},
		{"unknown attachment", "InvalidAttachmentID.NotFound", func(ctx context.Context, s *Service, _ built) error {
			return failing(s.DetachNetworkInterface(ctx, &ec2.DetachNetworkInterfaceInput{AttachmentId: aws.String("eni-attach-1")}))
		}},
		{"too many interfaces", "NetworkInterfaceLimitExceeded", func(ctx context.Context, s *Service, b built) error {
			_ = s.account.SetQuota("network-interfaces", 1)
			return failing(s.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &b.subnet}))
		}},
		{"sixth group of an interface", "SecurityGroupsPerInterfaceLimitExceeded", func(ctx context.Context, s *Service, b built) error {
			return failing(s.ModifyNetworkInterfaceAttribute(ctx, &ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: &b.eni, Groups: []string{b.group, b.group, b.group, b.group, b.group, b.group}}))
		}},
		{"NAT gateway and route", "", func(ctx context.Context, s *Service, b built) error {
			g, err := s.CreateNatGateway(ctx, &ec2.CreateNatGatewayInput{SubnetId: &b.subnet, AllocationId: allocate(s)})
			if err != nil {
				return err
			}
			if _, err := s.CreateRoute(ctx, &ec2.CreateRouteInput{RouteTableId: &b.table, DestinationCidrBlock: aws.String("192.0.2.0/24"), NatGatewayId: g.NatGateway.NatGatewayId}); err != nil {
				return err
			}
			if _, err := s.DeleteNatGateway(ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: g.NatGateway.NatGatewayId}); err != nil {
				return err
			}
			if routes := s.account.RouteTables[b.table].Routes; routes[len(routes)-1].State != "blackhole" {
				return fmt.Errorf("the route is %+v", routes[len(routes)-1])
			}
			out, err := s.DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{Filter: []types.Filter{filter("state", "deleted")}})
			if err == nil && len(out.NatGateways) != 1 {
				return fmt.Errorf("%d gateways", len(out.NatGateways))
			}
			return err
		}},
		{"NAT gateway without an address", "MissingParameter", func(ctx context.Context, s *Service, b built) error {
			return failing(s.CreateNatGateway(ctx, &ec2.CreateNatGatewayInput{SubnetId: &b.subnet}))
		}},
	})
}

func TestInstancesRefuseAsAWSDoes(t *testing.T) {
	t.Parallel()
	run := func(change func(in *ec2.RunInstancesInput, b built)) func(context.Context, *Service, built) error {
		return func(ctx context.Context, s *Service, b built) error {
			in := &ec2.RunInstancesInput{MinCount: aws.Int32(1), MaxCount: aws.Int32(1), ImageId: aws.String("ami-deadbeef"), SubnetId: &b.subnet}
			change(in, b)
			before := len(s.account.Interfaces)
			_, err := s.RunInstances(ctx, in)
			if err != nil && len(s.account.Interfaces) != before {
				return fmt.Errorf("interfaces of instances that do not run are left")
			}
			return err
		}
	}
	checkRows(t, []row{
		{"one", "", run(func(*ec2.RunInstancesInput, built) {})},
		{"several", "", run(func(in *ec2.RunInstancesInput, _ built) { in.MaxCount = aws.Int32(3) })},
		{"no count", "MissingParameter", run(func(in *ec2.RunInstancesInput, _ built) { in.MinCount = nil })},
		{"fewer than at least", "InvalidParameterValue", run(func(in *ec2.RunInstancesInput, _ built) { in.MinCount = aws.Int32(2) })},
		{"no image", "MissingParameter", run(func(in *ec2.RunInstancesInput, _ built) { in.ImageId = nil })},
		{"malformed image", "InvalidAMIID.Malformed", run(func(in *ec2.RunInstancesInput, _ built) { in.ImageId = aws.String("x") })},
		{"too many", "InstanceLimitExceeded", run(func(in *ec2.RunInstancesInput, _ built) { in.MaxCount = aws.Int32(501) })},
		{"more than the subnet has room for", "InsufficientFreeAddressesInSubnet", run(func(in *ec2.RunInstancesInput, _ built) {
			in.MinCount, in.MaxCount = aws.Int32(300), aws.Int32(300)
		})},
		{"no default subnet", "MissingInput", run(func(in *ec2.RunInstancesInput, _ built) { in.SubnetId = nil })},
		{"unknown subnet", "InvalidSubnetID.NotFound", run(func(in *ec2.RunInstancesInput, _ built) { in.SubnetId = aws.String("subnet-deadbeef") })},
		{"unknown group", "InvalidGroup.NotFound", run(func(in *ec2.RunInstancesInput, _ built) { in.SecurityGroupIds = []string{"sg-deadbeef"} })},
		{"taken address", "InvalidIPAddress.InUse", func(ctx context.Context, s *Service, b built) error {
			return failing(s.RunInstances(ctx, &ec2.RunInstancesInput{MinCount: aws.Int32(1), MaxCount: aws.Int32(1), ImageId: aws.String("ami-deadbeef"),
				SubnetId: &b.subnet, PrivateIpAddress: aws.String(s.account.Interfaces[b.eni].PrimaryAddress().String())}))
		}},
		{"one address for two", "InvalidParameterCombination", run(func(in *ec2.RunInstancesInput, _ built) {
			in.MaxCount, in.PrivateIpAddress = aws.Int32(2), aws.String("10.1.0.100")
		})},
		{"subnet in both places", "InvalidParameterCombination", run(func(in *ec2.RunInstancesInput, b built) {
			in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{{DeviceIndex: aws.Int32(0), SubnetId: &b.subnet}}
		})},
		{"tags of another kind", "InvalidParameterValue", run(func(in *ec2.RunInstancesInput, _ built) {
			in.TagSpecifications = []types.TagSpecification{{ResourceType: types.ResourceTypeVpc}}
		})},
		{"with an interface that exists", "", func(ctx context.Context, s *Service, b built) error {
			n, err := s.account.NewInterface(b.subnet, []string{b.group}, "kept", false)
			if err != nil {
				return err
			}
			out, err := s.RunInstances(ctx, &ec2.RunInstancesInput{MinCount: aws.Int32(1), MaxCount: aws.Int32(1), ImageId: aws.String("ami-deadbeef"),
				NetworkInterfaces: []types.InstanceNetworkInterfaceSpecification{{DeviceIndex: aws.Int32(0), NetworkInterfaceId: &n.ID}}})
			if err != nil {
				return err
			}
			if _, err := s.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{*out.Instances[0].InstanceId}}); err != nil {
				return err
			}
			if kept, ok := s.account.Interface(n.ID); !ok || kept.Attachment != nil {
				return fmt.Errorf("the interface is gone or in use: %+v", kept)
			}
			return nil
		}},
		{"groups of an instance", "", func(ctx context.Context, s *Service, b built) error {
			g, _ := s.account.DefaultGroup(b.vpc)
			_, err := s.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: &b.instance, Groups: []string{g.ID}})
			if got := s.account.Interfaces[b.eni].Groups; len(got) != 1 || got[0] != g.ID {
				return fmt.Errorf("the interface has the groups %v", got)
			}
			return err
		}},
		{"type of a running instance", "IncorrectInstanceState", func(ctx context.Context, s *Service, b built) error {
			return failing(s.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: &b.instance, InstanceType: &types.AttributeValue{Value: aws.String("m5.large")}}))
		}},
	})
}

func TestPrefixListsAndPeersRefuseAsAWSDoes(t *testing.T) {
	t.Parallel()
	list := func(s *Service) *string {
		l := &account.PrefixList{Name: "l", Owner: s.account.ID, MaxEntries: 2, Family: "IPv4"}
		s.account.AddPrefixList(l)
		return &l.ID
	}
	add := func(cidrs ...string) []types.AddPrefixListEntry {
		var all []types.AddPrefixListEntry
		for i := range cidrs {
			all = append(all, types.AddPrefixListEntry{Cidr: &cidrs[i]})
		}
		return all
	}
	create := func(change func(*ec2.CreateManagedPrefixListInput)) func(context.Context, *Service, built) error {
		return func(ctx context.Context, s *Service, _ built) error {
			in := &ec2.CreateManagedPrefixListInput{PrefixListName: aws.String("l"), AddressFamily: aws.String("IPv4"), MaxEntries: aws.Int32(2), Entries: add("10.0.0.1/8")}
			change(in)
			return failing(s.CreateManagedPrefixList(ctx, in))
		}
	}
	modify := func(in ec2.ModifyManagedPrefixListInput) func(context.Context, *Service, built) error {
		return func(ctx context.Context, s *Service, _ built) error {
			in.PrefixListId = list(s)
			return failing(s.ModifyManagedPrefixList(ctx, &in))
		}
	}
	second := func(ctx context.Context, s *Service) *string {
		out, err := s.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.2.0.0/16")})
		if err != nil {
			return aws.String("vpc-deadbeef")
		}
		return out.Vpc.VpcId
	}
	pair := func(group string) types.IpPermission {
		return types.IpPermission{IpProtocol: aws.String("-1"), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: &group}}}
	}
	checkRows(t, []row{
		{"list", "", create(func(*ec2.CreateManagedPrefixListInput) {})},
		{"list without a name", "MissingParameter", create(func(in *ec2.CreateManagedPrefixListInput) { in.PrefixListName = nil })},
		{"list of AWS's name", "InvalidParameterValue", create(func(in *ec2.CreateManagedPrefixListInput) { in.PrefixListName = aws.String("com.amazonaws.x") })},
		{"list of no family", "InvalidParameterValue", create(func(in *ec2.CreateManagedPrefixListInput) { in.AddressFamily = aws.String("ipv4") })},
		{"list of nothing", "InvalidParameterValue", create(func(in *ec2.CreateManagedPrefixListInput) { in.MaxEntries = aws.Int32(0) })},
		{"list that is too long", "PrefixListMaxEntriesExceeded", create(func(in *ec2.CreateManagedPrefixListInput) {
			in.MaxEntries, in.Entries = aws.Int32(1), add("10.0.0.0/8", "11.0.0.0/8")
		})},
		{"entry of the other family", "InvalidParameterValue", create(func(in *ec2.CreateManagedPrefixListInput) { in.Entries = add("::/0") })},
		{"too many lists", "PrefixListLimitExceeded", func(ctx context.Context, s *Service, _ built) error {
			_ = s.account.SetQuota("prefix-lists", 0)
			return failing(s.CreateManagedPrefixList(ctx, &ec2.CreateManagedPrefixListInput{PrefixListName: aws.String("l"), AddressFamily: aws.String("IPv4"), MaxEntries: aws.Int32(2)}))
		}},
		{"entries", "", modify(ec2.ModifyManagedPrefixListInput{CurrentVersion: aws.Int64(1), AddEntries: add("10.0.0.0/8")})},
		{"entries of no version", "MissingParameter", modify(ec2.ModifyManagedPrefixListInput{AddEntries: add("10.0.0.0/8")})},
		{"entries of another version", "PrefixListVersionMismatch", modify(ec2.ModifyManagedPrefixListInput{CurrentVersion: aws.Int64(2), AddEntries: add("10.0.0.0/8")})},
		{"too many entries", "PrefixListMaxEntriesExceeded", modify(ec2.ModifyManagedPrefixListInput{CurrentVersion: aws.Int64(1), AddEntries: add("10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8")})},
		{"entry that is not there", "InvalidPrefixListModification", modify(ec2.ModifyManagedPrefixListInput{CurrentVersion: aws.Int64(1), RemoveEntries: []types.RemovePrefixListEntry{{Cidr: aws.String("10.0.0.0/8")}}})},
		{"size and entries", "InvalidParameterCombination", modify(ec2.ModifyManagedPrefixListInput{CurrentVersion: aws.Int64(1), MaxEntries: aws.Int32(3), AddEntries: add("10.0.0.0/8")})},
		{"entries read back", "", func(ctx context.Context, s *Service, _ built) error {
			id := list(s)
			entries := []types.AddPrefixListEntry{{Cidr: aws.String("10.0.0.1/8"), Description: aws.String("mine")}}
			if _, err := s.ModifyManagedPrefixList(ctx, &ec2.ModifyManagedPrefixListInput{PrefixListId: id, CurrentVersion: aws.Int64(1), AddEntries: entries}); err != nil {
				return err
			}
			out, err := s.GetManagedPrefixListEntries(ctx, &ec2.GetManagedPrefixListEntriesInput{PrefixListId: id, TargetVersion: aws.Int64(2)})
			if err == nil && (len(out.Entries) != 1 || *out.Entries[0].Cidr != "10.0.0.0/8" || *out.Entries[0].Description != "mine") {
				return fmt.Errorf("entries %+v", out.Entries)
			}
			return err
		}},
		{"list in use", "DependencyViolation", func(ctx context.Context, s *Service, b built) error {
			id := list(s)
			if err := authorize(s, b.group, types.IpPermission{IpProtocol: aws.String("-1"), PrefixListIds: []types.PrefixListId{{PrefixListId: id}}}); err != nil {
				return err
			}
			return failing(s.DeleteManagedPrefixList(ctx, &ec2.DeleteManagedPrefixListInput{PrefixListId: id}))
		}},
		{"list of AWS", "UnauthorizedOperation", func(ctx context.Context, s *Service, _ built) error {
			l := &account.PrefixList{Name: "com.amazonaws.x", Owner: "AWS"}
			s.account.AddPrefixList(l)
			return failing(s.DeleteManagedPrefixList(ctx, &ec2.DeleteManagedPrefixListInput{PrefixListId: &l.ID}))
		}},

		{"rule for a group elsewhere", "InvalidGroup.NotFound", func(ctx context.Context, s *Service, b built) error {
			g, _ := s.account.DefaultGroup(*second(ctx, s))
			return authorize(s, b.group, pair(g.ID))
		}},
		{"rule for a group of a peered VPC", "", func(ctx context.Context, s *Service, b built) error {
			other := second(ctx, s)
			p, err := s.CreateVpcPeeringConnection(ctx, &ec2.CreateVpcPeeringConnectionInput{VpcId: &b.vpc, PeerVpcId: other})
			if err != nil {
				return err
			}
			g, _ := s.account.DefaultGroup(*other)
			if authorize(s, b.group, pair(g.ID)) == nil {
				return fmt.Errorf("the peering counts before it was accepted")
			}
			if _, err := s.AcceptVpcPeeringConnection(ctx, &ec2.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: p.VpcPeeringConnection.VpcPeeringConnectionId}); err != nil {
				return err
			}
			if err := authorize(s, b.group, pair(g.ID)); err != nil {
				return err
			}
			if _, err := s.DeleteVpcPeeringConnection(ctx, &ec2.DeleteVpcPeeringConnectionInput{VpcPeeringConnectionId: p.VpcPeeringConnection.VpcPeeringConnectionId}); err != nil {
				return err
			}
			out, err := s.DescribeVpcPeeringConnections(ctx, &ec2.DescribeVpcPeeringConnectionsInput{Filters: []types.Filter{filter("status-code", "deleted"), filter("accepter-vpc-info.vpc-id", *other)}})
			if err == nil && (len(out.VpcPeeringConnections) != 1 || *out.VpcPeeringConnections[0].AccepterVpcInfo.CidrBlock != "10.2.0.0/16") {
				return fmt.Errorf("connections %+v", out.VpcPeeringConnections)
			}
			return err
		}},
		{"peering with itself", "InvalidParameterValue", func(ctx context.Context, s *Service, b built) error {
			return failing(s.CreateVpcPeeringConnection(ctx, &ec2.CreateVpcPeeringConnectionInput{VpcId: &b.vpc, PeerVpcId: &b.vpc}))
		}},
		{"peering with nobody", "InvalidVpcID.NotFound", func(ctx context.Context, s *Service, b built) error {
			return failing(s.CreateVpcPeeringConnection(ctx, &ec2.CreateVpcPeeringConnectionInput{VpcId: &b.vpc, PeerVpcId: aws.String("vpc-deadbeef")}))
		}},

		{"group in another VPC", "DependencyViolation", func(ctx context.Context, s *Service, b built) error {
			other := second(ctx, s)
			if _, err := s.AssociateSecurityGroupVpc(ctx, &ec2.AssociateSecurityGroupVpcInput{GroupId: &b.group, VpcId: other}); err != nil {
				return err
			}
			usable, err := s.GetSecurityGroupsForVpc(ctx, &ec2.GetSecurityGroupsForVpcInput{VpcId: other, Filters: []types.Filter{filter("primary-vpc-id", b.vpc)}})
			if err != nil || len(usable.SecurityGroupForVpcs) != 1 {
				return fmt.Errorf("usable: %+v, %w", usable, err)
			}
			listed, err := s.DescribeSecurityGroupVpcAssociations(ctx, &ec2.DescribeSecurityGroupVpcAssociationsInput{Filters: []types.Filter{filter("vpc-id", *other)}})
			if err != nil || len(listed.SecurityGroupVpcAssociations) != 1 {
				return fmt.Errorf("listed: %+v, %w", listed, err)
			}
			must[ec2.TerminateInstancesOutput](t)(s.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{b.instance}}))
			return failing(s.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &b.group}))
		}},
		{"group in its own VPC", "InvalidParameter", func(ctx context.Context, s *Service, b built) error {
			return failing(s.AssociateSecurityGroupVpc(ctx, &ec2.AssociateSecurityGroupVpcInput{GroupId: &b.group, VpcId: &b.vpc}))
		}},
		{"group not in the VPC", "InvalidGroup.NotFound", func(ctx context.Context, s *Service, b built) error {
			return failing(s.DisassociateSecurityGroupVpc(ctx, &ec2.DisassociateSecurityGroupVpcInput{GroupId: &b.group, VpcId: &b.vpc}))
		}},
		{"default group elsewhere", "InvalidParameterValue", func(ctx context.Context, s *Service, b built) error {
			g, _ := s.account.DefaultGroup(b.vpc)
			return failing(s.AssociateSecurityGroupVpc(ctx, &ec2.AssociateSecurityGroupVpcInput{GroupId: &g.ID, VpcId: second(ctx, s)}))
		}},

		{"description of a rule", "", func(ctx context.Context, s *Service, b built) error {
			p := tcp(80, "10.0.0.0/8")
			if err := authorize(s, b.group, p); err != nil {
				return err
			}
			p.IpRanges[0].Description = aws.String("new words")
			_, err := s.UpdateSecurityGroupRuleDescriptionsIngress(ctx, &ec2.UpdateSecurityGroupRuleDescriptionsIngressInput{GroupId: &b.group, IpPermissions: []types.IpPermission{p}})
			if got := s.account.SecurityGroups[b.group].Ingress[0]; got.Description != "new words" {
				return fmt.Errorf("the rule is %+v", got)
			}
			return err
		}},
		{"description of no rule", "InvalidPermission.NotFound", func(ctx context.Context, s *Service, b built) error {
			return failing(s.UpdateSecurityGroupRuleDescriptionsEgress(ctx, &ec2.UpdateSecurityGroupRuleDescriptionsEgressInput{GroupId: &b.group, IpPermissions: []types.IpPermission{tcp(80, "10.0.0.0/8")}}))
		}},
		{"description of a rule by id", "InvalidSecurityGroupRuleId.NotFound", func(ctx context.Context, s *Service, b built) error {
			return failing(s.UpdateSecurityGroupRuleDescriptionsIngress(ctx, &ec2.UpdateSecurityGroupRuleDescriptionsIngressInput{GroupId: &b.group,
				SecurityGroupRuleDescriptions: []types.SecurityGroupRuleDescription{{SecurityGroupRuleId: aws.String("sgr-deadbeef")}}}))
		}},
		{"rule becomes another's double", "InvalidPermission.Duplicate", func(ctx context.Context, s *Service, b built) error {
			if err := authorize(s, b.group, tcp(80, "10.0.0.0/8", "11.0.0.0/8")); err != nil {
				return err
			}
			return failing(s.ModifySecurityGroupRules(ctx, &ec2.ModifySecurityGroupRulesInput{GroupId: &b.group, SecurityGroupRules: []types.SecurityGroupRuleUpdate{{
				SecurityGroupRuleId: &s.account.SecurityGroups[b.group].Ingress[0].ID,
				SecurityGroupRule:   &types.SecurityGroupRuleRequest{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(80), CidrIpv4: aws.String("11.0.0.0/8")},
			}}}))
		}},
		{"reserved name", "InvalidParameterValue", func(ctx context.Context, s *Service, b built) error {
			return failing(s.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: aws.String("default"), Description: aws.String("d"), VpcId: &b.vpc}))
		}},
		{"pools", "", func(ctx context.Context, s *Service, _ built) error {
			coip, pool := &account.CustomerPool{RouteTable: "lgw-rtb-1"}, &account.IPAMPool{Family: "ipv4", Public: true}
			s.account.AddCustomerPool(coip)
			s.account.AddIPAMPool(pool)
			if _, err := s.AllocateAddress(ctx, &ec2.AllocateAddressInput{CustomerOwnedIpv4Pool: &coip.ID}); err != nil {
				return err
			}
			used, err := s.GetCoipPoolUsage(ctx, &ec2.GetCoipPoolUsageInput{PoolId: &coip.ID})
			if err != nil || len(used.CoipAddressUsages) != 1 {
				return fmt.Errorf("used %+v, %w", used, err)
			}
			pools, err := s.DescribeCoipPools(ctx, &ec2.DescribeCoipPoolsInput{PoolIds: []string{coip.ID}, Filters: []types.Filter{filter("coip-pool.local-gateway-route-table-id", "lgw-*")}})
			if err != nil || len(pools.CoipPools) != 1 {
				return fmt.Errorf("pools %+v, %w", pools, err)
			}
			ipam, err := s.DescribeIpamPools(ctx, &ec2.DescribeIpamPoolsInput{IpamPoolIds: []string{pool.ID}})
			if err != nil || len(ipam.IpamPools) != 1 || ipam.IpamPools[0].IpamScopeType != "public" {
				return fmt.Errorf("IPAM pools %+v, %w", ipam, err)
			}
			return nil
		}},
		{"regions", "", func(ctx context.Context, s *Service, _ built) error {
			some, err := s.DescribeRegions(ctx, nil)
			if err != nil {
				return err
			}
			all, err := s.DescribeRegions(ctx, &ec2.DescribeRegionsInput{AllRegions: aws.Bool(true)})
			if err != nil || len(all.Regions) <= len(some.Regions) || len(some.Regions) < 15 {
				return fmt.Errorf("%d of %d regions, %w", len(some.Regions), len(all.Regions), err)
			}
			return failing(s.DescribeAccountAttributes(ctx, &ec2.DescribeAccountAttributesInput{AttributeNames: []types.AccountAttributeName{"default-vpc"}}))
		}},
		{"unknown region", "InvalidParameterValue", func(ctx context.Context, s *Service, _ built) error {
			return failing(s.DescribeRegions(ctx, &ec2.DescribeRegionsInput{RegionNames: []string{"mars-1"}}))
		}},
	})
}
