package ec2

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func TestGatewaysAndRoutesRefuseAsAWSDoes(t *testing.T) {
	t.Parallel()
	route := func(change func(in *ec2.CreateRouteInput, b built)) func(context.Context, *Service, built) error {
		return func(ctx context.Context, s *Service, b built) error {
			in := &ec2.CreateRouteInput{RouteTableId: &b.table, DestinationCidrBlock: aws.String("192.0.2.0/24"),
				GatewayId: &b.gateway}
			change(in, b)
			return failing(s.CreateRoute(ctx, in))
		}
	}
	checkRows(t, []row{
		{"gateway attached twice", "Resource.AlreadyAssociated", func(ctx context.Context, s *Service, b built) error {
			return failing(s.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: &b.gateway,
				VpcId: &b.vpc}))
		}},
		{"second gateway", "InvalidParameterValue", func(ctx context.Context, s *Service, b built) error {
			g, _ := s.CreateInternetGateway(ctx, nil)
			return failing(s.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{
				InternetGatewayId: g.InternetGateway.InternetGatewayId, VpcId: &b.vpc}))
		}},
		{"gateway detached twice", "Gateway.NotAttached", func(ctx context.Context, s *Service, b built) error {
			g, _ := s.CreateInternetGateway(ctx, nil)
			return failing(s.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{
				InternetGatewayId: g.InternetGateway.InternetGatewayId, VpcId: &b.vpc}))
		}},
		{"route", "", route(func(*ec2.CreateRouteInput, built) {})},
		{"same route", "", route(func(in *ec2.CreateRouteInput, _ built) {
			in.DestinationCidrBlock = aws.String("0.0.0.0/0")
		})},
		{"other route to the same", "RouteAlreadyExists", route(func(in *ec2.CreateRouteInput, b built) {
			in.DestinationCidrBlock, in.GatewayId, in.NetworkInterfaceId = aws.String("0.0.0.0/0"), nil, &b.eni
		})},
		{"local block", "RouteAlreadyExists", route(func(in *ec2.CreateRouteInput, _ built) {
			in.DestinationCidrBlock = aws.String("10.1.0.0/16")
		})},
		{"route to nowhere", "InvalidParameterCombination",
			route(func(in *ec2.CreateRouteInput, _ built) { in.GatewayId = nil })},
		{"route for nothing", "InvalidParameterCombination",
			route(func(in *ec2.CreateRouteInput, _ built) { in.DestinationCidrBlock = nil })},
		{"malformed destination", "InvalidParameterValue",
			route(func(in *ec2.CreateRouteInput, _ built) { in.DestinationCidrBlock = aws.String("::/0") })},
		{"unknown gateway", "InvalidGatewayID.NotFound",
			route(func(in *ec2.CreateRouteInput, _ built) { in.GatewayId = aws.String("igw-deadbeef") })},
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
			return failing(s.CreateRoute(ctx, &ec2.CreateRouteInput{RouteTableId: &b.table, DestinationCidrBlock: aws.String(
				"192.0.2.0/24"), GatewayId: g.InternetGateway.InternetGatewayId}))
		}},
		{"too many routes", "RouteLimitExceeded", func(ctx context.Context, s *Service, b built) error {
			_ = s.account.SetQuota("routes-per-route-table", 3)
			return failing(s.CreateRoute(ctx, &ec2.CreateRouteInput{RouteTableId: &b.table, DestinationCidrBlock: aws.String(
				"192.0.2.0/24"), GatewayId: &b.gateway}))
		}},
		{"replace what is not there", "InvalidParameterValue", func(ctx context.Context, s *Service, b built) error {
			return failing(s.ReplaceRoute(ctx, &ec2.ReplaceRouteInput{RouteTableId: &b.table, DestinationCidrBlock: aws.String(
				"192.0.2.0/24"), GatewayId: &b.gateway}))
		}},
		{"delete what is not there", "InvalidRoute.NotFound", func(ctx context.Context, s *Service, b built) error {
			return failing(s.DeleteRoute(ctx, &ec2.DeleteRouteInput{RouteTableId: &b.table, DestinationCidrBlock: aws.String(
				"192.0.2.0/24")}))
		}},
		{"delete the local route", "InvalidParameterValue", func(ctx context.Context, s *Service, b built) error {
			return failing(s.DeleteRoute(ctx, &ec2.DeleteRouteInput{RouteTableId: &b.table, DestinationCidrBlock: aws.String(
				"10.1.0.0/16")}))
		}},
		{"second table of a subnet", "Resource.AlreadyAssociated", func(ctx context.Context, s *Service, b built) error {
			out, _ := s.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: &b.vpc})
			return failing(s.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: out.RouteTable.RouteTableId,
				SubnetId: &b.subnet}))
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
				if _, err := s.ReplaceRouteTableAssociation(ctx, &ec2.ReplaceRouteTableAssociationInput{
					AssociationId: &table.MainID, RouteTableId: &b.table}); err != nil {
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
			return failing(s.DisassociateRouteTable(ctx, &ec2.DisassociateRouteTableInput{
				AssociationId: aws.String("rtbassoc-1")}))
		}},
	})
}

func TestAddressesAndInterfacesRefuseAsAWSDoes(t *testing.T) {
	t.Parallel()
	checkRows(t, slices.Concat(elasticIPRows(), ipv6Rows(), interfaceRows(), natGatewayRows()))
}

// elasticIPRows are calls about Elastic IP addresses.
func elasticIPRows() []row {
	return []row{
		{"sixth address", "AddressLimitExceeded", func(_ context.Context, s *Service, _ built) error {
			for range 5 {
				allocated(s)
			}
			return failing(s.AllocateAddress(context.Background(), nil))
		}},
		{"unknown pool", "InvalidCoipPoolId.NotFound", func(ctx context.Context, s *Service, _ built) error {
			return failing(s.AllocateAddress(ctx, &ec2.AllocateAddressInput{
				CustomerOwnedIpv4Pool: aws.String("ipv4pool-coip-deadbeef")}))
		}},
		{"unknown IPAM pool", "InvalidIpamPoolId.NotFound", func(ctx context.Context, s *Service, _ built) error {
			return failing(s.AllocateAddress(ctx, &ec2.AllocateAddressInput{IpamPoolId: aws.String("ipam-pool-deadbeef")}))
		}},
		{"associate, release", "InvalidIPAddress.InUse", func(ctx context.Context, s *Service, b built) error {
			id := allocated(s)
			if _, err := s.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllocationId: id, InstanceId: &b.instance}); err !=
				nil {
				return err
			}
			if got := s.account.Interfaces[b.eni].Addresses[0]; got.Allocation != *id ||
				got.Public != s.account.Addresses[*id].Public {
				return fmt.Errorf("the interface has %+v", got)
			}
			return failing(s.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: id}))
		}},
		{"associate, disassociate, release", "", func(ctx context.Context, s *Service, b built) error {
			id := allocated(s)
			out, err := s.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllocationId: id, NetworkInterfaceId: &b.eni})
			if err != nil {
				return err
			}
			if _, err := s.DisassociateAddress(ctx, &ec2.DisassociateAddressInput{AssociationId: out.AssociationId}); err !=
				nil {
				return err
			}
			return failing(s.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: id}))
		}},
		{"associate again", "Resource.AlreadyAssociated", func(ctx context.Context, s *Service, b built) error {
			first, second := allocated(s), allocated(s)
			if _, err := s.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllocationId: first,
				InstanceId: &b.instance}); err != nil {
				return err
			}
			return failing(s.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllocationId: second, InstanceId: &b.instance,
				AllowReassociation: aws.Bool(false)}))
		}},
		{"associate with a load balancer's", "OperationNotPermitted", func(ctx context.Context, s *Service, b built) error {
			n, err := s.account.NewInterface(b.subnet, []string{b.group}, "ELB net/x/1", true)
			if err != nil {
				return err
			}
			return failing(s.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllocationId: allocated(s),
				NetworkInterfaceId: &n.ID}))
		}},
		{"unknown association", "InvalidAssociationID.NotFound", func(ctx context.Context, s *Service, _ built) error {
			return failing(s.DisassociateAddress(ctx, &ec2.DisassociateAddressInput{AssociationId: aws.String("eipassoc-1")}))
		}},
		{"unknown public address", "InvalidAddress.NotFound", func(ctx context.Context, s *Service, _ built) error {
			return failing(s.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{PublicIp: aws.String("203.0.113.9")}))
		}},
	}
}

// ipv6Rows are calls about IPv6 addresses of interfaces.
func ipv6Rows() []row {
	return []row{
		{"IPv6 outside", "InvalidParameterValue", func(ctx context.Context, s *Service, b built) error {
			return failing(s.AssignIpv6Addresses(ctx, &ec2.AssignIpv6AddressesInput{NetworkInterfaceId: &b.eni,
				Ipv6Addresses: []string{"2001:db8::1"}}))
		}},
		{"IPv6 taken", "InvalidIPAddress.InUse", func(ctx context.Context, s *Service, b built) error {
			return failing(s.AssignIpv6Addresses(ctx, &ec2.AssignIpv6AddressesInput{NetworkInterfaceId: &b.eni,
				Ipv6Addresses: []string{s.account.Interfaces[b.eni].IPv6Addresses[0].String()}}))
		}},
		{"IPv6 both ways", "InvalidParameterCombination", func(ctx context.Context, s *Service, b built) error {
			return failing(s.AssignIpv6Addresses(ctx, &ec2.AssignIpv6AddressesInput{NetworkInterfaceId: &b.eni,
				Ipv6Addresses: []string{"::1"}, Ipv6AddressCount: aws.Int32(1)}))
		}},
		{"IPv6 and back", "", func(ctx context.Context, s *Service, b built) error {
			out, err := s.AssignIpv6Addresses(ctx, &ec2.AssignIpv6AddressesInput{NetworkInterfaceId: &b.eni,
				Ipv6AddressCount: aws.Int32(2), Ipv6PrefixCount: aws.Int32(1)})
			if err != nil {
				return err
			}
			if n := s.account.Interfaces[b.eni]; len(n.IPv6Addresses) != 3 || len(n.IPv6Prefixes) != 1 {
				return fmt.Errorf("the interface has %v, %v", n.IPv6Addresses, n.IPv6Prefixes)
			}
			if n, ok := s.account.InterfaceAt(b.vpc, s.account.Interfaces[b.eni].IPv6Prefixes[0].Addr().Next()); !ok ||
				n.ID != b.eni {
				return fmt.Errorf("an address of the prefix leads to %v", n)
			}
			return failing(s.UnassignIpv6Addresses(ctx, &ec2.UnassignIpv6AddressesInput{NetworkInterfaceId: &b.eni,
				Ipv6Addresses: out.AssignedIpv6Addresses, Ipv6Prefixes: out.AssignedIpv6Prefixes}))
		}},
		{"IPv6 not held", "InvalidParameterValue", func(ctx context.Context, s *Service, b built) error {
			return failing(s.UnassignIpv6Addresses(ctx, &ec2.UnassignIpv6AddressesInput{NetworkInterfaceId: &b.eni,
				Ipv6Addresses: []string{"2001:db8::1"}}))
		}},
	}
}

// interfaceRows are calls about network interfaces.
func interfaceRows() []row {
	return []row{
		{"attach and detach", "", func(ctx context.Context, s *Service, b built) error {
			n, err := s.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &b.subnet})
			if err != nil {
				return err
			}
			out, err := s.AttachNetworkInterface(ctx, &ec2.AttachNetworkInterfaceInput{
				NetworkInterfaceId: n.NetworkInterface.NetworkInterfaceId, InstanceId: &b.instance, DeviceIndex: aws.Int32(2)})
			if err != nil {
				return err
			}
			if got := s.account.Instances[b.instance].Interfaces; len(got) != 2 {
				return fmt.Errorf("the instance has %v", got)
			}
			if _, err := s.DetachNetworkInterface(ctx, &ec2.DetachNetworkInterfaceInput{AttachmentId: out.AttachmentId}); err !=
				nil {
				return err
			}
			return failing(s.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{
				NetworkInterfaceId: n.NetworkInterface.NetworkInterfaceId}))
		}},
		{"attach what is in use", "InvalidNetworkInterface.InUse", func(ctx context.Context, s *Service, b built) error {
			return failing(s.AttachNetworkInterface(ctx, &ec2.AttachNetworkInterfaceInput{NetworkInterfaceId: &b.eni,
				InstanceId: &b.instance, DeviceIndex: aws.Int32(1)}))
		}},
		{"attach at a taken index", "InvalidParameterValue", func(ctx context.Context, s *Service, b built) error {
			n, _ := s.account.NewInterface(b.subnet, nil, "", false)
			return failing(s.AttachNetworkInterface(ctx, &ec2.AttachNetworkInterfaceInput{NetworkInterfaceId: &n.ID,
				InstanceId: &b.instance, DeviceIndex: aws.Int32(0)}))
		}},
		{"detach the primary one", "OperationNotPermitted", func(ctx context.Context, s *Service, b built) error {
			return failing(s.DetachNetworkInterface(ctx, &ec2.DetachNetworkInterfaceInput{
				AttachmentId: &s.account.Interfaces[b.eni].Attachment.ID}))
		}},
		{"unknown attachment", "InvalidAttachmentID.NotFound", func(ctx context.Context, s *Service, _ built) error {
			return failing(s.DetachNetworkInterface(ctx, &ec2.DetachNetworkInterfaceInput{
				AttachmentId: aws.String("eni-attach-1")}))
		}},
		{"too many interfaces", "NetworkInterfaceLimitExceeded", func(ctx context.Context, s *Service, b built) error {
			_ = s.account.SetQuota("network-interfaces", 1)
			return failing(s.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &b.subnet}))
		}},
		{"sixth group of an interface", "SecurityGroupsPerInterfaceLimitExceeded", func(ctx context.Context, s *Service,
			b built) error {
			return failing(s.ModifyNetworkInterfaceAttribute(ctx, &ec2.ModifyNetworkInterfaceAttributeInput{
				NetworkInterfaceId: &b.eni, Groups: []string{b.group, b.group, b.group, b.group, b.group, b.group}}))
		}},
	}
}

// natGatewayRows are calls about NAT gateways.
func natGatewayRows() []row {
	return []row{
		{"NAT gateway and route", "", func(ctx context.Context, s *Service, b built) error {
			g, err := s.CreateNatGateway(ctx, &ec2.CreateNatGatewayInput{SubnetId: &b.subnet, AllocationId: allocated(s)})
			if err != nil {
				return err
			}
			if _, err := s.CreateRoute(ctx, &ec2.CreateRouteInput{RouteTableId: &b.table, DestinationCidrBlock: aws.String(
				"192.0.2.0/24"), NatGatewayId: g.NatGateway.NatGatewayId}); err != nil {
				return err
			}
			if _, err := s.DeleteNatGateway(ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: g.NatGateway.NatGatewayId}); err !=
				nil {
				return err
			}
			if routes := s.account.RouteTables[b.table].Routes; routes[len(routes)-1].State != "blackhole" {
				return fmt.Errorf("the route is %+v", routes[len(routes)-1])
			}
			out, err := s.DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{
				Filter: []types.Filter{filterOn("state", "deleted")}})
			if err == nil && len(out.NatGateways) != 1 {
				return fmt.Errorf("%d gateways", len(out.NatGateways))
			}
			return err
		}},
		{"NAT gateway without an address", "MissingParameter", func(ctx context.Context, s *Service, b built) error {
			return failing(s.CreateNatGateway(ctx, &ec2.CreateNatGatewayInput{SubnetId: &b.subnet}))
		}},
	}
}

// allocated is the id of a new Elastic IP address.
func allocated(s *Service) *string {
	out, err := s.AllocateAddress(context.Background(), nil)
	if err != nil {
		return aws.String("eipalloc-deadbeef")
	}
	return out.AllocationId
}

func TestInstancesRefuseAsAWSDoes(t *testing.T) {
	t.Parallel()
	run := func(change func(in *ec2.RunInstancesInput, b built)) func(context.Context, *Service, built) error {
		return func(ctx context.Context, s *Service, b built) error {
			in := &ec2.RunInstancesInput{MinCount: aws.Int32(1), MaxCount: aws.Int32(1), ImageId: aws.String("ami-deadbeef"),
				SubnetId: &b.subnet}
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
		{"fewer than at least", "InvalidParameterValue",
			run(func(in *ec2.RunInstancesInput, _ built) { in.MinCount = aws.Int32(2) })},
		{"no image", "MissingParameter", run(func(in *ec2.RunInstancesInput, _ built) { in.ImageId = nil })},
		{"malformed image", "InvalidAMIID.Malformed",
			run(func(in *ec2.RunInstancesInput, _ built) { in.ImageId = aws.String("x") })},
		{"too many", "InstanceLimitExceeded", run(func(in *ec2.RunInstancesInput, _ built) { in.MaxCount = aws.Int32(501) })},
		{"more than the subnet has room for", "InsufficientFreeAddressesInSubnet",
			run(func(in *ec2.RunInstancesInput, _ built) {
				in.MinCount, in.MaxCount = aws.Int32(300), aws.Int32(300)
			})},
		{"no default subnet", "MissingInput", run(func(in *ec2.RunInstancesInput, _ built) { in.SubnetId = nil })},
		{"unknown subnet", "InvalidSubnetID.NotFound",
			run(func(in *ec2.RunInstancesInput, _ built) { in.SubnetId = aws.String("subnet-deadbeef") })},
		{"unknown group", "InvalidGroup.NotFound", run(func(in *ec2.RunInstancesInput, _ built) {
			in.SecurityGroupIds = []string{"sg-deadbeef"}
		})},
		{"taken address", "InvalidIPAddress.InUse", func(ctx context.Context, s *Service, b built) error {
			return failing(s.RunInstances(ctx, &ec2.RunInstancesInput{MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
				ImageId:  aws.String("ami-deadbeef"),
				SubnetId: &b.subnet, PrivateIpAddress: aws.String(s.account.Interfaces[b.eni].PrimaryAddress().String())}))
		}},
		{"one address for two", "InvalidParameterCombination", run(func(in *ec2.RunInstancesInput, _ built) {
			in.MaxCount, in.PrivateIpAddress = aws.Int32(2), aws.String("10.1.0.100")
		})},
		{"subnet in both places", "InvalidParameterCombination", run(func(in *ec2.RunInstancesInput, b built) {
			in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{
				{DeviceIndex: aws.Int32(0), SubnetId: &b.subnet}}
		})},
		{"tags of another kind", "InvalidParameterValue", run(func(in *ec2.RunInstancesInput, _ built) {
			in.TagSpecifications = []types.TagSpecification{{ResourceType: types.ResourceTypeVpc}}
		})},
		{"with an interface that exists", "", func(ctx context.Context, s *Service, b built) error {
			n, err := s.account.NewInterface(b.subnet, []string{b.group}, "kept", false)
			if err != nil {
				return err
			}
			out, err := s.RunInstances(ctx, &ec2.RunInstancesInput{MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
				ImageId: aws.String("ami-deadbeef"),
				NetworkInterfaces: []types.InstanceNetworkInterfaceSpecification{
					{DeviceIndex: aws.Int32(0), NetworkInterfaceId: &n.ID}}})
			if err != nil {
				return err
			}
			if _, err := s.TerminateInstances(ctx, &ec2.TerminateInstancesInput{
				InstanceIds: []string{*out.Instances[0].InstanceId}}); err != nil {
				return err
			}
			if kept, ok := s.account.Interface(n.ID); !ok || kept.Attachment != nil {
				return fmt.Errorf("the interface is gone or in use: %+v", kept)
			}
			return nil
		}},
		{"groups of an instance", "", func(ctx context.Context, s *Service, b built) error {
			g, _ := s.account.DefaultGroup(b.vpc)
			_, err := s.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: &b.instance,
				Groups: []string{g.ID}})
			if got := s.account.Interfaces[b.eni].Groups; len(got) != 1 || got[0] != g.ID {
				return fmt.Errorf("the interface has the groups %v", got)
			}
			return err
		}},
		{"type of a running instance", "IncorrectInstanceState", func(ctx context.Context, s *Service, b built) error {
			return failing(s.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: &b.instance,
				InstanceType: &types.AttributeValue{Value: aws.String("m5.large")}}))
		}},
	})
}
