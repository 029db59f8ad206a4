package allowlist

import (
	"fmt"
	"regexp"
)

// targetGroupForm is a pattern of names or ARNs of target groups.
var targetGroupForm = regexp.MustCompile(`^(arn:[A-Za-z0-9:/*-]+|[A-Za-z0-9*-]{1,32})$`)

// TargetGroups reads an allow-list of target groups: patterns of their names, or of their ARNs if they begin with
// "arn:".
func TargetGroups(list []string) (List, error) {
	return Parse(list, "the name or the ARN of a target group", func(pattern string) error {
		if !targetGroupForm.MatchString(pattern) {
			return fmt.Errorf("%q is neither *, nor the name of a target group such as web-*, nor an ARN such as "+
				"arn:aws:elasticloadbalancing:*:*:targetgroup/web/*", pattern)
		}
		return nil
	})
}
