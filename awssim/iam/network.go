package iam

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
)

// networkMappings are those of EC2's actions by which networks are built, which are authorised on whatever the input
// names. What is named by the id of its association only is not looked up: such actions are about no resource.
var networkMappings = map[string]mapping{
	"AcceptVpcPeeringConnection": naming(func(in *ec2.AcceptVpcPeeringConnectionInput) []*string {
		return []*string{in.VpcPeeringConnectionId}
	}),
	"AssignIpv6Addresses": naming(func(in *ec2.AssignIpv6AddressesInput) []*string {
		return []*string{in.NetworkInterfaceId}
	}),
	"AssociateAddress": naming(func(in *ec2.AssociateAddressInput) []*string {
		return []*string{in.AllocationId, in.InstanceId, in.NetworkInterfaceId}
	}),
	"AssociateRouteTable": naming(func(in *ec2.AssociateRouteTableInput) []*string {
		return []*string{in.RouteTableId, in.GatewayId, in.SubnetId}
	}),
	"AssociateSecurityGroupVpc": naming(func(in *ec2.AssociateSecurityGroupVpcInput) []*string {
		return []*string{in.GroupId, in.VpcId}
	}),
	"AssociateSubnetCidrBlock": naming(func(in *ec2.AssociateSubnetCidrBlockInput) []*string {
		return []*string{in.SubnetId}
	}),
	"AssociateVpcCidrBlock": naming(func(in *ec2.AssociateVpcCidrBlockInput) []*string { return []*string{in.VpcId} }),
	"AttachInternetGateway": naming(func(in *ec2.AttachInternetGatewayInput) []*string {
		return []*string{in.InternetGatewayId, in.VpcId}
	}),
	"AttachNetworkInterface": naming(func(in *ec2.AttachNetworkInterfaceInput) []*string {
		return []*string{in.InstanceId, in.NetworkInterfaceId}
	}),
	"CreateRoute": naming(func(in *ec2.CreateRouteInput) []*string { return []*string{in.RouteTableId} }),
	"DeleteInternetGateway": naming(func(in *ec2.DeleteInternetGatewayInput) []*string {
		return []*string{in.InternetGatewayId}
	}),
	"DeleteManagedPrefixList": naming(func(in *ec2.DeleteManagedPrefixListInput) []*string {
		return []*string{in.PrefixListId}
	}),
	"DeleteNatGateway": naming(func(in *ec2.DeleteNatGatewayInput) []*string {
		return []*string{in.NatGatewayId}
	}),
	"DeleteRoute": naming(func(in *ec2.DeleteRouteInput) []*string { return []*string{in.RouteTableId} }),
	"DeleteRouteTable": naming(func(in *ec2.DeleteRouteTableInput) []*string {
		return []*string{in.RouteTableId}
	}),
	"DeleteSubnet": naming(func(in *ec2.DeleteSubnetInput) []*string { return []*string{in.SubnetId} }),
	"DeleteVpc":    naming(func(in *ec2.DeleteVpcInput) []*string { return []*string{in.VpcId} }),
	"DeleteVpcPeeringConnection": naming(func(in *ec2.DeleteVpcPeeringConnectionInput) []*string {
		return []*string{in.VpcPeeringConnectionId}
	}),
	"DetachInternetGateway": naming(func(in *ec2.DetachInternetGatewayInput) []*string {
		return []*string{in.InternetGatewayId, in.VpcId}
	}),
	"DisassociateSecurityGroupVpc": naming(func(in *ec2.DisassociateSecurityGroupVpcInput) []*string {
		return []*string{in.GroupId, in.VpcId}
	}),
	"ModifyManagedPrefixList": naming(func(in *ec2.ModifyManagedPrefixListInput) []*string {
		return []*string{in.PrefixListId}
	}),
	"ModifySubnetAttribute": naming(func(in *ec2.ModifySubnetAttributeInput) []*string {
		return []*string{in.SubnetId}
	}),
	"ModifyVpcAttribute": naming(func(in *ec2.ModifyVpcAttributeInput) []*string { return []*string{in.VpcId} }),
	"ReleaseAddress": naming(func(in *ec2.ReleaseAddressInput) []*string {
		return []*string{in.AllocationId}
	}),
	"ReplaceRoute": naming(func(in *ec2.ReplaceRouteInput) []*string {
		return []*string{in.RouteTableId}
	}),
	"ReplaceRouteTableAssociation": naming(func(in *ec2.ReplaceRouteTableAssociationInput) []*string {
		return []*string{in.RouteTableId}
	}),
	"UnassignIpv6Addresses": naming(func(in *ec2.UnassignIpv6AddressesInput) []*string {
		return []*string{in.NetworkInterfaceId}
	}),
	"ModifyInstanceAttribute": on(func(a *account.Account, in *ec2.ModifyInstanceAttributeInput) []check {
		return tagged(a, append(given(in.InstanceId), in.Groups...), nil)
	}),

	"AllocateAddress": making("AllocateAddress", "elastic-ip", func(in *ec2.AllocateAddressInput) (
		[]types.TagSpecification, []*string) {
		return in.TagSpecifications, nil
	}),
	"CreateInternetGateway": making("CreateInternetGateway", "internet-gateway", func(in *ec2.CreateInternetGatewayInput) (
		[]types.TagSpecification, []*string) {
		return in.TagSpecifications, nil
	}),
	"CreateManagedPrefixList": making("CreateManagedPrefixList", "prefix-list",
		func(in *ec2.CreateManagedPrefixListInput) ([]types.TagSpecification, []*string) {
			return in.TagSpecifications, nil
		}),
	"CreateNatGateway": making("CreateNatGateway", "natgateway", func(in *ec2.CreateNatGatewayInput) (
		[]types.TagSpecification, []*string) {
		return in.TagSpecifications, []*string{in.AllocationId, in.SubnetId}
	}),
	"CreateRouteTable": making("CreateRouteTable", "route-table", func(in *ec2.CreateRouteTableInput) (
		[]types.TagSpecification, []*string) {
		return in.TagSpecifications, []*string{in.VpcId}
	}),
	"CreateSubnet": making("CreateSubnet", "subnet", func(in *ec2.CreateSubnetInput) ([]types.TagSpecification,
		[]*string) {
		return in.TagSpecifications, []*string{in.VpcId}
	}),
	"CreateVpc": making("CreateVpc", "vpc", func(in *ec2.CreateVpcInput) ([]types.TagSpecification, []*string) {
		return in.TagSpecifications, nil
	}),
	"CreateVpcPeeringConnection": making("CreateVpcPeeringConnection", "vpc-peering-connection",
		func(in *ec2.CreateVpcPeeringConnectionInput) ([]types.TagSpecification, []*string) {
			return in.TagSpecifications, []*string{in.VpcId}
		}),
	"RunInstances": on(func(a *account.Account, in *ec2.RunInstancesInput) []check {
		list := made(a, "RunInstances", "instance", in.TagSpecifications)
		if ids := slices.Concat(given(in.SubnetId), in.SecurityGroupIds); len(ids) > 0 {
			list = append(list, tagged(a, ids, nil)...)
		}
		return list
	}),
}

// naming is the mapping of an action on the resources whose ids are in its input.
func naming[I any](ids func(in *I) []*string) mapping {
	return on(func(a *account.Account, in *I) []check { return tagged(a, given(ids(in)...), nil) })
}

// making is the mapping of an action that makes a resource of the kind, on others whose ids are in its input.
func making[I any](action, kind string, read func(in *I) ([]types.TagSpecification, []*string)) mapping {
	return on(func(a *account.Account, in *I) []check {
		specifications, ids := read(in)
		list := made(a, action, kind, specifications)
		if parents := given(ids...); len(parents) > 0 {
			list = append(list, tagged(a, parents, nil)...)
		}
		return list
	})
}

func given(ids ...*string) []string {
	var list []string
	for _, id := range ids {
		if id != nil {
			list = append(list, *id)
		}
	}
	return list
}
