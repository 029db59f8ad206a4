package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
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

// CollectCertificates registers the metric of when certificates expire, by use; the functions return the zero time where that is not known.
func (m *Metrics) CollectCertificates(of map[string]func() time.Time) {
	m.registerer.MustRegister(certificates{of, desc("lbc_certificate_not_after_seconds")})
}

type certificates struct {
	of  map[string]func() time.Time
	end *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c certificates) Describe(ch chan<- *prometheus.Desc) { ch <- c.end }

// Collect implements prometheus.Collector.
func (c certificates) Collect(ch chan<- prometheus.Metric) {
	for use, end := range c.of {
		if at := end(); !at.IsZero() {
			ch <- prometheus.MustNewConstMetric(c.end, prometheus.GaugeValue, float64(at.Unix()), use)
		}
	}
}
