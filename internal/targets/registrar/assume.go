package registrar

import (
	"cmp"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/sorting"
)

// Registered lists the registered targets of a scope, by ARN, of groups for which they are known for certain: the
// targets that a binding wanted; in shared groups, all targets.
func (r *Registry) Registered(in awsclient.Scope) map[string][]Target {
	r.mu.Lock()
	groups := make([]*group, 0, len(r.groups))
	for of, g := range r.groups {
		if of.Scope == in {
			groups = append(groups, g)
		}
	}
	r.mu.Unlock()
	out := map[string][]Target{}
	for _, g := range groups {
		if members, ok := g.certain(); ok {
			out[g.ARN] = members
		}
	}
	return out
}

// certain lists the members of a group, sorted. It reports false if a member is uncertain or has a call in progress.
func (g *group) certain() ([]Target, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.known || g.reread || g.busy() || g.keepsRules { // the next process must read which targets drain
		return nil, false
	}
	out := make([]Target, 0, len(g.members))
	for _, m := range g.members {
		if m.uncertain {
			return nil, false
		}
		if g.requested[m.Key()] || g.request != nil && g.request.Record != nil {
			out = append(out, m.Target)
		}
	}
	sorting.By(out, func(a, b Target) int { return cmp.Compare(a.Key(), b.Key()) })
	return out, true
}

// Assume restores the registered targets that an earlier process knew when it ended, for groups of which this process
// knows nothing. Missing targets are registered and unwanted ones deregistered at once. Both are harmless if the
// assumption is wrong, because AWS accepts registrations of registered targets and deregistrations of unknown ones.
// Recheck finds what the assumption misses.
func (r *Registry) Assume(in awsclient.Scope, members map[string][]Target) {
	for arn, ts := range members {
		g := r.group(Group{in, arn})
		g.mu.Lock()
		if !g.known && !g.busy() && !g.written {
			g.known = true
			for _, t := range ts {
				g.members[t.Key()], g.requested[t.Key()] = registeredTarget{Target: t}, true
			}
		}
		g.mu.Unlock()
	}
}
