package registrar

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
