package plan

import "slices"

// Policy is a filter from plan to plan: it refuses steps by a guard, or leaves out steps, or some attributes or tags
// of a step, or orders steps. It adds none.
type Policy func(Plan) Plan

// Under applies policies to the plan, one after the other.
func (p Plan) Under(policies ...Policy) Plan {
	for _, filter := range policies {
		p = filter(p)
	}
	return p
}

// Refuse returns the plan with a guard on a step. Steps that only prepare for it, because no other step needs them, are
// left out.
func (p Plan) Refuse(id StepID, g *Guard) Plan {
	refused, _ := p.Step(id)
	needed := map[StepID]bool{}
	for _, s := range p.Steps {
		for _, n := range s.Needs {
			needed[n] = needed[n] || s.ID != id
		}
	}
	prepares := func(n StepID) bool { return slices.Contains(refused.Needs, n) && !needed[n] }
	var out []Step
	for _, s := range p.Steps {
		if prepares(s.ID) {
			continue
		}
		if s.ID == id {
			s.Guard = g
		}
		s.Needs, s.After = without(s.Needs, prepares), without(s.After, prepares)
		out = append(out, s)
	}
	p.Steps, p.HandOver = out, without(p.HandOver, prepares)
	return p
}

// without returns the remaining ids, and does not change its argument.
func without(ids []StepID, drop func(StepID) bool) []StepID {
	if !slices.ContainsFunc(ids, drop) {
		return ids
	}
	return slices.DeleteFunc(slices.Clone(ids), drop)
}
