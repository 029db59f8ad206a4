// Package turns shortens lists so that each key, such as a namespace, gets its turn.
package turns

import (
	"cmp"
	"slices"
)

// Take returns at most n elements of a list, in their order. If there are more, keys take turns, so that many elements
// of one key leave room for those of others.
func Take[T any](all []T, n int, key func(T) string) []T {
	if len(all) <= n {
		return all
	}
	first := Order(all, key)[:n]
	slices.Sort(first)
	out := make([]T, n)
	for i, at := range first {
		out[i] = all[at]
	}
	return out
}

// Order returns the indexes of a list in the order of turns: the first element of each key, then the second of each.
func Order[T any](all []T, key func(T) string) []int {
	turn, order, count := make([]int, len(all)), make([]int, len(all)), map[string]int{}
	for i := range all {
		k := key(all[i])
		turn[i], order[i] = count[k], i
		count[k]++
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(turn[a], turn[b]) })
	return order
}
