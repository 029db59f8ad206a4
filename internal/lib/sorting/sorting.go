// Package sorting sorts slices of structs. slices.SortFunc is compiled for each type of element, with 17 KB of code and
// tables in the program for each; the functions here are compiled once, and take about twice as long.
package sorting

import (
	"iter"
	"slices"
	"sort"
)

// By sorts s by compare, as slices.SortFunc does: elements that compare as equal may change places.
func By[T any](s []T, compare func(a, b T) int) { sort.Sort(sorter(s, compare)) }

// StableBy sorts s by compare, as slices.SortStableFunc does: elements that compare as equal keep their order.
func StableBy[T any](s []T, compare func(a, b T) int) { sort.Stable(sorter(s, compare)) }

// Sorted collects the elements of a sequence and sorts them with By.
func Sorted[T any](of iter.Seq[T], compare func(a, b T) int) []T {
	s := slices.Collect(of)
	By(s, compare)
	return s
}

func sorter[T any](s []T, compare func(a, b T) int) sort.Interface {
	return places{
		n:    len(s),
		less: func(i, j int) bool { return compare(s[i], s[j]) < 0 },
		swap: func(i, j int) { s[i], s[j] = s[j], s[i] },
	}
}

// places is a slice whose type of element is not known.
type places struct {
	n    int
	less func(i, j int) bool
	swap func(i, j int)
}

func (p places) Len() int           { return p.n }
func (p places) Less(i, j int) bool { return p.less(i, j) }
func (p places) Swap(i, j int)      { p.swap(i, j) }
