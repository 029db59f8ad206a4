package registrar

import "slices"

// FoundDraining reports whether the last read of a group found targets that drain, and whether it is known, or will not
// be soon, what is registered.
func (r *Registry) FoundDraining(of Group) (draining, known bool) {
	g := r.known(of)
	if g == nil {
		return false, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.draining, g.known || g.overdue
}

// KeepRules has the next process read a group instead of assuming what is registered in it, as rules stay because of
// targets that drain.
func (r *Registry) KeepRules(of Group, keep bool) {
	if g := r.known(of); g != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.keepsRules = keep
	}
}

// Leaving reports whether targets of a group are still to be deregistered.
func (r *Registry) Leaving(of Group) bool {
	g := r.known(of)
	if g == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.request == nil {
		return false
	}
	wanted := g.wanted(g.request)
	for key := range g.members {
		if !wanted[key] && g.mayLeave(g.request, key) {
			return true
		}
	}
	return false
}

// known is a group of which something is known; nil = nothing is.
func (r *Registry) known(of Group) *group {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.groups[of]
}

// Drains reports whether any of these targets drains.
func Drains(all []Health) bool { return slices.ContainsFunc(all, Health.Draining) }
