package dataplane

import (
	"sync"
	"sync/atomic"
	"time"
)

// Automatic target weights: what AWS documents of them is the rhythm, the least number of targets and that a target which
// fails more often than its peers gets less; the numbers are estimates.
const (
	weighInterval    = 5 * time.Second
	leastForAnomaly  = 3    // healthy targets
	fullWeight       = 100  // of a target
	leastWeight      = 10   // lest it never recover
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

// observed counts an answer of a target, or a failure to get one (status 0).
func (p *performance) observed(status int) {
	p.requests.Add(1)
	if status == 0 || status >= 500 {
		p.failures.Add(1)
	}
}

// scales say when a group's targets were weighed.
type scales struct {
	mu   sync.Mutex
	next atomic.Int64 // time of the next weighing, in nanoseconds of the plane's clock
}

// weighted picks at random by the targets' weights, which it renews when it is time.
func (g *group) weighted(targets []*target) *target {
	g.weigh(targets)
	total := int64(0)
	for _, t := range targets {
		total += t.performance.weight()
	}
	n := int64(g.plane.random() % uint64(total))
	for _, t := range targets {
		if n -= t.performance.weight(); n < 0 {
			return t
		}
	}
	return targets[0]
}

// weigh compares the targets' failures. Anomalies are found for every group with weighted_random; only anomaly mitigation acts
// on them.
func (g *group) weigh(targets []*target) {
	now := g.plane.clock.Now()
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
		counts[i] = count{t.performance.requests.Swap(0), t.performance.failures.Swap(0)}
		requests += counts[i].requests
		failures += counts[i].failures
	}
	mitigate := g.config.Load().settings.Mitigate
	for i, t := range targets {
		p, c := &t.performance, counts[i]
		others := share(failures-c.failures, requests-c.requests)
		anomalous := len(targets) >= leastForAnomaly && c.failures >= leastFailures && share(c.failures, c.requests) > others+anomalousFailing
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

// Anomaly tells whether a target fails more often than its peers, and whether it gets less because it did.
func (p *Plane) Anomaly(targetGroup, target string, port int32) (anomalous, mitigated bool) {
	g := p.group(targetGroup)
	if g == nil {
		return false, false
	}
	for _, t := range g.pool.Load().registered {
		if t.key == (targetKey{target, port}) {
			return t.performance.anomalous.Load(), t.performance.lightness.Load() > 0
		}
	}
	return false, false
}

// oddHosts counts the targets that fail more often than their peers, and those that get less because they did.
func (g *group) oddHosts() (anomalous, mitigated int64) {
	for _, t := range g.pool.Load().registered {
		if t.performance.anomalous.Load() {
			anomalous++
		}
		if t.performance.lightness.Load() > 0 {
			mitigated++
		}
	}
	return anomalous, mitigated
}
