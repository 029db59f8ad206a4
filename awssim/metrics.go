package awssim

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/dataplane"
)

// gauges are the metrics that go down as well.
var gauges = map[string]bool{
	"ActiveConnectionCount": true, "ActiveFlowCount": true, "ActiveFlowCount_TCP": true, "ActiveFlowCount_TLS": true, "ActiveFlowCount_UDP": true, "ZonalHealthStatus": true,
	"HealthyHostCount": true, "UnHealthyHostCount": true, "AnomalousHostCount": true, "MitigatedHostCount": true,
	"TargetControlActiveChannelCount": true,
}

// getMetrics is a page of the data plane's counters in the text format of Prometheus. A metric is called by its CloudWatch
// namespace and name, its labels are CloudWatch's dimensions.
func (s *Simulator) getMetrics(w http.ResponseWriter, _ *http.Request) {
	if s.Plane == nil {
		http.Error(w, errNoPlane.Error(), http.StatusConflict)
		return
	}
	s.answerText(w, "text/plain; version=0.0.4; charset=utf-8", exposition(s.Plane.Stats()))
}

// exposition writes counters metric by metric, in alphabetic order.
func exposition(stats dataplane.Stats) string {
	p := metricPage{}
	for arn, counts := range stats.LoadBalancers {
		p.add(namespace(arn), counts, label("LoadBalancer", dimension(arn)))
	}
	for arn, zones := range stats.LoadBalancerZones {
		for zone, counts := range zones {
			p.add(namespace(arn), counts, label("AvailabilityZone", zone)+","+label("LoadBalancer", dimension(arn)))
		}
	}
	for arn, counts := range stats.TargetGroups {
		user := stats.Users[arn]
		p.add(namespace(user), counts, label("LoadBalancer", dimension(user))+","+label("TargetGroup", dimension(arn)))
	}
	for arn, zones := range stats.TargetGroupZones {
		user := stats.Users[arn]
		for zone, counts := range zones {
			p.add(namespace(user), counts, label("AvailabilityZone", zone)+","+label("LoadBalancer", dimension(user))+","+label("TargetGroup", dimension(arn)))
		}
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(p)) {
		_, metric, _ := strings.Cut(strings.TrimPrefix(name, "AWS_"), "_")
		kind := "counter"
		if gauges[metric] {
			kind = "gauge"
		}
		fmt.Fprintf(&b, "# TYPE %s %s\n", name, kind)
		for _, labels := range slices.Sorted(maps.Keys(p[name])) {
			fmt.Fprintf(&b, "%s{%s} %d\n", name, labels, p[name][labels])
		}
	}
	return b.String()
}

// metricPage is values by metric and labels.
type metricPage map[string]map[string]int64

func (p metricPage) add(space string, counts map[string]int64, labels string) {
	for name, n := range counts {
		name = "AWS_" + space + "_" + name
		if p[name] == nil {
			p[name] = map[string]int64{}
		}
		p[name][labels] = n
	}
}

func label(name, value string) string { return name + "=" + strconv.Quote(value) }

// namespace is CloudWatch's for a load balancer.
func namespace(arn string) string {
	if strings.HasPrefix(dimension(arn), "net/") {
		return "NetworkELB"
	}
	return "ApplicationELB"
}

// dimension is what CloudWatch calls a load balancer or target group: the end of its ARN.
func dimension(arn string) string {
	if _, rest, ok := strings.Cut(arn, ":loadbalancer/"); ok {
		return rest
	}
	return arn[strings.LastIndexByte(arn, ':')+1:]
}
