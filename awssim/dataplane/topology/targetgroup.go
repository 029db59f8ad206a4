package topology

import (
	"net/netip"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

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
	// Registering targets are not known to the load balancer yet: they are neither checked nor used.
	Registering bool
	// Unused targets (instance stopped, zone not enabled, …) are neither checked nor used.
	Unused bool
}

// targetALB is the type of target groups whose target is an ALB.
const targetALB = "alb"

// datagrams reports whether targets of the protocol get datagrams; their clients' addresses are always preserved.
func datagrams(protocol string) bool {
	switch protocol {
	case "UDP", "TCP_UDP", "QUIC", "TCP_QUIC":
		return true
	}
	return false
}

// TargetGroupSettings are the attributes of a target group that the data plane acts on, with AWS's defaults.
type TargetGroupSettings struct {
	crossZone        string // "true", "false" or "use_load_balancer_configuration"
	Algorithm        string
	DrainFor         time.Duration
	Mitigate         bool // weighted_random: targets that fail get less
	SlowStart        time.Duration
	Sticky           bool
	StickyType       string // lb_cookie, app_cookie, source_ip
	StickyFor        time.Duration
	AppCookie        string
	minHealthy       int
	minHealthyShare  int // percent; 0 is off
	PreserveClientIP bool
	ProxyProtocol    bool
	CutDeregistered  bool          // NLB: flows end with the deregistration delay
	CutUnhealthy     bool          // NLB: flows end when the target becomes unhealthy
	UnhealthyDrain   time.Duration // NLB: how long a target that became unhealthy is unhealthy.draining
	dnsHealthy       int           // a zone with fewer healthy targets leaves DNS; 0 is off
	dnsHealthyShare  int           // percent; 0 is off
}

// Settings reads the attributes of the target group.
func (tg *TargetGroup) Settings() TargetGroupSettings {
	a := attributes(tg.Attributes)
	s := TargetGroupSettings{
		crossZone:       a.text("load_balancing.cross_zone.enabled", "use_load_balancer_configuration"),
		Algorithm:       a.text("load_balancing.algorithm.type", "round_robin"),
		DrainFor:        a.seconds("deregistration_delay.timeout_seconds", 300),
		Mitigate:        a.text("load_balancing.algorithm.anomaly_mitigation", "off") == "on",
		SlowStart:       a.seconds("slow_start.duration_seconds", 0),
		Sticky:          a.flag("stickiness.enabled", false),
		StickyType:      a.text("stickiness.type", "lb_cookie"),
		StickyFor:       a.seconds("stickiness.lb_cookie.duration_seconds", 86400),
		AppCookie:       a["stickiness.app_cookie.cookie_name"],
		minHealthy:      a.number("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", 1),
		minHealthyShare: a.number("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", 0),
		PreserveClientIP: a.flag("preserve_client_ip.enabled",
			tg.TargetType == stack.TargetInstance || tg.TargetType == targetALB || datagrams(tg.Protocol)),
		ProxyProtocol: a.flag("proxy_protocol_v2.enabled", false),
		CutDeregistered: a.flag("deregistration_delay.connection_termination.enabled", tg.Protocol == "UDP" ||
			tg.Protocol == "TCP_UDP"),
		CutUnhealthy: a.flag("target_health_state.unhealthy.connection_termination.enabled", tg.Protocol == "TCP" ||
			tg.Protocol == "TLS"),
		UnhealthyDrain:  a.seconds("target_health_state.unhealthy.draining_interval_seconds", 0),
		dnsHealthy:      a.threshold("target_group_health.dns_failover.minimum_healthy_targets.count", 1),
		dnsHealthyShare: a.threshold("target_group_health.dns_failover.minimum_healthy_targets.percentage", 0),
	}
	if s.StickyType == "app_cookie" {
		s.StickyFor = a.seconds("stickiness.app_cookie.duration_seconds", 86400)
	}
	return s
}

// CrossesZones is the target group's setting of cross-zone balancing, or its load balancer's where it has none.
func (s *TargetGroupSettings) CrossesZones(lb *LoadBalancerSettings) bool {
	switch s.crossZone {
	case "true":
		return true
	case "false":
		return false
	}
	return lb.crossZone
}

// Routable reports whether there are enough healthy targets for only them to get traffic.
func (s *TargetGroupSettings) Routable(healthy, registered int) bool {
	return healthy >= s.minHealthy && healthy*100 >= s.minHealthyShare*registered
}

// InDNS reports whether a zone with these targets reaches the thresholds of DNS failover.
func (s *TargetGroupSettings) InDNS(healthy, registered int) bool {
	return healthy >= s.dnsHealthy && healthy*100 >= s.dnsHealthyShare*registered
}
