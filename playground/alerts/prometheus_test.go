package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

const rulesFile = "../../charts/aws-load-balancer-controller/files/alerts.yaml"

// rules are the alert rules of the chart.
func rules(t *testing.T) []rulefmt.Rule {
	t.Helper()
	file, errs := rulefmt.ParseFile(rulesFile, false, model.UTF8Validation, parser.NewParser(parser.Options{}),
		slog.Default())
	if len(errs) > 0 {
		t.Fatal(errors.Join(errs...))
	}
	var out []rulefmt.Rule
	for _, g := range file.Groups {
		out = append(out, g.Rules...)
	}
	return out
}

// point is a value at a time in milliseconds.
type point struct {
	t int64
	v float64
}

func (p point) T() int64                      { return p.t }
func (p point) ST() int64                     { return 0 }
func (p point) F() float64                    { return p.v }
func (p point) H() *histogram.Histogram       { return nil }
func (p point) FH() *histogram.FloatHistogram { return nil }
func (p point) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (p point) Copy() chunks.Sample           { return p }

// series are the samples of one set of labels.
type series struct {
	labels  labels.Labels
	samples []chunks.Sample
	at      time.Time // of the last scrape that showed it
	stale   bool
}

// selected are the names of the metrics that rules select.
func selected(t *testing.T, all []rulefmt.Rule) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, r := range all {
		e, err := parser.NewParser(parser.Options{}).ParseExpr(r.Expr)
		if err != nil {
			t.Fatal(err)
		}
		parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
			if v, ok := n.(*parser.VectorSelector); ok {
				out[v.Name] = true
			}
			return nil
		})
	}
	return out
}

// database has what was scraped of the metrics that rules select.
type database struct {
	wanted  map[string]bool
	all     map[string]*series
	cluster string // label of the next scrape; empty: none
}

// scrape adds what a registry shows now, and marks what it does not show any more, as Prometheus does.
func (d *database) scrape(from prometheus.Gatherer) error {
	families, err := from.Gather()
	if err != nil {
		return err
	}
	now := time.Now()
	for _, f := range families {
		if !d.wanted[f.GetName()] {
			continue
		}
		for _, m := range f.GetMetric() {
			d.add(now, f.GetName(), m)
		}
	}
	for _, s := range d.all {
		if !s.at.Equal(now) && !s.stale && s.labels.Get("cluster") == d.cluster {
			s.samples, s.stale = append(s.samples, point{now.UnixMilli(), staleValue}), true
		}
	}
	return nil
}

func (d *database) add(now time.Time, name string, m *dto.Metric) {
	b := labels.NewBuilder(labels.FromStrings("job", "aws-load-balancer-controller", "instance", "192.0.2.1:8080",
		model.MetricNameLabel, name))
	b.Set("cluster", d.cluster)
	for _, l := range m.GetLabel() {
		b.Set(l.GetName(), l.GetValue())
	}
	key := b.Labels().String()
	s := d.all[key]
	if s == nil {
		s = &series{labels: b.Labels()}
		d.all[key] = s
	}
	value := m.GetGauge().GetValue() + m.GetCounter().GetValue() + m.GetUntyped().GetValue()
	s.samples, s.at, s.stale = append(s.samples, point{now.UnixMilli(), value}), now, false
}

// list is a storage.SeriesSet.
type list struct {
	storage.SeriesSet
	series []storage.Series
	next   int
}

func (l *list) Next() bool { l.next++; return l.next <= len(l.series) }

func (l *list) At() storage.Series { return l.series[l.next-1] }

// Querier implements storage.Queryable.
func (d *database) Querier(_, _ int64) (storage.Querier, error) {
	return &storage.MockQuerier{SelectMockFunction: func(_ bool, _ *storage.SelectHints,
		matchers ...*labels.Matcher) storage.SeriesSet {
		var out []storage.Series
		for _, s := range d.all {
			if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(s.labels.Get(m.Name)) }) {
				out = append(out, storage.NewListSeries(s.labels, s.samples))
			}
		}
		slices.SortFunc(out, func(a, b storage.Series) int { return labels.Compare(a.Labels(), b.Labels()) })
		return &list{SeriesSet: storage.EmptySeriesSet(), series: out}
	}}, nil
}

// firing is one time for which an alert fired; end is zero if it still does.
type firing struct{ begin, end time.Time }

// evaluator evaluates rules as Prometheus does: an alert fires when its expression has had the same result for the time
// of its for.
type evaluator struct {
	engine  *promql.Engine
	data    *database
	rules   []rulefmt.Rule
	active  map[string]map[string]time.Time // by alert and labels: since when
	firings map[string][]firing             // by alert
	of      map[string]map[string]bool      // by alert: the clusters of which it fired
}

func newEvaluator(t *testing.T) *evaluator {
	t.Helper()
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 50_000_000, Timeout: time.Hour})
	all := rules(t)
	return &evaluator{engine: engine, data: &database{wanted: selected(t, all), all: map[string]*series{}}, rules: all,
		active: map[string]map[string]time.Time{}, firings: map[string][]firing{}, of: map[string]map[string]bool{}}
}

// evaluate evaluates each rule now.
func (e *evaluator) evaluate(ctx context.Context) error {
	now := time.Now()
	for _, r := range e.rules {
		q, err := e.engine.NewInstantQuery(ctx, e.data, nil, r.Expr, now)
		if err != nil {
			return fmt.Errorf("%s: %w", r.Alert, err)
		}
		result := q.Exec(ctx)
		if result.Err != nil {
			return fmt.Errorf("%s: %w", r.Alert, result.Err)
		}
		vector, err := result.Vector()
		if err != nil {
			return fmt.Errorf("%s: %w", r.Alert, err)
		}
		before, active, fires := e.active[r.Alert], map[string]time.Time{}, false
		for _, s := range vector {
			key := s.Metric.String()
			since, ok := before[key]
			if !ok {
				since = now
			}
			active[key] = since
			if now.Sub(since) >= time.Duration(r.For) {
				fires = true
				if e.of[r.Alert] == nil {
					e.of[r.Alert] = map[string]bool{}
				}
				e.of[r.Alert][s.Metric.Get("cluster")] = true
			}
		}
		q.Close()
		e.active[r.Alert] = active
		e.note(r.Alert, fires, now)
	}
	return nil
}

func (e *evaluator) note(alert string, fires bool, now time.Time) {
	all := e.firings[alert]
	before := len(all) > 0 && all[len(all)-1].end.IsZero()
	switch {
	case fires && !before:
		e.firings[alert] = append(all, firing{begin: now})
	case !fires && before:
		all[len(all)-1].end = now
	}
}
