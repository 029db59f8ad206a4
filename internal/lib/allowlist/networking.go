package allowlist

import "fmt"

// What the networking of a TargetGroupBinding may be allowed beyond its limits.
const (
	AnyPort   = "any-port"   // ports at which no target listens, or at which nodes themselves serve
	AnySource = "any-source" // any number of public addresses
)

// Networking reads an allow-list of AnyPort and AnySource.
func Networking(list []string) (List, error) {
	return Parse(list, AnyPort+" or "+AnySource, func(pattern string) error {
		if pattern != AnyPort && pattern != AnySource {
			return fmt.Errorf("%q is neither %s, nor %s, nor *, nor %s", pattern, AnyPort, AnySource, None)
		}
		return nil
	})
}
