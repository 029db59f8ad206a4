package constraint

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// AttributeSet is all attributes of a resource that are declared, and what else decides about them.
type AttributeSet struct {
	Subject
	ControlPort   int32  // of a target group
	IPAddressType string // of a load balancer
	All           map[string]string
	// Existing reads the attributes that AWS has: those that are not declared stay. It is called only where they decide;
	// nil = the resource is new.
	Existing func() (all map[string]string, known bool)
	// Mutual reads the mode of mutual authentication of a listener; nil = it is not known.
	Mutual func() (mode string, known bool)
	// Listens reports whether a listener of a load balancer has a protocol; nil = the listeners are not known.
	Listens func(protocol string) (listens, known bool)
	// Balancer is the load balancer of a listener; nil = it is not known.
	Balancer *AttributeSet
}

// reading is a set whose attributes a row reads.
type reading struct {
	AttributeSet
	unknown bool     // the row needs what is not known, so it finds nothing
	fromAWS []string // the attributes that decide and that only AWS has
}

// value is an attribute as it will be in AWS.
func (r *reading) value(key, byDefault string) string {
	if v, declared := r.All[key]; declared {
		return cmp.Or(v, byDefault)
	}
	v := r.before(key)
	if v != "" && v != byDefault {
		r.fromAWS = append(r.fromAWS, key+"="+v)
	}
	return cmp.Or(v, byDefault)
}

// before is an attribute as AWS has it now.
func (r *reading) before(key string) string {
	if r.Existing == nil {
		return ""
	}
	all, known := r.Existing()
	r.unknown = r.unknown || !known
	return all[key]
}

// condition is what an attribute must be for a row to find something.
type condition struct {
	key, byDefault string
	holds          func(v string) bool
}

func is(key, want string) condition {
	return condition{key, "", func(v string) bool { return v == want }}
}

func isNot(key, byDefault string) condition {
	return condition{key, byDefault, func(v string) bool { return v != byDefault }}
}

// meets reports whether all conditions hold. It reads AWS only if those of declared attributes do.
func (r *reading) meets(all ...condition) bool {
	for _, declared := range []bool{true, false} {
		for _, c := range all {
			if _, has := r.All[c.key]; has == declared && !c.holds(r.value(c.key, c.byDefault)) {
				return false
			}
		}
	}
	return true
}

// find returns what a row finds, which is nothing if it depends on what is not known. fromAWS are the attributes,
// KEY=VALUE, that decide and that only AWS has.
func (s AttributeSet) find(row func(*reading) string) (text string, fromAWS []string) {
	r := &reading{AttributeSet: s}
	if text = row(r); text == "" || r.unknown {
		return "", nil
	}
	return text, r.fromAWS
}

// Combination is attributes that AWS refuses together.
type Combination struct {
	Kind Kind
	Name string // by which package example knows the row
	// Keys are the attributes; the first one that is declared is left out.
	Keys    []string
	problem func(*reading) string
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
	delay         = "deregistration_delay.timeout_seconds"
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
	{LoadBalancer, "zones of application load balancers", []string{crossZoneOf}, func(r *reading) string {
		if r.Type == stack.Application && r.meets(is(crossZoneOf, "false")) {
			return "an application load balancer always has cross-zone load balancing, which its target groups can disable"
		}
		return ""
	}},
	{LoadBalancer, "number of secondary addresses", []string{secondary}, func(r *reading) string {
		if before := r.before(secondary); r.All[secondary] < before { // of one digit
			return fmt.Sprintf("AWS does not decrease the number, which is %s", before)
		}
		return ""
	}},
}

// bucketOf keeps the bucket of logs that are written.
func bucketOf(family string) Combination {
	return Combination{LoadBalancer, family + "bucket", []string{family + "bucket"}, func(r *reading) string {
		if r.All[family+"bucket"] == "" && r.before(family+"bucket") != "" && r.meets(is(family+"enabled", "true")) {
			return fmt.Sprintf("%senabled needs a bucket", family)
		}
		return ""
	}}
}

// loggingOf requires a bucket for logs.
func loggingOf(family string) Combination {
	return Combination{LoadBalancer, family + "enabled", []string{family + "enabled"}, func(r *reading) string {
		if r.meets(is(family+"enabled", "true"), is(family+"bucket", "")) {
			return fmt.Sprintf("it needs %sbucket", family)
		}
		return ""
	}}
}

// ofWeb is a constraint between attributes of target groups of application load balancers.
func ofWeb(name string, keys []string, text string, all ...condition) Combination {
	return Combination{TargetGroup, name, keys, func(r *reading) string {
		if slices.Contains(webProtocols, r.Protocol) && r.meets(all...) {
			return text
		}
		return ""
	}}
}

var groupCombinations = []Combination{
	{TargetGroup, "stickiness type", []string{stickyType}, func(r *reading) string {
		allowed := []string{"source_ip"}
		if slices.Contains(webProtocols, r.Protocol) {
			allowed = []string{"lb_cookie", "app_cookie"}
		}
		if v := r.All[stickyType]; v != "" && !slices.Contains(allowed, v) {
			return fmt.Sprintf("%s=%s is not for target groups with protocol %s, which have %s", stickyType, v, r.Protocol,
				allowed[0])
		}
		return ""
	}},
	{TargetGroup, "stickiness of TLS", []string{stickyOn}, func(r *reading) string {
		if r.Protocol == tls && r.All[stickyOn] == "true" {
			return "a target group with protocol TLS has no stickiness"
		}
		return ""
	}},
	ofWeb("cookie of stickiness", []string{stickyOn, stickyType, cookieName},
		"stickiness of type app_cookie needs "+cookieName,
		is(stickyOn, "true"), is(stickyType, "app_cookie"), is(cookieName, "")),
	ofWeb("stickiness across zones", []string{stickyOn, crossZoneOf},
		"stickiness needs cross-zone load balancing, and "+crossZoneOf+" is false",
		is(stickyOn, "true"), is(crossZoneOf, "false")),
	ofWeb("algorithm of sticky groups", []string{algorithm, stickyOn}, "algorithm weighted_random has no stickiness",
		is(stickyOn, "true"), is(algorithm, weightedRandom)),
	{TargetGroup, "algorithm beside control port", []string{algorithm}, func(r *reading) string {
		if a := cmp.Or(r.All[algorithm], roundRobin); r.ControlPort != 0 && a != roundRobin {
			return fmt.Sprintf("a target group with a control port has algorithm round_robin, not %s", a)
		}
		return ""
	}},
	ofWeb("algorithm of slow start", []string{slowStart, algorithm}, "slow start needs "+algorithm+"=round_robin",
		isNot(slowStart, "0"), isNot(algorithm, roundRobin)),
	ofWeb("anomaly mitigation", []string{anomaly, algorithm}, "anomaly mitigation needs "+algorithm+"=weighted_random",
		is(anomaly, "on"), condition{algorithm, roundRobin, func(v string) bool { return v != weightedRandom }}),
	{TargetGroup, "client addresses", []string{preserve}, func(r *reading) string {
		if r.All[preserve] == "false" && slices.Contains([]string{udp, tcpUDP, quic, tcpQUIC}, r.Protocol) {
			return "a target group with protocol " + r.Protocol + " always preserves client addresses"
		}
		return ""
	}},
	{TargetGroup, "delay of QUIC", []string{delay}, func(r *reading) string {
		if v := r.All[delay]; (r.Protocol == quic || r.Protocol == tcpQUIC) && v != "" && v != "300" {
			return "a target group with protocol " + r.Protocol + " always has a delay of 300 seconds"
		}
		return ""
	}},
	{TargetGroup, "draining of unhealthy targets", []string{drainInterval, terminates}, func(r *reading) string {
		if r.meets(isNot(drainInterval, "0"), condition{terminates, "true", func(v string) bool { return v == "true" }}) {
			return fmt.Sprintf("draining of unhealthy targets needs %s=false", terminates)
		}
		return ""
	}},
	{TargetGroup, "thresholds of healthy targets", []string{routing + "count", failover + "count"},
		threshold("count", "1")},
	{TargetGroup, "shares of healthy targets", []string{routing + "percentage", failover + "percentage"},
		threshold("percentage", "off")},
}

// threshold requires that DNS fails over no later than routing to unhealthy targets begins. byDefault is AWS's value of
// both.
func threshold(unit, byDefault string) func(*reading) string {
	return func(r *reading) string {
		dns, errDNS := strconv.Atoi(r.value(failover+unit, byDefault))
		route, errRoute := strconv.Atoi(r.value(routing+unit, byDefault))
		if errDNS != nil || errRoute != nil || dns >= route { // off compares with nothing
			return ""
		}
		return fmt.Sprintf("%s%s (%d) must not be less than %s%s (%d)", failover, unit, dns, routing, unit, route)
	}
}

// OfAttributes returns the attribute of a resource that AWS refuses together with the others, and why; an empty key =
// none. Each attribute by itself is admitted.
func OfAttributes(s AttributeSet) (key string, r Refusal) {
	if s.TargetType == stack.TargetALB {
		return "", Refusal{}
	}
	for i := range Combinations {
		c := &Combinations[i]
		at := slices.IndexFunc(c.Keys, func(key string) bool { _, declared := s.All[key]; return declared })
		if at < 0 || c.Kind != s.Kind {
			continue
		}
		if text, fromAWS := s.find(c.problem); text != "" {
			key, remedy := c.Keys[at], "correct one of the attributes"
			if len(fromAWS) > 0 {
				have := strings.Join(fromAWS, ", ")
				text, remedy = text+"; AWS has "+have, "correct the attribute, or declare another value than "+have
			}
			return key, Refusal{Problem: fmt.Sprintf("attribute %s cannot be %q: %s", key, s.All[key], text), Remedy: remedy}
		}
	}
	return "", Refusal{}
}
