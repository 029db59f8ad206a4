package registrar

import (
	"cmp"
	"slices"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
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
	slices.SortFunc(out, func(a, b Target) int { return cmp.Compare(a.Key(), b.Key()) })
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

// When a process starts without knowing the registered targets, an earlier process or the existing controller has
// usually registered the targets of bindings. Until the targets of a group are read, however long that takes, only
// changes since the start are written.

// inherit records the targets that the first request for a group wants, because an earlier process has most likely
// registered them. If a later request does not want one of them, it is deregistered without a read.
func (g *group) inherit(q *Request) {
	if g.request == nil && !g.known && !g.written && !q.New {
		g.inherited = make(map[string]Target, q.Want.Len())
		keys := g.keysOf(q).list
		for i, e := range q.wants().all() {
			g.inherited[keys[i]] = e.Target
		}
	}
	if g.known || len(g.inherited) == 0 {
		g.inherited = nil
		return
	}
	wanted := g.wanted(q)
	for key, t := range g.inherited {
		if !wanted[key] {
			g.members[key] = registeredTarget{Target: t, uncertain: true}
			delete(g.inherited, key)
		}
	}
}

// waitsForRead reports whether a target must not be registered before a read shows that it is missing.
func (g *group) waitsForRead(key string) bool {
	_, inherited := g.inherited[key]
	return inherited && !g.known
}
