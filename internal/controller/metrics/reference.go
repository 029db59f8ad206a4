package metrics

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
)

// libraries are the metrics of controller-runtime, client-go and the Go runtime, by the beginning of their names.
var libraries = []struct{ name, doc string }{
	{"controller_runtime_reconcile_total{controller,result}", "passes; `_errors_total`, `_panics_total`, `_time_seconds`, `controller_runtime_active_workers` and `controller_runtime_max_concurrent_reconciles` beside it"},
	{"controller_runtime_webhook_requests_total{webhook,code}", "requests of the API server to the webhooks; `_latency_seconds`, `_requests_in_flight` beside it"},
	{"workqueue_depth{name,controller,priority}", "units that wait for a pass; `workqueue_adds_total`, `_queue_duration_seconds`, `_work_duration_seconds`, `_retries_total`, `_longest_running_processor_seconds` beside it"},
	{"rest_client_requests_total{code,host,method}", "requests to the API server"},
	{"leader_election_master_status{name}", "1 on the leader"},
	{"certwatcher_read_certificate_total", "reads of the webhooks' certificate files; `_errors_total` beside it"},
	{"go_*, process_*", "the Go runtime and the process"},
}

// Stages are the values of reconcile_stage by controller, in the order of a pass.
func Stages() (controllers []string, stages map[string][]string) {
	stages = map[string][]string{}
	for _, k := range owner.Kinds {
		controllers = append(controllers, k.Controller)
		stages[k.Controller] = []string{k.Stages.Load, k.Stages.Build, k.Stages.Finalizer, k.Stages.Deploy, k.Stages.Status, k.Stages.Release}
	}
	controllers = append(controllers, BindingControllerLabel)
	stages[BindingControllerLabel] = []string{StageBindingLoad, StageBindingFinalizer, StageBindingReconcile, StageBindingStatus}
	controllers = append(controllers, AcceleratorControllerLabel)
	stages[AcceleratorControllerLabel] = []string{StageAcceleratorLoad, StageAcceleratorFinalizer, StageAcceleratorBuild, StageAcceleratorDeploy, StageAcceleratorReconcile}
	return controllers, stages
}

// Page is docs/metrics.md.
func Page() string {
	var b strings.Builder
	b.WriteString(head)
	for _, r := range Table {
		name := r.Name
		if len(r.Labels) > 0 {
			name += "{" + strings.Join(r.Labels, ",") + "}"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, r.Type, r.series(), r.Doc)
	}
	b.WriteString("\n## Of libraries\n\n| Metric | Meaning |\n|---|---|\n")
	for _, l := range libraries {
		fmt.Fprintf(&b, "| `%s` | %s |\n", l.name, l.doc)
	}
	b.WriteString(seriesPart())
	controllers, stages := Stages()
	b.WriteString("\n## Stages\n\nValues of `reconcile_stage`, in the order of a pass.\n\n| Controller | Stages |\n|---|---|\n")
	for _, c := range controllers {
		fmt.Fprintf(&b, "| `%s` | `%s` |\n", c, strings.Join(stages[c], "`, `"))
	}
	b.WriteString("\n## Error categories\n\nValues of `error_category`. A failure counts once for the part of the pass that failed, and once more for each category\nthat says what it concerns. " +
		"It counts again with each pass that comes to it. What waits for AWS as expected, as a load balancer that is being provisioned, does not count.\n\n" +
		"| Controller | Category | Counts |\n|---|---|---|\n")
	for _, c := range controllers {
		for _, x := range categories[c] {
			fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", c, x.name, x.doc)
		}
	}
	fmt.Fprintf(&b, "\nThe existing controller has further values for steps that do not exist here: `%s`, and one per deployment step, named by a type of its program.\n", strings.Join(Uncounted, "`, `"))
	b.WriteString("\n## Causes\n\nValues of `cause`: the name of the controller whose pass makes the call, as above, or")
	var causes []string
	for _, c := range awsclient.Causes() {
		causes = append(causes, " `"+string(c)+"`")
	}
	slices.Sort(causes)
	b.WriteString(strings.Join(causes, ",") + ".\n[Calls of each loop](operations/reconciling.md#calls-of-each-loop) has the budgets.\n")
	return b.String()
}

const head = `# Metrics

For operators who query the controller's metrics.
Afterwards you know each metric, its labels and how many series it has.

This page is generated; ` + "`make generate`" + ` writes it.

` + "`/metrics`" + ` of each replica (` + "`--metrics-bind-addr`" + `) has these metrics. Names that begin with ` + "`aws_`" + ` and ` + "`awslbc_`" + ` are those of the AWS Load Balancer
Controller v3.5 with its labels, so that dashboards keep working; the others are this project's.
Passes are made by the leader only: on the other replicas the metrics of passes and of AWS calls stay as they are.
"Series" is how many series a replica has of a metric; [those of objects](#number-of-series) are many in large clusters.

| Metric | Type | Series | Meaning |
|---|---|---|---|
`
