package counter

import (
	"math"
	"testing"
	"time"
)

func TestTheMeterOfALoadBalancerThatWasNeverUsedHoldsNothing(t *testing.T) {
	t.Parallel()
	var m Meter
	m.Look(FlowUsage(new(Flows)))
	if m.past != nil {
		t.Errorf("it holds %v", m.past)
	}
}

func TestCapacityUnitsAreThoseOfTheDimensionThatNeedsMost(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		unit unit
		use  Usage // of a minute
		want float64
	}{
		"nothing":                    {applicationUnit, Usage{}, 0},
		"new connections":            {applicationUnit, Usage{opened: 3000, active: 3000, bytes: gigabyte / 60}, 2},
		"active connections":         {applicationUnit, Usage{active: 9000}, 3},
		"bytes":                      {applicationUnit, Usage{bytes: gigabyte / 6}, 10},
		"rules beyond the free ones": {applicationUnit, Usage{rules: 300_000}, 5},
		"TCP flows":                  {flowUnits[OverTCP], Usage{opened: 48_000}, 1},
		"TLS flows":                  {flowUnits[OverTLS], Usage{opened: 3000}, 1},
		"UDP flows":                  {flowUnits[OverUDP], Usage{active: 100_000}, 2},
	} {
		if got := tc.unit.units(tc.use, time.Minute); math.Abs(got-tc.want) > 1e-6 {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}
