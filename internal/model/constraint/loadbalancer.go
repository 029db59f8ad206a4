package constraint

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

var (
	customerOwnedPool = regexp.MustCompile(`^ipv4pool-coip-[a-zA-Z0-9]+$`)
	ipamPool          = regexp.MustCompile(`^ipam-pool-[a-zA-Z0-9]+$`)
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
	{"reserved capacity", OfCapacity},
	{"tags", func(lb stack.LoadBalancer) string { return OfTags(lb.Tags) }},
}

// Placed is a fixed address of a load balancer in a range of a subnet.
type Placed struct{ Address, Range string }

// Addresses are the constraints on fixed addresses.
var Addresses = []Row[Placed]{
	{"reserved address", func(p Placed) string {
		in, err := netip.ParsePrefix(p.Range)
		address, bad := netip.ParseAddr(p.Address)
		if err != nil || bad != nil || !in.Contains(address) {
			return ""
		}
		reserved := !in.Contains(address.Next())
		first := in.Masked().Addr()
		for range 4 {
			reserved = reserved || first == address
			first = first.Next()
		}
		if !reserved {
			return ""
		}
		return fmt.Sprintf("%s is reserved: AWS keeps the first four addresses and the last one of %s", p.Address, p.Range)
	}},
}

// OfAddress returns why AWS refuses a fixed address; empty if it may admit it.
func OfAddress(p Placed) string { return first(Addresses, p) }

// OfAddressPools returns why AWS refuses the address pools of a load balancer; empty if it may admit them.
func OfAddressPools(lb stack.LoadBalancer) string {
	switch {
	case lb.CustomerOwnedPool != "" && lb.Type != stack.Application:
		return "a customer-owned pool of addresses is for application load balancers"
	case lb.CustomerOwnedPool != "" && !customerOwnedPool.MatchString(lb.CustomerOwnedPool):
		return fmt.Sprintf("customer-owned pool %.60q is not of the form ipv4pool-coip-…", lb.CustomerOwnedPool)
	case lb.IPAMPool != "" && (lb.Type != stack.Application || lb.Scheme != stack.InternetFacing):
		return "an IPAM pool is for internet-facing application load balancers"
	case lb.IPAMPool != "" && !ipamPool.MatchString(lb.IPAMPool):
		return fmt.Sprintf("IPAM pool %.60q is not of the form ipam-pool-…", lb.IPAMPool)
	}
	return ""
}

// Units of reserved capacity that AWS allows.
const (
	minWebUnits     = 100
	maxWebUnits     = 15_000
	minNetworkUnits = 2_750 // for each zone
)

// OfCapacity returns why AWS refuses the reserved capacity of a load balancer; empty if it may admit it. The account
// may have a lower quota. A network load balancer has one subnet in each of its zones.
func OfCapacity(lb stack.LoadBalancer) string {
	zones := max(len(lb.Subnets), 1)
	switch {
	case lb.Capacity == nil || *lb.Capacity == 0:
	case lb.Type == stack.Application && (*lb.Capacity < minWebUnits || *lb.Capacity > maxWebUnits):
		return fmt.Sprintf("reserved capacity of %d units: AWS allows %d to %d for an application load balancer",
			*lb.Capacity, minWebUnits, maxWebUnits)
	case lb.Type == stack.Network && int(*lb.Capacity) < minNetworkUnits*zones:
		return fmt.Sprintf("reserved capacity of %d units: AWS allows %d or more for a network load balancer with %d "+
			"subnets, %d for each", *lb.Capacity, minNetworkUnits*zones, zones, minNetworkUnits)
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
	Identifies    bool   // a login or a validation of tokens comes first
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
	{"login before gRPC", func(f Forwarding) string {
		if f.Identifies && f.TargetGroup.ProtocolVersion == grpc {
			return "requests to targets of protocol version GRPC cannot be authenticated: AWS allows this only for HTTP1 " +
				"and HTTP2"
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

// OfForwarding returns why AWS refuses a listener that forwards to a target group for sure; empty if it may admit it.
func OfForwarding(f Forwarding) string { return first(Forwardings, f) }

// Answering is an action of an application load balancer at a listener.
type Answering struct {
	Protocol string // of the listener
	Action   stack.Action
	// Sticky: a target group of the forward has stickiness by itself.
	Sticky bool
}

// Answerings are the constraints on listeners and what they do, besides those on Forwardings.
var Answerings = []Row[Answering]{
	{"redirect from HTTPS to HTTP", func(a Answering) string {
		if r := a.Action.Redirect; r != nil && a.Protocol == https && r.Protocol == http {
			return "a listener of protocol HTTPS cannot redirect to HTTP"
		}
		return ""
	}},
	{"stickiness of one of several target groups", func(a Answering) string {
		if f := a.Action.Forward; f != nil && a.Sticky && len(f.TargetGroups) > 1 &&
			(f.Stickiness == nil || !f.Stickiness.Enabled) {
			return "a target group of a forward to several has stickiness.enabled=true, which AWS allows only with " +
				"targetGroupStickinessConfig of the forward enabled"
		}
		return ""
	}},
}

// OfAnswering returns why AWS refuses an action at a listener for sure; empty if it may admit it.
func OfAnswering(a Answering) string { return first(Answerings, a) }

// SSLPolicies are the security policies that AWS is known to have. Others may be newer than the table.
var SSLPolicies = []string{
	"ELBSecurityPolicy-TLS13-1-3-2021-06", "ELBSecurityPolicy-TLS13-1-2-2021-06",
	"ELBSecurityPolicy-TLS13-1-2-Res-2021-06", "ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06",
	"ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06", "ELBSecurityPolicy-TLS13-1-1-2021-06",
	"ELBSecurityPolicy-TLS13-1-0-2021-06", "ELBSecurityPolicy-TLS13-1-3-PQ-2025-09",
	"ELBSecurityPolicy-TLS13-1-2-PQ-2025-09", "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
	"ELBSecurityPolicy-TLS13-1-2-Ext1-PQ-2025-09", "ELBSecurityPolicy-TLS13-1-2-Ext2-PQ-2025-09",
	"ELBSecurityPolicy-TLS13-1-0-PQ-2025-09", "ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04",
	"ELBSecurityPolicy-TLS13-1-2-FIPS-2023-04", "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04",
	"ELBSecurityPolicy-TLS13-1-2-Ext0-FIPS-2023-04", "ELBSecurityPolicy-TLS13-1-2-Ext1-FIPS-2023-04",
	"ELBSecurityPolicy-TLS13-1-2-Ext2-FIPS-2023-04", "ELBSecurityPolicy-TLS13-1-1-FIPS-2023-04",
	"ELBSecurityPolicy-TLS13-1-0-FIPS-2023-04", "ELBSecurityPolicy-TLS13-1-3-FIPS-PQ-2025-09",
	"ELBSecurityPolicy-TLS13-1-2-FIPS-PQ-2025-09", "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-PQ-2025-09",
	"ELBSecurityPolicy-TLS13-1-2-Ext0-FIPS-PQ-2025-09", "ELBSecurityPolicy-TLS13-1-2-Ext1-FIPS-PQ-2025-09",
	"ELBSecurityPolicy-TLS13-1-2-Ext2-FIPS-PQ-2025-09", "ELBSecurityPolicy-TLS13-1-0-FIPS-PQ-2025-09",
	"ELBSecurityPolicy-TLS-1-2-Ext-2018-06", "ELBSecurityPolicy-TLS-1-2-2017-01", "ELBSecurityPolicy-TLS-1-1-2017-01",
	"ELBSecurityPolicy-2016-08", "ELBSecurityPolicy-2015-05", "ELBSecurityPolicy-TLS-1-0-2015-04",
	"ELBSecurityPolicy-FS-1-2-Res-2020-10", "ELBSecurityPolicy-FS-1-2-Res-2019-08", "ELBSecurityPolicy-FS-1-2-2019-08",
	"ELBSecurityPolicy-FS-1-1-2019-08", "ELBSecurityPolicy-FS-2018-06",
}
