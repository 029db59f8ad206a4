package reference

import (
	"fmt"
	"strings"

	apis "github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
)

// per says for each set of labels, as the table has them, what there is one set of values for.
var per = map[string]string{
	"":                               "",
	"action":                         "action that is denied",
	"cause":                          "cause",
	"check,severity":                 "check and severity",
	"class":                          "class",
	"controller":                     "controller",
	"controller,error_category":      "controller and category that occurred",
	"controller,group,policy":        "controller, group of fields and policy",
	"controller,namespace,name":      "object, three of each kind",
	"controller,reconcile_stage":     "controller and stage",
	"namespace,name":                 "TargetGroupBinding",
	"namespace,name,type,status":     "condition of a LoadBalancer object, of at most 1,000",
	"namespace,service,target_group": "TargetGroupBinding",
	"operation":                      "`operation`",
	"owner,code,class":               "owner and code that has occurred",
	"owner,operation,action":         "owner, operation and action",
	"quota":                          "limit",
	"ready":                          "value",
	"reason":                         "reason",
	"resource":                       "kind",
	"service,operation":              "operation of AWS that is called",
	"service,operation,cause":        "operation of AWS that is called, and cause",
	"service,operation,status_code,error_code": "operation of AWS and answer that has occurred",
	"version,commit,goversion,platform":        "replica",
	"webhook_name,error_category":              "webhook and check that has refused",
	"what":                                     "value",
}

// series is the cell of a row that says how many series it has.
func series(r metrics.Row) string {
	if what := per[strings.Join(r.Labels, ",")]; what != "" {
		return fmt.Sprintf("%d per %s", r.SeriesPer(), what)
	}
	return fmt.Sprint(r.SeriesPer())
}

// largestBindings is how many TargetGroupBindings the cluster has whose series the page counts.
const largestBindings = 5000

// conditionTypes are the conditions of LoadBalancer objects.
var conditionTypes = []string{apis.ConditionReady, apis.ConditionServing, apis.ConditionReconciling,
	apis.ConditionStalled, apis.ConditionDrifted, apis.ConditionHeld}

// perObject are the metrics with series for each object, and how many objects of the largest cluster they have series
// for.
var perObject = []struct {
	name    string
	objects int // at most
	each    int // sets of labels of one object
	doc     string
}{
	{"awslbc_readiness_gate_ready_seconds", largestBindings, 1, "TargetGroupBindings whose pods have readiness gates"},
	{"lbc_readiness_gate_waiting_seconds", largestBindings, 1,
		"TargetGroupBindings with a pod that waits for its readiness gate"},
	{"awslbc_quic_target_missing_server_id", largestBindings, 1,
		"TargetGroupBindings with QUIC and an endpoint that had no server id"},
	{"aws_target_group_info", largestBindings, 1, "all TargetGroupBindings"},
	{"lbc_load_balancer_condition", metrics.MostLoadBalancers, len(conditionTypes), "LoadBalancer objects"},
}

// seriesPart is the part of docs/metrics.md about the number of series.
func seriesPart() string {
	var b strings.Builder
	fmt.Fprintf(&b, `
## Number of series

For most metrics, the number of series does not grow with the cluster. Together, these metrics have some hundreds of series on other replicas, and a few thousand on the leader.
On the leader, five metrics have series for each object. In a cluster with %s TargetGroupBindings and at least 1,000 load balancers, these five metrics have at most:

| Metric | Has series of | Series of one | Series |
|---|---|---|---|
`, thousands(largestBindings))
	total := 0
	for _, o := range perObject {
		each := o.each * metrics.RowOf(o.name).SeriesPer()
		total += each * o.objects
		fmt.Fprintf(&b, "| `%s` | %s | %d | %s |\n", o.name, o.doc, each, thousands(each*o.objects))
	}
	fmt.Fprintf(&b, "| together | | | %s |\n", thousands(total))
	b.WriteString(`
The series of an object end with the object. If your Prometheus cannot store so many series, let it drop them when it reads the metrics. With the chart:

` + "```yaml" + `
serviceMonitor:
  metricRelabelings:
  - {action: drop, sourceLabels: [__name__], regex: awslbc_readiness_gate_ready_seconds_.+|aws_target_group_info|lbc_load_balancer_condition}
` + "```" + `

Without ` + "`lbc_load_balancer_condition`" + ` the alert LBCLoadBalancerNotReady never fires.
` + "`lbc_load_balancers`" + ` and ` + "`lbc_target_healthy_seconds`" + ` show the same information for all objects together.
`)
	return b.String()
}

// thousands writes a number with commas.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
