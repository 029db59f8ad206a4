package planjson

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

type loadBalancer struct {
	Name                         string            `json:"name"`
	Type                         string            `json:"type"`
	Scheme                       string            `json:"scheme,omitempty"`
	IPAddressType                string            `json:"ipAddressType,omitempty"`
	EnablePrefixForIPv6SourceNAT string            `json:"enablePrefixForIpv6SourceNat,omitempty"`
	SubnetMapping                []subnetMapping   `json:"subnetMapping,omitempty"`
	SecurityGroups               []any             `json:"securityGroups,omitempty"`
	PrivateLinkRules             string            `json:"securityGroupsInboundRulesOnPrivateLink,omitempty"`
	CustomerOwnedIPv4Pool        string            `json:"customerOwnedIPv4Pool,omitempty"`
	LoadBalancerAttributes       []keyValue        `json:"loadBalancerAttributes,omitempty"`
	MinimumCapacity              *capacity         `json:"minimumLoadBalancerCapacity,omitempty"`
	Tags                         map[string]string `json:"tags,omitempty"`
	IPv4IPAMPool                 string            `json:"ipv4IPAMPool,omitempty"`
}

type capacity struct {
	Units int32 `json:"capacityUnits"`
}

type subnetMapping struct {
	SubnetID           string `json:"subnetID"`
	AllocationID       string `json:"allocationID,omitempty"`
	PrivateIPv4Address string `json:"privateIPv4Address,omitempty"`
	IPv6Address        string `json:"ipv6Address,omitempty"`
	SourceNATPrefix    string `json:"sourceNatIpv6Prefix,omitempty"`
}

func ofLoadBalancer(lb stack.LoadBalancer) loadBalancer {
	out := loadBalancer{
		Name: lb.Name, Type: string(lb.Type), Scheme: lb.Scheme, IPAddressType: lb.IPAddressType,
		EnablePrefixForIPv6SourceNAT: lb.NetworkSourceNAT, PrivateLinkRules: lb.PrivateLinkRules,
		LoadBalancerAttributes: pairs(lb.Attributes), Tags: lb.Tags,
	}
	out.CustomerOwnedIPv4Pool, out.IPv4IPAMPool = lb.CustomerOwnedPool, lb.IPAMPool
	if lb.Capacity != nil {
		out.MinimumCapacity = &capacity{*lb.Capacity}
	}
	for _, s := range lb.Subnets {
		out.SubnetMapping = append(out.SubnetMapping, subnetMapping{s.Subnet, s.AllocationID, s.PrivateIPv4, s.IPv6,
			s.SourceNATPrefix})
	}
	for _, g := range lb.SecurityGroups {
		out.SecurityGroups = append(out.SecurityGroups, reference(g))
	}
	return out
}

// Types of the add-ons of a load balancer, which have its identity.
const (
	typeWebACL = "AWS::WAFv2::WebACLAssociation"
	typeShield = "AWS::Shield::Protection"
)

type webACL struct {
	ARN         string `json:"webACLARN"` // empty: no association
	ResourceARN any    `json:"resourceARN"`
}

type protection struct {
	Enabled     bool `json:"enabled"`
	ResourceARN any  `json:"resourceARN"`
}

// addOns adds the entries of the managed add-ons of a load balancer.
func addOns(lb stack.LoadBalancer, put func(kind, id string, spec any)) {
	on := reference(stack.Ref{Kind: stack.KindLoadBalancer, ID: lb.ID})
	if lb.WebACL != nil {
		put(typeWebACL, lb.ID, webACL{*lb.WebACL, on})
	}
	if lb.Shield != nil {
		put(typeShield, lb.ID, protection{*lb.Shield, on})
	}
}

// frontendGroup is a target group of a network load balancer in front of an ALB; the names are as the existing
// controller writes them.
type frontendGroup struct {
	Name       string
	ARN        any
	Port       int32
	TargetARN  any
	TargetPort int32
}

// frontends are the target groups whose target is a load balancer, by name.
func frontends(s *stack.Stack) map[string]any {
	out := map[string]any{}
	for _, t := range s.TargetGroups {
		if t.TargetType != stack.TargetALB {
			continue
		}
		ref := stack.Ref{Kind: stack.KindTargetGroup, ID: t.ID}
		g := frontendGroup{Name: t.Name, ARN: reference(ref), TargetARN: reference(t.Balancer), TargetPort: t.Port}
		for _, l := range s.Listeners {
			if slices.ContainsFunc(l.DefaultActions, func(a stack.Action) bool {
				return a.Forward != nil && slices.ContainsFunc(a.Forward.TargetGroups, func(w stack.WeightedTargetGroup) bool {
					return w.TargetGroup == ref
				})
			}) {
				g.Port = l.Port
			}
		}
		out[t.Name] = g
	}
	return out
}
