package intent

import (
	"fmt"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// MaxMemberRules bounds the rules of a member on a port. No load balancer has nearly as many, and a route may stand for
// a hundred of them: an object of a megabyte would take the memory of the controller.
const MaxMemberRules = 5_000

// TooManyRules is the finding about a member with more rules.
func TooManyRules(o diag.Object, place string, port int32) diag.Diagnostic {
	return diag.New(o, place, diag.InvalidRule, fmt.Sprintf("the object has more than %d rules on port %d",
		MaxMemberRules, port),
		"declare fewer hosts, paths and condition values")
}
