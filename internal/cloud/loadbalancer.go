package cloud

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

func subnetMappings(ms []stack.SubnetMapping) []elbv2types.SubnetMapping {
	out := make([]elbv2types.SubnetMapping, len(ms))
	for i, m := range ms {
		out[i] = elbv2types.SubnetMapping{
			SubnetId:           aws.String(m.Subnet),
			AllocationId:       optional(m.AllocationID),
			PrivateIPv4Address: optional(m.PrivateIPv4),
			IPv6Address:        optional(m.IPv6),
		}
	}
	return out
}

func (w writer) createLoadBalancer(ctx context.Context, op elb.CreateLoadBalancer) (plan.Output, error) {
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
		Tags:                         balancingTags(lb.Tags),
	}
	if len(lb.SecurityGroups) > 0 {
		in.SecurityGroups = w.all(lb.SecurityGroups)
	}
	out, err := w.c.ELBV2.CreateLoadBalancer(ctx, in)
	if err != nil {
		return plan.Output{}, err
	}
	if len(out.LoadBalancers) == 0 {
		return plan.Output{}, errNoResource
	}
	made := FromLoadBalancer(out.LoadBalancers[0])
	return plan.Output{ID: made.ARN, DNSName: made.DNSName, HostedZone: made.HostedZone, State: made.State}, nil
}

func (w writer) setSecurityGroups(ctx context.Context, op elb.SetSecurityGroups) error {
	_, err := w.c.ELBV2.SetSecurityGroups(ctx, &elbv2.SetSecurityGroupsInput{
		LoadBalancerArn: aws.String(w.resolve(op.LoadBalancer)), SecurityGroups: w.all(op.Groups),
	})
	return err
}

func (w writer) setSubnets(ctx context.Context, op elb.SetSubnets) error {
	_, err := w.c.ELBV2.SetSubnets(ctx, &elbv2.SetSubnetsInput{
		LoadBalancerArn:              aws.String(w.resolve(op.LoadBalancer)),
		SubnetMappings:               subnetMappings(op.Subnets),
		EnablePrefixForIpv6SourceNat: elbv2types.EnablePrefixForIpv6SourceNatEnum(op.NetworkSourceNAT),
	})
	return err
}

func (w writer) setIpAddressType(ctx context.Context, op elb.SetIpAddressType) error {
	_, err := w.c.ELBV2.SetIpAddressType(ctx, &elbv2.SetIpAddressTypeInput{
		LoadBalancerArn: aws.String(w.resolve(op.LoadBalancer)), IpAddressType: elbv2types.IpAddressType(op.IPAddressType),
	})
	return err
}

func (w writer) modifyLoadBalancerAttributes(ctx context.Context, op elb.ModifyLoadBalancerAttributes) error {
	in := &elbv2.ModifyLoadBalancerAttributesInput{LoadBalancerArn: aws.String(w.resolve(op.LoadBalancer))}
	for _, t := range balancingTags(op.Attributes) { // sorted by key
		in.Attributes = append(in.Attributes, elbv2types.LoadBalancerAttribute(t))
	}
	_, err := w.c.ELBV2.ModifyLoadBalancerAttributes(ctx, in)
	return err
}

func (w writer) deleteLoadBalancer(ctx context.Context, op elb.DeleteLoadBalancer) error {
	_, err := w.c.ELBV2.DeleteLoadBalancer(ctx, &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: aws.String(w.resolve(op.LoadBalancer))})
	return err
}

// FromLoadBalancer is an observed load balancer; identity, tags and attributes are the caller's to fill in.
func FromLoadBalancer(l elbv2types.LoadBalancer) elb.LoadBalancer {
	lb := elb.LoadBalancer{
		ARN: value(l.LoadBalancerArn), DNSName: value(l.DNSName), HostedZone: value(l.CanonicalHostedZoneId), Created: value(l.CreatedTime),
		LoadBalancer: stack.LoadBalancer{
			Name:             value(l.LoadBalancerName),
			Type:             stack.LoadBalancerType(l.Type),
			Scheme:           string(l.Scheme),
			IPAddressType:    string(l.IpAddressType),
			NetworkSourceNAT: string(l.EnablePrefixForIpv6SourceNat),

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
		lb.Subnets = append(lb.Subnets, stack.SubnetMapping{Subnet: value(z.SubnetId)})
	}
	for _, g := range l.SecurityGroups {
		lb.SecurityGroups = append(lb.SecurityGroups, stack.Literal(stack.KindSecurityGroup, g))
	}
	return lb
}
