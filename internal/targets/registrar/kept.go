package registrar

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/brake"
)

// keptTargets is the state by which KeepServing finds that a group would lose most of its targets although their pods
// or nodes still serve.
type keptTargets struct {
	// lastWanted are the endpoints that the last request wanted, and the kept ones.
	lastWanted wants
	// dropped are the endpoints that requests dropped within the window of the brake although their pods or nodes served,
	// and when.
	dropped map[string]time.Time
	// byKey are not deregistered until the brake or the binding allows it, or their pod or node ends.
	byKey map[string]Endpoint
	// emptied: the last request was for a group that an edit emptied.
	emptied bool
	// allowed: the last request may deregister targets that serve.
	allowed bool
	// unread: which targets an earlier process registered is not known yet, and some may stay.
	unread bool
}

// formerly are the registered targets of pods that a request names. known is false if it is not known of each target
// which pod is behind it.
func (g *group) formerly(q *Request) (all []Endpoint, known bool) {
	if q.Former == nil {
		return nil, true
	}
	known = g.known
	for _, m := range g.members {
		e, asked := q.Former[m.ID]
		if known = known && asked; e.Pod != "" {
			e.Target = m.Target
			all = append(all, e)
		}
	}
	return all, known
}

// KeepServing is called before each Sync of a request. It returns the targets that stay registered although the request
// does not want them. serves reports whether the pod or node of an endpoint exists and works as before. If the
// request, together with those of the last minutes, removes more than half of the group's targets although they
// serve, the brake of all groups decides.
//
// If an edit emptied the group, all targets that serve are kept.
//
// Targets that no longer serve are never kept, and nothing is kept if the removal is allowed. Nothing is known of
// targets that an earlier process registered, so these are kept only if an edit emptied their group.
func (r *Registry) KeepServing(q Request, allowed bool, serves func(Endpoint) bool) []Endpoint {
	g, groups := r.group(q.Group), r.size()
	g.mu.Lock()
	defer g.mu.Unlock()
	h := &g.kept
	wanted := g.wanted(&q)
	if h.emptied && !q.Emptied {
		h.byKey = nil
	}
	h.emptied, h.allowed = q.Emptied, allowed
	formerly, known := g.formerly(&q)
	h.unread = !known
	h.lastWanted.of = h.lastWanted.of.With(formerly...)
	suspects := map[string]Endpoint{}
	h.lastWanted.missingIn(q.wants(), func(e Endpoint) {
		if serves(e) {
			suspects[e.Key()] = e
		}
	})
	if len(suspects) > 0 { // another port of the same pod or node means that the port was edited
		ids := map[string]bool{}
		for _, e := range suspects {
			ids[e.ID] = false
		}
		for _, e := range q.Want.All() {
			if _, suspect := ids[e.ID]; suspect {
				ids[e.ID] = true
			}
		}
		maps.DeleteFunc(suspects, func(_ string, e Endpoint) bool { return ids[e.ID] })
	}
	defer func() { r.index(r.keeping, g, len(h.byKey) > 0) }()
	now := r.Clock.Now()
	maps.DeleteFunc(h.dropped, func(key string, at time.Time) bool { return wanted[key] || now.Sub(at) >= brake.Window })
	most := 2*(len(suspects)+len(h.dropped)) > h.lastWanted.of.Len()+len(h.dropped)
	h.lastWanted = q.wants()
	switch {
	case len(suspects) == 0 || allowed:
		if len(h.byKey) > 0 {
			r.Brake.Forget(q.ARN)
		}
		h.byKey = nil
	case len(h.byKey) > 0, q.Emptied, most && !r.Brake.Allow(q.ARN, q.Binding.Namespace, groups):
		h.byKey = suspects
		h.lastWanted.of = h.lastWanted.of.With(slices.Collect(maps.Values(suspects))...)
	default:
		for key := range suspects {
			if h.dropped == nil {
				h.dropped = map[string]time.Time{}
			}
			h.dropped[key] = now
		}
	}
	return slices.SortedFunc(maps.Values(h.byKey), func(a, b Endpoint) int { return cmp.Compare(a.Key(), b.Key()) })
}

// Unread reports whether the targets of an Emptied group stay registered until it is known which of them serve.
func (r *Registry) Unread(of Group) bool {
	g := r.group(of)
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.kept.unread
}

// Unlisted returns the addresses of registered targets of a group that endpoints lack. known is false until it is known
// what is registered.
func (r *Registry) Unlisted(of Group, endpoints Endpoints) (addresses map[string]bool, known bool) {
	g := r.known(of)
	if g == nil {
		return nil, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.known && (g.written || !r.createdHere(of)) {
		return nil, false
	}
	addresses = make(map[string]bool, len(g.members))
	for _, m := range g.members {
		addresses[m.ID] = true
	}
	for _, e := range endpoints.All() {
		delete(addresses, e.ID)
	}
	return addresses, true
}

// Members returns the registered targets of a group. known is as in Unlisted.
func (r *Registry) Members(of Group) (all []Target, known bool) {
	if _, known = r.Unlisted(of, Endpoints{}); !known {
		return nil, false
	}
	g := r.group(of)
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.members {
		all = append(all, m.Target)
	}
	slices.SortFunc(all, func(a, b Target) int { return cmp.Compare(a.Key(), b.Key()) })
	return all, true
}

// Unwanted reports whether a group has registered targets that its last request does not want. known is as in Unlisted.
func (r *Registry) Unwanted(of Group) (unwanted, known bool) {
	if _, known = r.Unlisted(of, Endpoints{}); !known {
		return false, false
	}
	g := r.group(of)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.request == nil {
		return false, true
	}
	wanted := g.wanted(g.request)
	for key := range g.members {
		unwanted = unwanted || !wanted[key]
	}
	return unwanted, true
}

// KeptFor lists the bindings with kept targets of a pod, or of a node if namespace is empty.
func (r *Registry) KeptFor(namespace, name string) []stack.ID {
	r.mu.Lock()
	groups := slices.Collect(maps.Values(r.keeping))
	r.mu.Unlock()
	var out []stack.ID
	for _, g := range groups {
		g.mu.Lock()
		for _, e := range g.kept.byKey {
			if g.request != nil && e.Namespace == namespace && cmp.Or(e.Pod, e.Node) == name {
				out = append(out, g.request.Binding)
				break
			}
		}
		g.mu.Unlock()
	}
	return out
}

// index enters a group into one of the registry's maps, such as keeping, or removes it. It does nothing for a group
// that Forget dropped: the entry may be that of a group that came after it. Callers hold the group's lock.
func (r *Registry) index(in map[Group]*group, g *group, has bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.groups[g.Group] == g; known && has {
		in[g.Group] = g
	} else if known {
		delete(in, g.Group)
	}
}

func (r *Registry) size() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.groups)
}
