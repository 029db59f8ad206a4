package registrar

import "slices"

// FoundDraining reports whether the last read of a group found draining targets. known is true if the registered
// targets are known, or will not be known soon.
func (r *Registry) FoundDraining(of Group) (draining, known bool) {
	g := r.known(of)
	if g == nil {
		return false, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.draining, g.known || g.overdue
}

// KeepRules makes the next process read a group instead of assuming its registered targets, because rules stay for
// draining targets.
func (r *Registry) KeepRules(of Group, keep bool) {
	if g := r.known(of); g != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.keepsRules = keep
	}
}

// Leaving reports whether targets of a group must still be deregistered.
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

// known returns the state of a group; nil = nothing is known of it. A nil Registry knows nothing.
func (r *Registry) known(of Group) *group {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.groups[of]
}

// Drains reports whether any of these targets drains.
func Drains(all []Health) bool { return slices.ContainsFunc(all, Health.Draining) }
