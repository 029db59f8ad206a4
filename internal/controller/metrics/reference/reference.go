// Package reference writes docs/metrics.md from the table of metrics.
package reference

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
)

// libraries are the metrics of controller-runtime, client-go and the Go runtime, by the beginning of their names.
var libraries = []struct{ name, doc string }{
	{"controller_runtime_reconcile_total{controller,result}",
		"reconciles; `_errors_total`, `_panics_total`, `_time_seconds`, `controller_runtime_active_workers` and " +
			"`controller_runtime_max_concurrent_reconciles` are related"},
	{"controller_runtime_webhook_requests_total{webhook,code}",
		"requests of the API server to the webhooks; `_latency_seconds`, `_requests_in_flight` are related"},
	{"workqueue_depth{name,controller,priority}", "units that wait for a reconcile; `workqueue_adds_total`, " +
		"`_queue_duration_seconds`, `_work_duration_seconds`, `_retries_total`, " +
		"`_longest_running_processor_seconds` are related"},
	{"rest_client_requests_total{code,host,method}", "requests to the API server"},
	{"leader_election_master_status{name}", "1 on the leader"},
	{"certwatcher_read_certificate_total", "reads of the webhooks' certificate files; `_errors_total` are related"},
	{"go_*, process_*", "the Go runtime and the process"},
}

// Page is docs/metrics.md.
func Page() string {
	var b strings.Builder
	b.WriteString(head)
	for _, r := range metrics.Table {
		name := r.Name
		if len(r.Labels) > 0 {
			name += "{" + strings.Join(r.Labels, ",") + "}"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, r.Type, series(r), r.Doc)
	}
	b.WriteString("\n## Of libraries\n\n| Metric | Meaning |\n|---|---|\n")
	for _, l := range libraries {
		fmt.Fprintf(&b, "| `%s` | %s |\n", l.name, l.doc)
	}
	b.WriteString(seriesPart())
	controllers, stages := metrics.Stages()
	b.WriteString("\n## Stages\n\nValues of `reconcile_stage`, in the order of a reconcile.\n\n| Controller | Stages " +
		"|\n|---|---|\n")
	for _, c := range controllers {
		fmt.Fprintf(&b, "| `%s` | `%s` |\n", c, strings.Join(stages[c], "`, `"))
	}
	b.WriteString("\n## Error categories\n\nValues of `error_category`. A failure counts once for the failed part of " +
		"the reconcile, and once for each category\nof its subject. The failure counts again at each reconcile that fails " +
		"in this way. Expected waits for AWS, for example until AWS has provisioned a load balancer, do not count.\n\n" +
		"| Controller | Category | Counts |\n|---|---|---|\n")
	for _, c := range controllers {
		for _, x := range metrics.Categories[c] {
			fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", c, x.Name, x.Doc)
		}
	}
	fmt.Fprintf(&b, "\nThe AWS Load Balancer Controller v3.5 has further values for steps that do not exist here: `%s`, "+
		"and one value for each deployment step: the name of a Go type of that controller.\n",
		strings.Join(metrics.Uncounted, "`, `"))
	b.WriteString("\n## Causes\n\nValues of `cause`: the name of the controller whose reconcile makes the " +
		"call, as above, or")
	var causes []string
	for _, c := range awsclient.Causes() {
		causes = append(causes, " `"+string(c)+"`")
	}
	slices.Sort(causes)
	b.WriteString(strings.Join(causes, ",") + ".\n[Calls of each loop](operations/reconciling.md#calls-of-each-loop) " +
		"has the budgets.\n")
	return b.String()
}

const head = `# Metrics

For operators who query the controller's metrics.
Afterwards you know each metric, its labels and how many series it has.

This page is generated; ` + "`make generate`" + ` writes it.

` + "`/metrics`" + ` of each replica (` + "`--metrics-bind-addr`" + `) has these metrics.
Metrics whose names begin with ` + "`aws_`" + ` and ` + "`awslbc_`" +
	` have the names and labels of the metrics of the AWS Load Balancer Controller v3.5, so dashboards keep working.
The other metrics exist only in this project.
Only the leader reconciles. On the other replicas, metrics of reconciles and of AWS calls do not change.
"Series" is the number of series of the metric on one replica. In large clusters, [metrics of objects](#number-of-series) have many series.

| Metric | Type | Series | Meaning |
|---|---|---|---|
`
