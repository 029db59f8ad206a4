package alerts

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/playground/chart"
)

// rendered are the rules that the chart renders with values of prometheusRule.
func rendered(t *testing.T, values map[string]any) map[string]rulefmt.Rule {
	t.Helper()
	c, err := chart.Load("../../charts/aws-load-balancer-controller")
	if err != nil {
		t.Fatal(err)
	}
	values["enabled"] = true
	r, err := c.Render(map[string]any{"clusterName": "c", "prometheusRule": values}, chart.Release{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(r.Object("PrometheusRule", "aws-load-balancer-controller").Object["spec"])
	if err != nil {
		t.Fatal(err)
	}
	file, errs := rulefmt.Parse(text, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.Default())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	out := map[string]rulefmt.Rule{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			out[r.Alert] = r
		}
	}
	return out
}

// threshold is the number with which an expression compares, and whether there is one to choose: a state of 0 or 1 has
// none.
func threshold(t *testing.T, expr string) (value float64, chosen bool) {
	t.Helper()
	e, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Fatal(err)
	}
	comparison, ok := e.(*parser.BinaryExpr)
	if !ok || !comparison.Op.IsComparisonOperator() {
		t.Fatalf("%s is no comparison", expr)
	}
	number, ok := comparison.RHS.(*parser.NumberLiteral)
	if !ok {
		t.Fatalf("%s does not compare with a number", expr)
	}
	return number.Val, comparison.Op != parser.EQLC
}

// TestValuesOfEachAlertTakeEffect sets those of one alert at a time.
func TestValuesOfEachAlertTakeEffect(t *testing.T) {
	t.Parallel()
	plain := rendered(t, map[string]any{})
	chosen := sample.OneOf(4)
	for _, rule := range rules(t) {
		if !chosen.Next() {
			continue
		}
		name := rule.Alert
		set := map[string]any{"for": "7m", "severity": "page"}
		_, chosen := threshold(t, rule.Expr)
		if chosen {
			set["threshold"] = 7.25
		}
		for other, r := range rendered(t, map[string]any{"alerts": map[string]any{name: set}}) {
			value, _ := threshold(t, r.Expr)
			before, _ := threshold(t, plain[other].Expr)
			switch {
			case other != name && fmt.Sprint(r) != fmt.Sprint(plain[other]):
				t.Errorf("values of %s change %s", name, other)
			case other == name && (time.Duration(r.For) != 7*time.Minute || r.Labels["severity"] != "page"):
				t.Errorf("%s: for %s, labels %v", name, r.For, r.Labels)
			case other == name && chosen && value != 7.25, other == name && !chosen && value != before:
				t.Errorf("%s: the threshold is %v", name, value)
			}
		}
		left := rendered(t, map[string]any{"alerts": map[string]any{name: map[string]any{"enabled": false}}})
		if _, ok := left[name]; ok || len(left) != len(plain)-1 {
			t.Errorf("%s is turned off, and %d of %d alerts are left", name, len(left), len(plain))
		}
	}
}

// TestRulesKeepClustersApart shows that no aggregation and no join of a rule mixes clusters, whatever their label is
// called.
func TestRulesKeepClustersApart(t *testing.T) {
	t.Parallel()
	for _, label := range []string{"cluster", "k8s_cluster"} {
		for name, r := range rendered(t, map[string]any{"clusterLabel": label}) {
			e, err := parser.NewParser(parser.Options{}).ParseExpr(r.Expr)
			if err != nil {
				t.Fatal(err)
			}
			groups := 0
			parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
				switch n := n.(type) {
				case *parser.AggregateExpr:
					if groups++; n.Without || !slices.Contains(n.Grouping, label) {
						t.Errorf("%s mixes clusters: %s", name, n)
					}
				case *parser.VectorSelector:
					for _, m := range n.LabelMatchers {
						if m.Name != label && strings.HasSuffix(m.Name, "cluster") {
							t.Errorf("%s selects by another label: %s", name, n)
						}
					}
				case *parser.BinaryExpr:
					m := n.VectorMatching
					if n.RHS.String() != "vector(0)" && m != nil && (m.On && !slices.Contains(m.MatchingLabels, label) || !m.On &&
						len(m.MatchingLabels) > 0) {
						t.Errorf("%s joins clusters: %s", name, n)
					}
				}
				return nil
			})
			if groups == 0 || !strings.Contains(r.Annotations["summary"], "{{ with $labels."+label+
				" }} in cluster {{ . }}{{ end }}") {
				t.Errorf("%s does not say which cluster: %s, %s", name, r.Expr, r.Annotations["summary"])
			}
		}
	}
}

// TestAlertsNameTheClusterOfTheirFault has a fault in one of two clusters that one Prometheus reads.
func TestAlertsNameTheClusterOfTheirFault(t *testing.T) {
	t.Parallel()
	for _, f := range faults {
		if !slices.Contains([]string{"no replica leads", "the credentials have expired", "a load balancer is not ready",
			"deletions are held", "many objects wait for passes"}, f.name) {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				w, neighbour := newWorld(ctx, t), newWorld(ctx, t)
				pages := map[string]*prometheus.Registry{"a": neighbour.page, "b": w.page}
				w.watchClusters(ctx, t, settled, pages)
				f.begin(w)
				w.watchClusters(ctx, t, f.lasts, pages)
				cancel()
				time.Sleep(time.Minute)
				for _, a := range f.alerts {
					if got := w.alerts.of[a.name]; len(got) != 1 || !got["b"] {
						t.Errorf("%s fires for clusters %v, want b", a.name, got)
					}
				}
				if len(w.alerts.of) != len(f.alerts) {
					t.Errorf("there fire %v", w.alerts.of)
				}
			})
		})
	}
}

// TestClusterWithoutReplicasHasNoLeader shows LBCNoLeader where all series of a cluster, or of all, are gone.
func TestClusterWithoutReplicasHasNoLeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := newWorld(ctx, t)
		pages := map[string]*prometheus.Registry{"a": w.page, "b": w.page}
		w.watchClusters(ctx, t, settled, pages)
		for _, want := range []string{"b", "a"} {
			pages[want] = prometheus.NewRegistry()
			w.alerts.of = map[string]map[string]bool{}
			w.watchClusters(ctx, t, 3*time.Minute, pages)
			if got := w.alerts.of["LBCNoLeader"]; !got[want] || got[""] {
				t.Errorf("%s has no replica: LBCNoLeader fires for clusters %v", want, got)
			}
		}
		cancel()
		time.Sleep(7 * time.Hour)
		ctx = t.Context()
		w.alerts.of = map[string]map[string]bool{}
		w.watchClusters(ctx, t, time.Minute, pages)
		if got := w.alerts.of["LBCNoLeader"]; len(got) != 0 {
			t.Errorf("hours after the last replica LBCNoLeader fires at once for clusters %v", got)
		}
		w.watchClusters(ctx, t, 2*time.Minute, pages)
		if got := w.alerts.of["LBCNoLeader"]; len(got) != 1 || !got[""] {
			t.Errorf("hours after the last replica LBCNoLeader fires for clusters %v, want none in particular", got)
		}
	})
}

// TestTargetThatNobodyScrapesHasNoLeader has the scrapes of a cluster end without a mark that its series are stale, as
// when an agent ends. A query finds their last samples for five minutes more.
func TestTargetThatNobodyScrapesHasNoLeader(t *testing.T) {
	t.Parallel()
	for _, left := range []string{"a", ""} { // a neighbour, or no other cluster
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			w := newWorld(ctx, t)
			gone, pages := "b", map[string]*prometheus.Registry{left: w.page, "b": w.page}
			if left == "" {
				gone, pages = "", map[string]*prometheus.Registry{"": w.page}
			}
			w.watchClusters(ctx, t, settled, pages)
			delete(pages, gone)
			w.alerts.of = map[string]map[string]bool{}
			w.watchClusters(ctx, t, 3*time.Minute+2*scrapeInterval, pages)
			if got := w.alerts.of["LBCNoLeader"]; len(got) != 1 || !got[gone] {
				t.Errorf("nobody scrapes %q: LBCNoLeader fires for clusters %v", gone, got)
			}
			cancel()
			time.Sleep(time.Minute)
		})
	}
}

// TestNewClusterLabelRaisesNoAlert shows that metrics may get a label of their cluster while they are read.
func TestNewClusterLabelRaisesNoAlert(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := newWorld(ctx, t)
		for _, cluster := range []string{"", "a"} {
			w.watchClusters(ctx, t, settled, map[string]*prometheus.Registry{cluster: w.page})
		}
		if len(w.alerts.of) > 0 {
			t.Errorf("there fire %v", w.alerts.of)
		}
		cancel()
		time.Sleep(time.Minute)
	})
}

// watchClusters scrapes the pages of clusters and evaluates for a time.
func (w *world) watchClusters(ctx context.Context, t *testing.T, d time.Duration,
	pages map[string]*prometheus.Registry) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		for cluster, page := range pages {
			w.alerts.data.cluster = cluster
			if err := w.alerts.data.scrape(page); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.alerts.evaluate(ctx); err != nil {
			t.Fatal(err)
		}
		time.Sleep(scrapeInterval)
		synctest.Wait()
	}
}
