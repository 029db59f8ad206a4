package constraint

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// AttributeSet is all attributes of a resource that are declared, and what else decides about them.
type AttributeSet struct {
	Subject
	ControlPort int32 // of a target group
	All         map[string]string
	// Existing is the attributes that AWS has, if the resource exists: those that are not declared stay.
	Existing map[string]string
	Mutual   string // the mode of mutual authentication of a listener
	// Balancer is the declared attributes of a listener's load balancer; nil = not known.
	Balancer map[string]string
}

// value is an attribute as it will be in AWS.
func (s AttributeSet) value(key, byDefault string) string {
	v, declared := s.All[key]
	if !declared {
		v = s.Existing[key]
	}
	return cmp.Or(v, byDefault)
}

// Combination is attributes that AWS refuses together.
type Combination struct {
	Kind Kind
	Name string // by which package example knows the row
	// Key is the attribute that is left out.
	Key     string
	problem func(AttributeSet) string
}

// Keys of attributes that depend on each other.
const (
	stickyOn      = "stickiness.enabled"
	stickyType    = "stickiness.type"
	cookieName    = "stickiness.app_cookie.cookie_name"
	algorithm     = "load_balancing.algorithm.type"
	anomaly       = "load_balancing.algorithm.anomaly_mitigation"
	crossZoneOf   = "load_balancing.cross_zone.enabled"
	slowStart     = "slow_start.duration_seconds"
	preserve      = "preserve_client_ip.enabled"
	drainInterval = "target_health_state.unhealthy.draining_interval_seconds"
	terminates    = "target_health_state.unhealthy.connection_termination.enabled"
	failover      = "target_group_health.dns_failover.minimum_healthy_targets."
	routing       = "target_group_health.unhealthy_state_routing.minimum_healthy_targets."

	roundRobin, weightedRandom = "round_robin", "weighted_random"

	secondary = "secondary_ips.auto_assigned.per_subnet" // of network load balancers
)

// Combinations are the constraints between attributes of a resource.
var Combinations = slices.Concat(balancerCombinations, groupCombinations)

var balancerCombinations = []Combination{
	bucketOf("access_logs.s3."), loggingOf("access_logs.s3."),
	bucketOf("connection_logs.s3."), loggingOf("connection_logs.s3."),
	bucketOf("health_check_logs.s3."), loggingOf("health_check_logs.s3."),
	{LoadBalancer, "zones of application load balancers", crossZoneOf, func(s AttributeSet) string {
		if s.Type == stack.Application && s.All[crossZoneOf] == "false" {
			return "an application load balancer always has cross-zone load balancing, which its target groups can disable"
		}
		return ""
	}},
	{LoadBalancer, "number of secondary addresses", secondary, func(s AttributeSet) string {
		if before := s.Existing[secondary]; s.All[secondary] < before { // of one digit
			return fmt.Sprintf("AWS does not decrease the number, which is %s", before)
		}
		return ""
	}},
}

// bucketOf keeps the bucket of logs that are written.
func bucketOf(family string) Combination {
	return Combination{LoadBalancer, family + "bucket", family + "bucket", func(s AttributeSet) string {
		if v, declared := s.All[family+"bucket"]; declared && v == "" && s.Existing[family+"bucket"] != "" &&
			s.value(family+"enabled", "false") == "true" {
			return fmt.Sprintf("%senabled needs a bucket", family)
		}
		return ""
	}}
}

// loggingOf requires a bucket for logs.
func loggingOf(family string) Combination {
	return Combination{LoadBalancer, family + "enabled", family + "enabled", func(s AttributeSet) string {
		if s.All[family+"enabled"] == "true" && s.value(family+"bucket", "") == "" {
			return fmt.Sprintf("it needs %sbucket", family)
		}
		return ""
	}}
}

var groupCombinations = []Combination{
	{TargetGroup, "stickiness type", stickyType, func(s AttributeSet) string {
		allowed := []string{"source_ip"}
		if slices.Contains(webProtocols, s.Protocol) {
			allowed = []string{"lb_cookie", "app_cookie"}
		}
		if t := s.All[stickyType]; t != "" && !slices.Contains(allowed, t) {
			return fmt.Sprintf("%s=%s is not for target groups with protocol %s, which have %s", stickyType, t, s.Protocol,
				allowed[0])
		}
		return ""
	}},
	{TargetGroup, "stickiness of TLS", stickyOn, func(s AttributeSet) string {
		if s.Protocol == tls && s.All[stickyOn] == "true" {
			return "a target group with protocol TLS has no stickiness"
		}
		return ""
	}},
	{TargetGroup, "cookie of stickiness", stickyOn, func(s AttributeSet) string {
		if s.All[stickyOn] == "true" && s.All[stickyType] == "app_cookie" && s.All[cookieName] == "" {
			return fmt.Sprintf("stickiness of type app_cookie needs %s", cookieName)
		}
		return ""
	}},
	{TargetGroup, "stickiness across zones", stickyOn, func(s AttributeSet) string {
		if s.All[stickyOn] == "true" && s.All[crossZoneOf] == "false" && slices.Contains(webProtocols, s.Protocol) {
			return fmt.Sprintf("stickiness needs cross-zone load balancing, and %s is false", crossZoneOf)
		}
		return ""
	}},
	{TargetGroup, "algorithm of sticky groups", algorithm, func(s AttributeSet) string {
		if s.All[stickyOn] == "true" && s.All[algorithm] == weightedRandom {
			return "algorithm weighted_random has no stickiness"
		}
		return ""
	}},
	{TargetGroup, "algorithm beside control port", algorithm, func(s AttributeSet) string {
		if a := s.value(algorithm, roundRobin); s.ControlPort != 0 && a != roundRobin {
			return fmt.Sprintf("a target group with a control port has algorithm round_robin, not %s", a)
		}
		return ""
	}},
	{TargetGroup, "algorithm of slow start", slowStart, func(s AttributeSet) string {
		if a := s.value(algorithm, roundRobin); s.value(slowStart, "0") != "0" && a != roundRobin {
			return fmt.Sprintf("algorithm %s has no slow start", a)
		}
		return ""
	}},
	{TargetGroup, "anomaly mitigation", anomaly, func(s AttributeSet) string {
		if s.All[anomaly] == "on" && s.All[algorithm] != weightedRandom {
			return fmt.Sprintf("anomaly mitigation needs %s=weighted_random", algorithm)
		}
		return ""
	}},
	{TargetGroup, "client addresses", preserve, func(s AttributeSet) string {
		if s.All[preserve] == "false" && slices.Contains([]string{udp, tcpUDP, quic, tcpQUIC}, s.Protocol) {
			return "a target group with protocol " + s.Protocol + " always preserves client addresses"
		}
		return ""
	}},
	{TargetGroup, "draining of unhealthy targets", drainInterval, func(s AttributeSet) string {
		if s.value(drainInterval, "0") != "0" && s.value(terminates, "true") == "true" {
			return fmt.Sprintf("it needs %s=false", terminates)
		}
		return ""
	}},
	{TargetGroup, "thresholds of healthy targets", routing + "count", threshold("count", 1)},
	{TargetGroup, "shares of healthy targets", routing + "percentage", threshold("percentage", 0)},
}

// threshold requires that DNS fails over no later than routing to unhealthy targets begins. byDefault is AWS's value of
// both; 0 = off.
func threshold(unit string, byDefault int) func(AttributeSet) string {
	number := func(s AttributeSet, key string) int {
		n, err := strconv.Atoi(s.value(key, strconv.Itoa(byDefault)))
		if err != nil {
			return 0 // off
		}
		return n
	}
	return func(s AttributeSet) string {
		if dns, route := number(s, failover+unit), number(s, routing+unit); dns != 0 && dns < route {
			return fmt.Sprintf("%s%s must not be less, and it is %d", failover, unit, dns)
		}
		return ""
	}
}

// OfAttributes is the attribute of a resource that AWS refuses beside the others, and why; an empty key = none. Each
// attribute by itself is admitted.
func OfAttributes(s AttributeSet) (key string, r Refusal) {
	if s.TargetType == stack.TargetALB {
		return "", Refusal{}
	}
	for i := range Combinations {
		c := &Combinations[i]
		if _, declared := s.All[c.Key]; !declared || c.Kind != s.Kind {
			continue
		}
		if text := c.problem(s); text != "" {
			return c.Key, Refusal{Problem: fmt.Sprintf("attribute %s cannot be %q: %s", c.Key, s.All[c.Key], text),
				Remedy: "correct one of the attributes"}
		}
	}
	return "", Refusal{}
}
