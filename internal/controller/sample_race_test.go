//go:build race

package controller

// sample: under the race detector, which makes each of the many troubles several times as slow, tests try one of so many.
var sample = 8
