package planjson

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func ofLoadBalancer(lb stack.LoadBalancer) object {
	var capacity object
	if lb.Capacity != nil {
		capacity = object{{"capacityUnits", *lb.Capacity}}
	}
	return object{
		{"name", lb.Name},
		{"type", lb.Type},
		optional("scheme", lb.Scheme),
		optional("ipAddressType", lb.IPAddressType),
		optional("enablePrefixForIpv6SourceNat", lb.NetworkSourceNAT),
		optional("subnetMapping", list(lb.Subnets, ofSubnet)),
		optional("securityGroups", list(lb.SecurityGroups, reference)),
		optional("securityGroupsInboundRulesOnPrivateLink", lb.PrivateLinkRules),
		optional("customerOwnedIPv4Pool", lb.CustomerOwnedPool),
		optional("loadBalancerAttributes", pairs(lb.Attributes, "key", "value")),
		optional("minimumLoadBalancerCapacity", capacity),
		optional("tags", lb.Tags),
		optional("ipv4IPAMPool", lb.IPAMPool),
	}
}

func ofSubnet(s stack.SubnetMapping) object {
	return object{
		{"subnetID", s.Subnet},
		optional("allocationID", s.AllocationID),
		optional("privateIPv4Address", s.PrivateIPv4),
		optional("ipv6Address", s.IPv6),
		optional("sourceNatIpv6Prefix", s.SourceNATPrefix),
	}
}

// Types of the add-ons of a load balancer, which have its identity.
const (
	typeWebACL = "AWS::WAFv2::WebACLAssociation"
	typeShield = "AWS::Shield::Protection"
)

// addOns adds the entries of the managed add-ons of a load balancer.
func addOns(lb stack.LoadBalancer, put func(kind, id string, spec object)) {
	on := reference(stack.Ref{Kind: stack.KindLoadBalancer, ID: lb.ID})
	if lb.WebACL != nil {
		put(typeWebACL, lb.ID, object{{"webACLARN", *lb.WebACL}, {"resourceARN", on}})
	}
	if lb.Shield != nil {
		put(typeShield, lb.ID, object{{"enabled", *lb.Shield}, {"resourceARN", on}})
	}
}

// frontends are the target groups whose target is a load balancer, by name: those of a network load balancer in front
// of an ALB.
func frontends(s *stack.Stack) map[string]object {
	out := map[string]object{}
	for _, t := range s.TargetGroups {
		if t.TargetType != stack.TargetALB {
			continue
		}
		ref := stack.Ref{Kind: stack.KindTargetGroup, ID: t.ID}
		var port int32
		for _, l := range s.Listeners {
			if slices.ContainsFunc(l.DefaultActions, func(a stack.Action) bool {
				return a.Forward != nil && slices.ContainsFunc(a.Forward.TargetGroups, func(w stack.WeightedTargetGroup) bool {
					return w.TargetGroup == ref
				})
			}) {
				port = l.Port
			}
		}
		out[t.Name] = object{{"Name", t.Name}, {"ARN", reference(ref)}, {"Port", port},
			{"TargetARN", reference(t.Balancer)}, {"TargetPort", t.Port}}
	}
	return out
}
