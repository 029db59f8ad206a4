package dataplane

import (
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// Usage is looked at every window; capacity units are those of a minute, CloudWatch's period, peaks those of its best window.
const (
	meterWindow  = 10 * time.Second
	meterWindows = 6
	meterPeriod  = meterWindows * meterWindow
)

// freeRules of those that a request is compared with cost nothing.
const freeRules = 10

// usage is what capacity units are reckoned by: counts since the beginning, and what is open now.
type usage struct{ opened, active, bytes, packets, rules int64 }

// since is what happened after an earlier look; what is open stays.
func (u usage) since(before usage) usage {
	return usage{u.opened - before.opened, u.active, u.bytes - before.bytes, u.packets - before.packets, u.rules - before.rules}
}

// unit is how much of each dimension one load balancer capacity unit holds; 0: the dimension does not count.
type unit struct {
	opened float64 // connections or flows a second
	active float64 // at a time
	bytes  float64 // an hour
	rules  float64 // evaluations a second
}

const gigabyte = 1 << 30

// Capacity units as Elastic Load Balancing's prices define them.
var (
	applicationUnit = unit{25, 3000, gigabyte, 1000}
	flowUnits       = [transports]unit{
		overTCP: {800, 100_000, gigabyte, 0}, overTLS: {50, 3000, gigabyte, 0},
		overUDP: {400, 50_000, gigabyte, 0}, overQUIC: {400, 50_000, gigabyte, 0},
	}
)

// units is what a usage over a time comes to: the dimension that needs most decides.
func (c unit) units(u usage, over time.Duration) float64 {
	seconds := over.Seconds()
	most := max(float64(u.opened)/seconds/c.opened, float64(u.active)/c.active, float64(u.bytes)/seconds*3600/c.bytes)
	if c.rules > 0 {
		most = max(most, float64(u.rules)/seconds/c.rules)
	}
	return most
}

// meter keeps how much of a load balancer was used at the end of each of the last windows, the oldest first. Those of load
// balancers that were never used hold nothing.
type meter struct {
	mu   sync.Mutex
	past [][transports]usage // at most meterWindows+1
}

// look ends a window.
func (m *meter) look(now [transports]usage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.past == nil {
		if now == [transports]usage{} {
			return
		}
		m.past = make([][transports]usage, 1, meterWindows+1) // nothing, before
	}
	if len(m.past) > meterWindows {
		copy(m.past, m.past[1:])
		m.past = m.past[:meterWindows]
	}
	m.past = append(m.past, now)
}

// period is what was used in the last minute, window by window.
func (m *meter) period() (all [transports]usage, windows [][transports]usage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := 1; i < len(m.past); i++ {
		var w [transports]usage
		for t := range w {
			w[t] = m.past[i][t].since(m.past[i-1][t])
		}
		windows = append(windows, w)
	}
	if n := len(m.past); n > 0 {
		for t := range all {
			all[t] = m.past[n-1][t].since(m.past[0][t])
		}
	}
	return all, windows
}

// usage is what the load balancer did so far, by transport; that of an ALB stands in the first place.
func (b *balancer) usage(network bool) (now [transports]usage) {
	if !network {
		c := &b.counters
		now[0] = usage{
			opened: c[newConnectionCount].Load(), active: c[activeConnectionCount].Load(), bytes: c[processedBytes].Load(),
			rules: c[billedEvaluations].Load(),
		}
		return now
	}
	c := &b.flows.flowCounters
	for t := range transports {
		now[t] = usage{opened: c[newFlows.by(t)].Load(), active: c[activeFlows.by(t)].Load(), bytes: c[flowBytes.by(t)].Load()}
	}
	now[0].packets = c[flowPackets].Load() // of all transports
	return now
}

// capacity is the load balancer's metrics that its meter tells, under CloudWatch's names: of the last minute.
func (b *balancer) capacity(out map[string]float64) {
	c := b.config.Load()
	if c == nil {
		return
	}
	if c.ReservedUnits > 0 {
		out["ReservedLCUs"] = float64(c.ReservedUnits)
	}
	all, windows := b.meter.period()
	if !c.network() {
		put(out, "ConsumedLCUs", applicationUnit.units(all[0], meterPeriod))
		for _, w := range windows {
			if c.ReservedUnits > 0 {
				put(out, "PeakLCUs", max(out["PeakLCUs"], applicationUnit.units(w[0], meterWindow)))
			}
		}
		return
	}
	for t, u := range all {
		n := flowUnits[t].units(u, meterPeriod)
		put(out, "ConsumedLCUs", out["ConsumedLCUs"]+n)
		if t := transport(t); t != overQUIC { // CloudWatch has no such metric
			put(out, "ConsumedLCUs_"+transportNames[t], n)
		}
	}
	for _, w := range windows {
		bytes := int64(0)
		for _, u := range w {
			bytes += u.bytes
		}
		put(out, "PeakBytesPerSecond", max(out["PeakBytesPerSecond"], float64(bytes)/meterWindow.Seconds()))
		put(out, "PeakPacketsPerSecond", max(out["PeakPacketsPerSecond"], float64(w[0].packets)/meterWindow.Seconds()))
	}
}

// put sets what is not zero.
func put(out map[string]float64, name string, value float64) {
	if value != 0 {
		out[name] = value
	}
}

// measure looks at every load balancer at the end of each window, as long as there is one.
func (p *Plane) measure() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.measuring = nil
	if p.closed || len(p.balancers) == 0 {
		return
	}
	for _, b := range p.balancers {
		if c := b.config.Load(); c != nil {
			b.meter.look(b.usage(c.Type == stack.Network))
		}
	}
	p.measuring = p.clock.AfterFunc(meterWindow, p.measure)
}

// keepMeasuring begins to measure once there is something to; the lock is held.
func (p *Plane) keepMeasuring() {
	if p.measuring == nil && len(p.balancers) > 0 {
		p.measuring = p.clock.AfterFunc(meterWindow, p.measure)
	}
}
