package stack

import (
	"errors"
	"fmt"
	"net/netip"
)

// LoadBalancerType is "application" or "network".
type LoadBalancerType string

// Types of load balancers.
const (
	Application LoadBalancerType = "application"
	Network     LoadBalancerType = "network"
)

// Scheme values and IP address types as AWS spells them.
const (
	Internal             = "internal"
	InternetFacing       = "internet-facing"
	IPv4                 = "ipv4"
	IPv6                 = "ipv6"
	Dualstack            = "dualstack"
	DualstackWithoutIPv4 = "dualstack-without-public-ipv4"
	LoadBalancerIdentity = "LoadBalancer"
	FrontendIdentity     = "FrontendNlb" // the network load balancer in front of an ALB
)

// LoadBalancer is one desired ELBv2 load balancer.
type LoadBalancer struct {
	ID             string // identity: LoadBalancerIdentity or FrontendIdentity
	Name           string // used at creation only
	Type           LoadBalancerType
	Scheme         string
	IPAddressType  string
	Subnets        []SubnetMapping
	SecurityGroups []Ref // nil for an NLB without groups
	// Attributes has only the attributes that users declare; others are not managed.
	Attributes map[string]string
	Tags       map[string]string
	// NetworkSourceNAT is EnablePrefixForIpv6SourceNat ("on"/"off"); empty = not managed. NLB only.
	NetworkSourceNAT string
	// PrivateLinkRules is EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic ("on"/"off"); empty = not managed. NLB with
	// groups only.
	PrivateLinkRules string `json:",omitempty"`
	// CustomerOwnedPool is the pool of an Outpost's own IPv4 addresses; used at creation only. ALB only.
	CustomerOwnedPool string `json:",omitempty"`
	// IPAMPool is the pool of the public IPv4 addresses; empty = Amazon's. ALB only.
	IPAMPool string `json:",omitempty"`
	// ARN is the ARN of a load balancer of others, on which the stack owns only listeners and rules. Empty = the load
	// balancer is the stack's own.
	ARN string `json:",omitempty"`
	AddOns
}

// SubnetMapping is one subnet of a load balancer; the optional addresses are for NLBs.
type SubnetMapping struct {
	Subnet       string // subnet id
	AllocationID string
	PrivateIPv4  string
	IPv6         string
	// SourceNATPrefix is an IPv6 prefix of 80 bits for source NAT, or AutoAssigned; empty = AWS assigns one if
	// NetworkSourceNAT is on.
	SourceNATPrefix string `json:",omitempty"`
}

// Fixed reports whether the mapping chooses an address, instead of AWS.
func (m SubnetMapping) Fixed() bool {
	return m.AllocationID != "" || m.PrivateIPv4 != "" || m.IPv6 != ""
}

// AutoAssigned is the source NAT prefix that AWS chooses.
const AutoAssigned = "auto_assigned"

// SourceNATPrefix returns a prefix for source NAT in canonical text. AWS accepts IPv6 prefixes of 80 bits, and
// AutoAssigned.
func SourceNATPrefix(text string) (string, error) {
	prefix, err := netip.ParsePrefix(text)
	switch {
	case text == AutoAssigned:
		return text, nil
	case err != nil || !prefix.Addr().Is6():
		return text, errors.New("value must be a valid IPv6 CIDR")
	case prefix.Bits() != 80:
		return text, fmt.Errorf("prefix length must be 80, but %d is specified", prefix.Bits())
	}
	return prefix.Masked().String(), nil
}

// AddOns are features attached to a load balancer by other services or operations. In a desired stack nil means "not
// managed": the value in AWS stays. In an observed one nil means "not known".
type AddOns struct {
	WebACL   *string `json:",omitempty"` // ARN of a WAFv2 web ACL; "" = none
	Shield   *bool   `json:",omitempty"` // a protection of Shield Advanced
	Capacity *int32  `json:",omitempty"` // reserved load balancer capacity units; 0 = none
}
