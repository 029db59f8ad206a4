package registrar

import (
	"bytes"
	"iter"
	"strings"
)

// compareTargets orders targets by their keys, without making the keys.
func compareTargets(a, b *Target) int {
	if a.ID != b.ID {
		n := min(len(a.ID), len(b.ID))
		if c := strings.Compare(a.ID[:n], b.ID[:n]); c != 0 {
			return c
		}
	} else if a.Port == b.Port && a.ServerID == b.ServerID {
		return 0
	}
	var x, y [128]byte
	return bytes.Compare(a.AppendKey(x[:0]), b.AppendKey(y[:0]))
}

func cmpKeys(a, b Target) int { return compareTargets(&a, &b) }

// wants are the endpoints of a request. Endpoints of nodes have no port, because the target groups of all node ports
// share one list.
type wants struct {
	of   Endpoints
	port int32 // of endpoints without a port
}

func (q *Request) wants() wants { return wants{q.Want, q.Port} }

// all iterates over the endpoints with their ports and positions.
func (w wants) all() iter.Seq2[int, Endpoint] {
	return func(yield func(int, Endpoint) bool) {
		for i, e := range w.of.All() {
			if !yield(i, w.ported(e)) {
				return
			}
		}
	}
}

// ported returns an endpoint with its port.
func (w wants) ported(e *Endpoint) Endpoint {
	out := *e
	if out.Port == 0 {
		out.Port = w.port
	}
	return out
}

// inOrder reports whether a list is sorted by key and has each key once. If its endpoints share a port, the port does
// not matter.
func inOrder(list []Endpoint) bool {
	for i := 1; i < len(list); i++ {
		if compareTargets(&list[i-1].Target, &list[i].Target) >= 0 {
			return false
		}
	}
	return true
}

func (w wants) inOrder() bool {
	if w.port == 0 {
		return !w.of.unordered
	}
	var before Endpoint
	for i, e := range w.all() {
		if i > 0 && compareTargets(&before.Target, &e.Target) >= 0 {
			return false
		}
		before = e
	}
	return true
}

// same reports whether both are the same list. The endpoints of a request never change.
func (w wants) same(as wants) bool {
	return w.of.one(as.of) && (w.of.n == 0 || w.port == as.port)
}

// missingIn calls f with each endpoint of a list that another list lacks, by key.
func (w wants) missingIn(in wants, f func(Endpoint)) {
	switch {
	case w.same(in):
	case w.inOrder() && in.inOrder():
		walk(w, in, func(_ int, e Endpoint) { f(e) }, func(Endpoint) {}, func(int, int, *Endpoint, *Endpoint) {})
	default:
		has := newKeyCache(in).set
		for _, e := range w.all() {
			if !has[e.Key()] {
				f(e)
			}
		}
	}
}

// walk goes through two lists that are in order. It calls gone with each endpoint that only the first has, and its
// position, and come with each that only the second has. It calls both with a position in the first and a number of
// endpoints that both have: with the two endpoints of that position, or without them for a part that the lists share.
func walk(was, is wants, gone func(int, Endpoint), come func(Endpoint), both func(i, n int, was, is *Endpoint)) {
	x, y, i := cursor{parts: was.of.parts}, cursor{parts: is.of.parts}, 0
	for !x.ended() || !y.ended() {
		if was.port == is.port {
			if n := skipShared(&x, &y); n > 0 {
				both(i, n, nil, nil)
				i += n
				continue
			}
		}
		var c int
		switch {
		case x.ended():
			c = 1
		case y.ended():
			c = -1
		default:
			a, b := was.ported(x.endpoint()), is.ported(y.endpoint())
			c = compareTargets(&a.Target, &b.Target)
		}
		switch {
		case c < 0:
			gone(i, was.ported(x.endpoint()))
		case c > 0:
			come(is.ported(y.endpoint()))
		default:
			both(i, 1, x.endpoint(), y.endpoint())
		}
		if c <= 0 {
			x.advance()
			i++
		}
		if c >= 0 {
			y.advance()
		}
	}
}

// Differ calls gone with each endpoint that only the first of two lists has, and come with each that only the second
// has. Both are in order. An endpoint whose pod is another one is gone and has come.
func Differ(before, after Endpoints, gone, come func(Endpoint)) {
	if before.one(after) {
		return
	}
	walk(wants{of: before}, wants{of: after}, func(_ int, e Endpoint) { gone(e) }, come,
		func(_, _ int, a, b *Endpoint) {
			if a != nil && (a.Pod != b.Pod || a.Namespace != b.Namespace) {
				gone(*a)
				come(*b)
			}
		})
}

// keyCache has the keys of the endpoints of a group's last request. The next request usually wants nearly the same
// endpoints, and then costs only the difference. The cache only saves work, and does not change results.
type keyCache struct {
	of      wants
	ordered bool
	list    []string // in the order of the endpoints
	set     map[string]bool
	spare   []string // reused for the next list
}

func newKeyCache(of wants) *keyCache {
	n := of.of.Len()
	k := &keyCache{of: of, ordered: of.inOrder(), list: make([]string, n), set: make(map[string]bool, n)}
	for i, e := range of.all() {
		k.list[i] = e.Key()
		k.set[k.list[i]] = true
	}
	return k
}

// turn changes the cache to another list. It reports false if the lists are not in order.
func (k *keyCache) turn(to wants) bool {
	if !k.ordered || !to.inOrder() {
		return false
	}
	next := k.spare[:0]
	walk(k.of, to, func(i int, _ Endpoint) { delete(k.set, k.list[i]) },
		func(e Endpoint) { next = append(next, e.Key()); k.set[next[len(next)-1]] = true },
		func(i, n int, _, _ *Endpoint) { next = append(next, k.list[i:i+n]...) })
	k.of, k.list, k.spare = to, next, k.list
	clear(k.spare[:cap(k.spare)]) // do not keep keys of former targets in memory
	return true
}

// keysOf returns the keys of the targets that a request wants. They are valid until keysOf is called for another
// request. Callers must not change them, and hold the group's lock.
func (g *group) keysOf(q *Request) *keyCache {
	to := q.wants()
	if g.keys != nil && g.keys.of.same(to) {
		return g.keys
	}
	if g.keys == nil || !g.keys.turn(to) {
		g.keys = newKeyCache(to)
	}
	return g.keys
}

// wanted is the set of keys of keysOf.
func (g *group) wanted(q *Request) map[string]bool { return g.keysOf(q).set }
