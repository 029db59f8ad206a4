package registrar

import (
	"bytes"
	"strconv"
	"strings"
)

// compareTargets orders targets as their keys are ordered, without making the keys.
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
	return bytes.Compare(a.appendKey(x[:0]), b.appendKey(y[:0]))
}

// appendKey appends Target.Key.
func (t *Target) appendKey(to []byte) []byte {
	to = append(append(to, t.ID...), ':')
	to = strconv.AppendInt(to, int64(t.Port), 10)
	if t.ServerID != "" {
		to = append(append(to, ':'), t.ServerID...)
	}
	return to
}

// In reports whether a set has the key of a target, without making the key.
func (t *Target) In(keys map[string]bool) bool {
	if len(keys) == 0 {
		return false
	}
	var key [128]byte
	return keys[string(t.appendKey(key[:0]))]
}

func cmpKeys(a, b Target) int { return compareTargets(&a, &b) }

// wants are the endpoints of a request. Those of nodes have no port: the target groups of all node ports share their
// list.
type wants struct {
	of   []Endpoint
	port int32 // of the endpoints without one
}

func (q *Request) wants() wants { return wants{q.Want, q.Port} }

func (w wants) at(i int) Endpoint {
	e := w.of[i]
	if e.Port == 0 {
		e.Port = w.port
	}
	return e
}

// inOrder reports whether a list is sorted by key and has each key once. One whose endpoints share a port is so at any
// port.
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
		return inOrder(w.of)
	}
	for i := 1; i < len(w.of); i++ {
		if a, b := w.at(i-1), w.at(i); compareTargets(&a.Target, &b.Target) >= 0 {
			return false
		}
	}
	return true
}

// same reports whether two lists are one. The endpoints of a request never change.
func (w wants) same(as wants) bool {
	return len(w.of) == len(as.of) && (len(w.of) == 0 || &w.of[0] == &as.of[0] && w.port == as.port)
}

// missingIn calls f with each endpoint of a list that another list lacks, by key.
func (w wants) missingIn(in wants, f func(Endpoint)) {
	switch {
	case w.same(in):
	case w.inOrder() && in.inOrder():
		walk(w, in, func(i int) { f(w.at(i)) }, func(int) {}, func(int, int) {})
	default:
		has := newKeyCache(in).set
		for i := range w.of {
			if e := w.at(i); !has[e.Key()] {
				f(e)
			}
		}
	}
}

// walk goes through two lists that are in order. It calls gone with the index of each endpoint that only the first has,
// come with that of each that only the second has, and both with those of each that both have.
func walk(was, is wants, gone, come func(int), both func(was, is int)) {
	i, j := 0, 0
	for i < len(was.of) || j < len(is.of) {
		var c int
		switch {
		case i == len(was.of):
			c = 1
		case j == len(is.of):
			c = -1
		default:
			a, b := was.at(i), is.at(j)
			c = compareTargets(&a.Target, &b.Target)
		}
		switch {
		case c < 0:
			gone(i)
			i++
		case c > 0:
			come(j)
			j++
		default:
			both(i, j)
			i, j = i+1, j+1
		}
	}
}

// Differ calls gone with each endpoint that only the first of two lists has, and come with each that only the second
// has. Both are in order. An endpoint whose pod is another one is gone and has come.
func Differ(before, after []Endpoint, gone, come func(*Endpoint)) {
	if (wants{of: before}).same(wants{of: after}) {
		return
	}
	walk(wants{of: before}, wants{of: after}, func(i int) { gone(&before[i]) }, func(j int) { come(&after[j]) },
		func(i, j int) {
			if a, b := &before[i], &after[j]; a.Pod != b.Pod || a.Namespace != b.Namespace {
				gone(a)
				come(b)
			}
		})
}

// keyCache are the keys of the endpoints that a group was asked for last. The next request mostly wants nearly the same
// endpoints, and then costs what differs. It only saves work: any list gives the same keys.
type keyCache struct {
	of      wants
	ordered bool
	list    []string // in the order of the endpoints
	set     map[string]bool
	spare   []string // reused for the next list
}

func newKeyCache(of wants) *keyCache {
	n := len(of.of)
	k := &keyCache{of: of, ordered: of.inOrder(), list: make([]string, n), set: make(map[string]bool, n)}
	for i := range n {
		k.list[i] = of.at(i).Key()
		k.set[k.list[i]] = true
	}
	return k
}

// turn makes the cache one of another list. It reports false if the lists are not in order.
func (k *keyCache) turn(to wants) bool {
	if !k.ordered || !to.inOrder() {
		return false
	}
	next := k.spare[:0]
	walk(k.of, to, func(i int) { delete(k.set, k.list[i]) },
		func(j int) { next = append(next, to.at(j).Key()); k.set[next[j]] = true },
		func(i, _ int) { next = append(next, k.list[i]) })
	k.of, k.list, k.spare = to, next, k.list
	clear(k.spare[:cap(k.spare)]) // keeps no key of a target that is gone
	return true
}

// keysOf are the keys of what a request wants. They hold until keysOf is called for another request, and nobody changes
// them. The lock of the group is held.
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
