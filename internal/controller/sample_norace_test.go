//go:build !race

package controller

// sample: tests of many troubles try one of so many, all of them without the race detector.
var sample = 1
