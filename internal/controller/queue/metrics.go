package queue

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// passMetrics are the metrics of one controller, the same that controller-runtime has for its own controllers.
type passMetrics struct {
	passes           *prometheus.CounterVec // by result
	errors, terminal prometheus.Counter
	panics           prometheus.Counter
	duration         prometheus.Observer
	active           prometheus.Gauge
}

func newPassMetrics(controller string, maxConcurrent int) passMetrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return registered(prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help},
			append([]string{"controller"}, labels...)))
	}
	gauge := func(name, help string) prometheus.Gauge {
		return registered(prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"controller"})).
			WithLabelValues(controller)
	}
	m := passMetrics{
		passes: counter("controller_runtime_reconcile_total", "Total number of reconciliations per controller", "result").
			MustCurryWith(prometheus.Labels{"controller": controller}),
		errors: counter("controller_runtime_reconcile_errors_total",
			"Total number of reconciliation errors per controller").WithLabelValues(controller),
		terminal: counter("controller_runtime_terminal_reconcile_errors_total",
			"Total number of terminal reconciliation errors per controller").WithLabelValues(controller),
		panics: counter("controller_runtime_reconcile_panics_total",
			"Total number of reconciliation panics per controller").WithLabelValues(controller),
		duration: registered(prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "controller_runtime_reconcile_time_seconds", Help: "Length of time per reconciliation per controller",
		}, []string{"controller"})).WithLabelValues(controller),
		active: gauge("controller_runtime_active_workers", "Number of currently used workers per controller"),
	}
	for _, result := range []string{"error", "requeue_after", "requeue", "success"} {
		m.passes.WithLabelValues(result)
	}
	counter("controller_runtime_reconcile_timeouts_total", "Total number of reconciliation timeouts per controller").
		WithLabelValues(controller)
	gauge("controller_runtime_max_concurrent_reconciles", "Maximum number of concurrent reconciles per controller").Set(
		float64(maxConcurrent))
	m.active.Set(0)
	return m
}

// registered returns the collector that controller-runtime has registered under the name of c; without one, c.
func registered[C prometheus.Collector](c C) C {
	var already prometheus.AlreadyRegisteredError
	if err := ctrlmetrics.Registry.Register(c); errors.As(err, &already) {
		if existing, ok := already.ExistingCollector.(C); ok {
			return existing
		}
	}
	return c
}

// begin counts the begin of a pass; ended counts its end.
func (m passMetrics) begin() (ended func(reconcile.Result, error)) {
	begun := time.Now()
	m.active.Inc()
	return func(r reconcile.Result, err error) {
		m.active.Dec()
		m.duration.Observe(time.Since(begun).Seconds())
		switch {
		case err != nil:
			m.errors.Inc()
			if errors.Is(err, reconcile.TerminalError(nil)) {
				m.terminal.Inc()
			}
			m.passes.WithLabelValues("error").Inc()
		case r.RequeueAfter > 0:
			m.passes.WithLabelValues("requeue_after").Inc()
		default:
			m.passes.WithLabelValues("success").Inc()
		}
	}
}
