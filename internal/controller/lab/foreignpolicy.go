package lab

import (
	"strings"
)

// JudgeDenied holds that the policy of a role denied nothing.
func (r *Role) JudgeDenied(when string) {
	r.lab.Helper()
	if len(r.Denied) > 0 {
		r.lab.Errorf("%s, denied are %v:\n%s", when, r.Denied, strings.Join(r.lab.Events, "\n"))
	}
}
