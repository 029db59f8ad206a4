package accelerator

import (
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// held reports whether an administrator holds the accelerator, so that its plan is not carried out. A finding says so.
func (p *pass) held(plan *plan.Plan) bool {
	h := p.Holds.Of(p.object)
	if h == nil {
		return false
	}
	g := h.Guard(plan.Summary().String())
	d := diag.New(p.object, "", g.Code, g.Text, g.Remedy)
	d.Phase = diag.Deploying
	p.found = append(p.found, d)
	return true
}
