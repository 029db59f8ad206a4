package cloud

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Throttle is one client-side limit of --aws-api-throttle.
type Throttle struct {
	Service   string         // SDK service id
	Operation *regexp.Regexp // unanchored
	Rate      float64        // calls per second
	Burst     int            // 0 = not limited
}

// ParseThrottle reads the value of --aws-api-throttle: a comma list of "serviceID:operationRegex=rate:burst".
func ParseThrottle(value string) ([]Throttle, error) {
	var out []Throttle
	for part := range strings.SplitSeq(value, ",") {
		left, right, ok := strings.Cut(part, "=")
		if !ok || strings.Contains(right, "=") {
			return nil, fmt.Errorf("%s must be formatted as serviceID:operationRegex=rate:burst", part)
		}
		service, pattern, ok := strings.Cut(left, ":")
		if !ok || strings.Contains(pattern, ":") {
			return nil, fmt.Errorf("%s must be formatted as serviceID:operationRegex", left)
		}
		rate, burst, ok := strings.Cut(right, ":")
		if !ok || strings.Contains(burst, ":") {
			return nil, fmt.Errorf("%s must be formatted as rate:burst", right)
		}
		t := Throttle{Service: service}
		var err error
		if t.Operation, err = regexp.Compile(pattern); err != nil {
			return nil, fmt.Errorf("%s must be valid regex expression for operation: %w", pattern, err)
		}
		if t.Rate, err = strconv.ParseFloat(rate, 64); err != nil {
			return nil, fmt.Errorf("%s must be valid float number as rate for operations per second: %w", rate, err)
		}
		if t.Burst, err = strconv.Atoi(burst); err != nil {
			return nil, fmt.Errorf("%s must be valid integer as burst for operations: %w", burst, err)
		}
		out = append(out, t)
	}
	return out, nil
}
