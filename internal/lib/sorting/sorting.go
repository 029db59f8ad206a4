// Package sorting sorts slices of structs with one compiled algorithm. Go compiles slices.SortFunc again for each type
// of element, which adds 17 KB to the program each time. The functions of this package take about twice as long.
package sorting

import (
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
