package compile

import (
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// judge sets a member aside that the front end found invalid. It reports false if that depends on the existing load
// balancer, which is to be looked up.
func (c *compiler) judge(i int) bool {
	m := &c.e.Members[i]
	var errors diag.List
	shared := false
	for _, d := range m.Diagnostics {
		switch {
		case quarantine.Disqualifies(*m, d):
			errors = append(errors, d)
			shared = shared || !d.Scope.OwnOnly()
		case quarantine.Unprotected(d):
			if c.past.Lost(m.Object) && !c.f.ExistingKnown && c.f.Failed(needStack(&c.e)) == nil {
				return false
			}
			if !c.past.Serves(m.Object, c.f.Existing != nil) {
				d.Text += quarantine.Closed
				errors = append(errors, d)
			}
		}
	}
	if len(errors) > 0 || m.Former || m.Withheld {
		return c.setAside(i, errors, shared && !m.Withheld)
	}
	return true
}
