package elbv2

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
)

// Families of target groups, by which load balancer they are for. It follows from the protocol alone: a target group that
// nothing uses has one, too.
const (
	httpFamily    = "application"
	lambdaFamily  = "lambda"
	networkFamily = "network"
	geneveFamily  = "gateway"
)

func family(tg *account.TargetGroup) string {
	switch tg.Protocol {
	case "HTTP", "HTTPS":
		return httpFamily
	case "GENEVE":
		return geneveFamily
	case "":
		return lambdaFamily
	}
	return networkFamily
}

func tgFamilies(allowed ...string) func(*account.TargetGroup) bool {
	return func(tg *account.TargetGroup) bool { return slices.Contains(allowed, family(tg)) }
}

func tgProtocols(allowed ...string) func(*account.TargetGroup) bool {
	return func(tg *account.TargetGroup) bool { return slices.Contains(allowed, tg.Protocol) }
}

var (
	forHTTP         = tgFamilies(httpFamily)
	forHTTPNetwork  = tgFamilies(httpFamily, networkFamily)
	forHTTPLambda   = tgFamilies(httpFamily, lambdaFamily)
	forNetwork      = tgFamilies(networkFamily)
	forGeneve       = tgFamilies(geneveFamily)
	forTCPTLS       = tgProtocols("TCP", "TLS")
	forInstancesIPs = tgFamilies(httpFamily, networkFamily, geneveFamily)
)

func isUDP(protocol string) bool  { return protocol == "UDP" || protocol == "TCP_UDP" }
func isQUIC(protocol string) bool { return protocol == "QUIC" || protocol == "TCP_QUIC" }

func tgAttribute(key string, applies func(*account.TargetGroup) bool, initial string, check func(key, value string) error) attribute[*account.TargetGroup] {
	return attribute[*account.TargetGroup]{key, applies, always[*account.TargetGroup](initial), check}
}

const (
	maxTargets      = 1000 // upper bound of the counts of healthy targets
	dnsFailover     = "target_group_health.dns_failover.minimum_healthy_targets."
	unhealthyRoute  = "target_group_health.unhealthy_state_routing.minimum_healthy_targets."
	algorithm       = "load_balancing.algorithm."
	appCookie       = "stickiness.app_cookie."
	terminate       = "target_health_state.unhealthy.connection_termination.enabled"
	drainInterval   = "target_health_state.unhealthy.draining_interval_seconds"
	preserveClient  = "preserve_client_ip.enabled"
	deregDelay      = "deregistration_delay.timeout_seconds"
	targetCrossZone = "load_balancing.cross_zone.enabled"
)

var targetGroupAttributes = attributeKind[*account.TargetGroup]{
	noun: "Target group",
	unsupported: func(tg *account.TargetGroup) string {
		if tg.Protocol == "" {
			return "target groups with target type 'lambda'"
		}
		return "target groups with the " + tg.Protocol + " protocol and target type '" + tg.TargetType + "'"
	},
	table: []attribute[*account.TargetGroup]{
		tgAttribute(deregDelay, forInstancesIPs, "300", isBetween(0, 3600)),
		{"deregistration_delay.connection_termination.enabled", forNetwork, terminateOnDrain, isBool},
		tgAttribute("stickiness.enabled", stickable, "false", isBool),
		{"stickiness.type", stickable, stickinessDefault, isOneOf("lb_cookie", "app_cookie", "source_ip", "source_ip_dest_ip", "source_ip_dest_ip_proto")},
		tgAttribute("stickiness.lb_cookie.duration_seconds", forHTTPLambda, "86400", isBetween(1, 604800)),
		tgAttribute(appCookie+"cookie_name", forHTTP, "", isCookieName),
		tgAttribute(appCookie+"duration_seconds", forHTTP, "86400", isBetween(1, 604800)),
		tgAttribute(targetCrossZone, func(tg *account.TargetGroup) bool { return family(tg) != geneveFamily && tg.TargetType != "alb" }, "use_load_balancer_configuration",
			isOneOf("true", "false", "use_load_balancer_configuration")),
		tgAttribute(algorithm+"type", forHTTP, "round_robin", isOneOf("round_robin", "least_outstanding_requests", "weighted_random")),
		tgAttribute(algorithm+"anomaly_mitigation", forHTTP, "off", isOneOf("on", "off")),
		tgAttribute("slow_start.duration_seconds", forHTTP, "0", or("0", isBetween(30, 900))),
		tgAttribute("lambda.multi_value_headers.enabled", tgFamilies(lambdaFamily), "false", isBool),
		{preserveClient, forNetwork, preserveDefault, isBool},
		tgAttribute("proxy_protocol_v2.enabled", func(tg *account.TargetGroup) bool {
			return forNetwork(tg) && !isQUIC(tg.Protocol) && tg.TargetType != "alb"
		}, "false", isBool),
		tgAttribute(dnsFailover+"count", forHTTPNetwork, "1", or("off", isBetween(1, maxTargets))),
		tgAttribute(dnsFailover+"percentage", forHTTPNetwork, "off", or("off", isBetween(1, 100))),
		tgAttribute(unhealthyRoute+"count", forHTTPNetwork, "1", isBetween(1, maxTargets)),
		tgAttribute(unhealthyRoute+"percentage", forHTTPNetwork, "off", or("off", isBetween(1, 100))),
		tgAttribute(terminate, forTCPTLS, "true", isBool),
		tgAttribute(drainInterval, forTCPTLS, "0", isBetween(0, 360000)),
		tgAttribute("target_failover.on_deregistration", forGeneve, "no_rebalance", isOneOf("rebalance", "no_rebalance")),
		tgAttribute("target_failover.on_unhealthy", forGeneve, "no_rebalance", isOneOf("rebalance", "no_rebalance")),
	},
}

// stickable: TLS and QUIC target groups show the keys, too, but refuse to enable them.
func stickable(tg *account.TargetGroup) bool { return !isQUIC(tg.Protocol) }

func terminateOnDrain(tg *account.TargetGroup) string { return strconv.FormatBool(isUDP(tg.Protocol)) }

func stickinessDefault(tg *account.TargetGroup) string {
	switch family(tg) {
	case networkFamily:
		return "source_ip"
	case geneveFamily:
		return "source_ip_dest_ip_proto"
	}
	return "lb_cookie"
}

func preserveDefault(tg *account.TargetGroup) string {
	return strconv.FormatBool(tg.TargetType != "ip" || isUDP(tg.Protocol) || isQUIC(tg.Protocol))
}

// cookieToken is the grammar of a cookie's name in RFC 6265, a token of RFC 2616.
var cookieToken = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]*$")

func isCookieName(key, value string) error {
	for _, reserved := range []string{"AWSALBTG", "AWSALBAPP", "AWSALB"} {
		if strings.HasPrefix(value, reserved) {
			return invalid("'%s' value '%s' cannot begin with the reserved prefix '%s'", key, value, reserved)
		}
	}
	return when(!cookieToken.MatchString(value), invalid("'%s' value '%s' is not a valid cookie name", key, value))
}

// stickinessTypes is which types each family may be sticky by.
var stickinessTypes = map[string][]string{
	httpFamily:    {"lb_cookie", "app_cookie"},
	lambdaFamily:  {"lb_cookie"},
	networkFamily: {"source_ip"},
	geneveFamily:  {"source_ip_dest_ip", "source_ip_dest_ip_proto"},
}

// checkTargetGroupAttributes holds the rules between attributes; after is complete.
func checkTargetGroupAttributes(tg *account.TargetGroup, after map[string]string) error {
	on := func(key string) bool { return after[key] == "true" }
	sticky, weighted := on("stickiness.enabled"), after[algorithm+"type"] == "weighted_random"
	slow := after["slow_start.duration_seconds"] != "" && after["slow_start.duration_seconds"] != "0"
	apart := after[targetCrossZone] == "false"
	switch kind := after["stickiness.type"]; {
	case tg.TargetType == "alb":
		return contradiction("The attributes of target groups with target type 'alb' cannot be modified")
	case isQUIC(tg.Protocol) && after[deregDelay] != "300":
		return contradiction("The deregistration delay of target groups with the %s protocol cannot be changed", tg.Protocol)
	case kind != "" && !slices.Contains(stickinessTypes[family(tg)], kind):
		if tg.Protocol == "" {
			return contradiction("Stickiness type '%s' is not supported for target groups with target type 'lambda'", kind)
		}
		return contradiction("Stickiness type '%s' is not supported for target groups with the %s protocol", kind, tg.Protocol)
	case sticky && tg.Protocol == "TLS":
		return contradiction("You cannot enable stickiness on target groups with the TLS protocol")
	case sticky && kind == "app_cookie" && after[appCookie+"cookie_name"] == "":
		return invalid("You must specify '%scookie_name' when the stickiness type is 'app_cookie'", appCookie)
	case apart && family(tg) == lambdaFamily:
		return contradiction("Cross-zone load balancing cannot be disabled for target groups with target type 'lambda'")
	case apart && sticky && family(tg) == httpFamily:
		return contradiction("You cannot enable stickiness when cross-zone load balancing is disabled on the target group")
	case apart && slices.ContainsFunc(tg.Targets, func(t *account.Target) bool { return t.Zone == "all" }):
		return contradiction("Cross-zone load balancing cannot be disabled while targets are registered with the Availability Zone 'all'")
	case weighted && sticky:
		return contradiction("You cannot enable stickiness with the load balancing algorithm 'weighted_random'")
	case slow && after[algorithm+"type"] != "round_robin":
		return contradiction("Slow start is not supported with the load balancing algorithm '%s'", after[algorithm+"type"])
	case after[algorithm+"anomaly_mitigation"] == "on" && !weighted:
		return contradiction("Anomaly mitigation requires the load balancing algorithm 'weighted_random'")
	case tg.ControlPort != 0 && after[algorithm+"type"] != "round_robin":
		return contradiction("Target groups with a target control port support the load balancing algorithm 'round_robin' only")
	case after[preserveClient] == "false" && (isUDP(tg.Protocol) || isQUIC(tg.Protocol)):
		return contradiction("Client IP preservation cannot be disabled for target groups with the %s protocol", tg.Protocol)
	case after[drainInterval] != "" && after[drainInterval] != "0" && on(terminate):
		return contradiction("'%s' requires '%s' to be 'false'", drainInterval, terminate)
	case after["target_failover.on_deregistration"] != after["target_failover.on_unhealthy"]:
		return contradiction("'target_failover.on_deregistration' and 'target_failover.on_unhealthy' must have the same value")
	}
	return first(thresholds(after, "count"), thresholds(after, "percentage"))
}

// thresholds requires that DNS fails over no later than routing to unhealthy targets begins. A threshold that is off
// compares with nothing.
func thresholds(after map[string]string, unit string) error {
	dns, errDNS := strconv.Atoi(after[dnsFailover+unit])
	route, errRoute := strconv.Atoi(after[unhealthyRoute+unit])
	return when(errDNS == nil && errRoute == nil && dns < route,
		contradiction("'%s%s' must be greater than or equal to '%s%s'", dnsFailover, unit, unhealthyRoute, unit))
}

func tgAttributesOut(tg *account.TargetGroup) []types.TargetGroupAttribute {
	var out []types.TargetGroupAttribute
	for _, s := range targetGroupAttributes.list(tg.Attributes) {
		out = append(out, types.TargetGroupAttribute{Key: aws.String(s.key), Value: aws.String(s.value)})
	}
	return out
}

// DescribeTargetGroupAttributes answers every attribute that the target group has, defaults included.
func (s *Service) DescribeTargetGroupAttributes(ctx context.Context, in *elb.DescribeTargetGroupAttributesInput, _ ...func(*elb.Options)) (*elb.DescribeTargetGroupAttributesOutput, error) {
	return read(ctx, s, "DescribeTargetGroupAttributes", in, func(in *elb.DescribeTargetGroupAttributesInput) (*elb.DescribeTargetGroupAttributesOutput, error) {
		tg, err := s.targetGroup(in.TargetGroupArn)
		if err != nil {
			return nil, err
		}
		return &elb.DescribeTargetGroupAttributesOutput{Attributes: tgAttributesOut(tg)}, nil
	})
}

// ModifyTargetGroupAttributes sets attributes, all or none.
func (s *Service) ModifyTargetGroupAttributes(ctx context.Context, in *elb.ModifyTargetGroupAttributesInput, _ ...func(*elb.Options)) (*elb.ModifyTargetGroupAttributesOutput, error) {
	return write(ctx, s, "ModifyTargetGroupAttributes", in, func(in *elb.ModifyTargetGroupAttributesInput) (*elb.ModifyTargetGroupAttributesOutput, error) {
		settings := settingsOf(in.Attributes, func(a types.TargetGroupAttribute) (*string, *string) { return a.Key, a.Value })
		if err := first(present("targetGroupArn", in.TargetGroupArn), targetGroupAttributes.check(settings)); err != nil {
			return nil, err
		}
		tg, err := s.targetGroup(in.TargetGroupArn)
		if err != nil {
			return nil, err
		}
		after, err := targetGroupAttributes.change(tg, tg.Attributes, settings)
		if err != nil {
			return nil, err
		}
		if err := checkTargetGroupAttributes(tg, after); err != nil {
			return nil, err
		}
		tg.Attributes = after
		return &elb.ModifyTargetGroupAttributesOutput{Attributes: tgAttributesOut(tg)}, nil
	})
}
