package growth

import (
	"math"
	"testing"
)

func TestExponentIsThatOfTheCost(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cost func(n float64) float64
		want float64
	}{
		"constant":  {func(float64) float64 { return 7 }, 0},
		"nothing":   {func(float64) float64 { return 0 }, 0},
		"linear":    {func(n float64) float64 { return 3 * n }, 1},
		"quadratic": {func(n float64) float64 { return n * n }, 2},
	} {
		var points []Point
		for _, n := range Sizes {
			points = append(points, Point{n, tc.cost(float64(n))})
		}
		if e := Exponent(points); math.Abs(e-tc.want) > 1e-9 {
			t.Errorf("%s: %f, want %f", name, e, tc.want)
		}
	}
}

// quiet records whether a test would fail.
type quiet struct {
	testing.TB
	failed bool
}

func (q *quiet) Helper()               {}
func (q *quiet) Name() string          { return "" }
func (q *quiet) Logf(string, ...any)   {}
func (q *quiet) Errorf(string, ...any) { q.failed = true }

func TestAtMostFailsForACostThatGrows(t *testing.T) { // not parallel: it counts bytes
	var sink []byte
	for want, size := range map[bool]func(n int) int{false: func(int) int { return 1 << 16 },
		true: func(n int) int { return n << 12 }} {
		q := &quiet{}
		AtMost(q, Constant, "bytes", func(n int) float64 { return Bytes(func() { sink = make([]byte, size(n)) }) })
		if q.failed != want {
			t.Errorf("failed %t, want %t", q.failed, want)
		}
	}
	_ = sink
}
