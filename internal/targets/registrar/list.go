package registrar

import (
	"iter"
	"slices"
	"sort"
)

// partSize is how many endpoints a new part of a list has.
const partSize = 64

// Endpoints is an immutable list of endpoints in parts. A new list shares unchanged parts with the list before, so one
// endpoint more or less costs one part. The zero value is the empty list.
type Endpoints struct {
	parts     [][]Endpoint // none is empty
	n         int
	unordered bool // not sorted by key, or with a key that occurs twice
}

// EndpointsOf makes a list of copies.
func EndpointsOf(all ...Endpoint) Endpoints {
	return Endpoints{parts: appendParts(nil, all), n: len(all), unordered: !inOrder(all)}
}

func appendParts(to [][]Endpoint, all []Endpoint) [][]Endpoint {
	to = slices.Grow(to, (len(all)+partSize-1)/partSize)
	for part := range slices.Chunk(all, partSize) {
		to = append(to, slices.Clone(part))
	}
	return to
}

// Len returns the number of endpoints.
func (l Endpoints) Len() int { return l.n }

// All iterates over the endpoints with their positions. Callers must not change them.
func (l Endpoints) All() iter.Seq2[int, *Endpoint] {
	return func(yield func(int, *Endpoint) bool) {
		n := 0
		for _, part := range l.parts {
			for i := range part {
				if !yield(n, &part[i]) {
					return
				}
				n++
			}
		}
	}
}

// Slice returns a copy of the list in one piece.
func (l Endpoints) Slice() []Endpoint { return slices.Concat(l.parts...) }

// revised returns the list of all, which is in order. It shares unchanged parts with l.
func (l Endpoints) revised(all []Endpoint) Endpoints {
	if l.n == 0 || l.unordered || len(l.parts) > 4*(len(all)/partSize+1) {
		return EndpointsOf(all...)
	}
	var parts [][]Endpoint // nil while no part has changed
	rest := all
	for k, was := range l.parts {
		end := len(rest)
		if k+1 < len(l.parts) {
			next := &l.parts[k+1][0].Target
			end = sort.Search(len(rest), func(i int) bool { return compareTargets(&rest[i].Target, next) >= 0 })
		}
		is := rest[:end]
		rest = rest[end:]
		equal := slices.Equal(is, was)
		if !equal && parts == nil {
			parts = append(make([][]Endpoint, 0, len(l.parts)+1), l.parts[:k]...)
		}
		switch {
		case parts == nil, len(is) == 0:
		case equal:
			parts = append(parts, was)
		case len(is) <= 2*partSize:
			parts = append(parts, slices.Clone(is))
		default:
			parts = appendParts(parts, is)
		}
	}
	if parts == nil {
		return l
	}
	return Endpoints{parts: parts, n: len(all)}
}

// Without returns the list without some of its endpoints.
func (l Endpoints) Without(drop func(Endpoint) bool) Endpoints {
	out := Endpoints{unordered: l.unordered}
	for k, part := range l.parts {
		if slices.ContainsFunc(part, drop) {
			if out.parts == nil {
				out.parts = append(make([][]Endpoint, 0, len(l.parts)), l.parts[:k]...)
			}
			part = slices.DeleteFunc(slices.Clone(part), drop)
		}
		if out.n += len(part); out.parts != nil && len(part) > 0 {
			out.parts = append(out.parts, part)
		}
	}
	if out.n == l.n {
		return l
	}
	return out
}

// With returns the list with more endpoints at its end.
func (l Endpoints) With(more ...Endpoint) Endpoints {
	if len(more) == 0 {
		return l
	}
	return Endpoints{parts: append(slices.Clip(l.parts), slices.Clone(more)), n: l.n + len(more), unordered: true}
}

// Equal reports whether two lists have the same endpoints in the same order.
func (l Endpoints) Equal(as Endpoints) bool {
	if l.n != as.n {
		return false
	}
	a, b := cursor{parts: l.parts}, cursor{parts: as.parts}
	for !a.ended() {
		if skipShared(&a, &b) > 0 {
			continue
		}
		if *a.endpoint() != *b.endpoint() {
			return false
		}
		a.advance()
		b.advance()
	}
	return true
}

// one reports whether both are the same list.
func (l Endpoints) one(as Endpoints) bool {
	return l.n == as.n && (l.n == 0 || &l.parts[0] == &as.parts[0])
}

// cursor is a position in a list.
type cursor struct {
	parts [][]Endpoint // the remaining parts
	at    int          // position in the first of them
}

func (c *cursor) ended() bool { return len(c.parts) == 0 }

func (c *cursor) endpoint() *Endpoint { return &c.parts[0][c.at] }

func (c *cursor) advance() {
	if c.at++; c.at == len(c.parts[0]) {
		c.parts, c.at = c.parts[1:], 0
	}
}

// skipShared moves two cursors past a shared part, if both are at its beginning, and returns its size; 0 = there is
// none.
func skipShared(a, b *cursor) int {
	if a.ended() || b.ended() || a.at > 0 || b.at > 0 || &a.parts[0][0] != &b.parts[0][0] {
		return 0
	}
	n := len(a.parts[0])
	a.parts, b.parts = a.parts[1:], b.parts[1:]
	return n
}
