package constraint

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Kind is a kind of resource with attributes.
type Kind string

// The kinds, as they are called in texts.
const (
	LoadBalancer Kind = "load balancer"
	TargetGroup  Kind = "target group"
	Listener     Kind = "listener"
)

// Subject is the resource of an attribute.
type Subject struct {
	Kind       Kind
	Type       stack.LoadBalancerType // of a load balancer
	Protocol   string                 // of a target group or listener
	TargetType string                 // of a target group
}

// Attribute is a key that AWS knows.
type Attribute struct {
	Kind Kind
	Key  string
	// Of describes the resources of the kind that have the attribute. has decides whether one does.
	Of  string
	has func(Subject) bool
	// problem says what is wrong with a value, as the end of a sentence; empty = nothing.
	problem func(v string) string
}

func boolean(v string) string { return oneOf("true", "false")(v) }

func oneOf(allowed ...string) func(string) string {
	return func(v string) string {
		if slices.Contains(allowed, v) {
			return ""
		}
		return "AWS allows " + strings.Join(allowed, ", ")
	}
}

func between(low, high int) func(string) string {
	return func(v string) string {
		n, err := strconv.Atoi(v)
		if err == nil && n >= low && n <= high && strconv.Itoa(n) == v {
			return ""
		}
		return fmt.Sprintf("AWS allows whole numbers from %d to %d", low, high)
	}
}

func or(literal string, then func(string) string) func(string) string {
	return func(v string) string {
		if v == literal {
			return ""
		}
		if text := then(v); text != "" {
			return text + ", and " + literal
		}
		return ""
	}
}

var headerText = regexp.MustCompile("^[a-zA-Z0-9_ :;.,\\\\/'?!(){}\\[\\]@<>=+*#&`|~^%-]*$")

func headerName(v string) string {
	if len(v) > 1024 || v != "" && !token.MatchString(v) {
		return "AWS allows the name of a header"
	}
	return ""
}

func headerValue(v string) string {
	if len(v) > 1024 || !headerText.MatchString(v) {
		return "AWS allows the value of a header, without quotation marks and at most 1024 characters"
	}
	return ""
}

func cookie(v string) string {
	switch {
	case slices.ContainsFunc([]string{"AWSALBTG", "AWSALBAPP", "AWSALB"}, func(p string) bool {
		return strings.HasPrefix(v, p)
	}):
		return "AWS keeps names that begin with AWSALB for itself"
	case v != "" && !token.MatchString(v):
		return "AWS allows the name of a cookie"
	}
	return ""
}

func prefix(v string) string {
	if strings.HasPrefix(v, "/") || strings.HasSuffix(v, "/") || strings.Contains(v, "AWSLogs") {
		return "AWS allows no slash in front or behind, and no AWSLogs"
	}
	return ""
}

var bucketName = regexp.MustCompile(`^[A-Za-z0-9._-]{0,63}$`)

func bucket(v string) string {
	if !bucketName.MatchString(v) {
		return "AWS allows names of buckets, of at most 63 letters, digits, dots and hyphens"
	}
	return ""
}

// optional allows an empty value too, which resets the attribute to its default.
func optional(then func(string) string) func(string) string {
	return func(v string) string {
		if v == "" {
			return ""
		}
		return then(v)
	}
}

func balancers(types ...stack.LoadBalancerType) func(Subject) bool {
	return func(s Subject) bool { return slices.Contains(types, s.Type) }
}

func protocols(all ...string) func(Subject) bool {
	return func(s Subject) bool { return slices.Contains(all, s.Protocol) }
}

var (
	anyBalancer = balancers(stack.Application, stack.Network)
	application = balancers(stack.Application)
	network     = balancers(stack.Network)

	anyGroup     = func(s Subject) bool { return s.TargetType != stack.TargetALB }
	httpGroup    = protocols("HTTP", "HTTPS")
	stickyGroup  = func(s Subject) bool { return anyGroup(s) && s.Protocol != quic && s.Protocol != tcpQUIC }
	networkGroup = func(s Subject) bool { return !httpGroup(s) && s.TargetType != stack.TargetALB }
	streamOrUDP  = func(s Subject) bool { return networkGroup(s) && stickyGroup(s) }
	streamGroup  = func(s Subject) bool { return protocols("TCP", "TLS")(s) && s.TargetType != stack.TargetALB }

	onHTTP  = protocols("HTTP", "HTTPS")
	onHTTPS = protocols("HTTPS")
	onTCP   = protocols("TCP", "TCP_UDP", "TCP_QUIC")
)

// Attributes are all attributes that AWS knows, of load balancers, target groups and listeners of the types that the
// controller creates.
var Attributes = slices.Concat(balancerAttributes, groupAttributes, listenerAttributes)

const (
	ofALB  = "application load balancers"
	ofNLB  = "network load balancers"
	ofAny  = "load balancers"
	ofHTTP = "target groups of protocol HTTP or HTTPS"
	ofNet  = "target groups of network load balancers"
)

var balancerAttributes = []Attribute{
	{LoadBalancer, "access_logs.s3.enabled", ofAny, anyBalancer, boolean},
	{LoadBalancer, "access_logs.s3.bucket", ofAny, anyBalancer, bucket},
	{LoadBalancer, "access_logs.s3.prefix", ofAny, anyBalancer, prefix},
	{LoadBalancer, "idle_timeout.timeout_seconds", ofALB, application, between(1, 4000)},
	{LoadBalancer, "deletion_protection.enabled", ofAny, anyBalancer, boolean},
	{LoadBalancer, "load_balancing.cross_zone.enabled", ofAny, anyBalancer, boolean},
	{LoadBalancer, "ipv6.deny_all_igw_traffic", ofAny, anyBalancer, boolean},
	{LoadBalancer, "zonal_shift.config.enabled", ofAny, anyBalancer, boolean},
	{LoadBalancer, "client_keep_alive.seconds", ofALB, application, between(60, 604800)},
	{LoadBalancer, "connection_logs.s3.enabled", ofALB, application, boolean},
	{LoadBalancer, "connection_logs.s3.bucket", ofALB, application, bucket},
	{LoadBalancer, "connection_logs.s3.prefix", ofALB, application, prefix},
	{LoadBalancer, "health_check_logs.s3.enabled", ofALB, application, boolean},
	{LoadBalancer, "health_check_logs.s3.bucket", ofALB, application, bucket},
	{LoadBalancer, "health_check_logs.s3.prefix", ofALB, application, prefix},
	{LoadBalancer, "routing.http.desync_mitigation_mode", ofALB, application, oneOf("monitor", "defensive", "strictest")},
	{LoadBalancer, "routing.http.drop_invalid_header_fields.enabled", ofALB, application, boolean},
	{LoadBalancer, "routing.http.preserve_host_header.enabled", ofALB, application, boolean},
	{LoadBalancer, "routing.http.x_amzn_tls_version_and_cipher_suite.enabled", ofALB, application, boolean},
	{LoadBalancer, "routing.http.xff_client_port.enabled", ofALB, application, boolean},
	{LoadBalancer, "routing.http.xff_header_processing.mode", ofALB, application, oneOf("append", "preserve", "remove")},
	{LoadBalancer, "routing.http2.enabled", ofALB, application, boolean},
	{LoadBalancer, "waf.fail_open.enabled", ofALB, application, boolean},
	{LoadBalancer, "dns_record.client_routing_policy", ofNLB, network, oneOf("availability_zone_affinity",
		"partial_availability_zone_affinity", "any_availability_zone")},
	{LoadBalancer, "secondary_ips.auto_assigned.per_subnet", ofNLB, network, between(0, 7)},
}

const (
	health = "target_group_health."
	count  = ".minimum_healthy_targets.count"
	share  = ".minimum_healthy_targets.percentage"
)

var groupAttributes = []Attribute{
	{TargetGroup, "deregistration_delay.timeout_seconds", "target groups of instances and addresses", anyGroup,
		between(0, 3600)},
	{TargetGroup, "deregistration_delay.connection_termination.enabled", ofNet, networkGroup, boolean},
	{TargetGroup, "stickiness.enabled", "target groups without QUIC", stickyGroup, boolean},
	{TargetGroup, "stickiness.type", "target groups without QUIC", stickyGroup, oneOf("lb_cookie", "app_cookie",
		"source_ip", "source_ip_dest_ip", "source_ip_dest_ip_proto")},
	{TargetGroup, "stickiness.lb_cookie.duration_seconds", ofHTTP, httpGroup, between(1, 604800)},
	{TargetGroup, "stickiness.app_cookie.cookie_name", ofHTTP, httpGroup, cookie},
	{TargetGroup, "stickiness.app_cookie.duration_seconds", ofHTTP, httpGroup, between(1, 604800)},
	{TargetGroup, "load_balancing.cross_zone.enabled", "target groups of instances and addresses", anyGroup,
		oneOf("true", "false", "use_load_balancer_configuration")},
	{TargetGroup, "load_balancing.algorithm.type", ofHTTP, httpGroup, oneOf("round_robin", "least_outstanding_requests",
		"weighted_random")},
	{TargetGroup, "load_balancing.algorithm.anomaly_mitigation", ofHTTP, httpGroup, oneOf("on", "off")},
	{TargetGroup, "slow_start.duration_seconds", ofHTTP, httpGroup, or("0", between(30, 900))},
	{TargetGroup, "preserve_client_ip.enabled", ofNet, networkGroup, boolean},
	{TargetGroup, "proxy_protocol_v2.enabled", ofNet + " without QUIC", streamOrUDP, boolean},
	{TargetGroup, health + "dns_failover" + count, "target groups", anyGroup, or("off", between(1, 1000))},
	{TargetGroup, health + "dns_failover" + share, "target groups", anyGroup, or("off", between(1, 100))},
	{TargetGroup, health + "unhealthy_state_routing" + count, "target groups", anyGroup, between(1, 1000)},
	{TargetGroup, health + "unhealthy_state_routing" + share, "target groups", anyGroup, or("off", between(1, 100))},
	{TargetGroup, "target_health_state.unhealthy.connection_termination.enabled", "target groups of protocol TCP or TLS",
		streamGroup, boolean},
	{TargetGroup, "target_health_state.unhealthy.draining_interval_seconds", "target groups of protocol TCP or TLS",
		streamGroup, between(0, 360000)},
}

const (
	onWeb  = "listeners of protocol HTTP or HTTPS"
	onTLS  = "listeners of protocol HTTPS"
	in     = "routing.http.request."
	answer = "routing.http.response."
)

var listenerAttributes = []Attribute{
	{Listener, "tcp.idle_timeout.seconds", "listeners of protocol TCP", onTCP, optional(between(60, 6000))},
	{Listener, in + "x_amzn_mtls_clientcert_serial_number.header_name", onTLS, onHTTPS, headerName},
	{Listener, in + "x_amzn_mtls_clientcert_issuer.header_name", onTLS, onHTTPS, headerName},
	{Listener, in + "x_amzn_mtls_clientcert_subject.header_name", onTLS, onHTTPS, headerName},
	{Listener, in + "x_amzn_mtls_clientcert_validity.header_name", onTLS, onHTTPS, headerName},
	{Listener, in + "x_amzn_mtls_clientcert_leaf.header_name", onTLS, onHTTPS, headerName},
	{Listener, in + "x_amzn_mtls_clientcert.header_name", onTLS, onHTTPS, headerName},
	{Listener, in + "x_amzn_tls_version.header_name", onTLS, onHTTPS, headerName},
	{Listener, in + "x_amzn_tls_cipher_suite.header_name", onTLS, onHTTPS, headerName},
	{Listener, answer + "server.enabled", onWeb, onHTTP, optional(boolean)},
	{Listener, answer + "strict_transport_security.header_value", onTLS, onHTTPS, headerValue},
	{Listener, answer + "access_control_allow_origin.header_value", onWeb, onHTTP, headerValue},
	{Listener, answer + "access_control_allow_methods.header_value", onWeb, onHTTP, headerValue},
	{Listener, answer + "access_control_allow_headers.header_value", onWeb, onHTTP, headerValue},
	{Listener, answer + "access_control_allow_credentials.header_value", onWeb, onHTTP, optional(oneOf("true"))},
	{Listener, answer + "access_control_expose_headers.header_value", onWeb, onHTTP, headerValue},
	{Listener, answer + "access_control_max_age.header_value", onWeb, onHTTP, optional(between(0, 1<<31-1))},
	{Listener, answer + "content_security_policy.header_value", onWeb, onHTTP, headerValue},
	{Listener, answer + "x_content_type_options.header_value", onWeb, onHTTP, optional(oneOf("nosniff"))},
	{Listener, answer + "x_frame_options.header_value", onWeb, onHTTP, headerValue},
}

// Has reports whether a resource has the attribute.
func (a *Attribute) Has(s Subject) bool { return a.Kind == s.Kind && a.has(s) }

var byKey = func() map[string][]*Attribute {
	out := map[string][]*Attribute{}
	for i := range Attributes {
		out[Attributes[i].Key] = append(out[Attributes[i].Key], &Attributes[i])
	}
	return out
}()

// Refusal says why AWS refuses an attribute.
type Refusal struct {
	Problem, Remedy string // empty = no refusal is known
	// Unfit is true if other resources of the kind have the attribute, and this one has not.
	Unfit bool
}

// settings names where users declare the attributes of each kind.
var settings = map[Kind]string{
	LoadBalancer: "load balancer attributes (load-balancer-attributes, of a Service aws-load-balancer-attributes)",
	TargetGroup:  "target group attributes (target-group-attributes)",
	Listener:     "listener attributes (listener-attributes.PROTOCOL-PORT)",
}

// Keys returns the attributes that a resource can have.
func Keys(s Subject) (out []string) {
	for i := range Attributes {
		if Attributes[i].Has(s) {
			out = append(out, Attributes[i].Key)
		}
	}
	return out
}

// Known reports whether a table has an attribute.
func Known(key string) bool { return len(byKey[key]) > 0 }

// OfAttribute says why AWS refuses an attribute of a resource. A key without a row may be newer than the table: no
// refusal is known.
func OfAttribute(s Subject, key, value string) Refusal {
	if key == "" {
		return Refusal{Problem: fmt.Sprintf("an attribute of the %s has no key", s.Kind),
			Remedy: "name the attribute, or remove it"}
	}
	known := byKey[key]
	if len(known) == 0 {
		return Refusal{}
	}
	at := slices.IndexFunc(known, func(a *Attribute) bool { return a.Kind == s.Kind })
	if at < 0 {
		return Refusal{Problem: fmt.Sprintf("%s is not an attribute of a %s", key, s.Kind),
			Remedy: fmt.Sprintf("set it among the %s, or remove it", settings[known[0].Kind])}
	}
	a := known[at]
	if !a.Has(s) {
		return Refusal{Problem: fmt.Sprintf("%s is an attribute of %s, and this %s is another one", key, a.Of, s.Kind),
			Remedy: "remove it", Unfit: true}
	}
	if text := a.problem(value); text != "" {
		return Refusal{Problem: fmt.Sprintf("attribute %s has value %q, and %s", key, value, text),
			Remedy: "correct the value, or remove it"}
	}
	return Refusal{}
}

// Protective is an attribute of load balancers that restricts requests or protects the load balancer.
type Protective struct {
	Key     string
	Values  []string // the loosest first
	Default string   // AWS's
	// Requests is true if the attribute keeps requests from targets.
	Requests bool
}

// ProtectiveAttributes are the protective attributes of load balancers. Members of a group share them by this order of
// values, a new load balancer has them before its first listener, and impact reports the loss of those with Requests.
var ProtectiveAttributes = []Protective{
	{"deletion_protection.enabled", []string{"false", "true"}, "false", false},
	{"routing.http.drop_invalid_header_fields.enabled", []string{"false", "true"}, "false", true},
	{"routing.http.desync_mitigation_mode", []string{"monitor", "defensive", "strictest"}, "defensive", true},
	// with preserve, clients can forge their address
	{"routing.http.xff_header_processing.mode", []string{"preserve", "append", "remove"}, "append", false},
	{"waf.fail_open.enabled", []string{"true", "false"}, "false", true},
	{"ipv6.deny_all_igw_traffic", []string{"false", "true"}, "false", false},
}

// Protects reports whether a value of an attribute restricts or protects a load balancer more than AWS's default does.
// A value that is not in the list may do so.
func Protects(key, value string) bool {
	i := slices.IndexFunc(ProtectiveAttributes, func(p Protective) bool { return p.Key == key })
	if i < 0 {
		return false
	}
	p := ProtectiveAttributes[i]
	return !slices.Contains(p.Values[:slices.Index(p.Values, p.Default)+1], value)
}

// Weakens reports whether a value of an attribute restricts or protects a load balancer less than another value does.
func Weakens(key, value, than string) bool {
	return slices.ContainsFunc(ProtectiveAttributes, func(p Protective) bool {
		return p.Key == key && slices.Index(p.Values, value) < slices.Index(p.Values, than)
	})
}
