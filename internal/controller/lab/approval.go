package lab

import (
	"regexp"
	"strings"
)

var digestInEvent = regexp.MustCompile(`approved-plan: ([0-9a-f]{16})`)

// LastDigest is the digest that the newest event asks to approve; empty if there is none since a number of events.
func (l *Lab) LastDigest(since int) string {
	l.Helper()
	found := digestInEvent.FindAllStringSubmatch(strings.Join(l.Events[since:], "\n"), -1)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1][1]
}
