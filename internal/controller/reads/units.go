package reads

import (
	"iter"
	"maps"
	"slices"
)

// units is a set of units. Most objects are read by one unit, and a map for each object would take most of the memory
// of an index.
type units[U comparable] struct {
	few  []U
	many map[U]bool // nil = all are in few
}

// mostFew is the largest size of a set without a map.
const mostFew = 8

// with returns the set with u. It replaces the former set.
func (s units[U]) with(u U) units[U] {
	switch {
	case s.many != nil:
		s.many[u] = true
	case slices.Contains(s.few, u):
	case len(s.few) < mostFew:
		s.few = append(s.few, u)
	default:
		s.many = map[U]bool{u: true}
		for _, x := range s.few {
			s.many[x] = true
		}
		s.few = nil
	}
	return s
}

// without returns the set without u. It replaces the former set.
func (s units[U]) without(u U) units[U] {
	delete(s.many, u)
	if i := slices.Index(s.few, u); i >= 0 {
		s.few = slices.Delete(s.few, i, i+1)
	}
	return s
}

func (s units[U]) len() int { return len(s.few) + len(s.many) }

// all iterates over the set, unordered.
func (s units[U]) all() iter.Seq[U] {
	if s.many != nil {
		return maps.Keys(s.many)
	}
	return slices.Values(s.few)
}
