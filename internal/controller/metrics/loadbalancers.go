package metrics

import (
	"cmp"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/model/quota"
)

// MostLoadBalancers bounds the objects whose conditions are shown.
const MostLoadBalancers = 1000

// LoadBalancer is what is shown of a LoadBalancer object.
type LoadBalancer struct {
	Namespace, Name string
	Conditions      []metav1.Condition
}

// CollectLoadBalancers registers the metrics of load balancers, which are computed when the metrics are read. The
// functions return lists that are not changed afterwards.
func (m *Metrics) CollectLoadBalancers(balancers func() []LoadBalancer, quotas func() []quota.Use) {
	m.registerer.MustRegister(collector{balancers, quotas, desc("lbc_load_balancers"), desc("lbc_load_balancer_condition"),
		desc("lbc_quota_used_ratio")})
}

func desc(name string) *prometheus.Desc {
	row := RowOf(name)
	return prometheus.NewDesc(row.Name, row.Doc, row.Labels, nil)
}

type collector struct {
	balancers                 func() []LoadBalancer
	quotas                    func() []quota.Use
	total, condition, quotaOf *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.total, c.condition, c.quotaOf} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	balancers := slices.Clone(c.balancers())
	slices.SortFunc(balancers, func(a, b LoadBalancer) int {
		return cmp.Or(cmp.Compare(readyRank(a), readyRank(b)), cmp.Compare(a.Namespace, b.Namespace),
			cmp.Compare(a.Name, b.Name))
	})
	totals := map[metav1.ConditionStatus]int{metav1.ConditionTrue: 0, metav1.ConditionFalse: 0, metav1.ConditionUnknown: 0}
	for n, lb := range balancers {
		totals[ready(lb)]++
		if n >= MostLoadBalancers {
			continue
		}
		for _, x := range lb.Conditions {
			ch <- prometheus.MustNewConstMetric(c.condition, prometheus.GaugeValue, 1, lb.Namespace, lb.Name, x.Type,
				string(x.Status))
		}
	}
	for status, n := range totals {
		ch <- prometheus.MustNewConstMetric(c.total, prometheus.GaugeValue, float64(n), string(status))
	}
	for _, q := range c.quotas() {
		ch <- prometheus.MustNewConstMetric(c.quotaOf, prometheus.GaugeValue, float64(q.Used)/float64(q.Limit.Default()),
			string(q.Limit))
	}
}

func ready(lb LoadBalancer) metav1.ConditionStatus {
	if c := meta.FindStatusCondition(lb.Conditions, "Ready"); c != nil {
		return c.Status
	}
	return metav1.ConditionUnknown
}

// readyRank orders those first that are not ready.
func readyRank(lb LoadBalancer) int {
	return slices.Index([]metav1.ConditionStatus{metav1.ConditionFalse, metav1.ConditionUnknown, metav1.ConditionTrue},
		ready(lb))
}
