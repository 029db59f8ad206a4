// Package sample chooses how many cases a test tries: some under "go test -short", all of them otherwise. Only tests
// import the package.
package sample

import "testing"

// Count returns how many seeds, steps or random cases a test tries.
func Count(short, all int) int {
	if testing.Short() {
		return short
	}
	return all
}

// Sample chooses cases of a list that is too long for -short.
type Sample struct{ every, seen int }

// OneOf returns a Sample of one case of n, the first of each n. Without -short, it takes all cases.
func OneOf(n int) *Sample { return &Sample{every: Count(n, 1)} }

// Next reports whether the test tries the next case.
func (s *Sample) Next() bool {
	s.seen++
	return (s.seen-1)%s.every == 0
}
