package naming

import (
	"regexp"
)

// notInSessions is what the existing controller leaves out of the name of a session; of that, STS admits "+".
var notInSessions = regexp.MustCompile(`[^a-zA-Z0-9=,.@_-]+`)

// longestSession is what STS admits of the name of a session (STS API Reference, AssumeRole, RoleSessionName).
const longestSession = 64

// RoleSession returns the name of the session of a role that is assumed. Trust policies and audit logs of other
// accounts know it.
func RoleSession(cluster string) string {
	name := "AWS-LBC-" + notInSessions.ReplaceAllString(cluster, "")
	return name[:min(len(name), longestSession)]
}
