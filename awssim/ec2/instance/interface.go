package instance

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/ec2/filter"
	"github.com/k8s-lbc/lbc/awssim/ec2/kind"
	"github.com/k8s-lbc/lbc/awssim/ec2/request"
)

var interfaces = filter.Collection[*vpc.Interface]{
	Kind:    kind.Interface,
	IDParam: "networkInterfaceIds",
	All:     (*account.Account).DescribedInterfaces,
	Tags:    func(n *vpc.Interface) map[string]string { return n.Tags },
	Filters: map[string]filter.Accessor[*vpc.Interface]{
		"network-interface-id": filter.One(func(n *vpc.Interface) string { return n.ID }),
		"vpc-id":               filter.One(func(n *vpc.Interface) string { return n.VPC }),
		"subnet-id":            filter.One(func(n *vpc.Interface) string { return n.Subnet }),
		"availability-zone":    filter.One(func(n *vpc.Interface) string { return n.Zone }),
		"description":          filter.One(func(n *vpc.Interface) string { return n.Description }),
		"interface-type":       filter.One(func(n *vpc.Interface) string { return n.Type }),
		"mac-address":          filter.One(func(n *vpc.Interface) string { return n.MAC }),
		"owner-id":             filter.One(func(n *vpc.Interface) string { return n.Owner }),
		"status":               filter.One((*vpc.Interface).Status),
		"requester-id":         filter.One(func(n *vpc.Interface) string { return n.RequesterID }),
		"requester-managed":    filter.Flag(func(n *vpc.Interface) bool { return n.RequesterManaged }),
		"source-dest-check":    filter.Flag(func(n *vpc.Interface) bool { return n.SourceDestCheck }),
		"group-id":             func(_ *account.Account, n *vpc.Interface) []string { return n.Groups },
		"group-name": func(a *account.Account, n *vpc.Interface) []string {
			var names []string
			for _, g := range groupIdentifiers(a, n.Groups) {
				names = append(names, *g.GroupName)
			}
			return names
		},
		"private-ip-address":           filter.One(primaryAddress),
		"addresses.private-ip-address": privateAddresses,
		"addresses.primary": func(_ *account.Account, n *vpc.Interface) []string {
			if len(n.Addresses) > 1 {
				return []string{"true", "false"}
			}
			return []string{"true"}
		},
		"addresses.association.public-ip": publicAddresses,
		"association.public-ip":           publicAddresses,
		"private-dns-name": func(a *account.Account, n *vpc.Interface) []string {
			return []string{privateName(a, n.PrimaryAddress())}
		},
		"ipv6-addresses.ipv6-address": func(_ *account.Account, n *vpc.Interface) []string {
			var values []string
			for _, addr := range n.IPv6Addresses {
				values = append(values, addr.String())
			}
			return values
		},
		"attachment.instance-id":       attached(func(t *vpc.Attachment) string { return t.Instance }),
		"attachment.attachment-id":     attached(func(t *vpc.Attachment) string { return t.ID }),
		"attachment.instance-owner-id": attached(func(t *vpc.Attachment) string { return t.InstanceOwner }),
		"attachment.status":            attached(func(t *vpc.Attachment) string { return t.Status }),
		"attachment.device-index":      attached(func(t *vpc.Attachment) string { return fmt.Sprint(t.DeviceIndex) }),
	},
}

func primaryAddress(n *vpc.Interface) string {
	if addr := n.PrimaryAddress(); addr.IsValid() {
		return addr.String()
	}
	return ""
}

func privateAddresses(_ *account.Account, n *vpc.Interface) []string {
	values := make([]string, 0, len(n.Addresses))
	for _, p := range n.Addresses {
		values = append(values, p.Addr.String())
	}
	return values
}

func publicAddresses(_ *account.Account, n *vpc.Interface) []string {
	var values []string
	for _, p := range n.Addresses {
		if p.Public.IsValid() {
			values = append(values, p.Public.String())
		}
	}
	return values
}

// attached reads an attribute of the attachment, if there is one.
func attached(read func(*vpc.Attachment) string) filter.Accessor[*vpc.Interface] {
	return func(_ *account.Account, n *vpc.Interface) []string {
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
func (s *Instances) DescribeNetworkInterfaces(ctx context.Context, in *ec2.DescribeNetworkInterfacesInput,
	_ ...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error) {
	return call.Read(ctx, s.entry, "DescribeNetworkInterfaces", in, s.describeNetworkInterfaces)
}

func (s *Instances) describeNetworkInterfaces(in *ec2.DescribeNetworkInterfacesInput) (
	*ec2.DescribeNetworkInterfacesOutput, error) {
	found, next, err := interfaces.Describe(s.account, filter.Query{DryRun: in.DryRun, IDs: in.NetworkInterfaceIds,
		Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken})
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeNetworkInterfacesOutput{
		NetworkInterfaces: filter.Answer(found, func(n *vpc.Interface) types.NetworkInterface {
			return interfaceOut(s.account, n)
		}), NextToken: next}, nil
}

func interfaceOut(a *account.Account, n *vpc.Interface) types.NetworkInterface {
	out := types.NetworkInterface{
		NetworkInterfaceId: aws.String(n.ID),
		VpcId:              aws.String(n.VPC),
		SubnetId:           aws.String(n.Subnet),
		AvailabilityZone:   aws.String(n.Zone),
		AvailabilityZoneId: aws.String(request.ZoneID(a, n.Zone)),
		OwnerId:            aws.String(n.Owner),
		Description:        aws.String(n.Description),
		InterfaceType:      types.NetworkInterfaceType(n.Type),
		MacAddress:         aws.String(n.MAC),
		RequesterManaged:   aws.Bool(n.RequesterManaged),
		SourceDestCheck:    aws.Bool(n.SourceDestCheck),
		Status:             types.NetworkInterfaceStatus(n.Status()),
		Groups:             groupIdentifiers(a, n.Groups),
		TagSet:             request.TagList(n.Tags),
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
			Primary: aws.Bool(i == 0), PrivateIpAddress: aws.String(p.Addr.String()),
			PrivateDnsName: aws.String(privateName(a, p.Addr)),
		}
		if p.Public.IsValid() {
			item.Association = &types.NetworkInterfaceAssociation{PublicIp: aws.String(p.Public.String()),
				IpOwnerId: aws.String(p.PublicOwner)}
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
		out.Ipv6Addresses = append(out.Ipv6Addresses, types.NetworkInterfaceIpv6Address{
			Ipv6Address: aws.String(addr.String())})
	}
	for _, p := range n.IPv6Prefixes {
		out.Ipv6Prefixes = append(out.Ipv6Prefixes, types.Ipv6PrefixSpecification{Ipv6Prefix: aws.String(p.String())})
	}
	if n.Attachment != nil {
		out.Attachment = attachmentOut(n.Attachment)
	}
	return out
}

func attachmentOut(t *vpc.Attachment) *types.NetworkInterfaceAttachment {
	out := &types.NetworkInterfaceAttachment{
		AttachmentId: aws.String(t.ID), InstanceOwnerId: aws.String(t.InstanceOwner), DeviceIndex: aws.Int32(t.DeviceIndex),
		NetworkCardIndex: aws.Int32(t.NetworkCard), Status: types.AttachmentStatus(t.Status),
		DeleteOnTermination: aws.Bool(t.DeleteWith),
	}
	if t.Instance != "" {
		out.InstanceId = aws.String(t.Instance)
	}
	return out
}
