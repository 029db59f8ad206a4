package chart

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// monitored is a rendering with rules and dashboard.
func monitored(t *testing.T, c *Chart) *Rendering {
	t.Helper()
	return render(t, c, base(values(t, `{prometheusRule: {enabled: true}, grafanaDashboard: {enabled: true}}`)), Release{})
}

func TestRulesAndDashboardAreThoseOfTheFiles(t *testing.T) {
	t.Parallel()
	c := load(t)
	r := monitored(t, c)
	ofVersion := strings.ReplaceAll(string(c.File("files/alerts.yaml")), "/blob/main/", "/blob/"+
		c.chart.Metadata.AppVersion+"/")
	want := values(t, ofVersion)
	if d := gocmp.Diff(want, r.Object("PrometheusRule", "aws-load-balancer-controller").Object["spec"]); d != "" {
		t.Errorf("rules (-want +got):\n%s", d)
	}
	var file, shown any
	if err := json.Unmarshal(c.File("files/dashboard.json"), &file); err != nil {
		t.Fatal(err)
	}
	data := r.Object("ConfigMap", "aws-load-balancer-controller-dashboard").Object["data"].(map[string]any)
	if err := json.Unmarshal([]byte(data["aws-load-balancer-controller.json"].(string)), &shown); err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(file, shown); d != "" {
		t.Errorf("dashboard (-want +got):\n%s", d)
	}
}

// TestDashboardSelectsClusters shows the variable for clusters: "All" also matches metrics without the label.
func TestDashboardSelectsClusters(t *testing.T) {
	t.Parallel()
	c := load(t)
	for label, v := range map[string]string{
		"cluster":     `{grafanaDashboard: {enabled: true}}`,
		"k8s_cluster": `{grafanaDashboard: {enabled: true}, prometheusRule: {clusterLabel: k8s_cluster}}`,
		"site":        `{grafanaDashboard: {enabled: true, clusterLabel: site}, prometheusRule: {clusterLabel: k8s_cluster}}`,
	} {
		var shown struct {
			Templating struct {
				List []struct {
					Name, AllValue string
					IncludeAll     bool
					Query          any
				}
			}
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		data := render(t, c, base(values(t, v)), Release{}).Object("ConfigMap", "aws-load-balancer-controller-dashboard").
			Object["data"].(map[string]any)
		if err := json.Unmarshal([]byte(data["aws-load-balancer-controller.json"].(string)), &shown); err != nil {
			t.Fatal(err)
		}
		cluster, job := shown.Templating.List[1], shown.Templating.List[2]
		if q := cluster.Query.(map[string]any)["query"]; cluster.Name != "cluster" || !cluster.IncludeAll ||
			cluster.AllValue != ".*" || q != "label_values(lbc_build_info, "+label+")" {
			t.Errorf("%s: the variable is %+v", label, cluster)
		}
		if q := job.Query.(map[string]any)["query"]; q != "label_values(lbc_build_info{"+label+`=~"$cluster"}, job)` {
			t.Errorf("%s: jobs are %v", label, q)
		}
		for _, p := range shown.Panels {
			for _, x := range p.Targets {
				if n := strings.Count(x.Expr, label+`=~"$cluster", job=~"$job"`); n == 0 || n != strings.Count(x.Expr, "{") {
					t.Errorf("%s: panel %s selects no cluster: %s", label, p.Title, x.Expr)
				}
				if by := aggregatesCluster.FindStringSubmatch(x.Expr); by != nil && by[1] != label {
					t.Errorf("%s: panel %s: %s", label, p.Title, x.Expr)
				}
			}
		}
	}
}

var aggregatesCluster = regexp.MustCompile(`by \((cluster|k8s_cluster|site)\b`)

func TestAlertOfReplicasNeedsTwoReplicas(t *testing.T) {
	t.Parallel()
	c := load(t)
	for v, want := range map[string]bool{
		`prometheusRule: {enabled: true}`:                                                                       true,
		`{replicaCount: 1, prometheusRule: {enabled: true}}`:                                                    false,
		`{autoscaling: {enabled: true}, prometheusRule: {enabled: true}}`:                                       false,
		`{replicaCount: 1, autoscaling: {enabled: true, minReplicas: 2}, prometheusRule: {enabled: true}}`:      true,
		`{replicaCount: 1, prometheusRule: {enabled: true, alerts: {LBCTooFewReplicas: {enabled: true}}}}`:      true,
		`{replicaCount: 1, prometheusRule: {enabled: true, alerts: {LBCTooFewReplicas: {severity: critical}}}}`: false,
		`{replicaCount: 3, prometheusRule: {enabled: true, alerts: {LBCTooFewReplicas: {enabled: false}}}}`:     false,
	} {
		rules := render(t, c, base(values(t, v)), Release{}).Object("PrometheusRule", "aws-load-balancer-controller").
			Object["spec"]
		if got := strings.Contains(string(must(json.Marshal(rules))), `"LBCTooFewReplicas"`); got != want {
			t.Errorf("%s: the alert is there: %v", v, got)
		}
	}
}

func TestAlertsWithoutValuesStayAsTheyAre(t *testing.T) {
	t.Parallel()
	c := load(t)
	rules := func(v string) any {
		return render(t, c, base(values(t, v)), Release{}).Object("PrometheusRule", "aws-load-balancer-controller").
			Object["spec"]
	}
	want := rules(`{prometheusRule: {enabled: true}}`)
	for _, v := range []string{
		`{prometheusRule: {enabled: true, alerts: null, clusterLabel: null, alertLabels: null, runbookURL: ""}}`,
		`{prometheusRule: {enabled: true, alerts: {LBCBacklog: null, LBCPanic: {}}, clusterLabel: ""}}`,
		`{prometheusRule: {enabled: true, alerts: {LBCBacklog: {threshold: null, for: null, severity: null, enabled: null}}}}`,
		`{prometheusRule: {enabled: true, alerts: {LBCBacklog: {threshold: 100, for: 15m, severity: warning, enabled: true}}}}`,
	} {
		if d := gocmp.Diff(want, rules(v)); d != "" {
			t.Errorf("%s:\n%s", v, d)
		}
	}
}
