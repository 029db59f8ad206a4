package queue

import "slices"

// Turns is a queue of values by key, such as a tenant. Keys take turns, and values of one key keep their order.
type Turns[T any] struct {
	order []string // the keys, the next one first
	of    map[string][]T
}

// Push adds a value behind those of its key.
func (t *Turns[T]) Push(key string, v T) {
	if len(t.of[key]) == 0 {
		t.order = append(t.order, key)
	}
	if t.of == nil {
		t.of = map[string][]T{}
	}
	t.of[key] = append(t.of[key], v)
}

// Pop takes the first value of the next key; ok is false if there is none.
func (t *Turns[T]) Pop() (v T, ok bool) {
	if len(t.order) == 0 {
		return v, false
	}
	key := t.order[0]
	all := t.of[key]
	v, all[0] = all[0], v // the array of the queue keeps no reference
	t.order, t.of[key] = t.order[1:], all[1:]
	if len(all) > 1 {
		t.order = append(t.order, key)
	} else {
		delete(t.of, key)
	}
	return v, true
}

// DropLast takes the last value of a key that has one.
func (t *Turns[T]) DropLast(key string) (v T) {
	all := t.of[key]
	last := len(all) - 1
	v, all[last] = all[last], v
	t.of[key] = all[:last]
	if last == 0 {
		delete(t.of, key)
		t.order = slices.DeleteFunc(t.order, func(k string) bool { return k == key })
	}
	return v
}
