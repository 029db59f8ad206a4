package naming

import "strings"

// OfTargetGroup is the name in a target group's ARN (…:targetgroup/NAME/ID); "" if it is no such ARN.
func OfTargetGroup(arn string) string {
	_, rest, _ := strings.Cut(arn, ":targetgroup/")
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// NamespaceOfTargetGroup is the namespace in the identity of a target group (NAMESPACE/…), which is that of its binding; "" if the
// identity has none, as that of the target group of a frontend.
func NamespaceOfTargetGroup(id string) string {
	namespace, _, ok := strings.Cut(id, "/")
	if !ok {
		return ""
	}
	return namespace
}
