// Package counter counts what load balancers and target groups do, by CloudWatch's metrics: requests of ALBs, flows of
// NLBs, the capacity units of both. It has neither load balancers nor targets: callers report what happens. It imports
// no other package of this module.
package counter

import (
	"sync"
	"sync/atomic"
)

// Metric is an index into counters.
type Metric int

// The metrics.
const (
	RequestCount Metric = iota
	NewConnectionCount
	ActiveConnectionCount
	RejectedConnectionCount
	ProcessedBytes
	ClientTLSErrorCount
	FixedResponseCount
	RedirectCount
	RedirectLimitCount
	elb3xxCount
	elb4xxCount
	elb5xxCount
	elb500Count
	elb502Count
	elb503Count
	elb504Count
	DroppedHeaderCount
	ForwardedHeaderCount
	DesyncCount
	RequestCountIPv6
	ProcessedBytesIPv6
	NonStickyCount
	ControlRequestCount
	ControlRejectCount
	ControlActiveCount
	ControlNewCount
	ControlErrorCount
	GRPCRequestCount
	target2xxCount
	target3xxCount
	target4xxCount
	target5xxCount
	TargetConnectionErrorCount
	TargetTLSErrorCount
	UnhealthyRoutingCount
	AuthErrorCount
	AuthFailureCount
	AuthLatency // milliseconds in sum
	AuthRefreshCount
	AuthSuccessCount
	AuthClaimsSizeCount
	ruleEvaluations
	billedEvaluations // of them, those beyond the free ones of each request
	ResponseMicros    // of targets, in sum
	metrics
)

// applicationNames are what the counters are called; an absent name is not reported. NLBs have their own, see
// flowNames.
var applicationNames = map[Metric]string{
	RequestCount: "RequestCount", NewConnectionCount: "NewConnectionCount", ActiveConnectionCount: "ActiveConnectionCount",
	RejectedConnectionCount: "RejectedConnectionCount", ProcessedBytes: "ProcessedBytes",
	ClientTLSErrorCount: "ClientTLSNegotiationErrorCount", FixedResponseCount: "HTTP_Fixed_Response_Count",
	RedirectCount: "HTTP_Redirect_Count", RedirectLimitCount: "HTTP_Redirect_Url_Limit_Exceeded_Count",
	elb3xxCount: "HTTPCode_ELB_3XX_Count", elb4xxCount: "HTTPCode_ELB_4XX_Count", elb5xxCount: "HTTPCode_ELB_5XX_Count",
	elb500Count: "HTTPCode_ELB_500_Count", elb502Count: "HTTPCode_ELB_502_Count", elb503Count: "HTTPCode_ELB_503_Count",
	elb504Count: "HTTPCode_ELB_504_Count", DroppedHeaderCount: "DroppedInvalidHeaderRequestCount",
	GRPCRequestCount: "GrpcRequestCount",
	target2xxCount:   "HTTPCode_Target_2XX_Count", target3xxCount: "HTTPCode_Target_3XX_Count",
	target4xxCount: "HTTPCode_Target_4XX_Count", target5xxCount: "HTTPCode_Target_5XX_Count",
	TargetConnectionErrorCount: "TargetConnectionErrorCount", TargetTLSErrorCount: "TargetTLSNegotiationErrorCount",
	UnhealthyRoutingCount: "UnhealthyRoutingRequestCount", ForwardedHeaderCount: "ForwardedInvalidHeaderRequestCount",
	DesyncCount: "DesyncMitigationMode_NonCompliant_Request_Count", RequestCountIPv6: "IPv6RequestCount",
	ProcessedBytesIPv6: "IPv6ProcessedBytes", NonStickyCount: "NonStickyRequestCount",
	ControlRequestCount: "TargetControlRequestCount", ControlRejectCount: "TargetControlRequestRejectCount",
	ControlActiveCount: "TargetControlActiveChannelCount", ControlNewCount: "TargetControlNewChannelCount",
	ControlErrorCount: "TargetControlChannelErrorCount",
	AuthErrorCount:    "ELBAuthError", AuthFailureCount: "ELBAuthFailure", AuthLatency: "ELBAuthLatency",
	AuthRefreshCount: "ELBAuthRefreshTokenSuccess", AuthSuccessCount: "ELBAuthSuccess",
	AuthClaimsSizeCount: "ELBAuthUserClaimsSizeExceeded", ruleEvaluations: "RuleEvaluations",
}

// Requests count for one load balancer or one target group.
type Requests [metrics]atomic.Int64

// Add adds to a metric.
func (c *Requests) Add(m Metric, n int64) { c[m].Add(n) }

// Named is the counters that are not zero under CloudWatch's names.
func (c *Requests) Named() map[string]int64 {
	out := map[string]int64{}
	for m, name := range applicationNames {
		if n := c[m].Load(); n != 0 {
			out[name] = n
		}
	}
	return out
}

// RequestTally counts the same for several: a load balancer or target group as a whole, and in one zone.
type RequestTally [2]*Requests

// Add adds to a metric of all.
func (t RequestTally) Add(m Metric, n int64) {
	for _, c := range t {
		c.Add(m, n)
	}
}

// AddGenerated counts an answer that the load balancer made itself.
func (t RequestTally) AddGenerated(status int) {
	for _, c := range t {
		c.AddGenerated(status)
	}
}

// AddAnswered counts an answer of a target.
func (t RequestTally) AddAnswered(status int) {
	for _, c := range t {
		c.AddAnswered(status)
	}
}

// AddEvaluated counts the rules that a request was compared with.
func (t RequestTally) AddEvaluated(rules int) {
	t.Add(ruleEvaluations, int64(rules))
	t.Add(billedEvaluations, int64(max(rules-freeRules, 0)))
}

// ResponseTime is what targets took to answer: in seconds in sum, and of how many answers.
func (c *Requests) ResponseTime(out map[string]float64) {
	answers := int64(0)
	for m := target2xxCount; m <= target5xxCount; m++ {
		answers += c[m].Load()
	}
	put(out, "TargetResponseTime_sum", float64(c[ResponseMicros].Load())/1e6)
	put(out, "TargetResponseTime_count", float64(answers))
}

// AddGenerated counts an answer that the load balancer made itself.
func (c *Requests) AddGenerated(status int) {
	exact := map[int]Metric{500: elb500Count, 502: elb502Count, 503: elb503Count, 504: elb504Count}
	switch status / 100 {
	case 3:
		c.Add(elb3xxCount, 1)
	case 4:
		c.Add(elb4xxCount, 1)
	case 5:
		c.Add(elb5xxCount, 1)
		if m, ok := exact[status]; ok {
			c.Add(m, 1)
		}
	}
}

// AddAnswered counts an answer of a target.
func (c *Requests) AddAnswered(status int) {
	if n := status / 100; 2 <= n && n <= 5 {
		c.Add(target2xxCount+Metric(n-2), 1)
	}
}

// RequestsByZone count by zone.
type RequestsByZone struct {
	zones sync.Map // zone → *counters
}

// Of is the counters of a zone.
func (z *RequestsByZone) Of(zone string) *Requests {
	if c, ok := z.zones.Load(zone); ok {
		return c.(*Requests)
	}
	c, _ := z.zones.LoadOrStore(zone, new(Requests))
	return c.(*Requests)
}

// ResponseTimes is what targets took to answer by zone, like ResponseTime.
func (z *RequestsByZone) ResponseTimes() map[string]map[string]float64 {
	out := map[string]map[string]float64{}
	for zone, c := range z.zones.Range {
		part := map[string]float64{}
		c.(*Requests).ResponseTime(part)
		out[zone.(string)] = part
	}
	return out
}

// ByZone is Named of each zone.
func (z *RequestsByZone) ByZone() map[string]map[string]int64 {
	out := map[string]map[string]int64{}
	for zone, c := range z.zones.Range {
		out[zone.(string)] = c.(*Requests).Named()
	}
	return out
}

// Rules count requests by rule.
type Rules struct {
	counts sync.Map // rule id → *atomic.Int64
}

// CopyTo adds the counts by rule.
func (r *Rules) CopyTo(out map[string]int64) {
	for id, n := range r.counts.Range {
		out[id.(string)] = n.(*atomic.Int64).Load()
	}
}

// Add counts a request.
func (r *Rules) Add(id string) {
	n, ok := r.counts.Load(id)
	if !ok {
		n, _ = r.counts.LoadOrStore(id, new(atomic.Int64))
	}
	n.(*atomic.Int64).Add(1)
}
