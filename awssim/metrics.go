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
	"ActiveConnectionCount": true, "ActiveFlowCount": true, "ActiveFlowCount_TCP": true, "ActiveFlowCount_TLS": true,
	"ActiveFlowCount_UDP": true, "ZonalHealthStatus": true,
	"HealthyHostCount": true, "UnHealthyHostCount": true, "AnomalousHostCount": true, "MitigatedHostCount": true,
	"TargetControlActiveChannelCount": true,
	"HealthyStateDNS":                 true, "HealthyStateRouting": true, "UnhealthyStateDNS": true,
	"UnhealthyStateRouting": true,
	"ZonalShiftedHostCount": true, "ActiveZonalShiftHostCount": true,
	"HealthyEndpointCount": true, "UnhealthyEndpointCount": true,
	"ConsumedLCUs": true, "ConsumedLCUs_TCP": true, "ConsumedLCUs_TLS": true, "ConsumedLCUs_UDP": true, "PeakLCUs": true,
	"ReservedLCUs":       true,
	"PeakBytesPerSecond": true, "PeakPacketsPerSecond": true, "RequestCountPerTarget": true,
}

// getMetrics is a page of the data plane's counters in the text format of Prometheus. A metric is called by its
// CloudWatch namespace and name, its labels are CloudWatch's dimensions.
func (s *Simulator) getMetrics(w http.ResponseWriter, _ *http.Request) {
	if s.Plane == nil {
		http.Error(w, errNoPlane.Error(), http.StatusConflict)
		return
	}
	s.answerText(w, "text/plain; version=0.0.4; charset=utf-8", exposition(s.Plane.Stats()))
}

// exposition writes metrics one by one, in alphabetic order.
func exposition(stats dataplane.Stats) string {
	p := metricPage{}
	for arn, counts := range stats.LoadBalancers {
		at := label("LoadBalancer", dimension(arn))
		add(p, namespace(arn), counts, at)
		add(p, namespace(arn), stats.Measures[arn], at)
	}
	for arn, zones := range stats.LoadBalancerZones {
		for zone, counts := range zones {
			add(p, namespace(arn), counts, label("AvailabilityZone", zone)+","+label("LoadBalancer", dimension(arn)))
		}
	}
	for arn, counts := range stats.TargetGroups {
		user := stats.Users[arn]
		at := label("LoadBalancer", dimension(user)) + "," + label("TargetGroup", dimension(arn))
		add(p, namespace(user), counts, at)
		add(p, namespace(user), stats.Measures[arn], at)
	}
	for arn, zones := range stats.TargetGroupZones {
		user := stats.Users[arn]
		for zone, counts := range zones {
			at := label("AvailabilityZone", zone) + "," + label("LoadBalancer", dimension(user)) + "," +
				label("TargetGroup", dimension(arn))
			add(p, namespace(user), counts, at)
			add(p, namespace(user), stats.ZoneMeasures[arn][zone], at)
		}
	}
	for path, counts := range stats.Accelerators {
		at := label("Accelerator", path.Accelerator[strings.LastIndexByte(path.Accelerator, '/')+1:])
		if path.Region != "" {
			at += "," + label("EndpointGroup", path.Region)
		}
		if path.Listener != "" {
			at += "," + label("Listener", path.Listener[strings.LastIndexByte(path.Listener, '/')+1:])
		}
		add(p, "GlobalAccelerator", counts, at)
	}
	return p.String()
}

// metricPage is values by metric and labels.
type metricPage map[string]map[string]string

// add takes values of a namespace that have the same labels.
func add[N int64 | float64](p metricPage, space string, values map[string]N, labels string) {
	for name, n := range values {
		name = "AWS_" + space + "_" + name
		if p[name] == nil {
			p[name] = map[string]string{}
		}
		p[name][labels] = strconv.FormatFloat(float64(n), 'f', -1, 64)
	}
}

// String is the page: metrics, and labels of each, in alphabetic order.
func (p metricPage) String() string {
	var b strings.Builder
	summary := ""
	for _, name := range slices.Sorted(maps.Keys(p)) {
		_, metric, _ := strings.Cut(strings.TrimPrefix(name, "AWS_"), "_")
		base, isSum := strings.CutSuffix(name, "_sum")
		base, isCount := strings.CutSuffix(base, "_count")
		switch {
		case isSum || isCount:
			if base != summary {
				fmt.Fprintf(&b, "# TYPE %s summary\n", base)
			}
			summary = base
		case gauges[metric]:
			fmt.Fprintf(&b, "# TYPE %s gauge\n", name)
		default:
			fmt.Fprintf(&b, "# TYPE %s counter\n", name)
		}
		for _, labels := range slices.Sorted(maps.Keys(p[name])) {
			fmt.Fprintf(&b, "%s{%s} %s\n", name, labels, p[name][labels])
		}
	}
	return b.String()
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
