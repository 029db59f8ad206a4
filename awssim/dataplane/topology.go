package dataplane

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"

	"github.com/k8s-lbc/lbc/awssim/webacl"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Topology is everything the data plane has to serve: a full picture each time, compared with the one before by ARN.
// Load balancers and target groups may come in any order.
type Topology struct {
	LoadBalancers []LoadBalancer
	TargetGroups  []TargetGroup
	Accelerators  []Accelerator
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
	// Filtered says whether the load balancer has security groups (an ALB always does); Ingress is then the union of
	// their inbound permissions, Egress that of the outbound ones, which hold for traffic to targets and health checks.
	Filtered   bool
	Ingress    []Permission
	Egress     []Permission
	Attributes map[string]string // as DescribeLoadBalancerAttributes spells them; absent means AWS's default
	Firewall   *webacl.ACL       // nil: lets everything through
	// FirewallOut makes the firewall fail: waf.fail_open.enabled says what becomes of requests.
	FirewallOut bool
	// ReservedUnits is the reserved capacity, in load balancer capacity units.
	ReservedUnits int32
	Listeners     []Listener
}

// Zone is one enabled availability zone with the addresses of the load balancer's interface in it. Invalid addresses are
// left out.
type Zone struct {
	Name    string
	Private netip.Addr
	Public  netip.Addr // internet-facing load balancers
	IPv6    netip.Addr // dual-stack load balancers
	Shifted bool       // a zonal shift keeps traffic away from it
}

// Permission admits peers of one address range: clients, or targets. References to security groups and prefix lists are resolved by the
// caller into ranges (a /32 for each member interface).
type Permission struct {
	Protocol string // "tcp", "udp" or "-1"
	FromPort int32
	ToPort   int32
	Source   netip.Prefix // of an outbound permission: the destination
}

// Listener is one listener. Target groups in actions are named by their ARN in Ref.Literal.
type Listener struct {
	ARN          string
	Port         int32
	Protocol     string // HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP, QUIC, TCP_QUIC
	Certificates []Certificate
	Clients      ClientAuth // HTTPS: mutual TLS
	SSLPolicy    string
	ALPN         string // TLS: HTTP1Only, HTTP2Only, HTTP2Optional, HTTP2Preferred, None
	Attributes   map[string]string
	Default      []stack.Action
	Rules        []stack.Rule // in any order; Order is the priority, ID names the rule in Stats (its ARN)
	// Identify holds the actions that come before routing actions, by Rule.ID; "" is the default actions'.
	Identify map[string]Identification
}

// Certificate is one certificate of a listener; the first of a listener is its default.
type Certificate struct {
	ARN string
	TLS tls.Certificate
}

// ClientAuth is how a listener authenticates its clients by certificates.
type ClientAuth struct {
	Mode         string // off (or empty), passthrough, verify
	Authorities  []*x509.Certificate
	Revoked      func(*x509.Certificate) bool // nil: none; called concurrently
	IgnoreExpiry bool
	Advertise    bool // name the authorities in the handshake
}

// TargetGroup is one target group with its targets.
type TargetGroup struct {
	ARN             string
	Name            string
	TargetType      string // stack.TargetInstance, stack.TargetIP or "alb"
	Protocol        string // HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP, QUIC, TCP_QUIC
	ProtocolVersion string // HTTP1, HTTP2, GRPC; empty means HTTP1
	Port            int32
	ControlPort     int32 // of the target optimizer's agent; 0: none
	HealthCheck     stack.HealthCheck
	Attributes      map[string]string
	Targets         []Target
}

// Target is one registration; ID and Port identify it in its group.
type Target struct {
	ID      string     // instance id or address as registered
	Port    int32      // traffic port
	Address netip.Addr // where the traffic goes: the address itself or the primary address of the instance
	Zone    string     // zone name; "all" or empty: eligible from every zone
	// Nodes are the places of a target that is a load balancer; traffic spreads over them. Address is then one of them.
	Nodes []Zone
	// QUICServerID is "0x" and 16 hexadecimal digits for targets of QUIC.
	QUICServerID string
	// Draining targets finish what they have and get nothing new.
	Draining bool
	// Unused targets (instance stopped, zone not enabled, …) are neither checked nor used.
	Unused bool
}

// HealthReport is a change of a target's health as its load balancer sees it, in the words of DescribeTargetHealth.
type HealthReport struct {
	TargetGroup string // ARN
	Target      string // Target.ID
	Port        int32
	Zone        string
	State       string // initial, healthy, unhealthy, unhealthy.draining
	Reason      string // empty when healthy
	Description string
}
