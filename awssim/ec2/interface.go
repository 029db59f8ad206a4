package ec2

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// maxGroupsPerInterface is the number of security groups that an interface may have unless AWS raised it.
const maxGroupsPerInterface = 5

var interfaces = collection[*account.NetworkInterface]{
	kind:    interfaceKind,
	idParam: "networkInterfaceIds",
	all:     func(a *account.Account) map[string]*account.NetworkInterface { return a.Interfaces },
	tags:    func(n *account.NetworkInterface) map[string]string { return n.Tags },
	filters: map[string]accessor[*account.NetworkInterface]{
		"network-interface-id": one(func(n *account.NetworkInterface) string { return n.ID }),
		"vpc-id":               one(func(n *account.NetworkInterface) string { return n.VPC }),
		"subnet-id":            one(func(n *account.NetworkInterface) string { return n.Subnet }),
		"availability-zone":    one(func(n *account.NetworkInterface) string { return n.Zone }),
		"description":          one(func(n *account.NetworkInterface) string { return n.Description }),
		"interface-type":       one(func(n *account.NetworkInterface) string { return n.Type }),
		"mac-address":          one(func(n *account.NetworkInterface) string { return n.MAC }),
		"owner-id":             one(func(n *account.NetworkInterface) string { return n.Owner }),
		"status":               one((*account.NetworkInterface).Status),
		"requester-id":         one(func(n *account.NetworkInterface) string { return n.RequesterID }),
		"requester-managed":    flag(func(n *account.NetworkInterface) bool { return n.RequesterManaged }),
		"source-dest-check":    flag(func(n *account.NetworkInterface) bool { return n.SourceDestCheck }),
		"group-id":             func(_ *account.Account, n *account.NetworkInterface) []string { return n.Groups },
		"group-name": func(a *account.Account, n *account.NetworkInterface) []string {
			var names []string
			for _, g := range groupIdentifiers(a, n.Groups) {
				names = append(names, *g.GroupName)
			}
			return names
		},
		"private-ip-address":           one(primaryAddress),
		"addresses.private-ip-address": privateAddresses,
		"addresses.primary": func(_ *account.Account, n *account.NetworkInterface) []string {
			if len(n.Addresses) > 1 {
				return []string{"true", "false"}
			}
			return []string{"true"}
		},
		"addresses.association.public-ip": publicAddresses,
		"association.public-ip":           publicAddresses,
		"private-dns-name": func(a *account.Account, n *account.NetworkInterface) []string {
			return []string{privateName(a, n.PrimaryAddress())}
		},
		"ipv6-addresses.ipv6-address": func(_ *account.Account, n *account.NetworkInterface) []string {
			var values []string
			for _, addr := range n.IPv6Addresses {
				values = append(values, addr.String())
			}
			return values
		},
		"attachment.instance-id":       attached(func(t *account.Attachment) string { return t.Instance }),
		"attachment.attachment-id":     attached(func(t *account.Attachment) string { return t.ID }),
		"attachment.instance-owner-id": attached(func(t *account.Attachment) string { return t.InstanceOwner }),
		"attachment.status":            attached(func(t *account.Attachment) string { return t.Status }),
		"attachment.device-index":      attached(func(t *account.Attachment) string { return fmt.Sprint(t.DeviceIndex) }),
	},
}

func primaryAddress(n *account.NetworkInterface) string {
	if addr := n.PrimaryAddress(); addr.IsValid() {
		return addr.String()
	}
	return ""
}

func privateAddresses(_ *account.Account, n *account.NetworkInterface) []string {
	values := make([]string, 0, len(n.Addresses))
	for _, p := range n.Addresses {
		values = append(values, p.Addr.String())
	}
	return values
}

func publicAddresses(_ *account.Account, n *account.NetworkInterface) []string {
	var values []string
	for _, p := range n.Addresses {
		if p.Public.IsValid() {
			values = append(values, p.Public.String())
		}
	}
	return values
}

// attached reads an attribute of the attachment, if there is one.
func attached(read func(*account.Attachment) string) accessor[*account.NetworkInterface] {
	return func(_ *account.Account, n *account.NetworkInterface) []string {
		if n.Attachment == nil {
			return nil
		}
		if v := read(n.Attachment); v != "" {
			return []string{v}
		}
		return nil
	}
}

// privateName is the host name that EC2 gives to an address, or nothing for no address.
func privateName(a *account.Account, addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	domain := a.Region + ".compute.internal"
	if a.Region == "us-east-1" {
		domain = "ec2.internal"
	}
	return "ip-" + strings.ReplaceAll(addr.String(), ".", "-") + "." + domain
}

func groupIdentifiers(a *account.Account, ids []string) []types.GroupIdentifier {
	var out []types.GroupIdentifier
	for _, id := range ids {
		identifier := types.GroupIdentifier{GroupId: aws.String(id), GroupName: aws.String("")}
		if g, ok := a.SecurityGroup(id); ok {
			identifier.GroupName = aws.String(g.Name)
		}
		out = append(out, identifier)
	}
	return out
}

// DescribeNetworkInterfaces lists network interfaces.
func (s *Service) DescribeNetworkInterfaces(ctx context.Context, in *ec2.DescribeNetworkInterfacesInput, _ ...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error) {
	return read(ctx, s, "DescribeNetworkInterfaces", in, s.describeNetworkInterfaces)
}

func (s *Service) describeNetworkInterfaces(in *ec2.DescribeNetworkInterfacesInput) (*ec2.DescribeNetworkInterfacesOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	found, next, err := interfaces.describe(s.account, query{in.NetworkInterfaceIds, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeNetworkInterfacesOutput{NextToken: next}
	for _, n := range found {
		out.NetworkInterfaces = append(out.NetworkInterfaces, interfaceOut(s.account, n))
	}
	return out, nil
}

func interfaceOut(a *account.Account, n *account.NetworkInterface) types.NetworkInterface {
	out := types.NetworkInterface{
		NetworkInterfaceId: aws.String(n.ID),
		VpcId:              aws.String(n.VPC),
		SubnetId:           aws.String(n.Subnet),
		AvailabilityZone:   aws.String(n.Zone),
		AvailabilityZoneId: aws.String(zoneID(a, n.Zone)),
		OwnerId:            aws.String(n.Owner),
		Description:        aws.String(n.Description),
		InterfaceType:      types.NetworkInterfaceType(n.Type),
		MacAddress:         aws.String(n.MAC),
		RequesterManaged:   aws.Bool(n.RequesterManaged),
		SourceDestCheck:    aws.Bool(n.SourceDestCheck),
		Status:             types.NetworkInterfaceStatus(n.Status()),
		Groups:             groupIdentifiers(a, n.Groups),
		TagSet:             tagList(n.Tags),
	}
	if n.RequesterID != "" {
		out.RequesterId = aws.String(n.RequesterID)
	}
	if addr := n.PrimaryAddress(); addr.IsValid() {
		out.PrivateIpAddress = aws.String(addr.String())
		out.PrivateDnsName = aws.String(privateName(a, addr))
	}
	for i, p := range n.Addresses {
		item := types.NetworkInterfacePrivateIpAddress{
			Primary: aws.Bool(i == 0), PrivateIpAddress: aws.String(p.Addr.String()), PrivateDnsName: aws.String(privateName(a, p.Addr)),
		}
		if p.Public.IsValid() {
			item.Association = &types.NetworkInterfaceAssociation{PublicIp: aws.String(p.Public.String()), IpOwnerId: aws.String(p.PublicOwner)}
			if p.Allocation != "" {
				item.Association.AllocationId, item.Association.AssociationId = aws.String(p.Allocation), aws.String(p.Association)
			}
			if i == 0 {
				out.Association = item.Association
			}
		}
		out.PrivateIpAddresses = append(out.PrivateIpAddresses, item)
	}
	for _, p := range n.Prefixes {
		out.Ipv4Prefixes = append(out.Ipv4Prefixes, types.Ipv4PrefixSpecification{Ipv4Prefix: aws.String(p.String())})
	}
	for i, addr := range n.IPv6Addresses {
		if i == 0 {
			out.Ipv6Address = aws.String(addr.String())
		}
		out.Ipv6Addresses = append(out.Ipv6Addresses, types.NetworkInterfaceIpv6Address{Ipv6Address: aws.String(addr.String())})
	}
	for _, p := range n.IPv6Prefixes {
		out.Ipv6Prefixes = append(out.Ipv6Prefixes, types.Ipv6PrefixSpecification{Ipv6Prefix: aws.String(p.String())})
	}
	if t := n.Attachment; t != nil {
		out.Attachment = &types.NetworkInterfaceAttachment{
			AttachmentId: aws.String(t.ID), InstanceOwnerId: aws.String(t.InstanceOwner), DeviceIndex: aws.Int32(t.DeviceIndex),
			NetworkCardIndex: aws.Int32(t.NetworkCard), Status: types.AttachmentStatus(t.Status), DeleteOnTermination: aws.Bool(t.DeleteWith),
		}
		if t.Instance != "" {
			out.Attachment.InstanceId = aws.String(t.Instance)
		}
	}
	return out
}

// CreateNetworkInterface makes an interface in a subnet; without groups it gets the default one of the VPC.
func (s *Service) CreateNetworkInterface(ctx context.Context, in *ec2.CreateNetworkInterfaceInput, _ ...func(*ec2.Options)) (*ec2.CreateNetworkInterfaceOutput, error) {
	return write(ctx, s, "CreateNetworkInterface", in, s.createNetworkInterface)
}

func (s *Service) createNetworkInterface(in *ec2.CreateNetworkInterfaceInput) (*ec2.CreateNetworkInterfaceOutput, error) {
	id := aws.ToString(in.SubnetId)
	if id == "" {
		return nil, missing("subnetId")
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
	n := &account.NetworkInterface{Description: aws.ToString(in.Description), SourceDestCheck: true, Tags: tags}
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
	for range aws.ToInt32(in.Ipv6AddressCount) {
		if _, err := s.account.AssignIPv6(n.ID); err != nil {
			_ = s.account.DeleteInterface(n.ID) // it was just made
			return nil, wireError(err)
		}
	}
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
	if len(ids) > maxGroupsPerInterface {
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
func (s *Service) ownInterface(id *string) (*account.NetworkInterface, error) {
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
	if err := s.account.DeleteInterface(n.ID); err != nil {
		return nil, wireError(err)
	}
	return &ec2.DeleteNetworkInterfaceOutput{}, nil
}
