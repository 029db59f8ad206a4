package stackjson

import "github.com/k8s-lbc/lbc/internal/stack"

type loadBalancer struct {
	Name                         string            `json:"name"`
	Type                         string            `json:"type"`
	Scheme                       string            `json:"scheme,omitempty"`
	IPAddressType                string            `json:"ipAddressType,omitempty"`
	EnablePrefixForIPv6SourceNAT string            `json:"enablePrefixForIpv6SourceNat,omitempty"`
	SubnetMapping                []subnetMapping   `json:"subnetMapping,omitempty"`
	SecurityGroups               []any             `json:"securityGroups,omitempty"`
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
}

func ofLoadBalancer(lb stack.LoadBalancer) loadBalancer {
	out := loadBalancer{
		Name: lb.Name, Type: string(lb.Type), Scheme: lb.Scheme, IPAddressType: lb.IPAddressType,
		EnablePrefixForIPv6SourceNAT: lb.NetworkSourceNAT, LoadBalancerAttributes: pairs(lb.Attributes), Tags: lb.Tags,
	}
	out.CustomerOwnedIPv4Pool, out.IPv4IPAMPool = lb.CustomerOwnedPool, lb.IPAMPool
	if lb.Capacity != nil {
		out.MinimumCapacity = &capacity{*lb.Capacity}
	}
	for _, s := range lb.Subnets {
		out.SubnetMapping = append(out.SubnetMapping, subnetMapping{s.Subnet, s.AllocationID, s.PrivateIPv4, s.IPv6})
	}
	for _, g := range lb.SecurityGroups {
		out.SecurityGroups = append(out.SecurityGroups, reference(g))
	}
	return out
}
