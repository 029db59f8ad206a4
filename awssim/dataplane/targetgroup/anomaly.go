package targetgroup

import (
	"sync"
	"sync/atomic"
	"time"
)

// Automatic target weights: what AWS documents of them is the rhythm, the least number of targets and that a target
// which fails more often than its peers gets less; the numbers are estimates.
const (
	weighInterval    = 5 * time.Second
	leastForAnomaly  = 3    // healthy targets
	fullWeight       = 100  // of a target
	leastWeight      = 10   // so that it can recover
	weightRegained   = 20   // at each weighing without anomaly
	anomalousFailing = 0.05 // share of failures beyond that of the other targets
	leastFailures    = 3    // within one interval
)

// performance is how a target did since the last weighing.
type performance struct {
	requests, failures atomic.Int64
	lightness          atomic.Int64 // fullWeight less the weight
	anomalous          atomic.Bool
}

func (p *performance) weight() int64 { return fullWeight - p.lightness.Load() }

// Observed counts an answer of a target, or a failure to get one (status 0).
func (p *performance) Observed(status int) {
	p.requests.Add(1)
	if status == 0 || status >= 500 {
		p.failures.Add(1)
	}
}

// scales hold when a group's targets are weighed next.
type scales struct {
	mu   sync.Mutex
	next atomic.Int64 // time of the next weighing, in nanoseconds of the plane's clock
}

// weighted picks at random by the targets' weights, which it renews when it is time.
func (g *Group) weighted(targets []*Target) *Target {
	g.weigh(targets)
	total := int64(0)
	for _, t := range targets {
		total += t.Performance.weight()
	}
	n := int64(g.groups.Random() % uint64(total))
	for _, t := range targets {
		if n -= t.Performance.weight(); n < 0 {
			return t
		}
	}
	return targets[0]
}

// weigh compares the targets' failures. Anomalies are found for every group with weighted_random; only anomaly
// mitigation acts on them.
func (g *Group) weigh(targets []*Target) {
	now := g.groups.Clock.Now()
	if now.UnixNano() < g.scales.next.Load() {
		return
	}
	g.scales.mu.Lock()
	defer g.scales.mu.Unlock()
	if now.UnixNano() < g.scales.next.Load() {
		return
	}
	g.scales.next.Store(now.Add(weighInterval).UnixNano())
	var requests, failures int64
	type count struct{ requests, failures int64 }
	counts := make([]count, len(targets))
	for i, t := range targets {
		counts[i] = count{t.Performance.requests.Swap(0), t.Performance.failures.Swap(0)}
		requests += counts[i].requests
		failures += counts[i].failures
	}
	mitigate := g.Config().Settings.Mitigate
	for i, t := range targets {
		p, c := &t.Performance, counts[i]
		others := share(failures-c.failures, requests-c.requests)
		anomalous := len(targets) >= leastForAnomaly && c.failures >= leastFailures && share(c.failures, c.requests) > others+
			anomalousFailing
		p.anomalous.Store(anomalous)
		weight := min(p.weight()+weightRegained, fullWeight)
		if anomalous {
			weight = max(p.weight()/2, leastWeight)
		}
		if !mitigate {
			weight = fullWeight
		}
		p.lightness.Store(fullWeight - weight)
	}
}

func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// Anomaly reports whether a target fails more often than its peers, and whether it gets less because of that.
func (g *Group) Anomaly(target string, port int32) (anomalous, mitigated bool) {
	for _, t := range g.Pool().Registered {
		if t.Key == (Key{target, port}) {
			return t.Performance.anomalous.Load(), t.Performance.lightness.Load() > 0
		}
	}
	return false, false
}

// AnomalousHosts counts the targets that fail more often than their peers, and those that get less because they did.
func (g *Group) AnomalousHosts() (anomalous, mitigated int64) {
	for _, t := range g.Pool().Registered {
		if t.Performance.anomalous.Load() {
			anomalous++
		}
		if t.Performance.lightness.Load() > 0 {
			mitigated++
		}
	}
	return anomalous, mitigated
}
