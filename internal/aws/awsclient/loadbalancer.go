package awsclient

import (
	"cmp"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func subnetMappings(ms []stack.SubnetMapping) []elbv2types.SubnetMapping {
	out := make([]elbv2types.SubnetMapping, len(ms))
	for i, m := range ms {
		out[i] = elbv2types.SubnetMapping{
			SubnetId:           aws.String(m.Subnet),
			AllocationId:       optional(m.AllocationID),
			PrivateIPv4Address: optional(m.PrivateIPv4),
			IPv6Address:        optional(m.IPv6),

			SourceNatIpv6Prefix: optional(m.SourceNATPrefix),
		}
	}
	return out
}

func (s *requestBuilder) CreateLoadBalancer(op awsop.CreateLoadBalancer) {
	lb := op.LoadBalancer
	in := &elbv2.CreateLoadBalancerInput{
		Name:                         aws.String(lb.Name),
		Type:                         elbv2types.LoadBalancerTypeEnum(lb.Type),
		Scheme:                       elbv2types.LoadBalancerSchemeEnum(lb.Scheme),
		IpAddressType:                elbv2types.IpAddressType(lb.IPAddressType),
		SubnetMappings:               subnetMappings(lb.Subnets),
		EnablePrefixForIpv6SourceNat: elbv2types.EnablePrefixForIpv6SourceNatEnum(lb.NetworkSourceNAT),
		IpamPools:                    ipamPools(lb.IPAMPool),
		CustomerOwnedIpv4Pool:        optional(lb.CustomerOwnedPool),
		Tags:                         balancingPairs[elbv2types.Tag](lb.Tags),
	}
	if len(lb.SecurityGroups) > 0 {
		in.SecurityGroups = s.all(lb.SecurityGroups)
	}
	setCreate(s, s.c.ELBV2.CreateLoadBalancer, in, func(out *elbv2.CreateLoadBalancerOutput) awsop.Output {
		made := FromLoadBalancer(first(out.LoadBalancers))
		return awsop.Output{ID: made.ARN, DNSName: made.DNSName, HostedZone: made.HostedZone, State: made.State}
	})
}

func (s *requestBuilder) SetSecurityGroups(op awsop.SetSecurityGroups) {
	enforced := elbv2types.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnum(op.PrivateLinkRules)
	setCall(s, s.c.ELBV2.SetSecurityGroups, &elbv2.SetSecurityGroupsInput{
		LoadBalancerArn: s.id(op.LoadBalancer), SecurityGroups: s.all(op.Groups),
		EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: enforced,
	})
}

func (s *requestBuilder) SetSubnets(op awsop.SetSubnets) {
	setCall(s, s.c.ELBV2.SetSubnets, &elbv2.SetSubnetsInput{
		LoadBalancerArn:              s.id(op.LoadBalancer),
		SubnetMappings:               subnetMappings(op.Subnets),
		EnablePrefixForIpv6SourceNat: elbv2types.EnablePrefixForIpv6SourceNatEnum(op.NetworkSourceNAT),
		IpAddressType:                elbv2types.IpAddressType(op.IPAddressType),
	})
}

func (s *requestBuilder) SetIpAddressType(op awsop.SetIpAddressType) {
	setCall(s, s.c.ELBV2.SetIpAddressType, &elbv2.SetIpAddressTypeInput{
		LoadBalancerArn: s.id(op.LoadBalancer), IpAddressType: elbv2types.IpAddressType(op.IPAddressType),
	})
}

func (s *requestBuilder) ModifyLoadBalancerAttributes(op awsop.ModifyLoadBalancerAttributes) {
	setCall(s, s.c.ELBV2.ModifyLoadBalancerAttributes, &elbv2.ModifyLoadBalancerAttributesInput{
		LoadBalancerArn: s.id(op.LoadBalancer),
		Attributes:      balancingPairs[elbv2types.LoadBalancerAttribute](op.Attributes),
	})
}

func (s *requestBuilder) DeleteLoadBalancer(op awsop.DeleteLoadBalancer) {
	setCall(s, s.c.ELBV2.DeleteLoadBalancer, &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: s.id(op.LoadBalancer)})
}

// FromLoadBalancer converts an observed load balancer. The caller sets identity, tags and attributes.
func FromLoadBalancer(l elbv2types.LoadBalancer) awsop.LoadBalancer {
	lb := awsop.LoadBalancer{
		ARN: value(l.LoadBalancerArn), DNSName: value(l.DNSName), HostedZone: value(l.CanonicalHostedZoneId),
		Created: value(l.CreatedTime),
		LoadBalancer: stack.LoadBalancer{
			Name:             value(l.LoadBalancerName),
			Type:             stack.LoadBalancerType(l.Type),
			Scheme:           string(l.Scheme),
			IPAddressType:    string(l.IpAddressType),
			NetworkSourceNAT: string(l.EnablePrefixForIpv6SourceNat),

			PrivateLinkRules: value(l.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic),

			CustomerOwnedPool: value(l.CustomerOwnedIpv4Pool),
		},
	}
	if l.State != nil {
		lb.State = string(l.State.Code)
	}
	if l.IpamPools != nil {
		lb.IPAMPool = value(l.IpamPools.Ipv4IpamPoolId)
	}
	for _, z := range l.AvailabilityZones {
		m := stack.SubnetMapping{Subnet: value(z.SubnetId)}
		if len(z.SourceNatIpv6Prefixes) > 0 {
			m.SourceNATPrefix = z.SourceNatIpv6Prefixes[0]
		}
		for _, a := range z.LoadBalancerAddresses { // AWS may show the two families as one entry or as two
			m.AllocationID = cmp.Or(m.AllocationID, value(a.AllocationId))
			m.PrivateIPv4 = cmp.Or(m.PrivateIPv4, value(a.PrivateIPv4Address))
			m.IPv6 = cmp.Or(m.IPv6, value(a.IPv6Address))
		}
		lb.Subnets = append(lb.Subnets, m)
	}
	for _, g := range l.SecurityGroups {
		lb.SecurityGroups = append(lb.SecurityGroups, stack.Literal(stack.KindSecurityGroup, g))
	}
	return lb
}

func (s *requestBuilder) ModifyCapacityReservation(op awsop.ModifyCapacityReservation) {
	in := &elbv2.ModifyCapacityReservationInput{LoadBalancerArn: s.id(op.LoadBalancer)}
	if op.Units > 0 {
		in.MinimumLoadBalancerCapacity = &elbv2types.MinimumLoadBalancerCapacity{CapacityUnits: aws.Int32(op.Units)}
	} else {
		in.ResetCapacityReservation = aws.Bool(true)
	}
	setCall(s, s.c.ELBV2.ModifyCapacityReservation, in)
}

func (s *requestBuilder) ModifyIpPools(op awsop.ModifyIpPools) {
	in := &elbv2.ModifyIpPoolsInput{LoadBalancerArn: s.id(op.LoadBalancer)}
	if op.Pool != "" {
		in.IpamPools = ipamPools(op.Pool)
	} else {
		in.RemoveIpamPools = []elbv2types.RemoveIpamPoolEnum{elbv2types.RemoveIpamPoolEnumIpv4}
	}
	setCall(s, s.c.ELBV2.ModifyIpPools, in)
}

// ipamPools is nil for Amazon's addresses.
func ipamPools(pool string) *elbv2types.IpamPools {
	if pool == "" {
		return nil
	}
	return &elbv2types.IpamPools{Ipv4IpamPoolId: aws.String(pool)}
}
