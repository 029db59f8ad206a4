// Package sorting sorts slices of structs with one compiled algorithm. Go compiles slices.SortFunc again for each type
// of element, which adds 17 KB to the program each time. The functions of this package take about twice as long.
package sorting

import (
	"cmp"
	"iter"
	"slices"
	"sort"
)

// By sorts s by compare, as slices.SortFunc does: elements that compare as equal may change places.
func By[T any](s []T, compare func(a, b T) int) {
	sort.Slice(s, func(i, j int) bool { return compare(s[i], s[j]) < 0 })
}

// StableBy sorts s by compare, as slices.SortStableFunc does: elements that compare as equal keep their order.
func StableBy[T any](s []T, compare func(a, b T) int) {
	sort.SliceStable(s, func(i, j int) bool { return compare(s[i], s[j]) < 0 })
}

// Sorted collects the elements of a sequence and sorts them with By.
func Sorted[T any](of iter.Seq[T], compare func(a, b T) int) []T {
	s := slices.Collect(of)
	By(s, compare)
	return s
}

// InTurn returns at most n elements of a list, in their order. If there are more, keys take turns, so that many
// elements of one key leave room for those of others.
func InTurn[T any](all []T, n int, key func(T) string) []T {
	if len(all) <= n {
		return all
	}
	first := Turns(all, key)[:n]
	slices.Sort(first)
	out := make([]T, n)
	for i, at := range first {
		out[i] = all[at]
	}
	return out
}

// Turns returns the indexes of a list in the order of turns: the first element of each key, then the second of each.
func Turns[T any](all []T, key func(T) string) []int {
	keys := make([]string, len(all))
	for i := range all {
		keys[i] = key(all[i])
	}
	return turns(keys)
}

func turns(keys []string) []int {
	turn, order, count := make([]int, len(keys)), make([]int, len(keys)), map[string]int{}
	for i, k := range keys {
		turn[i], order[i] = count[k], i
		count[k]++
	}
	StableBy(order, func(a, b int) int { return cmp.Compare(turn[a], turn[b]) })
	return order
}
