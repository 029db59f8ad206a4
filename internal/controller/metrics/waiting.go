package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
)

// Waiting is how many of something wait, and for how long the first of them.
type Waiting func() (n int, oldest time.Duration)

// CollectWaiting registers the metrics of what waits, which are computed when the metrics are read.
func (m *Metrics) CollectWaiting(of map[string]Waiting) {
	m.registerer.MustRegister(waiting{of, desc("lbc_waiting"), desc("lbc_waiting_oldest_seconds")})
}

type waiting struct {
	of            map[string]Waiting
	count, oldest *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (w waiting) Describe(ch chan<- *prometheus.Desc) { ch <- w.count; ch <- w.oldest }

// Collect implements prometheus.Collector.
func (w waiting) Collect(ch chan<- prometheus.Metric) {
	for what, f := range w.of {
		n, oldest := f()
		ch <- prometheus.MustNewConstMetric(w.count, prometheus.GaugeValue, float64(n), what)
		ch <- prometheus.MustNewConstMetric(w.oldest, prometheus.GaugeValue, oldest.Seconds(), what)
	}
}

// CollectFailing registers the metric of what fails, by class.
func (m *Metrics) CollectFailing(of func() map[string]int) {
	m.registerer.MustRegister(failing{of, desc("lbc_failing")})
}

// CollectDeletions sets what counts the deletions that wait, by reason.
func (m *Metrics) CollectDeletions(of func() map[string]int) { m.deletions.Store(&of) }

func (m *Metrics) deletionsWaiting() map[string]int {
	if of := m.deletions.Load(); of != nil {
		return (*of)()
	}
	return nil
}

type failing struct {
	of    func() map[string]int
	count *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (f failing) Describe(ch chan<- *prometheus.Desc) { ch <- f.count }

// Collect implements prometheus.Collector.
func (f failing) Collect(ch chan<- prometheus.Metric) {
	for class, n := range f.of() {
		ch <- prometheus.MustNewConstMetric(f.count, prometheus.GaugeValue, float64(n), class)
	}
}

// CollectGates registers the metric of the longest wait for a readiness gate, by binding.
func (m *Metrics) CollectGates(of func() map[types.NamespacedName]time.Duration) {
	m.registerer.MustRegister(gates{of, desc("lbc_readiness_gate_waiting_seconds")})
}

type gates struct {
	of   func() map[types.NamespacedName]time.Duration
	desc *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (g gates) Describe(ch chan<- *prometheus.Desc) { ch <- g.desc }

// Collect implements prometheus.Collector.
func (g gates) Collect(ch chan<- prometheus.Metric) {
	for binding, waited := range g.of() {
		ch <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, waited.Seconds(), binding.Namespace, binding.Name)
	}
}

// CollectCertificate registers the metrics of a certificate: when it ends, and from when on it is overdue for renewal.
// Each read of the metrics calls times once. A zero time has no series.
func (m *Metrics) CollectCertificate(name string, times func() (end, overdue time.Time)) {
	prefix := "lbc_" + name + "_certificate_"
	m.registerer.MustRegister(certificate{times, desc(prefix + "not_after_seconds"), desc(prefix + "overdue_seconds")})
}

type certificate struct {
	times        func() (end, overdue time.Time)
	end, overdue *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c certificate) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.end
	ch <- c.overdue
}

// Collect implements prometheus.Collector.
func (c certificate) Collect(ch chan<- prometheus.Metric) {
	end, overdue := c.times()
	for d, at := range map[*prometheus.Desc]time.Time{c.end: end, c.overdue: overdue} {
		if !at.IsZero() {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(at.Unix()))
		}
	}
}

// CheckCount is how many findings a check of the doctor has of a severity.
type CheckCount struct {
	Check, Severity string
	Findings        int
}

// CollectChecks registers the metric of what the doctor in the leader finds.
func (m *Metrics) CollectChecks(of func() []CheckCount) {
	m.registerer.MustRegister(checks{of, desc("lbc_check")})
}

type checks struct {
	of   func() []CheckCount
	desc *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c checks) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect implements prometheus.Collector.
func (c checks) Collect(ch chan<- prometheus.Metric) {
	for _, n := range c.of() {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(n.Findings), n.Check, n.Severity)
	}
}
