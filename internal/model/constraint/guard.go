package constraint

import "slices"

// loose are the attributes of load balancers that restrict requests or protect the load balancer, with the values that
// do so no more than AWS's default does.
var loose = map[string][]string{
	"deletion_protection.enabled":                     {"false"},
	"routing.http.drop_invalid_header_fields.enabled": {"false"},
	"routing.http.desync_mitigation_mode":             {"monitor", "defensive"},
	"routing.http.xff_header_processing.mode":         {"append", "preserve"},
	"waf.fail_open.enabled":                           {"true", "false"},
	"ipv6.deny_all_igw_traffic":                       {"false"},
}

// Guards reports whether an attribute of a load balancer is to restrict or protect more than AWS's default does. A
// value that AWS does not know may be meant so.
func Guards(key, value string) bool {
	values, guards := loose[key]
	return guards && !slices.Contains(values, value)
}
