package plan

import "slices"

// Policy is a filter from plan to plan: it refuses steps by a guard, or leaves steps out, or of a
// step some of the attributes or tags that it sets. It adds none.
type Policy func(Plan) Plan

// Under returns the plan after policies, one after the other.
func (p Plan) Under(policies ...Policy) Plan {
	for _, filter := range policies {
		p = filter(p)
	}
	return p
}

// Refuse returns the plan with a guard on a step, without the steps that only prepare for it: those that no other step
// needs.
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

// without returns ids that remain; the list that was given in stays as it is.
func without(ids []StepID, drop func(StepID) bool) []StepID {
	if !slices.ContainsFunc(ids, drop) {
		return ids
	}
	return slices.DeleteFunc(slices.Clone(ids), drop)
}
