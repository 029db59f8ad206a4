package bench

import (
	"fmt"
	"math"
)

// Point is what an act cost at a number of objects.
type Point struct {
	What      string  `json:"what"`
	Objects   int     `json:"objects"` // that exist afterwards
	Of        int     `json:"of"`      // objects that the act was about
	Reads     int     `json:"reads"`
	Writes    int     `json:"writes"`
	Seconds   float64 `json:"seconds"`
	Processor float64 `json:"processorSeconds"`
	Resident  int64   `json:"resident"`
	Peak      int64   `json:"peak"`
}

// String shows the point with the cost of one object.
func (p Point) String() string {
	return fmt.Sprintf("%-8s %6s objects: %d reads, %d writes, %s, processor %s (%s an object), resident %.0f MiB, at "+
		"most %.0f MiB",
		p.What, thousands(p.Objects), p.Reads, p.Writes, seconds(p.Seconds), seconds(p.Processor),
		seconds(p.Processor/float64(p.Of)), float64(p.Resident)/(1<<20), float64(p.Peak)/(1<<20))
}

// Costs of which a curve has a slope.
var costs = map[string]func(Point) float64{
	"calls":     func(p Point) float64 { return float64(p.Reads + p.Writes) },
	"processor": func(p Point) float64 { return p.Processor },
}

// slope is the exponent e of the best fit of cost per object = c * objects^e over the points of an act: 0 where an
// object costs the same however many there are, 1 where it costs in proportion to their number. A curve without two
// points that cost something is flat.
func slope(points []Point, what string, cost func(Point) float64) float64 {
	var n, sx, sy, sxx, sxy float64
	for _, p := range points {
		if c := cost(p); p.What == what && c > 0 {
			x, y := math.Log(float64(p.Objects)), math.Log(c/float64(p.Of))
			n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
		}
	}
	if n < 2 || n*sxx == sx*sx {
		return 0
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}

// slopes are those of all acts of a curve, by act and cost.
func slopes(points []Point) map[string]float64 {
	out := map[string]float64{}
	for _, p := range points {
		for name, cost := range costs {
			out[p.What+" "+name] = slope(points, p.What, cost)
		}
	}
	return out
}
