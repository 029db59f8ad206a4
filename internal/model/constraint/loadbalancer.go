package constraint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// LoadBalancers are the constraints on a load balancer by itself. Attributes are among Attributes; what depends on
// subnets is in package facts.
var LoadBalancers = []Row[stack.LoadBalancer]{
	{"load balancer name", func(lb stack.LoadBalancer) string {
		if strings.HasPrefix(lb.Name, "internal-") {
			return fmt.Sprintf("load balancer name %q begins with internal-", lb.Name)
		}
		return resourceName("load balancer", lb.Name)
	}},
	{"scheme", func(lb stack.LoadBalancer) string {
		if lb.Scheme != stack.Internal && lb.Scheme != stack.InternetFacing {
			return fmt.Sprintf("scheme %q is neither internal nor internet-facing", lb.Scheme)
		}
		return ""
	}},
	{"address type", func(lb stack.LoadBalancer) string {
		switch {
		case lb.IPAddressType == "":
		case !slices.Contains([]string{stack.IPv4, stack.Dualstack, stack.DualstackWithoutIPv4}, lb.IPAddressType):
			return fmt.Sprintf("ip address type %q is not ipv4, dualstack or %s", lb.IPAddressType, stack.DualstackWithoutIPv4)
		case lb.IPAddressType == stack.DualstackWithoutIPv4 && (lb.Type != stack.Application ||
			lb.Scheme != stack.InternetFacing):
			return fmt.Sprintf("ip address type %s is for internet-facing application load balancers, not for the scheme "+
				"%s of type %s", stack.DualstackWithoutIPv4, lb.Scheme, lb.Type)
		}
		return ""
	}},
	{"source NAT", func(lb stack.LoadBalancer) string {
		if lb.NetworkSourceNAT == "on" && (lb.Type != stack.Network || lb.IPAddressType != stack.Dualstack) {
			return "prefixes for source NAT by IPv6 are for network load balancers of ip address type dualstack"
		}
		return ""
	}},
	{"address pools", OfAddressPools},
	{"tags", func(lb stack.LoadBalancer) string { return OfTags(lb.Tags) }},
}

// OfAddressPools is why AWS refuses the address pools of a load balancer; empty if it may admit them.
func OfAddressPools(lb stack.LoadBalancer) string {
	switch {
	case lb.CustomerOwnedPool != "" && lb.Type != stack.Application:
		return "a customer-owned pool of addresses is for application load balancers"
	case lb.IPAMPool != "" && (lb.Type != stack.Application || lb.Scheme != stack.InternetFacing):
		return "an IPAM pool is for internet-facing application load balancers"
	}
	return ""
}

// Forwarding is a listener of a type of load balancers with a target group that it forwards to.
type Forwarding struct {
	Type          stack.LoadBalancerType
	Protocol      string // of the listener
	Port          int32
	TargetGroup   stack.TargetGroup
	IPAddressType string // of the load balancer
}

// targetProtocols are the protocols of target groups that a listener of each protocol may forward to.
var targetProtocols = map[string][]string{
	http: {http, https}, https: {http, https},
	tcp: {tcp, tcpUDP, tcpQUIC}, tls: {tcp, tls}, udp: {udp, tcpUDP}, tcpUDP: {tcpUDP}, quic: {quic, tcpQUIC},
	tcpQUIC: {tcpQUIC},
}

// Forwardings are the constraints on listeners and what they forward to.
var Forwardings = []Row[Forwarding]{
	{"listener port", func(f Forwarding) string {
		if f.Port < 1 || f.Port > 65535 {
			return fmt.Sprintf("port %d of a listener is not within 1 and 65535", f.Port)
		}
		return ""
	}},
	{"listener protocol", func(f Forwarding) string {
		allowed := webProtocols
		if f.Type == stack.Network {
			allowed = networkProtocols
		}
		if !slices.Contains(allowed, f.Protocol) {
			return fmt.Sprintf("listeners of a load balancer of type %s have no protocol %q: AWS allows %s", f.Type, f.Protocol,
				strings.Join(allowed, ", "))
		}
		return ""
	}},
	{"protocols of listener and targets", func(f Forwarding) string {
		if allowed := targetProtocols[f.Protocol]; !slices.Contains(allowed, f.TargetGroup.Protocol) {
			return fmt.Sprintf("a listener of protocol %s cannot forward to targets of protocol %s: AWS allows %s", f.Protocol,
				f.TargetGroup.Protocol, strings.Join(allowed, ", "))
		}
		return ""
	}},
	{"protocol version at HTTP", func(f Forwarding) string {
		if v := f.TargetGroup.ProtocolVersion; f.Protocol != https && (v == "HTTP2" || v == grpc) {
			return fmt.Sprintf("a listener of protocol %s cannot forward to targets of protocol version %s: AWS allows this "+
				"only for HTTPS listeners", f.Protocol, v)
		}
		return ""
	}},
	{"address types of load balancer and targets", func(f Forwarding) string {
		if f.TargetGroup.IPAddressType == stack.IPv6 && f.IPAddressType == stack.IPv4 {
			return "a load balancer of ip address type ipv4 does not reach targets by IPv6"
		}
		return ""
	}},
}

// OfForwarding is why AWS refuses a listener that forwards to a target group for sure; empty if it may admit it.
func OfForwarding(f Forwarding) string { return first(Forwardings, f) }
