package constraint

import "slices"

// Guard is an attribute of load balancers that restricts requests or protects the load balancer. It has nothing to do
// with plan.Guard, which is why a step must not be executed.
type Guard struct {
	Key     string
	Values  []string // the loosest first
	Default string   // AWS's
	// Requests is true if the attribute keeps requests from targets.
	Requests bool
}

// LoadBalancerGuards are the attributes that guard a load balancer. Members of a group share them by this order of
// values, a new load balancer has them before its first listener, and impact reports which ones an edit loosens.
var LoadBalancerGuards = []Guard{
	{"deletion_protection.enabled", []string{"false", "true"}, "false", false},
	{"routing.http.drop_invalid_header_fields.enabled", []string{"false", "true"}, "false", true},
	{"routing.http.desync_mitigation_mode", []string{"monitor", "defensive", "strictest"}, "defensive", true},
	// with preserve, clients can forge their address
	{"routing.http.xff_header_processing.mode", []string{"preserve", "append", "remove"}, "append", false},
	{"waf.fail_open.enabled", []string{"true", "false"}, "false", true},
	{"ipv6.deny_all_igw_traffic", []string{"false", "true"}, "false", false},
}

// Guards reports whether a value of an attribute restricts or protects a load balancer more than AWS's default does. A
// value that is not in the list may do so.
func Guards(key, value string) bool {
	i := slices.IndexFunc(LoadBalancerGuards, func(g Guard) bool { return g.Key == key })
	if i < 0 {
		return false
	}
	g := LoadBalancerGuards[i]
	return !slices.Contains(g.Values[:slices.Index(g.Values, g.Default)+1], value)
}
