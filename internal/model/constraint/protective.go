package constraint

import "slices"

// Protective is an attribute of load balancers that restricts requests or protects the load balancer.
type Protective struct {
	Key     string
	Values  []string // the loosest first
	Default string   // AWS's
	// Requests is true if the attribute keeps requests from targets.
	Requests bool
}

// ProtectiveAttributes are the protective attributes of load balancers. Members of a group share them by this order of
// values, a new load balancer has them before its first listener, and impact reports the loss of those with Requests.
var ProtectiveAttributes = []Protective{
	{"deletion_protection.enabled", []string{"false", "true"}, "false", false},
	{"routing.http.drop_invalid_header_fields.enabled", []string{"false", "true"}, "false", true},
	{"routing.http.desync_mitigation_mode", []string{"monitor", "defensive", "strictest"}, "defensive", true},
	// with preserve, clients can forge their address
	{"routing.http.xff_header_processing.mode", []string{"preserve", "append", "remove"}, "append", false},
	{"waf.fail_open.enabled", []string{"true", "false"}, "false", true},
	{"ipv6.deny_all_igw_traffic", []string{"false", "true"}, "false", false},
}

// Protects reports whether a value of an attribute restricts or protects a load balancer more than AWS's default does.
// A value that is not in the list may do so.
func Protects(key, value string) bool {
	i := slices.IndexFunc(ProtectiveAttributes, func(p Protective) bool { return p.Key == key })
	if i < 0 {
		return false
	}
	p := ProtectiveAttributes[i]
	return !slices.Contains(p.Values[:slices.Index(p.Values, p.Default)+1], value)
}
