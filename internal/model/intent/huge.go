package intent

import (
	"fmt"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// MaxMemberRules limits the rules of a member on a port. No load balancer has nearly as many. One route can need a
// hundred rules, so without the limit an object of a megabyte could exhaust the memory of the controller.
const MaxMemberRules = 5_000

// TooManyRules returns the finding about a member with more rules than MaxMemberRules.
func TooManyRules(o diag.Object, place string, port int32) diag.Diagnostic {
	return diag.New(o, place, diag.InvalidRule, fmt.Sprintf("the object has more than %d rules on port %d",
		MaxMemberRules, port),
		"declare fewer hosts, paths and condition values")
}
