package annotation

import (
	"strconv"
	"strings"
)

// ValidHealthCheckPath tells whether AWS admits a health check path: 1 to 1024 characters, starting with a slash.
func ValidHealthCheckPath(path string) bool {
	return strings.HasPrefix(path, "/") && len(path) <= 1024
}

// ValidCodes tells whether a matcher is a list of codes and ranges of codes, such as 200,301-302, all within low and high.
func ValidCodes(matcher string, low, high int) bool {
	for item := range strings.SplitSeq(matcher, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(item), "-")
		if !isRange {
			to = from
		}
		a, errA := strconv.Atoi(from)
		b, errB := strconv.Atoi(to)
		if errA != nil || errB != nil || a > b || a < low || b > high {
			return false
		}
	}
	return true
}
