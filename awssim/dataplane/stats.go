package dataplane

import (
	"sync"
	"sync/atomic"
)

// Stats are counts since each resource appeared, under CloudWatch's metric names. Names that AWS reports only when not zero
// are left out when zero.
type Stats struct {
	LoadBalancers map[string]map[string]int64 // by ARN
	TargetGroups  map[string]map[string]int64 // by ARN
	// LoadBalancerZones and TargetGroupZones are by ARN and by the zone of the node that served.
	LoadBalancerZones map[string]map[string]map[string]int64
	TargetGroupZones  map[string]map[string]map[string]int64
	Users             map[string]string // the load balancer of each target group, by ARN
	// Measures are the metrics that are no counts, by ARN of load balancer or target group; ZoneMeasures are by zone, too.
	Measures     map[string]map[string]float64
	ZoneMeasures map[string]map[string]map[string]float64
	Accelerators map[EdgePath]map[string]int64
	// Rules counts the requests that each rule took, by Rule.ID. Requests that met a listener's default actions are counted
	// under the listener's ARN. (CloudWatch has no such metric.)
	Rules map[string]int64
}

// metric is an index into counters.
type metric int

const (
	requestCount metric = iota
	newConnectionCount
	activeConnectionCount
	rejectedConnectionCount
	processedBytes
	clientTLSErrorCount
	fixedResponseCount
	redirectCount
	redirectLimitCount
	elb3xxCount
	elb4xxCount
	elb5xxCount
	elb500Count
	elb502Count
	elb503Count
	elb504Count
	droppedHeaderCount
	forwardedHeaderCount
	desyncCount
	requestCountIPv6
	processedBytesIPv6
	nonStickyCount
	controlRequestCount
	controlRejectCount
	controlActiveCount
	controlNewCount
	controlErrorCount
	grpcRequestCount
	target2xxCount
	target3xxCount
	target4xxCount
	target5xxCount
	targetConnectionErrorCount
	targetTLSErrorCount
	unhealthyRoutingCount
	authErrorCount
	authFailureCount
	authLatency // milliseconds in sum
	authRefreshCount
	authSuccessCount
	authClaimsSizeCount
	ruleEvaluations
	billedEvaluations // of them, those beyond the free ones of each request
	responseMicros    // of targets, in sum
	metrics
)

// applicationNames are what the counters are called; an absent name is not reported. NLBs have their own, see flowNames.
var applicationNames = map[metric]string{
	requestCount: "RequestCount", newConnectionCount: "NewConnectionCount", activeConnectionCount: "ActiveConnectionCount",
	rejectedConnectionCount: "RejectedConnectionCount", processedBytes: "ProcessedBytes",
	clientTLSErrorCount: "ClientTLSNegotiationErrorCount", fixedResponseCount: "HTTP_Fixed_Response_Count",
	redirectCount: "HTTP_Redirect_Count", redirectLimitCount: "HTTP_Redirect_Url_Limit_Exceeded_Count",
	elb3xxCount: "HTTPCode_ELB_3XX_Count", elb4xxCount: "HTTPCode_ELB_4XX_Count", elb5xxCount: "HTTPCode_ELB_5XX_Count",
	elb500Count: "HTTPCode_ELB_500_Count", elb502Count: "HTTPCode_ELB_502_Count", elb503Count: "HTTPCode_ELB_503_Count",
	elb504Count: "HTTPCode_ELB_504_Count", droppedHeaderCount: "DroppedInvalidHeaderRequestCount",
	grpcRequestCount: "GrpcRequestCount",
	target2xxCount:   "HTTPCode_Target_2XX_Count", target3xxCount: "HTTPCode_Target_3XX_Count",
	target4xxCount: "HTTPCode_Target_4XX_Count", target5xxCount: "HTTPCode_Target_5XX_Count",
	targetConnectionErrorCount: "TargetConnectionErrorCount", targetTLSErrorCount: "TargetTLSNegotiationErrorCount",
	unhealthyRoutingCount: "UnhealthyRoutingRequestCount", forwardedHeaderCount: "ForwardedInvalidHeaderRequestCount",
	desyncCount: "DesyncMitigationMode_NonCompliant_Request_Count", requestCountIPv6: "IPv6RequestCount",
	processedBytesIPv6: "IPv6ProcessedBytes", nonStickyCount: "NonStickyRequestCount",
	controlRequestCount: "TargetControlRequestCount", controlRejectCount: "TargetControlRequestRejectCount",
	controlActiveCount: "TargetControlActiveChannelCount", controlNewCount: "TargetControlNewChannelCount",
	controlErrorCount: "TargetControlChannelErrorCount",
	authErrorCount:    "ELBAuthError", authFailureCount: "ELBAuthFailure", authLatency: "ELBAuthLatency",
	authRefreshCount: "ELBAuthRefreshTokenSuccess", authSuccessCount: "ELBAuthSuccess",
	authClaimsSizeCount: "ELBAuthUserClaimsSizeExceeded", ruleEvaluations: "RuleEvaluations",
}

// counters count for one load balancer or one target group.
type counters [metrics]atomic.Int64

type (
	balancerCounters = counters
	groupCounters    = counters
)

func (c *counters) add(m metric, n int64) { c[m].Add(n) }

func (c *counters) named(names map[metric]string) map[string]int64 {
	out := map[string]int64{}
	for m, name := range names {
		if n := c[m].Load(); n != 0 {
			out[name] = n
		}
	}
	return out
}

// tally counts the same for several: a load balancer or target group as a whole, and in one zone.
type tally [2]*counters

func (t tally) add(m metric, n int64) {
	for _, c := range t {
		c.add(m, n)
	}
}

func (t tally) generated(status int) {
	for _, c := range t {
		c.generated(status)
	}
}

func (t tally) answered(status int) {
	for _, c := range t {
		c.answered(status)
	}
}

// evaluated counts the rules that a request was compared with.
func (t tally) evaluated(rules int) {
	t.add(ruleEvaluations, int64(rules))
	t.add(billedEvaluations, int64(max(rules-freeRules, 0)))
}

// responseTime is what targets took to answer: in seconds in sum, and of how many answers.
func (c *counters) responseTime(out map[string]float64) {
	answers := int64(0)
	for m := target2xxCount; m <= target5xxCount; m++ {
		answers += c[m].Load()
	}
	put(out, "TargetResponseTime_sum", float64(c[responseMicros].Load())/1e6)
	put(out, "TargetResponseTime_count", float64(answers))
}

// generated counts an answer that the load balancer made itself.
func (c *counters) generated(status int) {
	exact := map[int]metric{500: elb500Count, 502: elb502Count, 503: elb503Count, 504: elb504Count}
	switch status / 100 {
	case 3:
		c.add(elb3xxCount, 1)
	case 4:
		c.add(elb4xxCount, 1)
	case 5:
		c.add(elb5xxCount, 1)
		if m, ok := exact[status]; ok {
			c.add(m, 1)
		}
	}
}

// answered counts an answer of a target.
func (c *counters) answered(status int) {
	if n := status / 100; 2 <= n && n <= 5 {
		c.add(target2xxCount+metric(n-2), 1)
	}
}

// zoneCounters count by zone.
type zoneCounters struct {
	zones sync.Map // zone → *counters
}

func (z *zoneCounters) of(zone string) *counters {
	if c, ok := z.zones.Load(zone); ok {
		return c.(*counters)
	}
	c, _ := z.zones.LoadOrStore(zone, new(counters))
	return c.(*counters)
}

func (z *zoneCounters) named(names map[metric]string) map[string]map[string]int64 {
	out := map[string]map[string]int64{}
	for zone, c := range z.zones.Range {
		out[zone.(string)] = c.(*counters).named(names)
	}
	return out
}

// ruleCounters count requests by rule.
type ruleCounters struct {
	counts sync.Map // rule id → *atomic.Int64
}

func (r *ruleCounters) add(id string) {
	n, ok := r.counts.Load(id)
	if !ok {
		n, _ = r.counts.LoadOrStore(id, new(atomic.Int64))
	}
	n.(*atomic.Int64).Add(1)
}

// Stats reports the counters of everything that exists.
func (p *Plane) Stats() Stats {
	p.mu.RLock()
	defer p.mu.RUnlock()
	s := Stats{
		LoadBalancers: map[string]map[string]int64{}, TargetGroups: map[string]map[string]int64{}, Rules: map[string]int64{},
		LoadBalancerZones: map[string]map[string]map[string]int64{}, TargetGroupZones: map[string]map[string]map[string]int64{},
		Users: map[string]string{}, Measures: map[string]map[string]float64{}, ZoneMeasures: map[string]map[string]map[string]float64{},
		Accelerators: p.edgeStats(),
	}
	for arn, b := range p.balancers {
		s.LoadBalancers[arn] = b.counters.named(applicationNames)
		s.LoadBalancerZones[arn] = b.zoned.named(applicationNames)
		s.Measures[arn] = map[string]float64{}
		b.capacity(s.Measures[arn])
		b.rules.counts.Range(func(id, n any) bool {
			s.Rules[id.(string)] = n.(*atomic.Int64).Load()
			return true
		})
	}
	for arn, g := range p.groups {
		s.TargetGroups[arn] = g.counters.named(applicationNames)
		s.TargetGroupZones[arn] = g.zoned.named(applicationNames)
		s.Users[arn] = g.userARN()
		healthy, unhealthy := g.hosts()
		if anomalous, mitigated := g.oddHosts(); anomalous+mitigated > 0 {
			s.TargetGroups[arn]["AnomalousHostCount"], s.TargetGroups[arn]["MitigatedHostCount"] = anomalous, mitigated
		}
		s.TargetGroups[arn]["HealthyHostCount"], s.TargetGroups[arn]["UnHealthyHostCount"] = healthy, unhealthy
		p.states(g, s.TargetGroups[arn])
		g.shiftedHosts(s.TargetGroups[arn])
		g.measures(&s, healthy+unhealthy)
	}
	p.flowStats(&s)
	return s
}

// measures adds how fast the targets answer, and how many requests come upon each.
func (g *group) measures(s *Stats, hosts int64) {
	whole := map[string]float64{}
	s.Measures[g.arn], s.ZoneMeasures[g.arn] = whole, map[string]map[string]float64{}
	g.counters.responseTime(whole)
	if hosts > 0 {
		put(whole, "RequestCountPerTarget", float64(g.counters[requestCount].Load())/float64(hosts))
	}
	for zone, c := range g.zoned.zones.Range {
		part := map[string]float64{}
		c.(*counters).responseTime(part)
		s.ZoneMeasures[g.arn][zone.(string)] = part
	}
}

// hosts counts the registered targets by health.
func (g *group) hosts() (healthy, unhealthy int64) {
	for _, t := range g.pool.Load().registered {
		if t.isHealthy.Load() {
			healthy++
		} else {
			unhealthy++
		}
	}
	return healthy, unhealthy
}
