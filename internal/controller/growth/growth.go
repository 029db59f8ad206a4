// Package growth measures how the cost of one event grows with the number of objects. It counts bytes, calls or passes
// instead of time, so that a slow machine changes no result. Only tests import the package.
package growth

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
)

// Constant is the largest exponent of a cost that does not depend on the number of objects. It leaves room for noise
// and for the depth of maps.
const Constant = 0.1

// Sizes are the numbers of objects that tests compare.
var Sizes = []int{50, 200, 800}

// Point is the cost of one event with N objects.
type Point struct {
	N    int
	Cost float64
}

// Exponent returns the e for which costs grow as N^e: the slope of the line through the logarithms. Costs below 1 count
// as 1.
func Exponent(points []Point) float64 {
	var x, y, xx, xy float64
	for _, p := range points {
		a, b := math.Log(float64(p.N)), math.Log(math.Max(p.Cost, 1))
		x, y, xx, xy = x+a, y+b, xx+a*a, xy+a*b
	}
	n := float64(len(points))
	return (n*xy - x*y) / (n*xx - x*x)
}

// AtMost fails a test if a cost grows faster than with an exponent. cost returns the cost of one event with n objects.
func AtMost(t testing.TB, exponent float64, what string, cost func(n int) float64) {
	t.Helper()
	var points []Point
	for _, n := range Sizes {
		points = append(points, Point{n, cost(n)})
	}
	e := Exponent(points)
	Log(t, what, points)
	if e > exponent {
		t.Errorf("%s grows with exponent %.2f, want at most %.2f: %v", what, e, exponent, points)
	}
}

// Log logs the test, what is counted, the costs, and the exponent.
func Log(t testing.TB, what string, points []Point) {
	t.Helper()
	var costs []string
	for _, p := range points {
		costs = append(costs, fmt.Sprintf("%.0f", p.Cost))
	}
	t.Logf("growth | %s | %s | %s | %.2f |", strings.TrimPrefix(t.Name(), "Test"), what, strings.Join(costs, " | "),
		Exponent(points))
}

// Bytes returns how many bytes f allocates, the least of several calls. Other goroutines count too: the test must not
// be parallel. The race detector lets pools lose a quarter of what is put into them (sync.Pool.Put), which the next
// call allocates again: with it, Bytes calls more often.
func Bytes(f func()) float64 {
	f() // fills pools and maps
	least, calls := math.Inf(1), 5
	if Race {
		calls = 40
	}
	for range calls {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = math.Min(least, float64(after.TotalAlloc-before.TotalAlloc))
	}
	return least
}
