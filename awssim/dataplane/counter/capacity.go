package counter

import (
	"sync"
	"time"
)

// Usage is looked at every window; capacity units are those of a minute, CloudWatch's period, peaks those of its best
// window.
const (
	MeterWindow  = 10 * time.Second
	meterWindows = 6
	MeterPeriod  = meterWindows * MeterWindow
)

// freeRules of those that a request is compared with cost nothing.
const freeRules = 10

// Usage is what capacity units are calculated from: counts since the beginning, and what is open now.
type Usage struct{ opened, active, bytes, packets, rules int64 }

// since is what happened after an earlier look; what is open stays.
func (u Usage) since(before Usage) Usage {
	return Usage{u.opened - before.opened, u.active, u.bytes - before.bytes, u.packets - before.packets,
		u.rules - before.rules}
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
	flowUnits       = [Transports]unit{
		OverTCP: {800, 100_000, gigabyte, 0}, OverTLS: {50, 3000, gigabyte, 0},
		OverUDP: {400, 50_000, gigabyte, 0}, OverQUIC: {400, 50_000, gigabyte, 0},
	}
)

// units is what a usage over a time comes to: the dimension that needs most decides.
func (c unit) units(u Usage, over time.Duration) float64 {
	seconds := over.Seconds()
	most := max(float64(u.opened)/seconds/c.opened, float64(u.active)/c.active, float64(u.bytes)/seconds*3600/c.bytes)
	if c.rules > 0 {
		most = max(most, float64(u.rules)/seconds/c.rules)
	}
	return most
}

// Meter keeps how much of a load balancer was used at the end of each of the last windows, the oldest first. Those of
// load balancers that were never used hold nothing.
type Meter struct {
	mu   sync.Mutex
	past [][Transports]Usage // at most meterWindows+1
}

// Look ends a window.
func (m *Meter) Look(now [Transports]Usage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.past == nil {
		if now == [Transports]Usage{} {
			return
		}
		m.past = make([][Transports]Usage, 1, meterWindows+1) // nothing, before
	}
	if len(m.past) > meterWindows {
		copy(m.past, m.past[1:])
		m.past = m.past[:meterWindows]
	}
	m.past = append(m.past, now)
}

// period is what was used in the last minute, window by window.
func (m *Meter) period() (all [Transports]Usage, windows [][Transports]Usage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := 1; i < len(m.past); i++ {
		var w [Transports]Usage
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

// RequestUsage is what an ALB did so far. It stands in the first place.
func RequestUsage(c *Requests) (now [Transports]Usage) {
	now[0] = Usage{
		opened: c[NewConnectionCount].Load(), active: c[ActiveConnectionCount].Load(), bytes: c[ProcessedBytes].Load(),
		rules: c[billedEvaluations].Load(),
	}
	return now
}

// FlowUsage is what an NLB did so far, by transport.
func FlowUsage(c *Flows) (now [Transports]Usage) {
	for t := range Transports {
		now[t] = Usage{opened: c[NewFlows.By(t)].Load(), active: c[ActiveFlows.By(t)].Load(),
			bytes: c[FlowBytes.By(t)].Load()}
	}
	now[0].packets = c[FlowPackets].Load() // of all transports
	return now
}

// RequestCapacity adds the metrics of an ALB's capacity in the last minute, under CloudWatch's names.
func (m *Meter) RequestCapacity(out map[string]float64, reserved int32) {
	all, windows := m.period()
	put(out, "ConsumedLCUs", applicationUnit.units(all[0], MeterPeriod))
	for _, w := range windows {
		if reserved > 0 {
			put(out, "PeakLCUs", max(out["PeakLCUs"], applicationUnit.units(w[0], MeterWindow)))
		}
	}
}

// FlowCapacity adds the metrics of an NLB's capacity in the last minute, under CloudWatch's names.
func (m *Meter) FlowCapacity(out map[string]float64) {
	all, windows := m.period()
	for t, u := range all {
		n := flowUnits[t].units(u, MeterPeriod)
		put(out, "ConsumedLCUs", out["ConsumedLCUs"]+n)
		if t := Transport(t); t != OverQUIC { // CloudWatch has no such metric
			put(out, "ConsumedLCUs_"+TransportNames[t], n)
		}
	}
	for _, w := range windows {
		bytes := int64(0)
		for _, u := range w {
			bytes += u.bytes
		}
		put(out, "PeakBytesPerSecond", max(out["PeakBytesPerSecond"], float64(bytes)/MeterWindow.Seconds()))
		put(out, "PeakPacketsPerSecond", max(out["PeakPacketsPerSecond"], float64(w[0].packets)/MeterWindow.Seconds()))
	}
}

// put sets what is not zero.
func put(out map[string]float64, name string, value float64) {
	if value != 0 {
		out[name] = value
	}
}
