// Package iamroles decides which IAM roles the TargetGroupBindings of a namespace may name: an allow-list of patterns
// from the flag --assumable-roles, and the form of a role's ARN. It does not know whether AWS lets the controller
// assume a role. The package is pure.
package iamroles

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
)

// Roles is an allow-list of roles.
type Roles = allowlist.List

// arnForm is that of the ARN of a role (STS API Reference, AssumeRole, RoleArn): its partition, account, and path with
// name.
var arnForm = regexp.MustCompile(`^arn:(aws[a-z-]*):iam::([0-9]{12}):role/((?:[\w+=,.@/-]*/)?[\w+=,.@-]{1,64})$`)

// Parse reads an allow-list: patterns of ARNs of roles, each for the bindings of all namespaces, or of one as
// NAMESPACE=PATTERN.
func Parse(list []string) (Roles, error) {
	return allowlist.Parse(list, "the ARN of a role", func(pattern string) error {
		if !strings.HasPrefix(pattern, "arn:") || !strings.Contains(pattern, ":role/") {
			return fmt.Errorf("%q is neither * nor the ARN of a role such as arn:aws:iam::123456789012:role/targets, in which "+
				"* stands for any characters", pattern)
		}
		return nil
	})
}

// Account returns the id of the account of a role; ok is false of what is not the ARN of a role.
func Account(role string) (id string, ok bool) {
	m := arnForm.FindStringSubmatch(role)
	if m == nil {
		return "", false
	}
	return m[2], true
}

// externalIDForm is that of an external id (STS API Reference, AssumeRole, ExternalId).
var externalIDForm = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)

// longestExternalID is counted in characters.
const longestExternalID = 1224

// ExternalID reports whether AWS takes a text as an external id.
func ExternalID(id string) bool {
	return len(id) <= longestExternalID && externalIDForm.MatchString(id)
}
