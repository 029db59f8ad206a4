package behaviour

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

const prometheusFiles = "../../../charts/aws-load-balancer-controller/files/"

// unseen are the metrics that have no series in the test, with the reason.
var unseen = map[string]string{
	"aws_api_call_throttled_errors_total": "counts a call that AWS has throttled ten times in a row; the " +
		"requests show each",
	"awslbc_controller_top_talkers":              "is set at the end of a window of three minutes",
	"awslbc_webhook_mutation_failure_total":      "no mutating webhook refuses anything here",
	"lbc_drift_groups_found_total":               "nothing is changed in AWS by hand here",
	"lbc_actions_denied":                         "has a series only while an action is denied",
	"lbc_listener_certificate_not_after_seconds": "no listener has a certificate here",
	"lbc_listener_certificate_overdue_seconds":   "no listener has a certificate here",
	"lbc_certificate_imports_last_year":          "needs --enable-tls-secret-import",
	"lbc_deletions_waiting":                      "has series only while deletions wait",
	"lbc_readiness_gate_waiting_seconds":         "has series only while pods wait for their readiness gates",
}

// waits are reasons of lbc_deletions_waiting: those that the alerts leave out, and one that they do not.
var waits = []string{
	waiting.InProgress, string(diag.AWSUnavailable), string(diag.CredentialsRefused), string(diag.RateExceeded),
	string(diag.DeletionProtected), string(diag.PlanOnHold),
}

// expression is one of the dashboard or of the alerts.
type expression struct {
	where, expr string
	labels      []string // that its legend or its texts show
}

var labelUse = regexp.MustCompile(`\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}`)

// labelsIn are the labels that a legend of Grafana or a text of an alert shows.
func labelsIn(texts ...string) (names []string) {
	for _, m := range labelUse.FindAllStringSubmatch(strings.Join(texts, "\n"), -1) {
		if m[1] != "end" {
			names = append(names, m[1])
		}
	}
	return names
}

// expressions are those of the dashboard and of the alerts.
func expressions(t *testing.T) (out []expression) {
	t.Helper()
	text, err := os.ReadFile(prometheusFiles + "dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ RefID, Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	ids := map[int]bool{}
	for _, p := range dashboard.Panels {
		if ids[p.ID] {
			t.Errorf("several panels have id %d", p.ID)
		}
		ids[p.ID] = true
		for _, x := range p.Targets {
			out = append(out, expression{fmt.Sprintf("panel %s %s", p.Title, x.RefID), x.Expr, labelsIn(x.LegendFormat)})
		}
	}
	rules, errs := rulefmt.ParseFile(prometheusFiles+"alerts.yaml", false, model.UTF8Validation,
		parser.NewParser(parser.Options{}), slog.Default())
	if len(errs) > 0 {
		t.Fatal(errors.Join(errs...))
	}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			out = append(out, expression{"alert " + r.Alert, r.Expr, labelsIn(r.Annotations["summary"],
				r.Annotations["description"])})
		}
	}
	if len(out) < 50 {
		t.Fatalf("only %d expressions", len(out))
	}
	return out
}

// refusals are codes with which AWS refuses to make the load balancer of an Ingress, by the name of the Ingress.
var refusals = map[string]string{
	"denied": "AccessDenied", "limited": "TooManyLoadBalancers", "invalid": "ValidationError",
	"slow": "Throttling", "slower": "ThrottlingException", "slowest": "RequestLimitExceeded",
}

// observe makes things happen that the metrics show: targets come through a readiness gate and go, objects are wrong,
// pods lack server ids, and AWS refuses calls.
func observe(t *testing.T, c *harness.Cluster, ns string) {
	t.Helper()
	for name, code := range refusals {
		id := ns + "-" + name
		if _, err := c.Simulator.Gate.AddFault(gate.Fault{ID: id, Action: "CreateLoadBalancer", Resource: "k8s-" + ns + "-" +
			name + "-", Code: code, Message: "refused", Times: 1}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Simulator.Gate.RemoveFault(id) })
	}
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class, public(nil)))
	serve(t, c, ns, "web", "/")
	c.Apply(t, scene.Ingress(ns, "wrong", scene.Class, scene.Annotations{"scheme": "outward"}))
	for name := range refusals {
		c.Apply(t, scene.Ingress(ns, name, scene.Class, public(nil)))
	}
	c.ApplyRefused(t, scene.Ingress(ns, "refused", scene.Class, scene.Annotations{
		"conditions.web": `[{"field":"http-header"}]`}))
	c.Kubectl(t, "label", "namespace", ns, "elbv2.k8s.aws/pod-readiness-gate-inject=enabled")
	for _, replicas := range []string{"2", "1"} {
		c.Kubectl(t, "scale", "deployment", "-n", ns, "web", "--replicas="+replicas)
		c.Kubectl(t, "rollout", "status", "deployment", "-n", ns, "web", "--timeout="+harness.Timeout.String())
	}
	c.Apply(t, `
apiVersion: v1
kind: Service
metadata:
  name: quic
  namespace: `+ns+`
  annotations:
    service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: ip
    service.beta.kubernetes.io/aws-load-balancer-disable-nlb-sg: "true"
    service.beta.kubernetes.io/aws-load-balancer-quic-enabled-ports: "443"
spec:
  type: LoadBalancer
  loadBalancerClass: service.k8s.aws/nlb
  selector: {app: web}
  ports: [{port: 443, protocol: UDP, targetPort: 8080}]
`) // its pods have no server ids; they would wait for their gate of it for ever if they came later
}

// TestMetricsFitTableDashboardAndAlerts shows that a running controller exports exactly the
// documented metrics and every series that dashboard and alerts read. The controller is elected,
// for the metric of the leader. The test is not parallel: it has a controller of its own.
func TestMetricsFitTableDashboardAndAlerts(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for the three minutes of a metric of the busiest objects")
	}
	c := harness.Start(t, harness.Options{ExtraArgs: []string{"--enable-leader-election=true"}})
	var page map[string]*dto.MetricFamily
	for n, again := 1, true; again; n++ { // a leader that loses its lease takes what it counted along
		process := c.Env.ControllerPID()
		observe(t, c, fmt.Sprintf("observe%d", n))
		c.WaitFor(t, "a series of each metric and each expression", func(ctx context.Context) (err error) {
			if again = c.Env.ControllerPID() != process; again {
				return nil
			}
			if page, err = families(ctx, c.Env.ControllerMetrics()); err != nil {
				return err
			}
			var wrong []string
			for _, row := range metrics.Table {
				if page[row.Name] == nil && unseen[row.Name] == "" {
					wrong = append(wrong, row.Name+" has no series")
				}
			}
			if len(wrong) > 0 {
				return errors.New(strings.Join(wrong, "\n"))
			}
			d := newDatabase(page)
			for _, row := range metrics.Table {
				if page[row.Name] == nil {
					var pairs []string
					for _, l := range row.Labels {
						pairs = append(pairs, l, "any")
					}
					d.add(row.Name, 1, pairs...)
				}
			}
			for _, reason := range waits {
				d.add("lbc_deletions_waiting", 1, "reason", reason)
			}
			// nothing is on hold here
			d.add("lbc_load_balancer_condition", 1, "namespace", "any", "name", "any", "type", "Held", "status", "True")
			x := newExaminer(t, d)
			for _, e := range expressions(t) {
				for _, text := range x.examine(ctx, e.expr, e.labels...) {
					wrong = append(wrong, e.where+": "+e.expr+": "+text)
				}
			}
			if len(wrong) > 0 {
				return errors.New(strings.Join(wrong, "\n"))
			}
			return nil
		})
	}
	for name, f := range page {
		if strings.HasPrefix(name, "aws") || strings.HasPrefix(name, "lbc_") {
			inTable(t, name, f)
		}
	}
}

// inTable compares a family with its row of the table of metrics.
func inTable(t *testing.T, name string, f *dto.MetricFamily) {
	t.Helper()
	at := slices.IndexFunc(metrics.Table, func(r metrics.Row) bool { return r.Name == name })
	if at < 0 {
		t.Errorf("%s is not in the table of metrics", name)
		return
	}
	row, want := metrics.Table[at], slices.Sorted(slices.Values(metrics.Table[at].Labels))
	if kind := strings.ToLower(f.GetType().String()); kind != string(row.Type) {
		t.Errorf("%s is a %s, in the table a %s", name, kind, row.Type)
	}
	for _, m := range f.GetMetric() {
		var have []string
		for _, l := range m.GetLabel() {
			have = append(have, l.GetName())
		}
		if !slices.Equal(have, want) {
			t.Errorf("%s has labels %q, in the table %q", name, have, want)
			return
		}
	}
}
