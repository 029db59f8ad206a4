// Package loadbalancer is the actions on load balancers: names, zones, network interfaces and addresses, security
// groups, attributes, reserved capacity. Of listeners it has only what a change must suit; of elbv2 it imports
// targetgroup, attribute, request and check.
package loadbalancer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
	"github.com/k8s-lbc/lbc/awssim/elbv2/targetgroup"
)

// LoadBalancers answers the actions on load balancers.
type LoadBalancers struct {
	account *account.Account
	entry   call.Entry
}

// New is the actions over the account of e.
func New(e call.Entry) *LoadBalancers { return &LoadBalancers{account: e.Account, entry: e} }

// typeQuota is the quota on the load balancers of a type.
var typeQuota = map[string]string{request.Application: request.QuotaALBs, request.Network: request.QuotaNLBs,
	request.Gateway: request.QuotaGWLBs}

// CreateLoadBalancer creates a load balancer, or answers the one that has the name if it has the same settings.
func (s *LoadBalancers) CreateLoadBalancer(ctx context.Context, in *elb.CreateLoadBalancerInput,
	_ ...func(*elb.Options)) (*elb.CreateLoadBalancerOutput, error) {
	return call.Write(ctx, s.entry, "CreateLoadBalancer", in, s.createLoadBalancer)
}

func (s *LoadBalancers) createLoadBalancer(in *elb.CreateLoadBalancerInput) (*elb.CreateLoadBalancerOutput, error) {
	lb, err := wantedLoadBalancer(in)
	if err != nil {
		return nil, err
	}
	where, err := s.place(lb, in.Subnets, in.SubnetMappings)
	if err != nil {
		return nil, err
	}
	lb.VPC = where.vpc
	if err := check.First(s.checkGroups(lb.VPC, lb.SecurityGroups, "InvalidConfigurationRequest"),
		s.checkPool(lb.IPAMPool)); err != nil {
		return nil, err
	}
	if lb.Type == request.Application && len(lb.SecurityGroups) == 0 {
		if g, ok := s.account.DefaultGroup(lb.VPC); ok {
			lb.SecurityGroups = []string{g.ID}
		}
	}
	if have := s.account.LoadBalancerNamed(lb.Name); have != nil {
		if !sameLoadBalancer(have, lb, where.zones) {
			return nil, apierr.New("DuplicateLoadBalancerName",
				"A load balancer with the same name '%s' exists, but with different settings", lb.Name)
		}
		return &elb.CreateLoadBalancerOutput{LoadBalancers: []types.LoadBalancer{s.describeLoadBalancer(have)}}, nil
	}
	if n := s.countLoadBalancers(lb.Type); n >= s.account.Quota(typeQuota[lb.Type]) {
		return nil, apierr.New("TooManyLoadBalancers", "The maximum number of load balancers with type '%s', '%d', "+
			"has been reached", lb.Type, n)
	}
	if err := s.checkRoom(lb, where); err != nil {
		return nil, err
	}
	s.identify(lb)
	if err := s.attach(lb, where.zones); err != nil {
		return nil, err
	}
	lb.Zones = where.zones
	lb.Attributes = loadBalancerAttributes.Complete(lb, nil)
	lb.Created = s.account.Clock.Now()
	lb.ActiveAt = lb.Created.Add(s.account.Profile.LoadBalancerActive)
	if lb.Type == request.Network {
		lb.ActiveAt = lb.Created.Add(s.account.Profile.NetworkLoadBalancerActive)
	}
	if d := lb.ActiveAt.Sub(lb.Created); d > 0 {
		s.account.Clock.AfterFunc(d, s.account.Changed)
	}
	s.account.AddLoadBalancer(lb)
	return &elb.CreateLoadBalancerOutput{LoadBalancers: []types.LoadBalancer{s.describeLoadBalancer(lb)}}, nil
}

// wantedLoadBalancer is the load balancer of a request, with the checks that need no account.
func wantedLoadBalancer(in *elb.CreateLoadBalancerInput) (*account.LoadBalancer, error) {
	tags, err := request.NewTags(in.Tags)
	name, pool := aws.ToString(in.Name), aws.ToString(in.CustomerOwnedIpv4Pool)
	if err := check.First(
		check.Present("name", in.Name),
		check.OneOf("type", in.Type, in.Type.Values()),
		check.OneOf("scheme", in.Scheme, in.Scheme.Values()),
		check.OneOf("ipAddressType", in.IpAddressType, in.IpAddressType.Values()),
		check.OneOf("enablePrefixForIpv6SourceNat", in.EnablePrefixForIpv6SourceNat,
			in.EnablePrefixForIpv6SourceNat.Values()),
		check.AtMost("customerOwnedIpv4Pool", pool, 256),
		check.When(pool != "" && !customerPool.MatchString(pool), check.Constraint("customerOwnedIpv4Pool", pool,
			"satisfy regular expression pattern: %s", customerPool)),
		checkPoolID(in.IpamPools),
		err,
		check.ResourceName("The load balancer name", "and", name),
		check.When(strings.HasPrefix(name, "internal-"),
			check.Invalid("The load balancer name '%s' cannot start with 'internal-'", name)),
	); err != nil {
		return nil, err
	}
	lb := &account.LoadBalancer{
		Name:           name,
		Type:           cmp.Or(string(in.Type), request.Application),
		Scheme:         cmp.Or(string(in.Scheme), "internet-facing"),
		IPAddressType:  cmp.Or(string(in.IpAddressType), "ipv4"),
		SecurityGroups: request.Distinct(in.SecurityGroups),
		SourceNAT:      string(in.EnablePrefixForIpv6SourceNat),
		CustomerPool:   pool,
		Tags:           tags,
	}
	if in.IpamPools != nil {
		lb.IPAMPool = aws.ToString(in.IpamPools.Ipv4IpamPoolId)
	}
	if lb.Type == request.Gateway {
		if in.Scheme != "" {
			return nil, check.Invalid("A scheme cannot be specified for load balancers with type 'gateway'")
		}
		lb.Scheme = ""
	}
	switch {
	case lb.Type == request.Application && in.SecurityGroups != nil && len(in.SecurityGroups) == 0:
		return nil, check.Invalid("At least one security group must be specified")
	case lb.Type == request.Gateway && len(in.SecurityGroups) > 0:
		return nil, check.InvalidConfiguration("Security groups are not supported for load balancers with type 'gateway'")
	case lb.SourceNAT == "on" && (lb.Type != request.Network || lb.IPAddressType != "dualstack"):
		return nil, check.InvalidConfiguration("EnablePrefixForIpv6SourceNat is supported for dualstack load balancers " +
			"with type 'network' only")
	case lb.CustomerPool != "" && lb.Type != request.Application:
		return nil, check.InvalidConfiguration("A customer-owned address pool is supported for load balancers with type " +
			"'application' only")
	case lb.IPAMPool != "" && (lb.Type != request.Application || lb.Scheme != "internet-facing"):
		return nil, check.InvalidConfiguration("IPAM pools are supported for internet-facing load balancers with type " +
			"'application' only")
	}
	return lb, checkAddressType(lb, lb.IPAddressType)
}

// checkAddressType refuses address types that the load balancer's type or scheme does not have.
func checkAddressType(lb *account.LoadBalancer, want string) error {
	if want != "dualstack-without-public-ipv4" {
		return nil
	}
	return check.When(lb.Type != request.Application || lb.Scheme != "internet-facing",
		check.InvalidConfiguration("The IP address type '%s' is supported for internet-facing load balancers with type "+
			"'application' only", want))
}

// identify gives a load balancer its ARN and DNS name, whose forms depend on its type.
func (s *LoadBalancers) identify(lb *account.LoadBalancer) {
	path := "loadbalancer/" + request.TypePath[lb.Type] + "/" + lb.Name
	lb.ID = s.account.NewBalancingID(path)
	lb.ARN = s.account.BalancingARN(path + "/" + lb.ID)
	tail := "amazonaws.com"
	if s.account.Partition == "aws-cn" {
		tail = "amazonaws.com.cn"
	}
	zoneOfApplication, zoneOfNetwork := s.account.BalancerZones()
	switch lb.Type {
	case request.Application:
		lb.HostedZone = zoneOfApplication
		lb.DNSName = fmt.Sprintf("%s-%d.%s.elb.%s", lb.Name, dnsNumber(lb.ARN), s.account.Region, tail)
		if lb.Scheme == "internal" {
			lb.DNSName = "internal-" + lb.DNSName
		}
	case request.Network:
		lb.HostedZone = zoneOfNetwork
		lb.DNSName = fmt.Sprintf("%s-%s.elb.%s.%s", lb.Name, lb.ID, s.account.Region, tail)
	}
}

// dnsNumber is a number of ten digits, as in the names of application load balancers, from which the ARN's id does not
// follow.
func dnsNumber(arn string) uint64 {
	sum := sha256.Sum256([]byte("dns\x00" + arn))
	return 1_000_000_000 + binary.BigEndian.Uint64(sum[:8])%9_000_000_000
}

// sameLoadBalancer reports whether the load balancer of a create call exists as it is there.
func sameLoadBalancer(have, want *account.LoadBalancer, zones []account.Zone) bool {
	return have.Type == want.Type && have.Scheme == want.Scheme && have.IPAddressType == want.IPAddressType &&
		sameSet(have.SecurityGroups, want.SecurityGroups) && maps.Equal(have.Tags, want.Tags) &&
		slices.EqualFunc(have.Zones, zones, sameMapping)
}

func sameMapping(x, y account.Zone) bool {
	return x.Subnet == y.Subnet && x.AllocationID == y.AllocationID && x.PrivateIPv4 == y.PrivateIPv4 && x.IPv6 == y.IPv6
}

func (s *LoadBalancers) countLoadBalancers(typ string) int {
	n := 0
	for _, lb := range s.account.LoadBalancers {
		if lb.Type == typ {
			n++
		}
	}
	return n
}

// DescribeLoadBalancers answers all load balancers, in pages, or those of the given ARNs or names.
func (s *LoadBalancers) DescribeLoadBalancers(ctx context.Context, in *elb.DescribeLoadBalancersInput,
	_ ...func(*elb.Options)) (*elb.DescribeLoadBalancersOutput, error) {
	return call.Read(ctx, s.entry, "DescribeLoadBalancers", in, s.describeLoadBalancers)
}

func (s *LoadBalancers) describeLoadBalancers(in *elb.DescribeLoadBalancersInput) (*elb.DescribeLoadBalancersOutput,
	error) {
	arns, names := in.LoadBalancerArns, in.Names
	if err := request.CheckPageSize(in.PageSize); err != nil {
		return nil, err
	}
	if len(arns) > 0 && len(names) > 0 {
		return nil, check.Invalid("Load balancer names and load balancer ARNs cannot be specified at the same time")
	}
	if len(arns)+len(names) > request.MaxNamed {
		return nil, check.Invalid("You cannot specify more than '%d' load balancers", request.MaxNamed)
	}
	if err := check.ResourceNames("The load balancer name", "and", names); err != nil {
		return nil, err
	}
	var list []*account.LoadBalancer
	var err error
	switch {
	case len(arns) > 0:
		list, err = request.FindAll(s.account, request.KindLoadBalancer, s.account.LoadBalancers, arns)
	case len(names) > 0:
		for _, name := range request.Distinct(names) {
			lb := s.account.LoadBalancerNamed(name)
			if lb == nil {
				return nil, request.KindLoadBalancer.NotFound(name)
			}
			list = append(list, lb)
		}
	}
	out := &elb.DescribeLoadBalancersOutput{}
	entries := request.Current[types.LoadBalancer](list)
	if len(arns)+len(names) == 0 {
		entries, out.NextMarker, err = request.ListedPage[account.LoadBalancer, types.LoadBalancer](s.account,
			s.account.LoadBalancersInOrder(),
			func(lb *account.LoadBalancer) (string, uint64) { return lb.ARN, lb.Seq }, in.Marker, in.PageSize)
	}
	if err != nil {
		return nil, err
	}
	out.LoadBalancers = request.Show(entries, s.describeLoadBalancer)
	return out, nil
}

// changing keeps the load balancer as it is now for lists that lag behind; it precedes every change and deletion.
func (s *LoadBalancers) changing(lb *account.LoadBalancer) {
	s.account.ChangingBalancing(lb.ARN, lb.Seq, func() any { return s.describeLoadBalancer(lb) })
}

// describeLoadBalancer converts to the SDK's form.
func (s *LoadBalancers) describeLoadBalancer(lb *account.LoadBalancer) types.LoadBalancer {
	code, reason := lb.StateAt(s.account.Clock.Now())
	out := types.LoadBalancer{
		LoadBalancerArn:       aws.String(lb.ARN),
		LoadBalancerName:      aws.String(lb.Name),
		DNSName:               request.Optional(lb.DNSName),
		CanonicalHostedZoneId: request.Optional(lb.HostedZone),
		CreatedTime:           aws.Time(lb.Created),
		Scheme:                types.LoadBalancerSchemeEnum(lb.Scheme),
		VpcId:                 aws.String(lb.VPC),
		State: &types.LoadBalancerState{Code: types.LoadBalancerStateEnum(code),
			Reason: request.Optional(reason)},
		Type:                         types.LoadBalancerTypeEnum(lb.Type),
		AvailabilityZones:            s.describeZones(lb),
		SecurityGroups:               slices.Clone(lb.SecurityGroups),
		IpAddressType:                types.IpAddressType(lb.IPAddressType),
		CustomerOwnedIpv4Pool:        request.Optional(lb.CustomerPool),
		EnablePrefixForIpv6SourceNat: types.EnablePrefixForIpv6SourceNatEnum(lb.SourceNAT),
		EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: request.Optional(lb.EnforceInbound),
	}
	if lb.IPAMPool != "" {
		out.IpamPools = &types.IpamPools{Ipv4IpamPoolId: aws.String(lb.IPAMPool)}
	}
	return out
}

// describeZones shows only those addresses that a request named.
func (s *LoadBalancers) describeZones(lb *account.LoadBalancer) []types.AvailabilityZone {
	out := make([]types.AvailabilityZone, len(lb.Zones))
	for i, z := range lb.Zones {
		out[i] = types.AvailabilityZone{ZoneName: aws.String(z.Name), SubnetId: aws.String(z.Subnet),
			LoadBalancerAddresses: []types.LoadBalancerAddress{}}
		if z.AllocationID != "" || z.PrivateIPv4 != "" || z.IPv6 != "" {
			out[i].LoadBalancerAddresses = []types.LoadBalancerAddress{{
				AllocationId: request.Optional(z.AllocationID), IpAddress: request.Optional(z.PublicIPv4),
				PrivateIPv4Address: request.Optional(z.PrivateIPv4), IPv6Address: request.Optional(z.IPv6),
			}}
		}
		if subnet, ok := s.account.Subnet(z.Subnet); ok {
			out[i].OutpostId = request.Optional(outpostID(subnet.Outpost))
		}
		if z.SourceNATIPv6 != "" {
			out[i].SourceNatIpv6Prefixes = []string{z.SourceNATIPv6}
		}
	}
	return out
}

// outpostID is the last part of an Outpost's ARN.
func outpostID(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// DeleteLoadBalancer deletes a load balancer with its listeners and rules; one that does not exist is no error.
func (s *LoadBalancers) DeleteLoadBalancer(ctx context.Context, in *elb.DeleteLoadBalancerInput,
	_ ...func(*elb.Options)) (*elb.DeleteLoadBalancerOutput, error) {
	return call.Write(ctx, s.entry, "DeleteLoadBalancer", in, func(in *elb.DeleteLoadBalancerInput) (
		*elb.DeleteLoadBalancerOutput, error) {
		lb, err := request.FindLoadBalancer(s.account, in.LoadBalancerArn)
		if e := apierr.As(err); e != nil && e.Code == request.KindLoadBalancer.Code {
			return &elb.DeleteLoadBalancerOutput{}, nil
		}
		if err != nil {
			return nil, err
		}
		if err := protected(lb); err != nil {
			return nil, err
		}
		if len(lb.Associated) > 0 || targetgroup.TargetedBy(s.account, lb, 0) != nil {
			return nil, apierr.New("ResourceInUse", "Load balancer '%s' cannot be deleted because it is currently associated "+
				"with another service", lb.ARN)
		}
		s.changing(lb)
		s.account.RemoveLoadBalancer(lb)
		s.release(lb, lb.Zones)
		return &elb.DeleteLoadBalancerOutput{}, nil
	})
}

// sameSet reports whether two lists hold the same values in any order.
func sameSet(a, b []string) bool {
	x, y := slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(slices.Compact(x), slices.Compact(y))
}
