// Package instance is the actions on instances, network interfaces and addresses: started and stopped, attached,
// assigned, elastic addresses and the pools that they come from. Of ec2 it imports filter, request and kind.
package instance

import (
	"cmp"
	"context"
	"fmt"
	"time"

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

// Instances answers the actions on instances, network interfaces and addresses.
type Instances struct {
	account *account.Account
	entry   call.Entry
}

// New is the actions over the account of e.
func New(e call.Entry) *Instances { return &Instances{account: e.Account, entry: e} }

var instances = filter.Collection[*vpc.Instance]{
	Kind:    kind.Instance,
	IDParam: "instanceIds",
	All:     func(a *account.Account) map[string]*vpc.Instance { return a.Instances },
	Tags:    func(i *vpc.Instance) map[string]string { return i.Tags },
	Whole:   true,
	Filters: instanceFilters(),
}

func instanceFilters() map[string]filter.Accessor[*vpc.Instance] {
	table := map[string]filter.Accessor[*vpc.Instance]{
		"instance-id":         filter.One(func(i *vpc.Instance) string { return i.ID }),
		"instance-state-name": filter.One(func(i *vpc.Instance) string { return i.State }),
		"instance-state-code": filter.One(func(i *vpc.Instance) string { return fmt.Sprint(i.StateCode()) }),
		"instance-type":       filter.One(func(i *vpc.Instance) string { return i.Type }),
		"architecture":        filter.One(func(i *vpc.Instance) string { return i.Architecture }),
		"image-id":            filter.One(func(i *vpc.Instance) string { return i.Image }),
		"vpc-id":              filter.One(func(i *vpc.Instance) string { return i.VPC }),
		"subnet-id":           filter.One(func(i *vpc.Instance) string { return i.Subnet }),
		"availability-zone":   filter.One(func(i *vpc.Instance) string { return i.Zone }),
		"owner-id":            func(a *account.Account, _ *vpc.Instance) []string { return []string{a.ID} },
		"private-ip-address":  ofPrimary(interfaces.Filters["private-ip-address"]),
		"private-dns-name":    ofPrimary(interfaces.Filters["private-dns-name"]),
		"instance.group-id":   ofPrimary(interfaces.Filters["group-id"]),
		"instance.group-name": ofPrimary(interfaces.Filters["group-name"]),
	}
	for name, read := range interfaces.Filters {
		table["network-interface."+name] = ofInterfaces(read)
	}
	return table
}

// ofInterfaces reads an attribute of all interfaces of an instance.
func ofInterfaces(read filter.Accessor[*vpc.Interface]) filter.Accessor[*vpc.Instance] {
	return func(a *account.Account, i *vpc.Instance) []string {
		var values []string
		for _, eni := range i.Interfaces {
			if n, ok := a.Interface(eni); ok {
				values = append(values, read(a, n)...)
			}
		}
		return values
	}
}

// ofPrimary reads an attribute of the first interface of an instance.
func ofPrimary(read filter.Accessor[*vpc.Interface]) filter.Accessor[*vpc.Instance] {
	return func(a *account.Account, i *vpc.Instance) []string {
		if n := primaryOf(a, i); n != nil {
			return read(a, n)
		}
		return nil
	}
}

func primaryOf(a *account.Account, i *vpc.Instance) *vpc.Interface {
	if len(i.Interfaces) == 0 {
		return nil
	}
	return a.Interfaces[i.Interfaces[0]]
}

// DescribeInstances lists instances, each in a reservation of its own.
func (s *Instances) DescribeInstances(ctx context.Context, in *ec2.DescribeInstancesInput, _ ...func(*ec2.Options)) (
	*ec2.DescribeInstancesOutput, error) {
	return call.Read(ctx, s.entry, "DescribeInstances", in, s.describeInstances)
}

func (s *Instances) describeInstances(in *ec2.DescribeInstancesInput) (*ec2.DescribeInstancesOutput, error) {
	found, next, err := instances.Describe(s.account, filter.Query{DryRun: in.DryRun, IDs: in.InstanceIds,
		Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeInstancesOutput{NextToken: next}
	for _, i := range found {
		out.Reservations = append(out.Reservations, types.Reservation{
			ReservationId: aws.String("r" + i.ID[1:]), OwnerId: aws.String(s.account.ID), Instances: []types.Instance{
				instanceOut(s.account, i)},
		})
	}
	return out, nil
}

func instanceOut(a *account.Account, i *vpc.Instance) types.Instance {
	out := types.Instance{
		InstanceId:   aws.String(i.ID),
		InstanceType: types.InstanceType(i.Type),
		Architecture: types.ArchitectureValues(i.Architecture),
		State:        stateOut(i.State, i.StateCode()),
		LaunchTime:   aws.Time(i.Launched.UTC().Truncate(time.Second)),
		Placement: &types.Placement{AvailabilityZone: aws.String(i.Zone), AvailabilityZoneId: aws.String(
			request.ZoneID(a, i.Zone)), Tenancy: types.TenancyDefault},
		Tags:           request.TagList(i.Tags),
		PrivateDnsName: aws.String(""),
	}
	if i.Image != "" {
		out.ImageId = aws.String(i.Image)
	}
	if i.State == "terminated" {
		return out // EC2 shows a terminated instance without its network
	}
	out.VpcId, out.SubnetId = aws.String(i.VPC), aws.String(i.Subnet)
	out.MetadataOptions = &types.InstanceMetadataOptionsResponse{
		State: types.InstanceMetadataOptionsStateApplied, HttpEndpoint: types.InstanceMetadataEndpointStateEnabled,
		HttpTokens: types.HttpTokensStateOptional, HttpPutResponseHopLimit: aws.Int32(cmp.Or(i.HopLimit, 2)),
	}
	if n := primaryOf(a, i); n != nil {
		out.SecurityGroups = groupIdentifiers(a, n.Groups)
		out.SourceDestCheck = aws.Bool(n.SourceDestCheck)
		if addr := n.PrimaryAddress(); addr.IsValid() {
			out.PrivateIpAddress, out.PrivateDnsName = aws.String(addr.String()), aws.String(privateName(a, addr))
		}
		if len(n.Addresses) > 0 && n.Addresses[0].Public.IsValid() {
			out.PublicIpAddress = aws.String(n.Addresses[0].Public.String())
		}
		if len(n.IPv6Addresses) > 0 {
			out.Ipv6Address = aws.String(n.IPv6Addresses[0].String())
		}
	}
	for _, eni := range i.Interfaces {
		if n, ok := a.Interface(eni); ok {
			out.NetworkInterfaces = append(out.NetworkInterfaces, instanceInterfaceOut(a, n))
		}
	}
	return out
}

// instanceInterfaceOut is an interface as its instance shows it: the same facts in another type.
func instanceInterfaceOut(a *account.Account, n *vpc.Interface) types.InstanceNetworkInterface {
	full := interfaceOut(a, n)
	out := types.InstanceNetworkInterface{
		NetworkInterfaceId: full.NetworkInterfaceId,
		VpcId:              full.VpcId,
		SubnetId:           full.SubnetId,
		OwnerId:            full.OwnerId,
		Description:        full.Description,
		InterfaceType:      aws.String(n.Type),
		MacAddress:         full.MacAddress,
		PrivateIpAddress:   full.PrivateIpAddress,
		PrivateDnsName:     full.PrivateDnsName,
		SourceDestCheck:    full.SourceDestCheck,
		Status:             full.Status,
		Groups:             full.Groups,
	}
	for _, p := range full.PrivateIpAddresses {
		item := types.InstancePrivateIpAddress{Primary: p.Primary, PrivateIpAddress: p.PrivateIpAddress,
			PrivateDnsName: p.PrivateDnsName}
		if p.Association != nil {
			item.Association = &types.InstanceNetworkInterfaceAssociation{PublicIp: p.Association.PublicIp,
				IpOwnerId: p.Association.IpOwnerId}
		}
		out.PrivateIpAddresses = append(out.PrivateIpAddresses, item)
	}
	for _, p := range full.Ipv4Prefixes {
		out.Ipv4Prefixes = append(out.Ipv4Prefixes, types.InstanceIpv4Prefix{Ipv4Prefix: p.Ipv4Prefix})
	}
	for _, p := range full.Ipv6Addresses {
		out.Ipv6Addresses = append(out.Ipv6Addresses, types.InstanceIpv6Address{Ipv6Address: p.Ipv6Address})
	}
	for _, p := range full.Ipv6Prefixes {
		out.Ipv6Prefixes = append(out.Ipv6Prefixes, types.InstanceIpv6Prefix{Ipv6Prefix: p.Ipv6Prefix})
	}
	if t := full.Attachment; t != nil {
		out.Attachment = &types.InstanceNetworkInterfaceAttachment{
			AttachmentId: t.AttachmentId, DeleteOnTermination: t.DeleteOnTermination, DeviceIndex: t.DeviceIndex,
			NetworkCardIndex: t.NetworkCardIndex, Status: t.Status,
		}
	}
	return out
}
