package diff

import (
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/traffic"
)

// overlapping orders the creation of rules: a rule must not be there before one with which it shares requests and that goes
// first, else those requests would be answered wrongly for a moment. Rules that share none may be created in any order.
type overlapping struct{ earlier []createdRule }

type createdRule struct {
	id         plan.StepID
	conditions []stack.Condition
}

// mostCompared bounds the pairwise comparison; beyond it, each new rule simply follows the one before.
const mostCompared = 128

// before lists the steps that a new rule must follow, and remembers it.
func (o *overlapping) before(id plan.StepID, cs []stack.Condition) []plan.StepID {
	defer func() { o.earlier = append(o.earlier, createdRule{id, cs}) }()
	return o.sharing(cs)
}

// sharing lists the steps that whoever shares requests with their rules must follow.
func (o *overlapping) sharing(cs []stack.Condition) []plan.StepID {
	switch n := len(o.earlier); {
	case n == mostCompared:
		ids := make([]plan.StepID, n)
		for i, e := range o.earlier {
			ids[i] = e.id
		}
		return ids
	case n > mostCompared:
		return []plan.StepID{o.earlier[n-1].id}
	}
	var out []plan.StepID
	for _, e := range o.earlier {
		if !traffic.Disjoint(e.conditions, cs) {
			out = append(out, e.id)
		}
	}
	return out
}
