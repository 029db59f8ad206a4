package naming

import "strings"

// OfTargetGroup is the name in a target group's ARN (…:targetgroup/NAME/ID); "" if it is no such ARN.
func OfTargetGroup(arn string) string {
	_, rest, _ := strings.Cut(arn, ":targetgroup/")
	name, _, _ := strings.Cut(rest, "/")
	return name
}
