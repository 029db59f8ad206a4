package example

import (
	"github.com/k8s-lbc/lbc/internal/model/constraint"
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
	"connection_logs.s3.bucket":                                                 {long(64)},
	"connection_logs.s3.prefix":                                                 {"/a"},
	"health_check_logs.s3.enabled":                                              {"yes"},
	"health_check_logs.s3.bucket":                                               {long(64)},
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

// Combinations are attributes of a target group that AWS refuses together.
var Combinations = map[string][]constraint.AttributeSet{
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
	"anomaly mitigation":            {setOf(http, "load_balancing.algorithm.anomaly_mitigation", "on")},
	"client addresses":              {setOf(udp, "preserve_client_ip.enabled", "false")},
	"draining of unhealthy targets": {setOf(tcp, "target_health_state.unhealthy.draining_interval_seconds", "60")},
	"thresholds of healthy targets": {setOf(http, routing+"count",
		"5"), setOf(tcp, routing+"count", "5", failover+"count", "4")},
	"shares of healthy targets": {setOf(http,
		routing+"percentage", "50", failover+"percentage", "40")},
}

func setOf(protocol string, pairs ...string) constraint.AttributeSet {
	s := constraint.AttributeSet{Subject: constraint.Subject{Kind: constraint.TargetGroup, Protocol: protocol,
		TargetType: "ip"}, All: map[string]string{}}
	for i := 0; i < len(pairs); i += 2 {
		s.All[pairs[i]] = pairs[i+1]
	}
	return s
}
