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

func cmpKeys(a, b Target) int { return compareTargets(&a, &b) }

// inOrder reports whether a list is sorted by key and has each key once.
func inOrder(list []Endpoint) bool {
	for i := 1; i < len(list); i++ {
		if compareTargets(&list[i-1].Target, &list[i].Target) >= 0 {
			return false
		}
	}
	return true
}

// sameList reports whether two lists are one slice. The endpoints of a request never change.
func sameList(a, b []Endpoint) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// eachMissing calls f with each endpoint of one list that another list lacks, by key.
func eachMissing(from, in []Endpoint, f func(Endpoint)) {
	switch {
	case sameList(from, in):
	case inOrder(from) && inOrder(in):
		walk(from, in, func(i int) { f(from[i]) }, func(int) {}, func(int, int) {})
	default:
		has := newKeyCache(in).set
		for _, e := range from {
			if !has[e.Key()] {
				f(e)
			}
		}
	}
}

// walk goes through two lists that are in order. It calls gone with the index of each endpoint that only the first has, come with that of
// each that only the second has, and both with those of each that both have.
func walk(was, is []Endpoint, gone, come func(int), both func(was, is int)) {
	i, j := 0, 0
	for i < len(was) || j < len(is) {
		var c int
		switch {
		case i == len(was):
			c = 1
		case j == len(is):
			c = -1
		default:
			c = compareTargets(&was[i].Target, &is[j].Target)
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

// keyCache are the keys of the endpoints that a group was asked for last. The next request mostly wants nearly the same endpoints, and then
// costs what differs. It only saves work: any list gives the same keys.
type keyCache struct {
	of      []Endpoint
	ordered bool
	list    []string // in the order of the endpoints
	set     map[string]bool
	spare   []string // reused for the next list
}

func newKeyCache(of []Endpoint) *keyCache {
	k := &keyCache{of: of, ordered: inOrder(of), list: make([]string, len(of)), set: make(map[string]bool, len(of))}
	for i := range of {
		k.list[i] = of[i].Key()
		k.set[k.list[i]] = true
	}
	return k
}

// turn makes the cache one of another list. It reports false if the lists are not in order.
func (k *keyCache) turn(to []Endpoint) bool {
	if !k.ordered || !inOrder(to) {
		return false
	}
	next := k.spare[:0]
	walk(k.of, to, func(i int) { delete(k.set, k.list[i]) },
		func(j int) { next = append(next, to[j].Key()); k.set[next[j]] = true },
		func(i, _ int) { next = append(next, k.list[i]) })
	k.of, k.list, k.spare = to, next, k.list
	clear(k.spare[:cap(k.spare)]) // keeps no key of a target that is gone
	return true
}

// keysOf are the keys of what a request wants. They hold until keysOf is called for another request, and nobody changes them.
// The lock of the group is held.
func (g *group) keysOf(q *Request) *keyCache {
	if g.keys != nil && sameList(g.keys.of, q.Want) {
		return g.keys
	}
	if g.keys == nil || !g.keys.turn(q.Want) {
		g.keys = newKeyCache(q.Want)
	}
	return g.keys
}

// wanted is the set of keys of keysOf.
func (g *group) wanted(q *Request) map[string]bool { return g.keysOf(q).set }
