package instance

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

// CreateNetworkInterface makes an interface in a subnet; without groups it gets the default one of the VPC.
func (s *Instances) CreateNetworkInterface(ctx context.Context, in *ec2.CreateNetworkInterfaceInput,
	_ ...func(*ec2.Options)) (*ec2.CreateNetworkInterfaceOutput, error) {
	return call.Write(ctx, s.entry, "CreateNetworkInterface", in, s.createNetworkInterface)
}

func (s *Instances) createNetworkInterface(in *ec2.CreateNetworkInterfaceInput) (*ec2.CreateNetworkInterfaceOutput,
	error) {
	id := aws.ToString(in.SubnetId)
	if id == "" {
		return nil, request.Missing("subnetId")
	}
	if len(s.account.Interfaces) >= s.account.Quota("network-interfaces") {
		return nil, apierr.New("NetworkInterfaceLimitExceeded", "The maximum number of network interfaces has been reached.")
	}
	subnet, ok := s.account.Subnet(id)
	if !ok {
		return nil, kind.Subnet.NotFound([]string{id})
	}
	groups, err := s.interfaceGroups(subnet.VPC, in.Groups)
	if err != nil {
		return nil, err
	}
	tags, err := request.SpecifiedTags(in.TagSpecifications, kind.Interface)
	if err != nil {
		return nil, err
	}
	primary, secondary, err := askedAddresses(in)
	if err != nil {
		return nil, err
	}
	if err := request.DryRun(in.DryRun); err != nil {
		return nil, err
	}
	n := &vpc.Interface{Description: aws.ToString(in.Description), SourceDestCheck: true, Tags: tags}
	if in.InterfaceType != "" {
		n.Type = string(in.InterfaceType)
	}
	if err := s.account.AddInterface(n, id, groups, primary); err != nil {
		return nil, request.AWSError(err)
	}
	if _, err := s.assign(n, secondary, int(aws.ToInt32(in.SecondaryPrivateIpAddressCount)),
		int(aws.ToInt32(in.Ipv4PrefixCount))); err != nil {
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

// askedAddresses returns the IPv4 addresses that a request for a new interface names.
func askedAddresses(in *ec2.CreateNetworkInterfaceInput) (primary netip.Addr, secondary []string, err error) {
	if in.PrivateIpAddress != nil {
		if primary, err = request.Address(*in.PrivateIpAddress); err != nil {
			return primary, nil, err
		}
	}
	for _, p := range in.PrivateIpAddresses {
		if !aws.ToBool(p.Primary) {
			secondary = append(secondary, aws.ToString(p.PrivateIpAddress))
			continue
		}
		if primary, err = request.Address(aws.ToString(p.PrivateIpAddress)); err != nil {
			return primary, nil, err
		}
	}
	return primary, secondary, nil
}

// interfaceGroups checks the security groups of an interface in the VPC.
func (s *Instances) interfaceGroups(vpc string, ids []string) ([]string, error) {
	if len(ids) == 0 {
		g, ok := s.account.DefaultGroup(vpc)
		if !ok {
			return nil, request.Missing("securityGroupId")
		}
		return []string{g.ID}, nil
	}
	if len(ids) > s.account.Quota("security-groups-per-network-interface") {
		return nil, apierr.New("SecurityGroupsPerInterfaceLimitExceeded",
			"The maximum number of security groups per interface has been reached.")
	}
	usable := request.UsableGroups(s.account, vpc)
	for _, id := range ids {
		if _, ok := s.account.SecurityGroup(id); !ok {
			return nil, kind.SecurityGroup.NotFound([]string{id})
		}
		if usable[id] == nil {
			return nil, apierr.New("InvalidParameter", "Security group %s and subnet belong to different networks.", id)
		}
	}
	return ids, nil
}

// ModifyNetworkInterfaceAttribute changes security groups, description or source/destination check of an interface.
func (s *Instances) ModifyNetworkInterfaceAttribute(ctx context.Context, in *ec2.ModifyNetworkInterfaceAttributeInput,
	_ ...func(*ec2.Options)) (*ec2.ModifyNetworkInterfaceAttributeOutput, error) {
	return call.Write(ctx, s.entry, "ModifyNetworkInterfaceAttribute", in, s.modifyNetworkInterfaceAttribute)
}

func (s *Instances) modifyNetworkInterfaceAttribute(in *ec2.ModifyNetworkInterfaceAttributeInput) (
	*ec2.ModifyNetworkInterfaceAttributeOutput, error) {
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
	if err := request.DryRun(in.DryRun); err != nil {
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
func (s *Instances) ownInterface(id *string) (*vpc.Interface, error) {
	if aws.ToString(id) == "" {
		return nil, request.Missing("networkInterfaceId")
	}
	n, ok := s.account.Interface(*id)
	if !ok {
		return nil, kind.Interface.NotFound([]string{*id})
	}
	if n.RequesterManaged {
		return nil, apierr.New("OperationNotPermitted", "You are not allowed to manage '%s' attachments.", *id)
	}
	return n, nil
}

// DeleteNetworkInterface deletes an interface that is not attached.
func (s *Instances) DeleteNetworkInterface(ctx context.Context, in *ec2.DeleteNetworkInterfaceInput,
	_ ...func(*ec2.Options)) (*ec2.DeleteNetworkInterfaceOutput, error) {
	return call.Write(ctx, s.entry, "DeleteNetworkInterface", in, s.deleteNetworkInterface)
}

func (s *Instances) deleteNetworkInterface(in *ec2.DeleteNetworkInterfaceInput) (*ec2.DeleteNetworkInterfaceOutput,
	error) {
	n, err := s.ownInterface(in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	if n.Attachment != nil {
		return nil, request.InvalidValue("Network interface '%s' is currently in use.", n.ID)
	}
	if err := request.DryRun(in.DryRun); err != nil {
		return nil, err
	}
	s.account.ChangingInterface(n)
	if err := s.account.DeleteInterface(n.ID); err != nil {
		return nil, request.AWSError(err)
	}
	return &ec2.DeleteNetworkInterfaceOutput{}, nil
}

// AttachNetworkInterface attaches a free interface to an instance of the same zone.
func (s *Instances) AttachNetworkInterface(ctx context.Context, in *ec2.AttachNetworkInterfaceInput,
	_ ...func(*ec2.Options)) (*ec2.AttachNetworkInterfaceOutput, error) {
	return call.Write(ctx, s.entry, "AttachNetworkInterface", in, func(in *ec2.AttachNetworkInterfaceInput) (
		*ec2.AttachNetworkInterfaceOutput, error) {
		n, err := s.ownInterface(in.NetworkInterfaceId)
		if err != nil {
			return nil, err
		}
		i, err := request.Named(s.account, kind.Instance, "instanceId", in.InstanceId, s.account.Instances)
		if err != nil {
			return nil, err
		}
		if in.DeviceIndex == nil {
			return nil, request.Missing("deviceIndex")
		}
		if n.Attachment != nil {
			return nil, apierr.New("InvalidNetworkInterface.InUse", "Interface: %s in use.", n.ID)
		}
		if i.State != "running" && i.State != "stopped" {
			return nil, apierr.New("IncorrectState", "Instance '%s' is not 'running' or 'stopped'.", i.ID)
		}
		if n.Zone != i.Zone {
			return nil, apierr.New("InvalidParameterCombination",
				"Networkinterface '%s' and instance '%s' are not in the same availability zone", n.ID, i.ID)
		}
		for _, eni := range i.Interfaces {
			if o, ok := s.account.Interface(eni); ok && o.Attachment.DeviceIndex == *in.DeviceIndex {
				return nil, request.InvalidValue("Instance '%s' already has an interface attached at device index '%d'.", i.ID,
					*in.DeviceIndex)
			}
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		s.account.ChangingInterface(n)
		if err := s.account.AttachInterface(n.ID, i.ID); err != nil {
			return nil, request.AWSError(err)
		}
		n.Attachment.DeviceIndex, n.Attachment.NetworkCard = *in.DeviceIndex, aws.ToInt32(in.NetworkCardIndex)
		return &ec2.AttachNetworkInterfaceOutput{AttachmentId: aws.String(n.Attachment.ID), NetworkCardIndex: aws.Int32(
			n.Attachment.NetworkCard)}, nil
	})
}

// DetachNetworkInterface detaches any but the primary interface from its instance.
func (s *Instances) DetachNetworkInterface(ctx context.Context, in *ec2.DetachNetworkInterfaceInput,
	_ ...func(*ec2.Options)) (*ec2.DetachNetworkInterfaceOutput, error) {
	return call.Write(ctx, s.entry, "DetachNetworkInterface", in, func(in *ec2.DetachNetworkInterfaceInput) (
		*ec2.DetachNetworkInterfaceOutput, error) {
		n, err := s.attachedAs(in.AttachmentId)
		if err != nil {
			return nil, err
		}
		switch {
		case n.RequesterManaged:
			return nil, apierr.New("OperationNotPermitted", "You are not allowed to manage '%s' attachments.", n.Attachment.ID)
		case n.Attachment.DeviceIndex == 0:
			return nil, apierr.New("OperationNotPermitted", "The network interface at device index 0 cannot be detached.")
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		if i, ok := s.account.Instance(n.Attachment.Instance); ok {
			i.Interfaces = slices.DeleteFunc(i.Interfaces, func(eni string) bool { return eni == n.ID })
		}
		s.account.ChangingInterface(n)
		n.Attachment = nil
		return &ec2.DetachNetworkInterfaceOutput{}, nil
	})
}

func (s *Instances) attachedAs(id *string) (*vpc.Interface, error) {
	if aws.ToString(id) == "" {
		return nil, request.Missing("attachmentId")
	}
	for _, n := range s.account.Interfaces {
		if n.Attachment != nil && n.Attachment.ID == *id {
			return n, nil
		}
	}
	return nil, apierr.New("InvalidAttachmentID.NotFound", "The attachment ID '%s' does not exist", *id)
}
