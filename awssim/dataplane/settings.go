package dataplane

import (
	"strconv"
	"time"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// attributes reads attributes in AWS's spelling; an absent or unreadable value is the default.
type attributes map[string]string

func (a attributes) flag(key string, byDefault bool) bool {
	switch a[key] {
	case "true":
		return true
	case "false":
		return false
	}
	return byDefault
}

func (a attributes) number(key string, byDefault int) int {
	v, ok := a[key]
	if !ok {
		return byDefault
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		return byDefault
	}
	return n
}

// threshold reads a number that may be "off", which is 0.
func (a attributes) threshold(key string, byDefault int) int {
	if a[key] == "off" {
		return 0
	}
	return a.number(key, byDefault)
}

func (a attributes) seconds(key string, byDefault int) time.Duration {
	return time.Duration(a.number(key, byDefault)) * time.Second
}

func (a attributes) text(key, byDefault string) string {
	if v := a[key]; v != "" {
		return v
	}
	return byDefault
}

// balancerSettings are the attributes of a load balancer that the data plane acts on, with AWS's defaults.
type balancerSettings struct {
	idle        time.Duration // ALB: between any two bytes
	keepAlive   time.Duration // ALB: the longest life of a client connection
	http2       bool
	dropInvalid bool
	tlsHeaders  bool
	xffMode     string // append, preserve, remove
	xffPort     bool
	crossZone   bool
	failOpen    bool // where the firewall fails

	desync       string // monitor, defensive, strictest
	preserveHost bool
	accessLog    logPlace
	connLog      logPlace
	checkLog     logPlace
}

// logPlace is where a log goes; no bucket: it is not written.
type logPlace struct{ bucket, prefix string }

// place reads the attributes of a log.
func (a attributes) place(log string) logPlace {
	if !a.flag(log+".s3.enabled", false) {
		return logPlace{}
	}
	return logPlace{a[log+".s3.bucket"], a[log+".s3.prefix"]}
}

func readBalancerSettings(lb *LoadBalancer) balancerSettings {
	a := attributes(lb.Attributes)
	return balancerSettings{
		idle:        a.seconds("idle_timeout.timeout_seconds", 60),
		keepAlive:   a.seconds("client_keep_alive.seconds", 3600),
		http2:       a.flag("routing.http2.enabled", true),
		dropInvalid: a.flag("routing.http.drop_invalid_header_fields.enabled", false),
		tlsHeaders:  a.flag("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", false),
		xffMode:     a.text("routing.http.xff_header_processing.mode", "append"),
		xffPort:     a.flag("routing.http.xff_client_port.enabled", false),
		failOpen:    a.flag("waf.fail_open.enabled", false),
		crossZone:   a.flag("load_balancing.cross_zone.enabled", lb.Type == stack.Application),

		desync:       a.text("routing.http.desync_mitigation_mode", "defensive"),
		preserveHost: a.flag("routing.http.preserve_host_header.enabled", false),
		accessLog:    a.place("access_logs"),
		connLog:      a.place("connection_logs"),
		checkLog:     a.place("health_check_logs"),
	}
}

// groupSettings are the attributes of a target group that the data plane acts on, with AWS's defaults.
type groupSettings struct {
	crossZone        string // "true", "false" or "use_load_balancer_configuration"
	algorithm        string
	drainFor         time.Duration
	mitigate         bool // weighted_random: targets that fail get less
	slowStart        time.Duration
	sticky           bool
	stickyType       string // lb_cookie, app_cookie, source_ip
	stickyFor        time.Duration
	appCookie        string
	minHealthy       int
	minHealthyShare  int // percent; 0 is off
	preserveClientIP bool
	proxyProtocol    bool
	cutDeregistered  bool          // NLB: flows end with the deregistration delay
	cutUnhealthy     bool          // NLB: flows end when the target becomes unhealthy
	unhealthyDrain   time.Duration // NLB: how long a target that became unhealthy is unhealthy.draining
	dnsHealthy       int           // a zone with fewer healthy targets leaves DNS; 0 is off
	dnsHealthyShare  int           // percent; 0 is off
}

// targetALB is the type of target groups whose target is an ALB.
const targetALB = "alb"

func readGroupSettings(tg *TargetGroup) groupSettings {
	a := attributes(tg.Attributes)
	s := groupSettings{
		crossZone:       a.text("load_balancing.cross_zone.enabled", "use_load_balancer_configuration"),
		algorithm:       a.text("load_balancing.algorithm.type", "round_robin"),
		drainFor:        a.seconds("deregistration_delay.timeout_seconds", 300),
		mitigate:        a.text("load_balancing.algorithm.anomaly_mitigation", "off") == "on",
		slowStart:       a.seconds("slow_start.duration_seconds", 0),
		sticky:          a.flag("stickiness.enabled", false),
		stickyType:      a.text("stickiness.type", "lb_cookie"),
		stickyFor:       a.seconds("stickiness.lb_cookie.duration_seconds", 86400),
		appCookie:       a["stickiness.app_cookie.cookie_name"],
		minHealthy:      a.number("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", 1),
		minHealthyShare: a.number("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", 0),
		preserveClientIP: a.flag("preserve_client_ip.enabled",
			tg.TargetType == stack.TargetInstance || tg.TargetType == targetALB || datagrams(tg.Protocol)),
		proxyProtocol:   a.flag("proxy_protocol_v2.enabled", false),
		cutDeregistered: a.flag("deregistration_delay.connection_termination.enabled", tg.Protocol == "UDP" || tg.Protocol == "TCP_UDP"),
		cutUnhealthy:    a.flag("target_health_state.unhealthy.connection_termination.enabled", tg.Protocol == "TCP" || tg.Protocol == "TLS"),
		unhealthyDrain:  a.seconds("target_health_state.unhealthy.draining_interval_seconds", 0),
		dnsHealthy:      a.threshold("target_group_health.dns_failover.minimum_healthy_targets.count", 1),
		dnsHealthyShare: a.threshold("target_group_health.dns_failover.minimum_healthy_targets.percentage", 0),
	}
	if s.stickyType == "app_cookie" {
		s.stickyFor = a.seconds("stickiness.app_cookie.duration_seconds", 86400)
	}
	return s
}

// datagrams reports whether targets of the protocol get datagrams; their clients' addresses are always preserved.
func datagrams(protocol string) bool {
	switch protocol {
	case "UDP", "TCP_UDP", "QUIC", "TCP_QUIC":
		return true
	}
	return false
}

// crossesZones resolves the target group's wish against its load balancer's.
func (s *groupSettings) crossesZones(lb *balancerSettings) bool {
	switch s.crossZone {
	case "true":
		return true
	case "false":
		return false
	}
	return lb.crossZone
}

// responseHeaders are the listener attributes that set a header on every response.
var responseHeaders = map[string]string{
	"routing.http.response.strict_transport_security.header_value":        "Strict-Transport-Security",
	"routing.http.response.access_control_allow_origin.header_value":      "Access-Control-Allow-Origin",
	"routing.http.response.access_control_allow_methods.header_value":     "Access-Control-Allow-Methods",
	"routing.http.response.access_control_allow_headers.header_value":     "Access-Control-Allow-Headers",
	"routing.http.response.access_control_allow_credentials.header_value": "Access-Control-Allow-Credentials",
	"routing.http.response.access_control_expose_headers.header_value":    "Access-Control-Expose-Headers",
	"routing.http.response.access_control_max_age.header_value":           "Access-Control-Max-Age",
	"routing.http.response.content_security_policy.header_value":          "Content-Security-Policy",
	"routing.http.response.x_content_type_options.header_value":           "X-Content-Type-Options",
	"routing.http.response.x_frame_options.header_value":                  "X-Frame-Options",
}
