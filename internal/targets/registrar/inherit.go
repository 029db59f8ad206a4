package registrar

// A process that begins without knowing what is registered finds bindings whose targets an earlier process, or the
// existing controller, has registered. Until the targets of a group are read, only what has changed since is written,
// however long the read takes.

// inherit takes over what the first request for a group wants, as an earlier process has most likely registered it. Of
// that, what a later request does not want may be registered, and is deregistered without a read.
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
			g.members[key] = member{Target: t, uncertain: true}
			delete(g.inherited, key)
		}
	}
}

// waitsForRead reports whether a target is not registered before a read tells that it is missing.
func (g *group) waitsForRead(key string) bool {
	_, inherited := g.inherited[key]
	return inherited && !g.known
}
