package targetgroup

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/elbv2/attribute"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

// Families of target groups, by which load balancer they are for. It follows from the protocol alone: a target group
// that nothing uses has one, too.
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

// IsUDP reports whether a protocol carries UDP.
func IsUDP(protocol string) bool { return protocol == "UDP" || protocol == "TCP_UDP" }

// IsQUIC reports whether a protocol carries QUIC.
func IsQUIC(protocol string) bool { return protocol == "QUIC" || protocol == "TCP_QUIC" }

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

var targetGroupAttributes = attribute.Table[*account.TargetGroup]{
	Noun: "Target group",
	Unsupported: func(tg *account.TargetGroup) string {
		if tg.Protocol == "" {
			return "target groups with target type 'lambda'"
		}
		return "target groups with the " + tg.Protocol + " protocol and target type '" + tg.TargetType + "'"
	},
	Rows: []attribute.Attribute[*account.TargetGroup]{
		attribute.New(deregDelay, forInstancesIPs, "300", attribute.Between(0, 3600)),
		attribute.Depending("deregistration_delay.connection_termination.enabled", forNetwork, terminateOnDrain,
			attribute.Bool),
		attribute.New("stickiness.enabled", stickable, "false", attribute.Bool),
		attribute.Depending("stickiness.type", stickable, stickinessDefault, attribute.OneOf("lb_cookie", "app_cookie",
			"source_ip", "source_ip_dest_ip", "source_ip_dest_ip_proto")),
		attribute.New("stickiness.lb_cookie.duration_seconds", forHTTPLambda, "86400", attribute.Between(1, 604800)),
		attribute.New(appCookie+"cookie_name", forHTTP, "", isCookieName),
		attribute.New(appCookie+"duration_seconds", forHTTP, "86400", attribute.Between(1, 604800)),
		attribute.New(targetCrossZone, func(tg *account.TargetGroup) bool {
			return family(tg) != geneveFamily && tg.TargetType != "alb"
		}, "use_load_balancer_configuration",
			attribute.OneOf("true", "false", "use_load_balancer_configuration")),
		attribute.New(algorithm+"type", forHTTP, "round_robin", attribute.OneOf("round_robin", "least_outstanding_requests",
			"weighted_random")),
		attribute.New(algorithm+"anomaly_mitigation", forHTTP, "off", attribute.OneOf("on", "off")),
		attribute.New("slow_start.duration_seconds", forHTTP, "0", attribute.Or("0", attribute.Between(30, 900))),
		attribute.New("lambda.multi_value_headers.enabled", tgFamilies(lambdaFamily), "false", attribute.Bool),
		attribute.Depending(preserveClient, forNetwork, preserveDefault, attribute.Bool),
		attribute.New("proxy_protocol_v2.enabled", func(tg *account.TargetGroup) bool {
			return forNetwork(tg) && !IsQUIC(tg.Protocol) && tg.TargetType != "alb"
		}, "false", attribute.Bool),
		attribute.New(dnsFailover+"count", forHTTPNetwork, "1", attribute.Or("off", attribute.Between(1, maxTargets))),
		attribute.New(dnsFailover+"percentage", forHTTPNetwork, "off", attribute.Or("off", attribute.Between(1, 100))),
		attribute.New(unhealthyRoute+"count", forHTTPNetwork, "1", attribute.Between(1, maxTargets)),
		attribute.New(unhealthyRoute+"percentage", forHTTPNetwork, "off", attribute.Or("off", attribute.Between(1, 100))),
		attribute.New(terminate, forTCPTLS, "true", attribute.Bool),
		attribute.New(drainInterval, forTCPTLS, "0", attribute.Between(0, 360000)),
		attribute.New("target_failover.on_deregistration", forGeneve, "no_rebalance",
			attribute.OneOf("rebalance", "no_rebalance")),
		attribute.New("target_failover.on_unhealthy", forGeneve, "no_rebalance",
			attribute.OneOf("rebalance", "no_rebalance")),
	},
}

// stickable: TLS and QUIC target groups show the keys, too, but refuse to enable them.
func stickable(tg *account.TargetGroup) bool { return !IsQUIC(tg.Protocol) }

func terminateOnDrain(tg *account.TargetGroup) string { return strconv.FormatBool(IsUDP(tg.Protocol)) }

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
	return strconv.FormatBool(tg.TargetType != "ip" || IsUDP(tg.Protocol) || IsQUIC(tg.Protocol))
}

// cookieToken is the grammar of a cookie's name in RFC 6265, a token of RFC 2616.
var cookieToken = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]*$")

func isCookieName(key, value string) error {
	for _, reserved := range []string{"AWSALBTG", "AWSALBAPP", "AWSALB"} {
		if strings.HasPrefix(value, reserved) {
			return check.Invalid("'%s' value '%s' cannot begin with the reserved prefix '%s'", key, value, reserved)
		}
	}
	return check.When(!cookieToken.MatchString(value), check.Invalid("'%s' value '%s' is not a valid cookie name",
		key, value))
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
	sticky := on("stickiness.enabled")
	apart := after[targetCrossZone] == "false"
	switch kind := after["stickiness.type"]; {
	case tg.TargetType == "alb":
		return check.InvalidConfiguration("The attributes of target groups with target type 'alb' cannot be modified")
	case IsQUIC(tg.Protocol) && after[deregDelay] != "300":
		return check.InvalidConfiguration("The deregistration delay of target groups with the %s protocol cannot be changed",
			tg.Protocol)
	case kind != "" && !slices.Contains(stickinessTypes[family(tg)], kind):
		if tg.Protocol == "" {
			return check.InvalidConfiguration("Stickiness type '%s' is not supported for target groups with target "+
				"type 'lambda'", kind)
		}
		return check.InvalidConfiguration("Stickiness type '%s' is not supported for target groups with the %s protocol",
			kind, tg.Protocol)
	case sticky && tg.Protocol == "TLS":
		return check.InvalidConfiguration("You cannot enable stickiness on target groups with the TLS protocol")
	case sticky && kind == "app_cookie" && after[appCookie+"cookie_name"] == "":
		return check.Invalid("You must specify '%scookie_name' when the stickiness type is 'app_cookie'", appCookie)
	case apart && family(tg) == lambdaFamily:
		return check.InvalidConfiguration("Cross-zone load balancing cannot be disabled for target groups with target " +
			"type 'lambda'")
	case apart && sticky && family(tg) == httpFamily:
		return check.InvalidConfiguration("You cannot enable stickiness when cross-zone load balancing is disabled on " +
			"the target group")
	case apart && slices.ContainsFunc(tg.Targets, func(t *account.Target) bool { return t.Zone == "all" }):
		return check.InvalidConfiguration("Cross-zone load balancing cannot be disabled while targets are registered with " +
			"the Availability Zone 'all'")
	}
	return check.First(checkAlgorithm(tg, after), thresholds(after, "count"), thresholds(after, "percentage"))
}

// checkAlgorithm holds the rules about the algorithm, connections and failover.
func checkAlgorithm(tg *account.TargetGroup, after map[string]string) error {
	on := func(key string) bool { return after[key] == "true" }
	sticky, weighted := on("stickiness.enabled"), after[algorithm+"type"] == "weighted_random"
	slow := after["slow_start.duration_seconds"] != "" && after["slow_start.duration_seconds"] != "0"
	switch {
	case weighted && sticky:
		return check.InvalidConfiguration("You cannot enable stickiness with the load balancing algorithm 'weighted_random'")
	case slow && after[algorithm+"type"] != "round_robin":
		return check.InvalidConfiguration("Slow start is not supported with the load balancing algorithm '%s'",
			after[algorithm+"type"])
	case after[algorithm+"anomaly_mitigation"] == "on" && !weighted:
		return check.InvalidConfiguration("Anomaly mitigation requires the load balancing algorithm 'weighted_random'")
	case tg.ControlPort != 0 && after[algorithm+"type"] != "round_robin":
		return check.InvalidConfiguration("Target groups with a target control port support the load balancing algorithm " +
			"'round_robin' only")
	case after[preserveClient] == "false" && (IsUDP(tg.Protocol) || IsQUIC(tg.Protocol)):
		return check.InvalidConfiguration("Client IP preservation cannot be disabled for target groups with the %s protocol",
			tg.Protocol)
	case after[drainInterval] != "" && after[drainInterval] != "0" && on(terminate):
		return check.InvalidConfiguration("'%s' requires '%s' to be 'false'", drainInterval, terminate)
	case after["target_failover.on_deregistration"] != after["target_failover.on_unhealthy"]:
		return check.InvalidConfiguration("'target_failover.on_deregistration' and 'target_failover.on_unhealthy' must " +
			"have the same value")
	}
	return nil
}

// thresholds requires that DNS fails over no later than routing to unhealthy targets begins. A threshold that is off
// compares with nothing.
func thresholds(after map[string]string, unit string) error {
	dns, errDNS := strconv.Atoi(after[dnsFailover+unit])
	route, errRoute := strconv.Atoi(after[unhealthyRoute+unit])
	return check.When(errDNS == nil && errRoute == nil && dns < route,
		check.InvalidConfiguration("'%s%s' must be greater than or equal to '%s%s'", dnsFailover, unit, unhealthyRoute, unit))
}

func tgAttributesOut(tg *account.TargetGroup) []types.TargetGroupAttribute {
	return attribute.List(&targetGroupAttributes, tg.Attributes, func(key, value *string) types.TargetGroupAttribute {
		return types.TargetGroupAttribute{Key: key, Value: value}
	})
}

// DescribeTargetGroupAttributes answers every attribute that the target group has, defaults included.
func (s *TargetGroups) DescribeTargetGroupAttributes(ctx context.Context, in *elb.DescribeTargetGroupAttributesInput,
	_ ...func(*elb.Options)) (*elb.DescribeTargetGroupAttributesOutput, error) {
	return call.Read(ctx, s.entry, "DescribeTargetGroupAttributes", in, func(in *elb.DescribeTargetGroupAttributesInput) (
		*elb.DescribeTargetGroupAttributesOutput, error) {
		tg, err := request.FindTargetGroup(s.account, in.TargetGroupArn)
		if err != nil {
			return nil, err
		}
		return &elb.DescribeTargetGroupAttributesOutput{Attributes: tgAttributesOut(tg)}, nil
	})
}

// ModifyTargetGroupAttributes sets attributes, all or none.
func (s *TargetGroups) ModifyTargetGroupAttributes(ctx context.Context, in *elb.ModifyTargetGroupAttributesInput,
	_ ...func(*elb.Options)) (*elb.ModifyTargetGroupAttributesOutput, error) {
	return call.Write(ctx, s.entry, "ModifyTargetGroupAttributes", in, func(in *elb.ModifyTargetGroupAttributesInput) (
		*elb.ModifyTargetGroupAttributesOutput, error) {
		settings := attribute.SettingsOf(in.Attributes, func(a types.TargetGroupAttribute) (*string, *string) {
			return a.Key, a.Value
		})
		if err := check.First(check.Present("targetGroupArn", in.TargetGroupArn), targetGroupAttributes.Check(
			settings)); err != nil {
			return nil, err
		}
		tg, err := request.FindTargetGroup(s.account, in.TargetGroupArn)
		if err != nil {
			return nil, err
		}
		after, err := targetGroupAttributes.Change(tg, tg.Attributes, settings)
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
