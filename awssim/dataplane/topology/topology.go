// Package topology is the input of the data plane: load balancers, listeners, target groups, accelerators as plain
// structs, and their attributes read with AWS's defaults. It holds no state, opens no socket and has no account. It may
// import awssim/accesslog, awssim/authn, awssim/webacl and internal/model/stack.
package topology

import (
	"net/netip"
	"time"

	"github.com/k8s-lbc/lbc/awssim/webacl"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Topology is everything the data plane has to serve: a full picture each time, compared with the one before by ARN.
// Load balancers and target groups may come in any order.
type Topology struct {
	LoadBalancers []LoadBalancer
	TargetGroups  []TargetGroup
	Accelerators  []Accelerator
}

// Led are the ARNs of the target groups that listeners lead to.
func (t *Topology) Led() map[string]bool {
	led := map[string]bool{}
	for i := range t.LoadBalancers {
		for j := range t.LoadBalancers[i].Listeners {
			for arn := range t.LoadBalancers[i].Listeners[j].TargetGroups() {
				led[arn] = true
			}
		}
	}
	return led
}

// LoadBalancer is one ALB or NLB. It serves only while Active.
type LoadBalancer struct {
	ARN           string
	Name          string
	DNSName       string                 // lower or mixed case, without a final dot
	Type          stack.LoadBalancerType // stack.Application or stack.Network
	Scheme        string                 // stack.Internal or stack.InternetFacing
	IPAddressType string                 // stack.IPv4, stack.Dualstack, …; empty means ipv4
	Active        bool                   // false while provisioning or failed: no listener, no DNS answer
	Zones         []Zone
	// VPC holds the address ranges of the load balancer's VPC; clients on loopback count as one of its addresses when
	// the load balancer is internal.
	VPC []netip.Prefix
	// Filtered is set for a load balancer with security groups (an ALB always has some). Ingress is then the union of
	// their inbound permissions, Egress that of the outbound ones, which hold for traffic to targets and health checks.
	Filtered   bool
	Ingress    []Permission
	Egress     []Permission
	Attributes map[string]string // as DescribeLoadBalancerAttributes spells them; absent means AWS's default
	Firewall   *webacl.ACL       // nil: lets everything through
	// FirewallOut makes the firewall fail: waf.fail_open.enabled decides about requests then.
	FirewallOut bool
	// ReservedUnits is the reserved capacity, in load balancer capacity units.
	ReservedUnits int32
	Listeners     []Listener
}

// Zone is one enabled availability zone with the addresses of the load balancer's interface in it. Invalid addresses
// are left out.
type Zone struct {
	Name    string
	Private netip.Addr
	Public  netip.Addr // internet-facing load balancers
	IPv6    netip.Addr // dual-stack load balancers
	Shifted bool       // a zonal shift keeps traffic away from it
}

// Permission admits peers of one address range: clients, or targets. References to security groups and prefix lists are
// resolved by the caller into ranges (a /32 for each member interface).
type Permission struct {
	Protocol string // "tcp", "udp" or "-1"
	FromPort int32
	ToPort   int32
	Source   netip.Prefix // of an outbound permission: the destination
}

// Permitted reports whether some permission admits a client.
func Permitted(permissions []Permission, protocol string, client netip.Addr, port int32) bool {
	for _, p := range permissions {
		if !p.Source.Contains(client) {
			continue
		}
		if p.Protocol == "-1" || p.Protocol == protocol && p.FromPort <= port && port <= p.ToPort {
			return true
		}
	}
	return false
}

// InsideAddress is the last usable address of the load balancer's VPC.
func (lb *LoadBalancer) InsideAddress() netip.Addr {
	for _, p := range lb.VPC {
		if !p.Addr().Is4() || p.Bits() > 30 {
			continue
		}
		a := p.Masked().Addr().As4()
		host := ^uint32(0)>>p.Bits() - 1
		for i := range 4 {
			a[3-i] |= byte(host >> (8 * i))
		}
		return netip.AddrFrom4(a)
	}
	return netip.AddrFrom4([4]byte{10, 255, 255, 254})
}

// VirtualAddresses are the addresses at which the load balancer is reached on the virtual network.
func (lb *LoadBalancer) VirtualAddresses() []netip.Addr {
	var out []netip.Addr
	for _, z := range lb.Zones {
		if z.Private.IsValid() {
			out = append(out, z.Private)
		}
		if z.Public.IsValid() && lb.Scheme == stack.InternetFacing {
			out = append(out, z.Public)
		}
		if z.IPv6.IsValid() {
			out = append(out, z.IPv6)
		}
	}
	return out
}

// own is the load balancer's own address in the zone, of an address family.
func (z *Zone) own(v6 bool) netip.Addr {
	if v6 {
		return z.IPv6
	}
	return z.Private
}

// OwnAddress is the load balancer's own address in a zone, or in another one if it has none there, of an address
// family.
func OwnAddress(zones []Zone, zone string, v6 bool) netip.Addr {
	var found netip.Addr
	for _, z := range zones {
		if a := z.own(v6); a.IsValid() && (!found.IsValid() || z.Name == zone) {
			found = a
		}
	}
	if !found.IsValid() {
		return netip.IPv4Unspecified()
	}
	return found
}

// OwnAddresses are the load balancer's own addresses of an address family, zone by zone. There is one at least.
func OwnAddresses(zones []Zone, v6 bool) []netip.Addr {
	var found []netip.Addr
	for _, z := range zones {
		if a := z.own(v6); a.IsValid() {
			found = append(found, a)
		}
	}
	if found == nil {
		return []netip.Addr{netip.IPv4Unspecified()}
	}
	return found
}

// LoadBalancerSettings are the attributes of a load balancer that the data plane acts on, with AWS's defaults.
type LoadBalancerSettings struct {
	IdleTimeout     time.Duration // ALB: between any two bytes
	ClientKeepAlive time.Duration // ALB: the longest life of a client connection
	HTTP2           bool
	DropInvalid     bool
	TLSHeaders      bool
	XFFMode         string // append, preserve, remove
	XFFPort         bool
	crossZone       bool
	FailOpen        bool // where the firewall fails

	DesyncMode   string // monitor, defensive, strictest
	PreserveHost bool
	AccessLog    LogPlace
	ConnLog      LogPlace
	CheckLog     LogPlace
}

// Settings reads the attributes of the load balancer.
func (lb *LoadBalancer) Settings() LoadBalancerSettings {
	a := attributes(lb.Attributes)
	return LoadBalancerSettings{
		IdleTimeout:     a.seconds("idle_timeout.timeout_seconds", 60),
		ClientKeepAlive: a.seconds("client_keep_alive.seconds", 3600),
		HTTP2:           a.flag("routing.http2.enabled", true),
		DropInvalid:     a.flag("routing.http.drop_invalid_header_fields.enabled", false),
		TLSHeaders:      a.flag("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", false),
		XFFMode:         a.text("routing.http.xff_header_processing.mode", "append"),
		XFFPort:         a.flag("routing.http.xff_client_port.enabled", false),
		FailOpen:        a.flag("waf.fail_open.enabled", false),
		crossZone:       a.flag("load_balancing.cross_zone.enabled", lb.Type == stack.Application),

		DesyncMode:   a.text("routing.http.desync_mitigation_mode", "defensive"),
		PreserveHost: a.flag("routing.http.preserve_host_header.enabled", false),
		AccessLog:    a.place("access_logs"),
		ConnLog:      a.place("connection_logs"),
		CheckLog:     a.place("health_check_logs"),
	}
}
