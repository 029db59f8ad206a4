package example

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Protocols.
const (
	http, https     = "HTTP", "HTTPS"
	tcp, tls, udp   = "TCP", "TLS", "UDP"
	tcpUDP, tcpQUIC = "TCP_UDP", "TCP_QUIC"
	quic, grpc      = "QUIC", "GRPC"
)

// LoadBalancers are refused load balancers.
var LoadBalancers = map[string][]stack.LoadBalancer{
	"load balancer name": namedBalancers("", "-a", "a-", "a_b", "a.b", "internal-a", long(33)),
	"scheme": {balancer(stack.Application, func(lb *stack.LoadBalancer) { lb.Scheme = "public" }),
		balancer(stack.Network, func(lb *stack.LoadBalancer) { lb.Scheme = "Internal" })},
	"address type": {
		balancer(stack.Application, func(lb *stack.LoadBalancer) { lb.IPAddressType = "ipv6" }),
		balancer(stack.Network, func(lb *stack.LoadBalancer) { lb.IPAddressType = stack.DualstackWithoutIPv4 }),
		balancer(stack.Application, func(lb *stack.LoadBalancer) {
			lb.IPAddressType, lb.Scheme = stack.DualstackWithoutIPv4, stack.Internal
		}),
	},
	"source NAT": {balancer(stack.Network, func(lb *stack.LoadBalancer) { lb.NetworkSourceNAT = "on" })},
	"address pools": {
		balancer(stack.Network, func(lb *stack.LoadBalancer) { lb.CustomerOwnedPool = "ipv4pool-coip-0a1de00000000000a" }),
		balancer(stack.Application, func(lb *stack.LoadBalancer) { lb.CustomerOwnedPool = "coip-0a1de00000000000a" }),
		balancer(stack.Application, func(lb *stack.LoadBalancer) { lb.CustomerOwnedPool = " " }),
		balancer(stack.Application, func(lb *stack.LoadBalancer) { lb.IPAMPool = "pool-1" }),
		balancer(stack.Application, func(lb *stack.LoadBalancer) {
			lb.Scheme, lb.IPAMPool = stack.Internal, "ipam-pool-0a1de000000000001"
		}),
	},
	"reserved capacity": {reserving(stack.Application, 99), reserving(stack.Application, 15_001),
		reserving(stack.Network, 1), reserving(stack.Network, 2_749)},
	"tags": {
		balancer(stack.Network, func(lb *stack.LoadBalancer) { lb.Tags = map[string]string{"a": "b#"} })},
}

// Addresses are refused addresses, in a range of a subnet of the simulator's built-in account.
var Addresses = map[string][]constraint.Placed{
	"reserved address": {{Address: "10.0.128.0", Range: "10.0.128.0/20"}, {Address: "10.0.128.3", Range: "10.0.128.0/20"},
		{Address: "10.0.143.255", Range: "10.0.128.0/20"}},
}

// balancer is an example of a load balancer: one that AWS allows, with a change.
func balancer(of stack.LoadBalancerType, change func(*stack.LoadBalancer)) stack.LoadBalancer {
	lb := stack.LoadBalancer{Name: "example", Type: of, Scheme: stack.InternetFacing, IPAddressType: stack.IPv4}
	change(&lb)
	return lb
}

func reserving(of stack.LoadBalancerType, units int32) stack.LoadBalancer {
	return balancer(of, func(lb *stack.LoadBalancer) { lb.Capacity = &units })
}

func namedBalancers(names ...string) (out []stack.LoadBalancer) {
	for _, name := range names {
		out = append(out, balancer(stack.Application, func(lb *stack.LoadBalancer) { lb.Name = name }))
	}
	return out
}

// TargetGroups are refused target groups.
var TargetGroups = map[string][]stack.TargetGroup{
	"target group name": named("", "-a", "a-", "a--b", "a_b", "ä", long(33)),
	"target group port": {
		group(http, func(tg *stack.TargetGroup) { tg.Port = 0 }), group(tcp, func(tg *stack.TargetGroup) { tg.Port = 65536 }),
		group(http, func(tg *stack.TargetGroup) { tg.ControlPort = 65536 }),
	},
	"target group protocol": {
		group("SCTP", func(*stack.TargetGroup) {}), group("http", func(*stack.TargetGroup) {}),
		group(tls, func(tg *stack.TargetGroup) { tg.TargetType = stack.TargetALB }),
	},
	"protocol version": {
		group(http, func(tg *stack.TargetGroup) { tg.ProtocolVersion = "HTTP3" }),
		group(tcp, func(tg *stack.TargetGroup) { tg.ProtocolVersion = "HTTP2" }),
		group(udp, func(tg *stack.TargetGroup) { tg.ProtocolVersion = grpc }),
	},
	"target control port": {group(tcp, func(tg *stack.TargetGroup) { tg.ControlPort = 3000 })},
	"address type": {
		group(quic, func(tg *stack.TargetGroup) { tg.IPAddressType = stack.IPv6 }),
		group(tcpQUIC, func(tg *stack.TargetGroup) { tg.IPAddressType = stack.IPv6 }),
	},
	"tags": {
		group(http, func(tg *stack.TargetGroup) { tg.Tags = map[string]string{"a!": "b"} }),
	},
	"health check protocol": slices.Concat(checked(http, func(h *stack.HealthCheck) { h.Protocol, h.Path = tcp, "" },
		func(h *stack.HealthCheck) { h.Protocol = "ICMP" }),
		checked(tcp, func(h *stack.HealthCheck) { h.Protocol = udp }, func(h *stack.HealthCheck) { h.Protocol = tls })),
	"health check port": checked(tcp, func(h *stack.HealthCheck) { h.Port = "0" },
		func(h *stack.HealthCheck) { h.Port = "http" },
		func(h *stack.HealthCheck) { h.Port = "65536" }),
	"health check path": checked(http, func(h *stack.HealthCheck) {
		h.Path = "health"
	}, func(h *stack.HealthCheck) { h.Path = "/" + long(1024) }),
	"success codes": slices.Concat(checked(http, func(h *stack.HealthCheck) { h.Matcher = "200,500" },
		func(h *stack.HealthCheck) { h.Matcher = "2xx" }, func(h *stack.HealthCheck) { h.Matcher = "300-200" }),
		checked(tcp, func(h *stack.HealthCheck) { h.Protocol, h.Path, h.Matcher = http, "/", "200-600" }),
		[]stack.TargetGroup{group(http, func(tg *stack.TargetGroup) {
			tg.ProtocolVersion, tg.HealthCheck.Matcher = grpc,
				"200"
		})}),
	"health check interval": checked(http, func(h *stack.HealthCheck) {
		h.IntervalSeconds = 4
	}, func(h *stack.HealthCheck) { h.IntervalSeconds = 301 }),
	"health check timeout": slices.Concat(checked(http, func(h *stack.HealthCheck) { h.TimeoutSeconds = 1 },
		func(h *stack.HealthCheck) { h.TimeoutSeconds = 121 },
		func(h *stack.HealthCheck) { h.IntervalSeconds, h.TimeoutSeconds = 10, 10 },
		func(h *stack.HealthCheck) { h.IntervalSeconds = 5 }),
		checked(tcp, func(h *stack.HealthCheck) { h.IntervalSeconds, h.TimeoutSeconds = 10, 11 },
			func(h *stack.HealthCheck) { h.IntervalSeconds = 9 })),
	"health check thresholds": checked(tcp, func(h *stack.HealthCheck) {
		h.HealthyThreshold = 1
	}, func(h *stack.HealthCheck) { h.HealthyThreshold = 11 }, func(h *stack.HealthCheck) { h.UnhealthyThreshold = 1 }),
}

// group is an example of a target group: one that AWS allows, with a change.
func group(protocol string, change func(*stack.TargetGroup)) stack.TargetGroup {
	tg := stack.TargetGroup{Name: "example", TargetType: stack.TargetIP, Protocol: protocol, Port: 80,
		HealthCheck: stack.HealthCheck{Port: stack.TrafficPort, Protocol: tcp}}
	if protocol == http || protocol == https {
		tg.ProtocolVersion, tg.HealthCheck.Protocol, tg.HealthCheck.Path = "HTTP1", http, "/"
	}
	change(&tg)
	return tg
}

// checked are examples of target groups with changed health checks.
func checked(protocol string, changes ...func(*stack.HealthCheck)) (out []stack.TargetGroup) {
	for _, change := range changes {
		out = append(out, group(protocol, func(tg *stack.TargetGroup) { change(&tg.HealthCheck) }))
	}
	return out
}

func named(names ...string) (out []stack.TargetGroup) {
	for _, name := range names {
		out = append(out, group(http, func(tg *stack.TargetGroup) { tg.Name = name }))
	}
	return out
}

// Forwardings are refused listeners with a target group that they forward to.
var Forwardings = map[string][]constraint.Forwarding{
	"listener port": {forwarding(stack.Application, http, 0, http, asItIs), forwarding(stack.Network, tcp, 65536,
		tcp, asItIs)},
	"listener protocol": {forwarding(stack.Application, tcp, 81, tcp, asItIs), forwarding(stack.Network, http, 81, http,
		asItIs),
		forwarding(stack.Network, "SCTP", 81, tcp, asItIs)},
	"protocols of listener and targets": {
		forwarding(stack.Application, http, 81, tcp, asItIs), forwarding(stack.Network, tcp, 81, udp, asItIs),
		forwarding(stack.Network, udp, 81, tcp, asItIs),
		forwarding(stack.Network, tcpUDP, 81, tcp, asItIs), forwarding(stack.Network, tcp, 81, tls, asItIs),
		forwarding(stack.Network, tcp, 81, http, asItIs),
	},
	"protocol version at HTTP": {
		forwarding(stack.Application, http, 81, http,
			func(f *constraint.Forwarding) { f.TargetGroup.ProtocolVersion = "HTTP2" }),
		forwarding(stack.Application, http, 81, http,
			func(f *constraint.Forwarding) { f.TargetGroup.ProtocolVersion = grpc }),
	},
	"login before gRPC": {
		forwarding(stack.Application, https, 81, http, func(f *constraint.Forwarding) {
			f.TargetGroup.ProtocolVersion, f.Identifies = grpc, true
		}),
	},
	"address types of load balancer and targets": {
		forwarding(stack.Application, http, 81, http,
			func(f *constraint.Forwarding) { f.TargetGroup.IPAddressType = stack.IPv6 }),
		forwarding(stack.Network, tcp, 81, tcp, func(f *constraint.Forwarding) { f.TargetGroup.IPAddressType = stack.IPv6 }),
	},
}

func forwarding(of stack.LoadBalancerType, protocol string, port int32, to string,
	change func(*constraint.Forwarding)) constraint.Forwarding {
	f := constraint.Forwarding{Type: of, Protocol: protocol, Port: port, TargetGroup: group(to,
		func(*stack.TargetGroup) {}),
		IPAddressType: stack.IPv4}
	change(&f)
	return f
}

func asItIs(*constraint.Forwarding) {}

// Answerings are refused actions at listeners. Whoever sends one names target groups that exist.
var Answerings = map[string][]constraint.Answering{
	"redirect from HTTPS to HTTP": {{Protocol: https, Action: to(stack.Redirect{Protocol: http, Port: "80"})}},
	"stickiness of one of several target groups": {{Protocol: http, Sticky: true, Action: several(nil)},
		{Protocol: https, Sticky: true, Action: several(&stack.Stickiness{})}},
}

// several forwards to two target groups.
func several(s *stack.Stickiness) stack.Action {
	return stack.Action{Type: stack.ActionForward, Forward: &stack.Forward{Stickiness: s,
		TargetGroups: make([]stack.WeightedTargetGroup, 2)}}
}
