package config

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Throttle is the client-side rate limits per service.
type Throttle map[string][]ThrottleRule

// ThrottleRule is one token bucket: Rate calls a second, Burst at once, for the operations that Operation matches.
type ThrottleRule struct {
	Operation *regexp.Regexp
	Rate      float64
	Burst     int
	// Default marks a rule that is built in and not from the command line.
	Default bool
}

// DefaultThrottle returns the throttle of the existing controller. Its rules for ELBv2 are AWS's published rates. The
// limiter applies them only while AWS throttles, since accounts may have higher rates.
func DefaultThrottle() Throttle {
	rule := func(op string, rate float64, burst int) ThrottleRule {
		return ThrottleRule{Operation: regexp.MustCompile(op), Rate: rate, Burst: burst, Default: true}
	}
	firewall := []ThrottleRule{
		rule("^AssociateWebACL|DisassociateWebACL", 0.5, 1),
		rule("^GetWebACLForResource|ListResourcesForWebACL", 1, 1),
	}
	return Throttle{
		"Elastic Load Balancing v2": {
			rule("^RegisterTargets|^DeregisterTargets", 4, 20),
			rule("^Describe.*", 50, 200),
			rule("^Modify.*", 3, 20),
		},
		"WAFV2": firewall,
	}
}

// String prints the flag's own syntax, services sorted by name.
func (t Throttle) String() string {
	var parts []string
	for _, s := range slices.Sorted(maps.Keys(t)) {
		for _, r := range t[s] {
			parts = append(parts, fmt.Sprintf("%s:%s=%s:%d", s, r.Operation, strconv.FormatFloat(r.Rate, 'g', -1, 64), r.Burst))
		}
	}
	return strings.Join(parts, ",")
}

// Set merges a flag occurrence: giving any entry for a service replaces all entries that the service had before this
// call.
func (t *Throttle) Set(s string) error {
	given := Throttle{}
	for _, part := range strings.Split(s, ",") {
		service, rule, err := parseThrottle(part)
		if err != nil {
			return err
		}
		given[service] = append(given[service], rule)
	}
	if *t == nil {
		*t = Throttle{}
	}
	maps.Copy(*t, given)
	return nil
}

// Type names the flag's value in help texts.
func (t *Throttle) Type() string { return "serviceID:operationRegex=rate:burst" }

func parseThrottle(part string) (string, ThrottleRule, error) {
	fail := func(format string, a ...any) (string, ThrottleRule, error) {
		return "", ThrottleRule{}, fmt.Errorf(format, a...)
	}
	sides := strings.Split(part, "=")
	if len(sides) != 2 {
		return fail("%s must be formatted as serviceID:operationRegex=rate:burst", part)
	}
	left, right := strings.Split(sides[0], ":"), strings.Split(sides[1], ":")
	if len(left) != 2 {
		return fail("%s must be formatted as serviceID:operationRegex", sides[0])
	}
	if len(right) != 2 {
		return fail("%s must be formatted as rate:burst", sides[1])
	}
	op, err := regexp.Compile(left[1])
	if err != nil {
		return fail("%s must be valid regex expression for operation: %w", left[1], err)
	}
	rate, err := strconv.ParseFloat(right[0], 64)
	if err != nil {
		return fail("%s must be valid float number as rate for operations per second", right[0])
	}
	burst, err := strconv.Atoi(right[1])
	if err != nil {
		return fail("%s must be valid integer as burst for operations", right[1])
	}
	if burst > 0 && (rate <= 0 || math.IsNaN(rate)) {
		return fail("%s must be more than 0 as rate for operations per second: no call would ever be made; a burst of "+
			"0 means no limit", right[0])
	}
	return left[0], ThrottleRule{Operation: op, Rate: rate, Burst: burst}, nil
}
