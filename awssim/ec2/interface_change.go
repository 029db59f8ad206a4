package ec2

import (
	"context"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// CreateNetworkInterface makes an interface in a subnet; without groups it gets the default one of the VPC.
func (s *Service) CreateNetworkInterface(ctx context.Context, in *ec2.CreateNetworkInterfaceInput, _ ...func(*ec2.Options)) (*ec2.CreateNetworkInterfaceOutput, error) {
	return write(ctx, s, "CreateNetworkInterface", in, s.createNetworkInterface)
}

func (s *Service) createNetworkInterface(in *ec2.CreateNetworkInterfaceInput) (*ec2.CreateNetworkInterfaceOutput, error) {
	id := aws.ToString(in.SubnetId)
	if id == "" {
		return nil, missing("subnetId")
	}
	if len(s.account.Interfaces) >= s.account.Quota("network-interfaces") {
		return nil, apierr.New("NetworkInterfaceLimitExceeded", "The maximum number of network interfaces has been reached.")
	}
	subnet, ok := s.account.Subnet(id)
	if !ok {
		return nil, subnetKind.notFound([]string{id})
	}
	groups, err := s.interfaceGroups(subnet.VPC, in.Groups)
	if err != nil {
		return nil, err
	}
	tags, err := specifiedTags(in.TagSpecifications, interfaceKind)
	if err != nil {
		return nil, err
	}
	var primary netip.Addr
	var secondary []string
	if in.PrivateIpAddress != nil {
		if primary, err = parseAddress(*in.PrivateIpAddress); err != nil {
			return nil, err
		}
	}
	for _, p := range in.PrivateIpAddresses {
		if !aws.ToBool(p.Primary) {
			secondary = append(secondary, aws.ToString(p.PrivateIpAddress))
			continue
		}
		if primary, err = parseAddress(aws.ToString(p.PrivateIpAddress)); err != nil {
			return nil, err
		}
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	n := &vpc.Interface{Description: aws.ToString(in.Description), SourceDestCheck: true, Tags: tags}
	if in.InterfaceType != "" {
		n.Type = string(in.InterfaceType)
	}
	if err := s.account.AddInterface(n, id, groups, primary); err != nil {
		return nil, wireError(err)
	}
	if _, err := s.assign(n, secondary, int(aws.ToInt32(in.SecondaryPrivateIpAddressCount)), int(aws.ToInt32(in.Ipv4PrefixCount))); err != nil {
		_ = s.account.DeleteInterface(n.ID) // it was just made
		return nil, err
	}
	count6 := int(aws.ToInt32(in.Ipv6AddressCount))
	if subnet.AssignIPv6 && count6 == 0 && len(in.Ipv6Addresses) == 0 {
		count6 = 1
	}
	var asked6 []string
	for _, a := range in.Ipv6Addresses {
		asked6 = append(asked6, aws.ToString(a.Ipv6Address))
	}
	if _, err := s.assignIPv6(n, asked6, count6, int(aws.ToInt32(in.Ipv6PrefixCount))); err != nil {
		_ = s.account.DeleteInterface(n.ID) // it was just made
		return nil, err
	}
	s.account.CreatedCompute(n.ID)
	out := interfaceOut(s.account, n)
	return &ec2.CreateNetworkInterfaceOutput{NetworkInterface: &out, ClientToken: in.ClientToken}, nil
}

func parseAddress(text string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(text)
	if err != nil || !addr.Is4() {
		return addr, invalidValue("Invalid value '%s' for privateIpAddress. Invalid IPv4 address", text)
	}
	return addr, nil
}

// interfaceGroups checks the security groups of an interface in the VPC.
func (s *Service) interfaceGroups(vpc string, ids []string) ([]string, error) {
	if len(ids) == 0 {
		g, ok := s.account.DefaultGroup(vpc)
		if !ok {
			return nil, missing("securityGroupId")
		}
		return []string{g.ID}, nil
	}
	if len(ids) > s.account.Quota("security-groups-per-network-interface") {
		return nil, apierr.New("SecurityGroupsPerInterfaceLimitExceeded", "The maximum number of security groups per interface has been reached.")
	}
	usable := groupsOf(s.account, vpc)
	for _, id := range ids {
		if _, ok := s.account.SecurityGroup(id); !ok {
			return nil, securityGroupKind.notFound([]string{id})
		}
		if usable[id] == nil {
			return nil, apierr.New("InvalidParameter", "Security group %s and subnet belong to different networks.", id)
		}
	}
	return ids, nil
}

// ModifyNetworkInterfaceAttribute changes security groups, description or source/destination check of an interface.
func (s *Service) ModifyNetworkInterfaceAttribute(ctx context.Context, in *ec2.ModifyNetworkInterfaceAttributeInput, _ ...func(*ec2.Options)) (*ec2.ModifyNetworkInterfaceAttributeOutput, error) {
	return write(ctx, s, "ModifyNetworkInterfaceAttribute", in, s.modifyNetworkInterfaceAttribute)
}

func (s *Service) modifyNetworkInterfaceAttribute(in *ec2.ModifyNetworkInterfaceAttributeInput) (*ec2.ModifyNetworkInterfaceAttributeOutput, error) {
	n, err := s.ownInterface(in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	groups := n.Groups
	if in.Groups != nil {
		if groups, err = s.interfaceGroups(n.VPC, in.Groups); err != nil {
			return nil, err
		}
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	s.account.ChangingInterface(n)
	n.Groups = append([]string(nil), groups...)
	if in.Description != nil {
		n.Description = aws.ToString(in.Description.Value)
	}
	if in.SourceDestCheck != nil {
		n.SourceDestCheck = aws.ToBool(in.SourceDestCheck.Value)
	}
	return &ec2.ModifyNetworkInterfaceAttributeOutput{}, nil
}

// ownInterface finds an interface that callers may change: not one that a service of AWS manages.
func (s *Service) ownInterface(id *string) (*vpc.Interface, error) {
	if aws.ToString(id) == "" {
		return nil, missing("networkInterfaceId")
	}
	n, ok := s.account.Interface(*id)
	if !ok {
		return nil, interfaceKind.notFound([]string{*id})
	}
	if n.RequesterManaged {
		return nil, apierr.New("OperationNotPermitted", "You are not allowed to manage '%s' attachments.", *id)
	}
	return n, nil
}

// DeleteNetworkInterface deletes an interface that is not attached.
func (s *Service) DeleteNetworkInterface(ctx context.Context, in *ec2.DeleteNetworkInterfaceInput, _ ...func(*ec2.Options)) (*ec2.DeleteNetworkInterfaceOutput, error) {
	return write(ctx, s, "DeleteNetworkInterface", in, s.deleteNetworkInterface)
}

func (s *Service) deleteNetworkInterface(in *ec2.DeleteNetworkInterfaceInput) (*ec2.DeleteNetworkInterfaceOutput, error) {
	n, err := s.ownInterface(in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	if n.Attachment != nil {
		return nil, invalidValue("Network interface '%s' is currently in use.", n.ID)
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	s.account.ChangingInterface(n)
	if err := s.account.DeleteInterface(n.ID); err != nil {
		return nil, wireError(err)
	}
	return &ec2.DeleteNetworkInterfaceOutput{}, nil
}
