package elbv2

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
)

// maxNamed is how many ARNs or names one Describe call takes.
const maxNamed = 20

// typePath is what stands for a type in ARNs.
var typePath = map[string]string{application: "app", network: "net", gateway: "gwy"}

// typeQuota is the quota on the load balancers of a type.
var typeQuota = map[string]string{application: quotaALBs, network: quotaNLBs, gateway: quotaGWLBs}

// CreateLoadBalancer creates a load balancer, or answers the one that has the name if it has the same settings.
func (s *Service) CreateLoadBalancer(ctx context.Context, in *elb.CreateLoadBalancerInput, _ ...func(*elb.Options)) (*elb.CreateLoadBalancerOutput, error) {
	return write(ctx, s, "CreateLoadBalancer", in, s.createLoadBalancer)
}

func (s *Service) createLoadBalancer(in *elb.CreateLoadBalancerInput) (*elb.CreateLoadBalancerOutput, error) {
	lb, err := wantedLoadBalancer(in)
	if err != nil {
		return nil, err
	}
	where, err := s.place(lb, in.Subnets, in.SubnetMappings)
	if err != nil {
		return nil, err
	}
	lb.VPC = where.vpc
	if err := first(s.checkGroups(lb.VPC, lb.SecurityGroups, "InvalidConfigurationRequest"), s.checkPool(lb.IPAMPool)); err != nil {
		return nil, err
	}
	if lb.Type == application && len(lb.SecurityGroups) == 0 {
		if g, ok := s.account.DefaultGroup(lb.VPC); ok {
			lb.SecurityGroups = []string{g.ID}
		}
	}
	if have := s.account.LoadBalancerNamed(lb.Name); have != nil {
		if !sameLoadBalancer(have, lb, where.zones) {
			return nil, apierr.New("DuplicateLoadBalancerName", "A load balancer with the same name '%s' exists, but with different settings", lb.Name)
		}
		return &elb.CreateLoadBalancerOutput{LoadBalancers: []types.LoadBalancer{s.describeLoadBalancer(have)}}, nil
	}
	if n := s.countLoadBalancers(lb.Type); n >= s.limit(typeQuota[lb.Type]) {
		return nil, apierr.New("TooManyLoadBalancers", "The maximum number of load balancers with type '%s', '%d', has been reached", lb.Type, n)
	}
	if err := s.checkRoom(lb, where); err != nil {
		return nil, err
	}
	s.identify(lb)
	if err := s.attach(lb, where.zones); err != nil {
		return nil, err
	}
	lb.Zones = where.zones
	lb.Attributes = loadBalancerAttributes.complete(lb, nil)
	lb.Created = s.account.Clock.Now()
	lb.ActiveAt = lb.Created.Add(s.account.Profile.LoadBalancerActive)
	if lb.Type == network {
		lb.ActiveAt = lb.Created.Add(s.account.Profile.NetworkLoadBalancerActive)
	}
	if d := lb.ActiveAt.Sub(lb.Created); d > 0 {
		s.account.Clock.AfterFunc(d, s.account.Changed)
	}
	s.account.AddLoadBalancer(lb)
	return &elb.CreateLoadBalancerOutput{LoadBalancers: []types.LoadBalancer{s.describeLoadBalancer(lb)}}, nil
}

// wantedLoadBalancer is what the request says by itself, checked as far as that goes.
func wantedLoadBalancer(in *elb.CreateLoadBalancerInput) (*account.LoadBalancer, error) {
	tags, err := newTags(in.Tags)
	name, pool := aws.ToString(in.Name), aws.ToString(in.CustomerOwnedIpv4Pool)
	if err := first(
		present("name", in.Name),
		oneOf("type", in.Type, in.Type.Values()),
		oneOf("scheme", in.Scheme, in.Scheme.Values()),
		oneOf("ipAddressType", in.IpAddressType, in.IpAddressType.Values()),
		oneOf("enablePrefixForIpv6SourceNat", in.EnablePrefixForIpv6SourceNat, in.EnablePrefixForIpv6SourceNat.Values()),
		atMost("customerOwnedIpv4Pool", pool, 256),
		when(pool != "" && !customerPool.MatchString(pool), shape("customerOwnedIpv4Pool", pool, "satisfy regular expression pattern: %s", customerPool)),
		checkPoolID(in.IpamPools),
		err,
		resourceName("The load balancer name", "and", name),
		when(strings.HasPrefix(name, "internal-"), invalid("The load balancer name '%s' cannot start with 'internal-'", name)),
	); err != nil {
		return nil, err
	}
	lb := &account.LoadBalancer{
		Name:           name,
		Type:           cmp.Or(string(in.Type), application),
		Scheme:         cmp.Or(string(in.Scheme), "internet-facing"),
		IPAddressType:  cmp.Or(string(in.IpAddressType), "ipv4"),
		SecurityGroups: distinct(in.SecurityGroups),
		SourceNAT:      string(in.EnablePrefixForIpv6SourceNat),
		CustomerPool:   pool,
		Tags:           tags,
	}
	if in.IpamPools != nil {
		lb.IPAMPool = aws.ToString(in.IpamPools.Ipv4IpamPoolId)
	}
	if lb.Type == gateway {
		if in.Scheme != "" {
			return nil, invalid("A scheme cannot be specified for load balancers with type 'gateway'")
		}
		lb.Scheme = ""
	}
	switch {
	case lb.Type == application && in.SecurityGroups != nil && len(in.SecurityGroups) == 0:
		return nil, invalid("At least one security group must be specified")
	case lb.Type == gateway && len(in.SecurityGroups) > 0:
		return nil, contradiction("Security groups are not supported for load balancers with type 'gateway'")
	case lb.SourceNAT == "on" && (lb.Type != network || lb.IPAddressType != "dualstack"):
		return nil, contradiction("EnablePrefixForIpv6SourceNat is supported for dualstack load balancers with type 'network' only")
	case lb.CustomerPool != "" && lb.Type != application:
		return nil, contradiction("A customer-owned address pool is supported for load balancers with type 'application' only")
	case lb.IPAMPool != "" && (lb.Type != application || lb.Scheme != "internet-facing"):
		return nil, contradiction("IPAM pools are supported for internet-facing load balancers with type 'application' only")
	}
	return lb, checkAddressType(lb, lb.IPAddressType)
}

// checkAddressType refuses address types that the load balancer's type or scheme does not have.
func checkAddressType(lb *account.LoadBalancer, want string) error {
	if want != "dualstack-without-public-ipv4" {
		return nil
	}
	return when(lb.Type != application || lb.Scheme != "internet-facing",
		contradiction("The IP address type '%s' is supported for internet-facing load balancers with type 'application' only", want))
}

// identify gives a load balancer its ARN and DNS name, whose forms depend on its type.
func (s *Service) identify(lb *account.LoadBalancer) {
	path := "loadbalancer/" + typePath[lb.Type] + "/" + lb.Name
	lb.ID = s.account.NewBalancingID(path)
	lb.ARN = s.account.BalancingARN(path + "/" + lb.ID)
	tail := "amazonaws.com"
	if s.account.Partition == "aws-cn" {
		tail = "amazonaws.com.cn"
	}
	zoneOfApplication, zoneOfNetwork := s.account.BalancerZones()
	switch lb.Type {
	case application:
		lb.HostedZone = zoneOfApplication
		lb.DNSName = fmt.Sprintf("%s-%d.%s.elb.%s", lb.Name, dnsNumber(lb.ARN), s.account.Region, tail)
		if lb.Scheme == "internal" {
			lb.DNSName = "internal-" + lb.DNSName
		}
	case network:
		lb.HostedZone = zoneOfNetwork
		lb.DNSName = fmt.Sprintf("%s-%s.elb.%s.%s", lb.Name, lb.ID, s.account.Region, tail)
	}
}

// dnsNumber is a number of ten digits, as in the names of application load balancers, which tells nothing of the ARN's id.
func dnsNumber(arn string) uint64 {
	sum := sha256.Sum256([]byte("dns\x00" + arn))
	return 1_000_000_000 + binary.BigEndian.Uint64(sum[:8])%9_000_000_000
}

// sameLoadBalancer reports whether a create call asks for what exists.
func sameLoadBalancer(have, want *account.LoadBalancer, zones []account.Zone) bool {
	return have.Type == want.Type && have.Scheme == want.Scheme && have.IPAddressType == want.IPAddressType &&
		sameSet(have.SecurityGroups, want.SecurityGroups) && maps.Equal(have.Tags, want.Tags) &&
		slices.EqualFunc(have.Zones, zones, sameMapping)
}

func sameMapping(x, y account.Zone) bool {
	return x.Subnet == y.Subnet && x.AllocationID == y.AllocationID && x.PrivateIPv4 == y.PrivateIPv4 && x.IPv6 == y.IPv6
}

func (s *Service) countLoadBalancers(typ string) int {
	n := 0
	for _, lb := range s.account.LoadBalancers {
		if lb.Type == typ {
			n++
		}
	}
	return n
}

// DescribeLoadBalancers answers all load balancers, in pages, or those of the given ARNs or names.
func (s *Service) DescribeLoadBalancers(ctx context.Context, in *elb.DescribeLoadBalancersInput, _ ...func(*elb.Options)) (*elb.DescribeLoadBalancersOutput, error) {
	return read(ctx, s, "DescribeLoadBalancers", in, s.describeLoadBalancers)
}

func (s *Service) describeLoadBalancers(in *elb.DescribeLoadBalancersInput) (*elb.DescribeLoadBalancersOutput, error) {
	arns, names := in.LoadBalancerArns, in.Names
	if err := pageSize(in.PageSize); err != nil {
		return nil, err
	}
	if len(arns) > 0 && len(names) > 0 {
		return nil, invalid("Load balancer names and load balancer ARNs cannot be specified at the same time")
	}
	if len(arns)+len(names) > maxNamed {
		return nil, invalid("You cannot specify more than '%d' load balancers", maxNamed)
	}
	var list []*account.LoadBalancer
	var err error
	switch {
	case len(arns) > 0:
		list, err = findAll(s, kindLoadBalancer, s.account.LoadBalancers, arns)
	case len(names) > 0:
		for _, name := range distinct(names) {
			lb := s.account.LoadBalancerNamed(name)
			if lb == nil {
				return nil, kindLoadBalancer.notFound(name)
			}
			list = append(list, lb)
		}
	}
	out := &elb.DescribeLoadBalancersOutput{}
	entries := current[types.LoadBalancer](list)
	if len(arns)+len(names) == 0 {
		entries = listed[account.LoadBalancer, types.LoadBalancer](s, s.account.LoadBalancersInOrder(), func(lb *account.LoadBalancer) (string, uint64) { return lb.ARN, lb.Seq })
		entries, out.NextMarker, err = page(entries, func(e entry[account.LoadBalancer, types.LoadBalancer]) uint64 { return e.seq }, in.Marker, in.PageSize, s.pages(largePage))
	}
	if err != nil {
		return nil, err
	}
	out.LoadBalancers = make([]types.LoadBalancer, len(entries))
	for i, e := range entries {
		out.LoadBalancers[i] = e.show(s.describeLoadBalancer)
	}
	return out, nil
}

// changing says that the load balancer is about to change or to go, which lists show later.
func (s *Service) changing(lb *account.LoadBalancer) {
	s.account.ChangingBalancing(lb.ARN, lb.Seq, func() any { return s.describeLoadBalancer(lb) })
}

// describeLoadBalancer converts to the SDK's form.
func (s *Service) describeLoadBalancer(lb *account.LoadBalancer) types.LoadBalancer {
	code, reason := lb.StateAt(s.account.Clock.Now())
	out := types.LoadBalancer{
		LoadBalancerArn:              aws.String(lb.ARN),
		LoadBalancerName:             aws.String(lb.Name),
		DNSName:                      optional(lb.DNSName),
		CanonicalHostedZoneId:        optional(lb.HostedZone),
		CreatedTime:                  aws.Time(lb.Created),
		Scheme:                       types.LoadBalancerSchemeEnum(lb.Scheme),
		VpcId:                        aws.String(lb.VPC),
		State:                        &types.LoadBalancerState{Code: types.LoadBalancerStateEnum(code), Reason: optional(reason)},
		Type:                         types.LoadBalancerTypeEnum(lb.Type),
		AvailabilityZones:            s.describeZones(lb),
		SecurityGroups:               slices.Clone(lb.SecurityGroups),
		IpAddressType:                types.IpAddressType(lb.IPAddressType),
		CustomerOwnedIpv4Pool:        optional(lb.CustomerPool),
		EnablePrefixForIpv6SourceNat: types.EnablePrefixForIpv6SourceNatEnum(lb.SourceNAT),
		EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: optional(lb.EnforceInbound),
	}
	if lb.IPAMPool != "" {
		out.IpamPools = &types.IpamPools{Ipv4IpamPoolId: aws.String(lb.IPAMPool)}
	}
	return out
}

// describeZones shows only those addresses that a request named.
func (s *Service) describeZones(lb *account.LoadBalancer) []types.AvailabilityZone {
	out := make([]types.AvailabilityZone, len(lb.Zones))
	for i, z := range lb.Zones {
		out[i] = types.AvailabilityZone{ZoneName: aws.String(z.Name), SubnetId: aws.String(z.Subnet), LoadBalancerAddresses: []types.LoadBalancerAddress{}}
		if z.AllocationID != "" || z.PrivateIPv4 != "" || z.IPv6 != "" {
			out[i].LoadBalancerAddresses = []types.LoadBalancerAddress{{
				AllocationId: optional(z.AllocationID), IpAddress: optional(z.PublicIPv4),
				PrivateIPv4Address: optional(z.PrivateIPv4), IPv6Address: optional(z.IPv6),
			}}
		}
		if subnet, ok := s.account.Subnet(z.Subnet); ok {
			out[i].OutpostId = optional(outpostID(subnet.Outpost))
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
func (s *Service) DeleteLoadBalancer(ctx context.Context, in *elb.DeleteLoadBalancerInput, _ ...func(*elb.Options)) (*elb.DeleteLoadBalancerOutput, error) {
	return write(ctx, s, "DeleteLoadBalancer", in, func(in *elb.DeleteLoadBalancerInput) (*elb.DeleteLoadBalancerOutput, error) {
		lb, err := s.loadBalancer(in.LoadBalancerArn)
		if e := apierr.As(err); e != nil && e.Code == kindLoadBalancer.code {
			return &elb.DeleteLoadBalancerOutput{}, nil
		}
		if err != nil {
			return nil, err
		}
		if err := protected(lb); err != nil {
			return nil, err
		}
		if len(lb.Associated) > 0 || s.targetedBy(lb, 0) != nil {
			return nil, apierr.New("ResourceInUse", "Load balancer '%s' cannot be deleted because it is currently associated with another service", lb.ARN)
		}
		s.changing(lb)
		s.account.RemoveLoadBalancer(lb)
		s.release(lb, lb.Zones)
		return &elb.DeleteLoadBalancerOutput{}, nil
	})
}

// targetedBy is a target group that has the load balancer as a target, on that port or on any (0); nil if there is none.
func (s *Service) targetedBy(lb *account.LoadBalancer, port int32) *account.TargetGroup {
	for _, tg := range s.account.TargetGroups {
		if tg.TargetType != "alb" || port != 0 && tg.Port != port {
			continue
		}
		if t := tg.Target(lb.ARN, tg.Port); t != nil && t.GoneAt.IsZero() {
			return tg
		}
	}
	return nil
}

// optional is nil for an empty string.
func optional(v string) *string {
	if v == "" {
		return nil
	}
	return &v
}

// distinct is the list with each value once, in order.
func distinct(list []string) []string {
	var out []string
	for _, v := range list {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}
