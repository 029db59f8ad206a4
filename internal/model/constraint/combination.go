package constraint

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// AttributeSet is all attributes of a target group that are declared.
type AttributeSet struct {
	Subject
	ControlPort int32
	All         map[string]string
}

// value is an attribute, or AWS's default of it.
func (s AttributeSet) value(key, byDefault string) string { return cmp.Or(s.All[key], byDefault) }

// Combination is attributes that AWS refuses together.
type Combination struct {
	Name string // by which package example knows the row
	// Key is the attribute that is left out.
	Key     string
	problem func(AttributeSet) string
}

// Keys of attributes of target groups that depend on each other.
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
)

// Combinations are the constraints between attributes of a target group.
var Combinations = []Combination{
	{"stickiness type", stickyType, func(s AttributeSet) string {
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
	{"stickiness of TLS", stickyOn, func(s AttributeSet) string {
		if s.Protocol == tls && s.All[stickyOn] == "true" {
			return "a target group with protocol TLS has no stickiness"
		}
		return ""
	}},
	{"cookie of stickiness", stickyOn, func(s AttributeSet) string {
		if s.All[stickyOn] == "true" && s.All[stickyType] == "app_cookie" && s.All[cookieName] == "" {
			return fmt.Sprintf("stickiness of type app_cookie needs %s", cookieName)
		}
		return ""
	}},
	{"stickiness across zones", stickyOn, func(s AttributeSet) string {
		if s.All[stickyOn] == "true" && s.All[crossZoneOf] == "false" && slices.Contains(webProtocols, s.Protocol) {
			return fmt.Sprintf("stickiness needs cross-zone load balancing, and %s is false", crossZoneOf)
		}
		return ""
	}},
	{"algorithm of sticky groups", algorithm, func(s AttributeSet) string {
		if s.All[stickyOn] == "true" && s.All[algorithm] == weightedRandom {
			return "algorithm weighted_random has no stickiness"
		}
		return ""
	}},
	{"algorithm beside control port", algorithm, func(s AttributeSet) string {
		if a := s.value(algorithm, roundRobin); s.ControlPort != 0 && a != roundRobin {
			return fmt.Sprintf("a target group with a control port has algorithm round_robin, not %s", a)
		}
		return ""
	}},
	{"algorithm of slow start", slowStart, func(s AttributeSet) string {
		if a := s.value(algorithm, roundRobin); s.value(slowStart, "0") != "0" && a != roundRobin {
			return fmt.Sprintf("algorithm %s has no slow start", a)
		}
		return ""
	}},
	{"anomaly mitigation", anomaly, func(s AttributeSet) string {
		if s.All[anomaly] == "on" && s.All[algorithm] != weightedRandom {
			return fmt.Sprintf("anomaly mitigation needs %s=weighted_random", algorithm)
		}
		return ""
	}},
	{"client addresses", preserve, func(s AttributeSet) string {
		if s.All[preserve] == "false" && slices.Contains([]string{udp, tcpUDP, quic, tcpQUIC}, s.Protocol) {
			return "a target group with protocol " + s.Protocol + " always preserves client addresses"
		}
		return ""
	}},
	{"draining of unhealthy targets", drainInterval, func(s AttributeSet) string {
		if s.value(drainInterval, "0") != "0" && s.value(terminates, "true") == "true" {
			return fmt.Sprintf("it needs %s=false", terminates)
		}
		return ""
	}},
	{"thresholds of healthy targets", routing + "count", threshold("count", 1)},
	{"shares of healthy targets", routing + "percentage", threshold("percentage", 0)},
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

// OfAttributes is the attribute of a target group that AWS refuses beside the others, and why; an empty key = none.
// Each attribute by itself is admitted.
func OfAttributes(s AttributeSet) (key string, r Refusal) {
	if s.TargetType == "alb" || s.Kind != TargetGroup {
		return "", Refusal{}
	}
	for i := range Combinations {
		c := &Combinations[i]
		if text := c.problem(s); text != "" && s.All[c.Key] != "" {
			return c.Key, Refusal{Problem: fmt.Sprintf("attribute %s cannot be %q: %s", c.Key, s.All[c.Key], text),
				Remedy: "correct one of the attributes"}
		}
	}
	return "", Refusal{}
}
