// Package pairs holds values by pairs of keys, and finds them by either key. It imports nothing.
package pairs

// Map has a value for each of its pairs of keys. The zero value is usable. It is not safe for concurrent use.
type Map[A, B comparable, V any] struct {
	of map[A]map[B]V
	by map[B]map[A]V
}

// Set sets the value of a pair.
func (m *Map[A, B, V]) Set(a A, b B, v V) {
	m.of, m.by = put(m.of, a, b, v), put(m.by, b, a, v)
}

// Delete removes a pair, also while a caller ranges over Of or By.
func (m *Map[A, B, V]) Delete(a A, b B) {
	remove(m.of, a, b)
	remove(m.by, b, a)
}

// DeleteOf removes the pairs with a first key.
func (m *Map[A, B, V]) DeleteOf(a A) {
	for b := range m.of[a] {
		m.Delete(a, b)
	}
}

// Of returns the values of the pairs with a first key, by the second one. The caller does not change the map.
func (m *Map[A, B, V]) Of(a A) map[B]V { return m.of[a] }

// By returns the values of the pairs with a second key, by the first one. The caller does not change the map.
func (m *Map[A, B, V]) By(b B) map[A]V { return m.by[b] }

func put[A, B comparable, V any](in map[A]map[B]V, a A, b B, v V) map[A]map[B]V {
	if in == nil {
		in = map[A]map[B]V{}
	}
	if in[a] == nil {
		in[a] = map[B]V{}
	}
	in[a][b] = v
	return in
}

func remove[A, B comparable, V any](from map[A]map[B]V, a A, b B) {
	if delete(from[a], b); len(from[a]) == 0 {
		delete(from, a)
	}
}
