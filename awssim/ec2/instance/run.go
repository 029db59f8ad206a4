package instance

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/ec2/kind"
	"github.com/k8s-lbc/lbc/awssim/ec2/request"
)

// MaxRun is the number of instances that one call starts at most.
const MaxRun = 500

// launch is the parameters of RunInstances, read.
type launch struct {
	subnet       *vpc.Subnet
	groups       []string
	address      netip.Addr // of the only instance
	secondary    []string
	count        int // of further addresses
	prefixes     int
	ipv6         []string
	ipv6Count    int
	public       bool
	eni          *vpc.Interface // given as the primary one
	keep         bool           // the interface outlives the instance
	tags         map[string]string
	interfaceTag map[string]string
}

// RunInstances starts instances in a subnet. Only what belongs to the network is looked at; any image and type will do.
func (s *Instances) RunInstances(ctx context.Context, in *ec2.RunInstancesInput, _ ...func(*ec2.Options)) (
	*ec2.RunInstancesOutput, error) {
	return call.Write(ctx, s.entry, "RunInstances", in, s.runInstances)
}

func (s *Instances) runInstances(in *ec2.RunInstancesInput) (*ec2.RunInstancesOutput, error) {
	if in.MinCount == nil || in.MaxCount == nil {
		return nil, request.Missing("MinCount and MaxCount")
	}
	if *in.MinCount < 1 || *in.MaxCount < *in.MinCount {
		return nil, request.InvalidValue("Invalid value '%d' for maxCount. It must be at least minCount, '%d', and "+
			"that at least 1.", *in.MaxCount, *in.MinCount)
	}
	if *in.MaxCount > MaxRun {
		return nil, apierr.New("InstanceLimitExceeded", "You have requested more instances (%d) than your current instance "+
			"limit of %d allows", *in.MaxCount, MaxRun)
	}
	if aws.ToString(in.ImageId) == "" && in.LaunchTemplate == nil {
		return nil, request.Missing("ImageId")
	}
	if id := in.ImageId; id != nil && !strings.HasPrefix(*id, "ami-") {
		return nil, apierr.New("InvalidAMIID.Malformed", "Invalid id: %q (expecting \"ami-...\")", *id)
	}
	l, err := s.launch(in)
	if err != nil {
		return nil, err
	}
	if err := request.DryRun(in.DryRun); err != nil {
		return nil, err
	}
	out := &ec2.RunInstancesOutput{OwnerId: aws.String(s.account.ID), ReservationId: aws.String(s.account.NewID("r"))}
	var made []string
	for range *in.MaxCount {
		i, err := s.start(in, l)
		if err != nil && len(made) >= int(*in.MinCount) {
			break // as many as there is room for
		}
		if err != nil {
			for _, id := range made {
				_ = s.account.RemoveInstance(id) // it was just made
			}
			return nil, request.AWSError(err)
		}
		made = append(made, i.ID)
	}
	for _, id := range made {
		i := s.account.Instances[id]
		s.account.CreatedCompute(id)
		if err := s.account.BeginInstanceState(id, "pending"); err != nil {
			return nil, request.AWSError(err)
		}
		out.Instances = append(out.Instances, instanceOut(s.account, i))
	}
	return out, nil
}

// launch reads the network part of the call.
func (s *Instances) launch(in *ec2.RunInstancesInput) (launch, error) {
	l := launch{groups: in.SecurityGroupIds, ipv6Count: int(aws.ToInt32(in.Ipv6AddressCount))}
	if err := l.readTags(in.TagSpecifications); err != nil {
		return l, err
	}
	subnet, private := in.SubnetId, in.PrivateIpAddress
	for _, a := range in.Ipv6Addresses {
		l.ipv6 = append(l.ipv6, aws.ToString(a.Ipv6Address))
	}
	if len(in.NetworkInterfaces) > 0 {
		if subnet != nil || len(in.SecurityGroupIds) > 0 || private != nil {
			return l, apierr.New("InvalidParameterCombination",
				"Network interfaces and an instance-level subnet ID, security groups or private address may not be specified on "+
					"the same request")
		}
		n := in.NetworkInterfaces[0]
		if len(in.NetworkInterfaces) > 1 || aws.ToInt32(n.DeviceIndex) != 0 {
			return l, request.InvalidValue("One network interface at device index 0 can be given; attach others with " +
				"AttachNetworkInterface")
		}
		subnet, private, l.groups = n.SubnetId, n.PrivateIpAddress, n.Groups
		l.count, l.prefixes, l.ipv6Count = int(aws.ToInt32(n.SecondaryPrivateIpAddressCount)),
			int(aws.ToInt32(n.Ipv4PrefixCount)), int(aws.ToInt32(n.Ipv6AddressCount))
		l.public, l.keep = aws.ToBool(n.AssociatePublicIpAddress), n.DeleteOnTermination != nil && !*n.DeleteOnTermination
		for _, p := range n.PrivateIpAddresses {
			if aws.ToBool(p.Primary) {
				private = p.PrivateIpAddress
			} else {
				l.secondary = append(l.secondary, aws.ToString(p.PrivateIpAddress))
			}
		}
		if n.NetworkInterfaceId != nil {
			return s.launchWith(l, n)
		}
	}
	var err error
	if l.subnet, err = s.launchSubnet(subnet, in.Placement); err != nil {
		return l, err
	}
	if l.address, err = request.OptionalAddress(private); err != nil {
		return l, err
	}
	if l.address.IsValid() && *in.MaxCount > 1 {
		return l, apierr.New("InvalidParameterCombination", "A private address can be given to one instance only")
	}
	if l.groups, err = s.interfaceGroups(l.subnet.VPC, l.groups); err != nil {
		return l, err
	}
	if l.subnet.AssignIPv6 && l.ipv6Count == 0 && len(l.ipv6) == 0 {
		l.ipv6Count = 1
	}
	l.public = l.public || l.subnet.MapPublicIPOnLaunch && (len(in.NetworkInterfaces) == 0 ||
		in.NetworkInterfaces[0].AssociatePublicIpAddress == nil)
	return l, nil
}

func (l *launch) readTags(specs []types.TagSpecification) error {
	for _, spec := range specs {
		tags, err := request.ParseTags(spec.Tags)
		if err != nil {
			return err
		}
		switch spec.ResourceType {
		case types.ResourceTypeInstance:
			l.tags = tags
		case types.ResourceTypeNetworkInterface:
			l.interfaceTag = tags
		case types.ResourceTypeVolume, types.ResourceTypeSpotInstancesRequest, types.ResourceTypeElasticGpu: // not simulated
		default:
			return request.InvalidValue("'%s' is not a valid taggable resource type for this operation.", spec.ResourceType)
		}
	}
	return nil
}

// launchWith is a launch with an interface that exists.
func (s *Instances) launchWith(l launch, n types.InstanceNetworkInterfaceSpecification) (launch, error) {
	eni, err := s.ownInterface(n.NetworkInterfaceId)
	if err != nil {
		return l, err
	}
	if eni.Attachment != nil {
		return l, apierr.New("InvalidNetworkInterface.InUse", "Interface: %s in use.", eni.ID)
	}
	if n.SubnetId != nil || len(n.Groups) > 0 {
		return l, apierr.New("InvalidParameterCombination",
			"A network interface may not specify both a network interface ID and a subnet or security groups")
	}
	l.eni, l.keep, l.subnet = eni, n.DeleteOnTermination == nil || !*n.DeleteOnTermination, s.account.Subnets[eni.Subnet]
	return l, nil
}

// launchSubnet is the subnet of a request, or a default one.
func (s *Instances) launchSubnet(id *string, placement *types.Placement) (*vpc.Subnet, error) {
	if id != nil {
		return request.Named(s.account, kind.Subnet, "subnetId", id, s.account.Subnets)
	}
	for _, id := range slices.Sorted(maps.Keys(s.account.Subnets)) {
		n := s.account.Subnets[id]
		if n.Default && (placement == nil || placement.AvailabilityZone == nil || *placement.AvailabilityZone == n.Zone) {
			return n, nil
		}
	}
	return nil, apierr.New("MissingInput", "No subnets found for the default VPC '%s'. Please specify a subnet.",
		request.DefaultVPC(s.account))
}

// architectureOf guesses the architecture by the type's family: those with a g after the generation are Graviton's.
func architectureOf(instanceType string) string {
	family, _, _ := strings.Cut(instanceType, ".")
	if i := strings.IndexAny(family, "0123456789"); i > 0 && strings.HasPrefix(family[i+1:], "g") ||
		strings.HasPrefix(family, "a1") {
		return "arm64"
	}
	return "x86_64"
}

func (s *Instances) start(in *ec2.RunInstancesInput, l launch) (*vpc.Instance, error) {
	i := &vpc.Instance{Type: string(in.InstanceType), Image: aws.ToString(in.ImageId), Tags: map[string]string{}}
	if i.Type == "" {
		i.Type = string(types.InstanceTypeM1Small) // AWS's default
	}
	i.Architecture = architectureOf(i.Type)
	for k, v := range l.tags {
		i.Tags[k] = v
	}
	if l.eni != nil {
		return i, s.startWith(i, l)
	}
	n, err := s.account.AddInstance(i, l.subnet.ID, l.groups, l.address)
	if err != nil {
		return nil, err
	}
	n.Attachment.DeleteWith, n.Tags = !l.keep, l.interfaceTag
	if _, err := s.assign(n, l.secondary, l.count, l.prefixes); err != nil {
		return nil, s.abandon(i, n, err)
	}
	if _, err := s.assignIPv6(n, l.ipv6, l.ipv6Count, 0); err != nil {
		return nil, s.abandon(i, n, err)
	}
	if l.public && len(n.Addresses) > 0 {
		n.Addresses[0].Public, n.Addresses[0].PublicOwner = s.account.NewPublicAddress(), "amazon"
	}
	return i, nil
}

// abandon removes an instance that could not be made whole.
func (s *Instances) abandon(i *vpc.Instance, n *vpc.Interface, err error) error {
	n.Attachment.DeleteWith = true
	_ = s.account.RemoveInstance(i.ID) // it was just made
	return err
}

func (s *Instances) startWith(i *vpc.Instance, l launch) error {
	i.ID = s.account.NewID("i")
	i.State, i.VPC, i.Subnet, i.Zone, i.Launched = "running", l.eni.VPC, l.eni.Subnet, l.eni.Zone, s.account.Clock.Now()
	s.account.PutInstance(i)
	if err := s.account.AttachInterface(l.eni.ID, i.ID); err != nil {
		return err
	}
	l.eni.Attachment.DeleteWith = !l.keep
	return nil
}
