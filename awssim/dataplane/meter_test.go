package dataplane

import (
	"math"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/stack"
)

func TestCapacityUnitsAreThoseOfTheDimensionThatNeedsMost(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		unit unit
		use  usage // of a minute
		want float64
	}{
		"nothing":                    {applicationUnit, usage{}, 0},
		"new connections":            {applicationUnit, usage{opened: 3000, active: 3000, bytes: gigabyte / 60}, 2},
		"active connections":         {applicationUnit, usage{active: 9000}, 3},
		"bytes":                      {applicationUnit, usage{bytes: gigabyte / 6}, 10},
		"rules beyond the free ones": {applicationUnit, usage{rules: 300_000}, 5},
		"TCP flows":                  {flowUnits[overTCP], usage{opened: 48_000}, 1},
		"TLS flows":                  {flowUnits[overTLS], usage{opened: 3000}, 1},
		"UDP flows":                  {flowUnits[overUDP], usage{active: 100_000}, 2},
	} {
		if got := tc.unit.units(tc.use, time.Minute); math.Abs(got-tc.want) > 1e-6 {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

func TestCapacityIsThatOfTheLastMinute(t *testing.T) {
	t.Parallel()
	c := clock.NewStepped(time.Unix(1_700_000_000, 0))
	p := New(Options{Clock: c})
	defer p.Close()
	topo := topology.Topology{LoadBalancers: []topology.LoadBalancer{
		{ARN: "alb", Type: stack.Application, Active: true}, {ARN: "nlb", Type: stack.Network, Active: true}, {ARN: "idle", Type: stack.Network, Active: true},
	}}
	topo.LoadBalancers[0].ReservedUnits = 100
	if err := p.Update(topo); err != nil {
		t.Fatal(err)
	}
	alb, nlb := p.balancers["alb"], p.balancers["nlb"]
	c.Advance(meterWindow)
	alb.counters.add(newConnectionCount, 1500) // 25 a second for a minute
	nlb.flows.add(newFlows.by(overTLS), 3000)
	nlb.flows.add(flowBytes.by(overTLS), 10_000)
	nlb.flows.add(flowPackets, 50)
	c.Advance(meterWindow)
	check := func(when string, want map[string]map[string]float64) {
		t.Helper()
		got := p.Stats().Measures
		for arn, values := range want {
			if len(got[arn]) != len(values) {
				t.Errorf("%s, %s: %v, want %v", when, arn, got[arn], values)
			}
			for name, value := range values {
				if math.Abs(got[arn][name]-value) > 1e-3 {
					t.Errorf("%s, %s: %s is %v, want %v", when, arn, name, got[arn][name], value)
				}
			}
		}
	}
	check("at once", map[string]map[string]float64{
		"alb":  {"ConsumedLCUs": 1, "PeakLCUs": 6, "ReservedLCUs": 100},
		"nlb":  {"ConsumedLCUs": 1, "ConsumedLCUs_TLS": 1, "PeakBytesPerSecond": 1000, "PeakPacketsPerSecond": 5},
		"idle": {},
	})
	c.Advance(meterPeriod)
	check("a minute later", map[string]map[string]float64{"alb": {"ReservedLCUs": 100}, "nlb": {}, "idle": {}})
	if p.balancers["idle"].meter.past != nil {
		t.Error("the meter of a load balancer that nobody uses holds something")
	}
	if err := p.Update(topology.Topology{}); err != nil {
		t.Fatal(err)
	}
	c.Advance(meterWindow)
	if n := c.Pending(); n != 0 {
		t.Errorf("%d timers without load balancers", n)
	}
}
