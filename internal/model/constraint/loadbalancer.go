package constraint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// balancer is an example of a load balancer: one that AWS allows, with a change.
func balancer(of stack.LoadBalancerType, change func(*stack.LoadBalancer)) stack.LoadBalancer {
	lb := stack.LoadBalancer{Name: "example", Type: of, Scheme: stack.InternetFacing, IPAddressType: stack.IPv4}
	change(&lb)
	return lb
}

func namedBalancers(names ...string) (out []stack.LoadBalancer) {
	for _, name := range names {
		out = append(out, balancer(stack.Application, func(lb *stack.LoadBalancer) { lb.Name = name }))
	}
	return out
}

// LoadBalancers are the constraints on a load balancer by itself. Attributes are among Attributes; what depends on
// subnets is in package facts.
var LoadBalancers = []Row[stack.LoadBalancer]{
	{"load balancer name", func(lb stack.LoadBalancer) string {
		if strings.HasPrefix(lb.Name, "internal-") {
			return fmt.Sprintf("load balancer name %q begins with internal-", lb.Name)
		}
		return resourceName("load balancer", lb.Name)
	}, namedBalancers("", "-a", "a-", "a_b", "a.b", "internal-a", long(33))},
	{"scheme", func(lb stack.LoadBalancer) string {
		if lb.Scheme != stack.Internal && lb.Scheme != stack.InternetFacing {
			return fmt.Sprintf("scheme %q is neither internal nor internet-facing", lb.Scheme)
		}
		return ""
	}, []stack.LoadBalancer{balancer(stack.Application, func(lb *stack.LoadBalancer) { lb.Scheme = "public" }),
		balancer(stack.Network, func(lb *stack.LoadBalancer) { lb.Scheme = "Internal" })}},
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
	}, []stack.LoadBalancer{
		balancer(stack.Application, func(lb *stack.LoadBalancer) { lb.IPAddressType = "ipv6" }),
		balancer(stack.Network, func(lb *stack.LoadBalancer) { lb.IPAddressType = stack.DualstackWithoutIPv4 }),
		balancer(stack.Application, func(lb *stack.LoadBalancer) {
			lb.IPAddressType, lb.Scheme = stack.DualstackWithoutIPv4, stack.Internal
		}),
	}},
	{"source NAT", func(lb stack.LoadBalancer) string {
		if lb.NetworkSourceNAT == "on" && (lb.Type != stack.Network || lb.IPAddressType != stack.Dualstack) {
			return "prefixes for source NAT by IPv6 are for network load balancers of ip address type dualstack"
		}
		return ""
	}, []stack.LoadBalancer{balancer(stack.Network, func(lb *stack.LoadBalancer) { lb.NetworkSourceNAT = "on" })}},
	{"address pools", func(lb stack.LoadBalancer) string {
		switch {
		case lb.CustomerOwnedPool != "" && lb.Type != stack.Application:
			return "a customer-owned pool of addresses is for application load balancers"
		case lb.IPAMPool != "" && (lb.Type != stack.Application || lb.Scheme != stack.InternetFacing):
			return "an IPAM pool is for internet-facing application load balancers"
		}
		return ""
	}, []stack.LoadBalancer{
		balancer(stack.Network, func(lb *stack.LoadBalancer) { lb.CustomerOwnedPool = "ipv4pool-coip-0a1de00000000000a" }),
		balancer(stack.Application, func(lb *stack.LoadBalancer) {
			lb.Scheme, lb.IPAMPool = stack.Internal, "ipam-pool-0a1de000000000001"
		}),
	}},
	{"tags", func(lb stack.LoadBalancer) string { return OfTags(lb.Tags) }, []stack.LoadBalancer{
		balancer(stack.Network, func(lb *stack.LoadBalancer) { lb.Tags = map[string]string{"a": "b#"} })}},
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

func forwarding(of stack.LoadBalancerType, protocol string, port int32, to string,
	change func(*Forwarding)) Forwarding {
	f := Forwarding{Type: of, Protocol: protocol, Port: port, TargetGroup: group(to, func(*stack.TargetGroup) {}),
		IPAddressType: stack.IPv4}
	change(&f)
	return f
}

func asItIs(*Forwarding) {}

// Forwardings are the constraints on listeners and what they forward to.
var Forwardings = []Row[Forwarding]{
	{"listener port", func(f Forwarding) string {
		if f.Port < 1 || f.Port > 65535 {
			return fmt.Sprintf("port %d of a listener is not within 1 and 65535", f.Port)
		}
		return ""
	}, []Forwarding{forwarding(stack.Application, http, 0, http, asItIs), forwarding(stack.Network, tcp, 65536,
		tcp, asItIs)}},
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
	}, []Forwarding{forwarding(stack.Application, tcp, 81, tcp, asItIs), forwarding(stack.Network, http, 81, http, asItIs),
		forwarding(stack.Network, "SCTP", 81, tcp, asItIs)}},
	{"protocols of listener and targets", func(f Forwarding) string {
		if allowed := targetProtocols[f.Protocol]; !slices.Contains(allowed, f.TargetGroup.Protocol) {
			return fmt.Sprintf("a listener of protocol %s cannot forward to targets of protocol %s: AWS allows %s", f.Protocol,
				f.TargetGroup.Protocol, strings.Join(allowed, ", "))
		}
		return ""
	}, []Forwarding{
		forwarding(stack.Application, http, 81, tcp, asItIs), forwarding(stack.Network, tcp, 81, udp, asItIs),
		forwarding(stack.Network, udp, 81, tcp, asItIs),
		forwarding(stack.Network, tcpUDP, 81, tcp, asItIs), forwarding(stack.Network, tcp, 81, tls, asItIs),
		forwarding(stack.Network, tcp, 81, http, asItIs),
	}},
	{"protocol version at HTTP", func(f Forwarding) string {
		if v := f.TargetGroup.ProtocolVersion; f.Protocol != https && (v == "HTTP2" || v == grpc) {
			return fmt.Sprintf("a listener of protocol %s cannot forward to targets of protocol version %s: AWS allows this "+
				"only for HTTPS listeners", f.Protocol, v)
		}
		return ""
	}, []Forwarding{
		forwarding(stack.Application, http, 81, http, func(f *Forwarding) { f.TargetGroup.ProtocolVersion = "HTTP2" }),
		forwarding(stack.Application, http, 81, http, func(f *Forwarding) { f.TargetGroup.ProtocolVersion = grpc }),
	}},
	{"address types of load balancer and targets", func(f Forwarding) string {
		if f.TargetGroup.IPAddressType == stack.IPv6 && f.IPAddressType == stack.IPv4 {
			return "a load balancer of ip address type ipv4 does not reach targets by IPv6"
		}
		return ""
	}, []Forwarding{
		forwarding(stack.Application, http, 81, http, func(f *Forwarding) { f.TargetGroup.IPAddressType = stack.IPv6 }),
		forwarding(stack.Network, tcp, 81, tcp, func(f *Forwarding) { f.TargetGroup.IPAddressType = stack.IPv6 }),
	}},
}

// OfForwarding is why AWS refuses a listener that forwards to a target group for sure; empty if it may admit it.
func OfForwarding(f Forwarding) string { return first(Forwardings, f) }
