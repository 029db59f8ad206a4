package chart

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
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
	want := values(t, string(c.File("files/alerts.yaml")))
	if d := cmp.Diff(want, r.Object("PrometheusRule", "aws-load-balancer-controller").Object["spec"]); d != "" {
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
	if d := cmp.Diff(file, shown); d != "" {
		t.Errorf("dashboard (-want +got):\n%s", d)
	}
}

var alertHeading = regexp.MustCompile(`(?m)^### (LBC\w+)$`)

// TestEachAlertHasAPartOfThePageThatItLinksTo compares the alerts with docs/tasks/monitoring.md.
func TestEachAlertHasAPartOfThePageThatItLinksTo(t *testing.T) {
	t.Parallel()
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert               string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(load(t).File("files/alerts.yaml"), &file); err != nil {
		t.Fatal(err)
	}
	var alerts, headings []string
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			alerts = append(alerts, r.Alert)
			if want := "/docs/tasks/monitoring.md#" + strings.ToLower(r.Alert); !strings.HasSuffix(r.Annotations["runbook_url"], want) {
				t.Errorf("%s: runbook_url is %q, want …%s", r.Alert, r.Annotations["runbook_url"], want)
			}
			if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s: labels %v, annotations %v", r.Alert, r.Labels, r.Annotations)
			}
		}
	}
	for _, m := range alertHeading.FindAllStringSubmatch(string(must(os.ReadFile("../../docs/tasks/monitoring.md"))), -1) {
		headings = append(headings, m[1])
	}
	if d := cmp.Diff(alerts, headings); d != "" {
		t.Errorf("alerts and headings (-alerts +headings):\n%s", d)
	}
}
