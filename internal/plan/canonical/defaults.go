package canonical

import (
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// AWS's defaults of attributes. An object that declares a default of a new resource costs no call. An attribute that is
// not listed has no known default: the controller always sends it. LoadBalancerDefault also knows a default that
// depends on the scheme.

var loadBalancerDefaults = map[string]string{
	"deletion_protection.enabled": "false",
	"access_logs.s3.enabled":      "false",
	"access_logs.s3.bucket":       "",
	"access_logs.s3.prefix":       "",
	"zonal_shift.config.enabled":  "false",
}

var applicationDefaults = map[string]string{
	"load_balancing.cross_zone.enabled":                        "true",
	"idle_timeout.timeout_seconds":                             "60",
	"client_keep_alive.seconds":                                "3600",
	"connection_logs.s3.enabled":                               "false",
	"connection_logs.s3.bucket":                                "",
	"connection_logs.s3.prefix":                                "",
	"health_check_logs.s3.enabled":                             "false",
	"health_check_logs.s3.bucket":                              "",
	"health_check_logs.s3.prefix":                              "",
	"routing.http.desync_mitigation_mode":                      "defensive",
	"routing.http.drop_invalid_header_fields.enabled":          "false",
	"routing.http.preserve_host_header.enabled":                "false",
	"routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
	"routing.http.xff_client_port.enabled":                     "false",
	"routing.http.xff_header_processing.mode":                  "append",
	"routing.http2.enabled":                                    "true",
	"waf.fail_open.enabled":                                    "false",
}

var networkDefaults = map[string]string{
	"load_balancing.cross_zone.enabled":      "false",
	"dns_record.client_routing_policy":       "any_availability_zone",
	"secondary_ips.auto_assigned.per_subnet": "0",
}

// LoadBalancerDefault returns AWS's default of an attribute of a load balancer; ok is false if it is not known.
func LoadBalancerDefault(lb stack.LoadBalancer, key string) (string, bool) {
	if v, ok := loadBalancerDefaults[key]; ok {
		return v, true
	}
	if key == "ipv6.deny_all_igw_traffic" && lb.Scheme == stack.InternetFacing {
		return "false", true
	}
	table := applicationDefaults
	if lb.Type == stack.Network {
		table = networkDefaults
	}
	v, ok := table[key]
	return v, ok
}

var targetGroupDefaults = map[string]string{
	"deregistration_delay.timeout_seconds":                                           "300",
	"stickiness.enabled":                                                             "false",
	"load_balancing.cross_zone.enabled":                                              "use_load_balancer_configuration",
	"target_group_health.dns_failover.minimum_healthy_targets.count":                 "1",
	"target_group_health.dns_failover.minimum_healthy_targets.percentage":            "off",
	"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count":      "1",
	"target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
}

var httpGroupDefaults = map[string]string{
	"stickiness.type":                             "lb_cookie",
	"stickiness.lb_cookie.duration_seconds":       "86400",
	"stickiness.app_cookie.cookie_name":           "",
	"stickiness.app_cookie.duration_seconds":      "86400",
	"load_balancing.algorithm.type":               "round_robin",
	"load_balancing.algorithm.anomaly_mitigation": "off",
	"slow_start.duration_seconds":                 "0",
}

var networkGroupDefaults = map[string]string{
	"stickiness.type":           "source_ip",
	"proxy_protocol_v2.enabled": "false",
}

// TargetGroupDefault returns AWS's default of an attribute of a target group; ok is false if it is not known.
func TargetGroupDefault(tg stack.TargetGroup, key string) (string, bool) {
	if v, ok := targetGroupDefaults[key]; ok {
		return v, true
	}
	if strings.HasPrefix(tg.Protocol, "HTTP") {
		v, ok := httpGroupDefaults[key]
		return v, ok
	}
	stream := tg.Protocol == "TCP" || tg.Protocol == "TLS"
	switch key {
	case "preserve_client_ip.enabled":
		if tg.TargetType == stack.TargetIP && stream {
			return "false", true
		}
		return "true", true
	case "deregistration_delay.connection_termination.enabled":
		if stream {
			return "false", true
		}
		return "true", tg.Protocol == "UDP" || tg.Protocol == "TCP_UDP"
	case "target_health_state.unhealthy.connection_termination.enabled":
		return "true", stream
	case "target_health_state.unhealthy.draining_interval_seconds":
		return "0", stream
	}
	v, ok := networkGroupDefaults[key]
	return v, ok
}

// ListenerDefault returns AWS's default of an attribute of a listener; ok is false if it is not known, or differs
// between listeners.
func ListenerDefault(_ stack.Listener, key string) (string, bool) {
	switch {
	case key == "tcp.idle_timeout.seconds":
		return "350", true
	case key == "routing.http.response.server.enabled":
		return "true", true
	case strings.HasPrefix(key, "routing.http.response.") && strings.HasSuffix(key, ".header_value"):
		return "", true
	}
	return "", false
}
