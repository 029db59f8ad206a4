package example

import (
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Attributes are refused values of attributes, by the key of the attribute.
var Attributes = map[string][]string{
	"access_logs.s3.enabled":                                                    {"yes", ""},
	"access_logs.s3.bucket":                                                     {long(64)},
	"access_logs.s3.prefix":                                                     {"/a", "a/", "AWSLogs"},
	"idle_timeout.timeout_seconds":                                              {"0", "4001", "60s", ""},
	"deletion_protection.enabled":                                               {"True"},
	"load_balancing.cross_zone.enabled":                                         {"on", "yes"},
	"ipv6.deny_all_igw_traffic":                                                 {"1"},
	"zonal_shift.config.enabled":                                                {"enabled"},
	"client_keep_alive.seconds":                                                 {"59", "604801"},
	"connection_logs.s3.enabled":                                                {"yes"},
	"connection_logs.s3.bucket":                                                 {"arn:a"},
	"connection_logs.s3.prefix":                                                 {"/a"},
	"health_check_logs.s3.enabled":                                              {"yes"},
	"health_check_logs.s3.bucket":                                               {"a b"},
	"health_check_logs.s3.prefix":                                               {"/a"},
	"routing.http.desync_mitigation_mode":                                       {"off"},
	"routing.http.drop_invalid_header_fields.enabled":                           {"yes"},
	"routing.http.preserve_host_header.enabled":                                 {"yes"},
	"routing.http.x_amzn_tls_version_and_cipher_suite.enabled":                  {"yes"},
	"routing.http.xff_client_port.enabled":                                      {"yes"},
	"routing.http.xff_header_processing.mode":                                   {"drop"},
	"routing.http2.enabled":                                                     {"yes"},
	"waf.fail_open.enabled":                                                     {"yes"},
	"dns_record.client_routing_policy":                                          {"any"},
	"secondary_ips.auto_assigned.per_subnet":                                    {"8", "-1"},
	"deregistration_delay.timeout_seconds":                                      {"-1", "3601", "30s"},
	"deregistration_delay.connection_termination.enabled":                       {"yes"},
	"stickiness.enabled":                                                        {"yes"},
	"stickiness.type":                                                           {"cookie"},
	"stickiness.lb_cookie.duration_seconds":                                     {"0", "604801"},
	"stickiness.app_cookie.cookie_name":                                         {"AWSALB", "AWSALBX", "a b", "a;b"},
	"stickiness.app_cookie.duration_seconds":                                    {"0", "604801"},
	"load_balancing.algorithm.type":                                             {"random"},
	"load_balancing.algorithm.anomaly_mitigation":                               {"true"},
	"slow_start.duration_seconds":                                               {"29", "901"},
	"preserve_client_ip.enabled":                                                {"yes"},
	"proxy_protocol_v2.enabled":                                                 {"on"},
	"target_group_health.dns_failover.minimum_healthy_targets.count":            {"0", "half"},
	"target_group_health.dns_failover.minimum_healthy_targets.percentage":       {"0", "101", "50%"},
	"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": {"0", "off"},
	"target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": {"0", "101"},
	"target_health_state.unhealthy.connection_termination.enabled":                   {"yes"},
	"target_health_state.unhealthy.draining_interval_seconds":                        {"-1", "360001"},
	"tcp.idle_timeout.seconds":                                                       {"59", "6001", "350s"},
	"routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name":          {"a b"},
	"routing.http.request.x_amzn_mtls_clientcert_issuer.header_name":                 {"a:b"},
	"routing.http.request.x_amzn_mtls_clientcert_subject.header_name":                {"a b"},
	"routing.http.request.x_amzn_mtls_clientcert_validity.header_name":               {"a b"},
	"routing.http.request.x_amzn_mtls_clientcert_leaf.header_name":                   {"a b"},
	"routing.http.request.x_amzn_mtls_clientcert.header_name":                        {"a b"},
	"routing.http.request.x_amzn_tls_version.header_name":                            {"a b"},
	"routing.http.request.x_amzn_tls_cipher_suite.header_name":                       {"a b"},
	"routing.http.response.server.enabled":                                           {"yes"},
	"routing.http.response.strict_transport_security.header_value":                   {`max-age="1"`, long(1025)},
	"routing.http.response.access_control_allow_origin.header_value":                 {`"*"`},
	"routing.http.response.access_control_allow_methods.header_value":                {`"GET"`},
	"routing.http.response.access_control_allow_headers.header_value":                {`"*"`},
	"routing.http.response.access_control_allow_credentials.header_value":            {"false"},
	"routing.http.response.access_control_expose_headers.header_value":               {`"*"`},
	"routing.http.response.access_control_max_age.header_value":                      {"-1", "1h"},
	"routing.http.response.content_security_policy.header_value":                     {`default-src "self"`},
	"routing.http.response.x_content_type_options.header_value":                      {"sniff"},
	"routing.http.response.x_frame_options.header_value":                             {`"DENY"`},
}

const (
	failover = "target_group_health.dns_failover.minimum_healthy_targets."
	routing  = "target_group_health.unhealthy_state_routing.minimum_healthy_targets."
)

// Combinations are attributes of a resource that AWS refuses together.
var Combinations = map[string][]constraint.AttributeSet{
	"access_logs.s3.enabled": {balancerOf(stack.Application, "access_logs.s3.enabled", "true"),
		balancerOf(stack.Network, "access_logs.s3.enabled", "true", "access_logs.s3.bucket", "")},
	"connection_logs.s3.enabled":   {balancerOf(stack.Application, "connection_logs.s3.enabled", "true")},
	"health_check_logs.s3.enabled": {balancerOf(stack.Application, "health_check_logs.s3.enabled", "true")},
	"zones of application load balancers": {balancerOf(stack.Application, "load_balancing.cross_zone.enabled",
		"false")},
	"stickiness type": {setOf(tcp, "stickiness.type", "lb_cookie"), setOf(http, "stickiness.type",
		"source_ip")},
	"stickiness of TLS":    {setOf(tls, "stickiness.enabled", "true")},
	"cookie of stickiness": {setOf(http, "stickiness.enabled", "true", "stickiness.type", "app_cookie")},
	"stickiness across zones": {setOf(http, "stickiness.enabled", "true", "load_balancing.cross_zone.enabled",
		"false")},
	"algorithm of sticky groups": {setOf(http, "stickiness.enabled", "true", "load_balancing.algorithm.type",
		"weighted_random")},
	"algorithm of slow start": {setOf(http, "slow_start.duration_seconds", "30", "load_balancing.algorithm.type",
		"least_outstanding_requests")},
	"anomaly mitigation": {setOf(http, "load_balancing.algorithm.anomaly_mitigation", "on")},
	"client addresses":   {setOf(udp, "preserve_client_ip.enabled", "false")},
	"delay of QUIC": {setOf(quic, "deregistration_delay.timeout_seconds", "60"), setOf(tcpQUIC,
		"deregistration_delay.timeout_seconds", "0")},
	"draining of unhealthy targets": {setOf(tcp, "target_health_state.unhealthy.draining_interval_seconds", "60")},
	"thresholds of healthy targets": {setOf(http, routing+"count",
		"5"), setOf(tcp, routing+"count", "5", failover+"count", "4")},
	"shares of healthy targets": {setOf(http,
		routing+"percentage", "50", failover+"percentage", "40")},
}

// Changes are attributes that AWS refuses for a load balancer that has others.
var Changes = map[string][]constraint.AttributeSet{
	"access_logs.s3.bucket":         {loses("access_logs.s3.")},
	"connection_logs.s3.bucket":     {loses("connection_logs.s3.")},
	"health_check_logs.s3.bucket":   {loses("health_check_logs.s3.")},
	"number of secondary addresses": {changed(balancerOf(stack.Network, secondary, "1"), secondary, "2")},
	"cookie of stickiness": {changed(setOf(http, "stickiness.type", "app_cookie"), "stickiness.enabled", "true"),
		changed(setOf(http, "stickiness.enabled", "true"), "stickiness.type", "app_cookie")},
	"stickiness across zones": {changed(setOf(http, "load_balancing.cross_zone.enabled", "false"), "stickiness.enabled",
		"true")},
	"algorithm of sticky groups": {changed(setOf(http, "stickiness.enabled", "true"), algorithm, "weighted_random")},
	"algorithm of slow start": {changed(setOf(http, algorithm, "weighted_random"), "slow_start.duration_seconds",
		"30")},
	"anomaly mitigation": {changed(setOf(http, algorithm, "round_robin"), algorithm, "weighted_random",
		"load_balancing.algorithm.anomaly_mitigation", "on")},
	"thresholds of healthy targets": {changed(setOf(http, failover+"count", "2"), failover+"count", "3",
		routing+"count", "3")},
}

// Idles are attributes that have no effect together with the others.
var Idles = map[string][]constraint.AttributeSet{
	"place of access_logs.s3.*": {balancerOf(stack.Application, "access_logs.s3.prefix", "web"),
		balancerOf(stack.Network, "access_logs.s3.bucket", "logs", "access_logs.s3.enabled", "false")},
	"place of connection_logs.s3.*":   {balancerOf(stack.Application, "connection_logs.s3.bucket", "logs")},
	"place of health_check_logs.s3.*": {balancerOf(stack.Application, "health_check_logs.s3.prefix", "web")},
	"type of stickiness": {setOf(http, "stickiness.type", "lb_cookie"), setOf(tcp, "stickiness.type", "source_ip",
		"stickiness.enabled", "false")},
	"cookie of the load balancer": {setOf(http, "stickiness.lb_cookie.duration_seconds", "60"), setOf(http,
		"stickiness.lb_cookie.duration_seconds", "60", "stickiness.enabled", "true", "stickiness.type", "app_cookie",
		"stickiness.app_cookie.cookie_name", "session")},
	"cookie of the application": {setOf(http, "stickiness.app_cookie.cookie_name", "session"), setOf(http,
		"stickiness.app_cookie.duration_seconds", "60", "stickiness.enabled", "true")},
	"names of headers with verified certificates": {listener(
		"routing.http.request.x_amzn_mtls_clientcert_issuer.header_name", "X-Issuer")},
	"name of the header with a certificate": {listener("routing.http.request.x_amzn_mtls_clientcert.header_name",
		"X-Certificate")},
	"names of headers with facts of TLS": {listener("routing.http.request.x_amzn_tls_version.header_name",
		"X-Version")},
	"access logs without TLS": {balancerOf(stack.Network, "access_logs.s3.enabled", "true", "access_logs.s3.bucket",
		"logs")},
	"HTTP/2 without HTTPS": {balancerOf(stack.Application, "routing.http2.enabled", "false")},
	"facts of TLS without HTTPS": {balancerOf(stack.Application,
		"routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "true")},
	"port of clients in a header that is not written": {balancerOf(stack.Application,
		"routing.http.xff_client_port.enabled", "true", "routing.http.xff_header_processing.mode", "remove")},
	"internet gateways without IPv6": {balancerOf(stack.Network, "ipv6.deny_all_igw_traffic", "false")},
}

const (
	secondary = "secondary_ips.auto_assigned.per_subnet"
	algorithm = "load_balancing.algorithm.type"
)

// loses has the bucket of logs removed.
func loses(family string) constraint.AttributeSet {
	return changed(balancerOf(stack.Application, family+"bucket", ""), family+"enabled", "true", family+"bucket", "logs")
}

func changed(s constraint.AttributeSet, existing ...string) constraint.AttributeSet {
	s.Existing = func() (map[string]string, bool) { return pairs(existing), true }
	return s
}

func balancerOf(kind stack.LoadBalancerType, all ...string) constraint.AttributeSet {
	return constraint.AttributeSet{Subject: constraint.Subject{Kind: constraint.LoadBalancer, Type: kind},
		All: pairs(all), IPAddressType: stack.IPv4,
		Listens: func(protocol string) (bool, bool) { return protocol == http || protocol == tcp, true }}
}

func listener(all ...string) constraint.AttributeSet {
	return constraint.AttributeSet{Subject: constraint.Subject{Kind: constraint.Listener, Protocol: "HTTPS"},
		All: pairs(all), Mutual: func() (string, bool) { return stack.MutualOff, true },
		Balancer: &constraint.AttributeSet{}}
}

func setOf(protocol string, all ...string) constraint.AttributeSet {
	return constraint.AttributeSet{Subject: constraint.Subject{Kind: constraint.TargetGroup, Protocol: protocol,
		TargetType: "ip"}, All: pairs(all)}
}

func pairs(all []string) map[string]string {
	out := map[string]string{}
	for i := 0; i < len(all); i += 2 {
		out[all[i]] = all[i+1]
	}
	return out
}
