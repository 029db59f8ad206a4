package behaviour

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

// families reads a page of metrics.
func families(ctx context.Context, url string) (map[string]*dto.MetricFamily, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	p := expfmt.NewTextParser(model.UTF8Validation)
	return p.TextToMetricFamilies(bytes.NewReader(page))
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

// evaluated is the time of all evaluations.
var evaluated = time.Unix(1_800_000_000, 0)

// database has the series of one scrape under honor_labels, as if each had had its value for hours.
type database struct {
	series []storage.Series
	points map[float64][]chunks.Sample // by value
}

// newDatabase makes a database of a scrape.
func newDatabase(page map[string]*dto.MetricFamily) *database {
	d := &database{points: map[float64][]chunks.Sample{}}
	for name, f := range page {
		for _, m := range f.GetMetric() {
			var pairs []string
			for _, l := range m.GetLabel() {
				pairs = append(pairs, l.GetName(), l.GetValue())
			}
			switch {
			case m.GetHistogram() != nil:
				for _, b := range m.GetHistogram().GetBucket() {
					d.add(name+"_bucket", float64(b.GetCumulativeCount()), append(slices.Clone(pairs), "le",
						fmt.Sprint(b.GetUpperBound()))...)
				}
				d.add(name+"_sum", m.GetHistogram().GetSampleSum(), pairs...)
				d.add(name+"_count", float64(m.GetHistogram().GetSampleCount()), pairs...)
			case m.GetSummary() != nil:
			default:
				d.add(name, m.GetGauge().GetValue()+m.GetCounter().GetValue()+m.GetUntyped().GetValue(), pairs...)
			}
		}
	}
	return d
}

// add adds a series with labels in pairs of name and value, and those of the target.
func (d *database) add(name string, value float64, pairs ...string) {
	b := labels.NewBuilder(labels.EmptyLabels()).Set("cluster", "demo").Set("job", "aws-load-balancer-controller").Set(
		"instance", "192.0.2.1:8080").Set(model.MetricNameLabel, name)
	for i := 0; i < len(pairs); i += 2 {
		b.Set(pairs[i], pairs[i+1])
	}
	if d.points[value] == nil {
		for at := -8 * time.Hour; at <= 0; at += time.Minute {
			d.points[value] = append(d.points[value], point{evaluated.Add(at).UnixMilli(), value})
		}
	}
	d.series = append(d.series, storage.NewListSeries(b.Labels(), d.points[value]))
}

// matching are the series that matchers select.
func (d *database) matching(matchers ...*labels.Matcher) (out []storage.Series) {
	for _, s := range d.series {
		if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(s.Labels().Get(m.Name)) }) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b storage.Series) int { return labels.Compare(a.Labels(), b.Labels()) })
	return out
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
		return &list{SeriesSet: storage.EmptySeriesSet(), series: d.matching(matchers...)}
	}}, nil
}

// examiner evaluates expressions over a database, and finds what they name that it does not have.
type examiner struct {
	*database
	engine *promql.Engine
}

func newExaminer(t *testing.T, d *database) examiner {
	t.Helper()
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 50_000_000, Timeout: time.Minute})
	t.Cleanup(func() { _ = engine.Close() })
	return examiner{d, engine}
}

// evaluate returns the label sets of what an expression evaluates to.
func (x examiner) evaluate(ctx context.Context, expr string) ([]labels.Labels, error) {
	q, err := x.engine.NewInstantQuery(ctx, x.database, nil, expr, evaluated)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", expr, err)
	}
	defer q.Close()
	r := q.Exec(ctx)
	if r.Err != nil {
		return nil, fmt.Errorf("%s: %w", expr, r.Err)
	}
	var out []labels.Labels
	switch v := r.Value.(type) {
	case promql.Vector:
		for _, s := range v {
			out = append(out, s.Metric)
		}
	case promql.Matrix:
		for _, s := range v {
			out = append(out, s.Metric)
		}
	case promql.Scalar:
		out = append(out, labels.EmptyLabels())
	}
	return out, nil
}

// examine returns what is wrong with an expression: it has no series, whatever the values are, its result lacks a label
// that is used, or a part of it names a metric, a label or a value of one that the database does not have.
func (x examiner) examine(ctx context.Context, expr string, used ...string) (wrong []string) {
	e, err := parser.NewParser(parser.Options{}).ParseExpr(strings.NewReplacer("$__rate_interval", "5m", "$cluster", ".*",
		"$job", ".*").Replace(expr))
	if err != nil {
		return []string{err.Error()}
	}
	hasLabels := func(of parser.Expr, names []string) {
		sets, err := x.evaluate(ctx, of.String())
		if err != nil {
			wrong = append(wrong, err.Error())
		}
		for _, n := range names {
			if !slices.ContainsFunc(sets, func(l labels.Labels) bool { return l.Has(n) }) {
				wrong = append(wrong, fmt.Sprintf("%s has no label %s", of, n))
			}
		}
	}
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.VectorSelector:
			wrong = append(wrong, x.unknown(n)...)
		case *parser.AggregateExpr:
			hasLabels(n.Expr, n.Grouping)
		case *parser.BinaryExpr:
			if n.Op.IsComparisonOperator() {
				n.ReturnBool = true // 0 or 1 instead of no series
			}
			if n.VectorMatching != nil && n.VectorMatching.On {
				hasLabels(n.LHS, n.VectorMatching.MatchingLabels)
				hasLabels(n.RHS, n.VectorMatching.MatchingLabels)
			}
		}
		return nil
	})
	sets, err := x.evaluate(ctx, e.String())
	if err != nil {
		wrong = append(wrong, err.Error())
	} else if len(sets) == 0 {
		wrong = append(wrong, "there is no series")
	}
	hasLabels(e, used)
	return wrong
}

// alternatives are the values that a regular expression lists.
var alternatives = regexp.MustCompile(`^[\w./ -]+(\|[\w./ -]+)+$`)

// unknown is what a selector names that the database does not have. A value that a matcher excludes has to be there as
// well.
func (x examiner) unknown(s *parser.VectorSelector) (wrong []string) {
	if len(x.matching(s.LabelMatchers...)) == 0 {
		wrong = append(wrong, fmt.Sprintf("%s selects nothing", s))
	}
	at := slices.IndexFunc(s.LabelMatchers, func(m *labels.Matcher) bool { return m.Name == model.MetricNameLabel })
	of := x.matching(s.LabelMatchers[at])
	for _, m := range s.LabelMatchers {
		values := []string{m.Value}
		if re := m.Type == labels.MatchRegexp || m.Type == labels.MatchNotRegexp; re && alternatives.MatchString(m.Value) {
			values = strings.Split(m.Value, "|")
		} else if re {
			continue // a pattern; the selector selects something
		}
		for _, v := range values {
			if !slices.ContainsFunc(of, func(s storage.Series) bool { return s.Labels().Get(m.Name) == v }) {
				wrong = append(wrong, fmt.Sprintf("%s: no series has %s=%q", s, m.Name, v))
			}
		}
	}
	return wrong
}

// TestExpressionsThatNameWhatDoesNotExistAreFound shows that the check of dashboard and alerts
// finds expressions without a series.
func TestExpressionsThatNameWhatDoesNotExistAreFound(t *testing.T) {
	t.Parallel()
	d := &database{points: map[float64][]chunks.Sample{}}
	d.add("up", 1, "state", "on", "zone", "a")
	d.add("up", 0, "state", "off", "zone", "a")
	d.add("build", 1, "version", "1")
	d.add("calls_bucket", 3, "le", "+Inf")
	x := newExaminer(t, d)
	for expr, want := range map[string]string{
		`sum by (zone) (up{state="on"}) > 5`:                                              "",
		`sum by (zone) (up{state!="on"}) == bool 7`:                                       "",
		`sum by (zone) (up{state=~"on|off", job=~"$job"})`:                                "",
		`up{state=~"o.*"} and on (job, instance) build`:                                   "",
		`histogram_quantile(0.9, sum by (le) (rate(calls_bucket[$__rate_interval]))) > 2`: "",

		`sum(up`:                                    "unclosed left parenthesis",
		`down`:                                      "down selects nothing",
		`sum(down) or vector(0)`:                    "down selects nothing",
		`sum(up) + sum(down)`:                       "down selects nothing",
		`up{state="gone"}`:                          "selects nothing",
		`up{state!="gone"}`:                         `no series has state="gone"`,
		`up{state=~"on|gone"}`:                      `no series has state="gone"`,
		`up{state=~"g.*"}`:                          "selects nothing",
		`sum by (colour) (up)`:                      "has no label colour",
		`sum by (le) (rate(calls_bucket[5m]))`:      "",
		`up and on (colour) build`:                  "has no label colour",
		`count_values("x", up) and on (zone) build`: "has no label zone",
	} {
		if got := strings.Join(x.examine(t.Context(), expr), "; "); (got == "") != (want == "") ||
			!strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", expr, got, want)
		}
	}
	if got := x.examine(t.Context(), "sum by (zone) (up)", "zone", "state"); len(got) != 1 ||
		!strings.Contains(got[0], "no label state") {
		t.Errorf("labels of a legend: %q", got)
	}
}
