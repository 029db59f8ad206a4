package dataplane

import (
	"math"
	"sync"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestCapacityIsThatOfTheLastMinute(t *testing.T) {
	t.Parallel()
	c := clock.NewStepped(time.Unix(1_700_000_000, 0))
	p := New(Options{Clock: c})
	defer p.Close()
	topo := topology.Topology{LoadBalancers: []topology.LoadBalancer{
		{ARN: "alb", Type: stack.Application, Active: true}, {ARN: "nlb", Type: stack.Network, Active: true},
		{ARN: "idle", Type: stack.Network, Active: true},
	}}
	topo.LoadBalancers[0].ReservedUnits = 100
	if err := p.Update(topo); err != nil {
		t.Fatal(err)
	}
	alb, nlb := p.loadBalancers["alb"], p.loadBalancers["nlb"]
	c.Advance(counter.MeterWindow)
	alb.Requests.Add(counter.NewConnectionCount, 1500) // 25 a second for a minute
	nlb.Flows.Add(counter.NewFlows.By(counter.OverTLS), 3000)
	nlb.Flows.Add(counter.FlowBytes.By(counter.OverTLS), 10_000)
	nlb.Flows.Add(counter.FlowPackets, 50)
	c.Advance(counter.MeterWindow)
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
	c.Advance(counter.MeterPeriod)
	check("a minute later", map[string]map[string]float64{"alb": {"ReservedLCUs": 100}, "nlb": {}, "idle": {}})
	if err := p.Update(topology.Topology{}); err != nil {
		t.Fatal(err)
	}
	c.Advance(counter.MeterWindow)
	if n := c.Pending(); n != 0 {
		t.Errorf("%d timers without load balancers", n)
	}
}

// TestALookUpDuringAnUpdateOfItsLoadBalancerHoldsNoOtherUp keeps a load balancer locked as an update does, which looks
// target groups up meanwhile.
func TestALookUpDuringAnUpdateOfItsLoadBalancerHoldsNoOtherUp(t *testing.T) {
	t.Parallel()
	p := New(Options{Clock: clock.NewStepped(time.Unix(1_700_000_000, 0))})
	defer p.Close()
	if err := p.Update(topology.Topology{LoadBalancers: []topology.LoadBalancer{
		{ARN: "alb", Type: stack.Application, Active: true, DNSName: "alb.example"}}}); err != nil {
		t.Fatal(err)
	}
	for name, look := range map[string]func(){
		"a question of DNS":       func() { p.Resolve("alb.example") },
		"a list of the balancers": func() { p.Addresses() },
	} {
		b := p.loadBalancers["alb"]
		b.mu.Lock()
		var looking sync.WaitGroup
		looking.Go(look)
		free := false
		for range 200 { // it is held up by now, or holds the plane
			if free = p.mu.TryLock(); free {
				p.mu.Unlock()
			}
			time.Sleep(time.Millisecond)
		}
		if !free {
			t.Errorf("%s keeps the plane locked while it waits", name)
		}
		b.mu.Unlock()
		looking.Wait()
	}
}
