package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Type is the type of a metric.
type Type string

// Types.
const (
	Counter   Type = "counter"
	Gauge     Type = "gauge"
	Histogram Type = "histogram"
)

// Row describes a metric. Metrics and docs/metrics.md are generated from these rows.
type Row struct {
	Name    string
	Type    Type
	Labels  []string
	Buckets []float64 // of a histogram
	Doc     string    // for its help and docs/metrics.md: no pipe, no final stop
}

// outcome are the labels of what AWS answered.
var outcome = []string{"service", "operation", "status_code", "error_code"}

// Table has every metric of this program, in the order of docs/metrics.md; those of libraries are not in it.
var Table = []Row{
	{"aws_api_calls_total", Counter, outcome, nil, "AWS calls that finished"},
	{"aws_api_calls_by_cause_total", Counter, []string{"service", "operation", "cause"}, nil,
		"AWS calls by cause: the controller whose reconcile makes the call, or a background loop"},
	{"aws_api_call_duration_seconds", Histogram, outcome[:2], prometheus.DefBuckets,
		"duration of AWS calls, with retries and waiting for rate limits"},
	{"aws_api_call_retries", Histogram, outcome[:2], prometheus.LinearBuckets(0, 1, 11), "retries per AWS call"},
	{"aws_api_requests_total", Counter, outcome, nil, "HTTP requests of AWS calls, retries included"},
	{"aws_api_request_duration_seconds", Histogram, outcome[:2], prometheus.DefBuckets,
		"duration of single HTTP requests of AWS calls"},
	{"aws_api_call_permission_errors_total", Counter, outcome, nil, "AWS calls refused for lack of permission"},
	{"aws_api_call_service_limit_exceeded_errors_total", Counter, outcome, nil, "AWS calls refused because of a quota"},
	{"aws_api_call_throttled_errors_total", Counter, outcome, nil, "AWS calls refused because of their rate"},
	{"aws_api_call_validation_errors_total", Counter, outcome, nil, "AWS calls refused as invalid"},
	{"aws_target_group_info", Gauge, []string{"namespace", "service", "target_group"}, nil,
		"1 for each target group that a TargetGroupBinding serves; `target_group` has the value of CloudWatch's dimension " +
			"TargetGroup, so that you can join the metrics"},
	{"awslbc_readiness_gate_ready_seconds", Histogram, []string{"namespace", "name"}, []float64{10, 30, 60, 120, 180, 240,
		300, 360, 420, 480, 540, 600},
		"seconds from the registration of a pod's targets to the opening of its readiness gate, by TargetGroupBinding"},
	{"awslbc_controller_reconcile_errors_total", Counter, []string{"controller", "error_category"}, nil,
		"failures of reconciles, by [category](#error-categories)"},
	{"awslbc_controller_reconcile_stage_duration", Histogram, []string{"controller", "reconcile_stage"},
		prometheus.DefBuckets, "seconds that the [stages](#stages) of a reconcile take"},
	{"awslbc_webhook_validation_failure_total", Counter, []string{"webhook_name", "error_category"}, nil,
		"refusals of validating webhooks, by path and check"},
	{"awslbc_webhook_mutation_failure_total", Counter, []string{"webhook_name", "error_category"}, nil,
		"refusals of mutating webhooks, by path and check"},
	{"awslbc_quic_target_missing_server_id", Counter, []string{"namespace", "name"}, nil,
		"endpoints that the controller does not register, because they have no QUIC server id or the id of another " +
			"endpoint; each endpoint counts once, by TargetGroupBinding"},
	{"awslbc_controller_cache_object_total", Gauge, []string{"resource"}, nil,
		"objects in the informer caches"},
	{"awslbc_controller_top_talkers", Gauge, []string{"controller", "namespace", "name"}, nil,
		"reconciles of the three objects of each kind with the most reconciles in the last three minutes; for an Ingress " +
			"group, `name` is the group"},

	{"lbc_build_info", Gauge, []string{"version", "commit", "goversion", "platform"}, nil,
		"always 1; the labels are the version, the commit, the Go version and the platform of the binary"},
	{"lbc_ready", Gauge, nil, nil, "1 while `/readyz` of this replica succeeds, 0 otherwise"},
	{"lbc_degraded", Gauge, []string{"reason"}, nil, "1 while the controller [lacks " +
		"something](operations/running.md#what-the-controller-lacks), for example a right, 0 otherwise"},
	{"lbc_actions_denied", Gauge, []string{"action"}, nil,
		"1 for each IAM action that AWS denies the controller's role for at least one resource. The value becomes 0 half a " +
			"minute after AWS permits the action, a minute after nothing needs the action any more, or 20 minutes after the " +
			"last denial. Refused credentials do not count"},
	{"lbc_waiting", Gauge, []string{"what"}, nil,
		"work that waits now, by kind; on the leader. `targets`: targets that AWS has not registered or deregistered yet. " +
			"`stacks`: stacks and GlobalAccelerators in a reconcile, or with unfinished work that does not need an edit. " +
			"`deletions`: deleted stacks, TargetGroupBindings and GlobalAccelerators with a finalizer"},
	{"lbc_waiting_oldest_seconds", Gauge, []string{"what"}, nil,
		"how long the oldest work has waited, by the `what` of `lbc_waiting`; 0 if nothing waits. The time of a deletion " +
			"that was on [hold](operations/hold.md#hold) counts from the end of the hold"},
	{"lbc_readiness_gate_waiting_seconds", Gauge, []string{"namespace", "name"}, nil,
		"how long the oldest waiting pod has waited for AWS to report its registered targets as healthy, by " +
			"TargetGroupBinding; absent while no pod waits. On the leader"},
	{"lbc_deletions_waiting", Gauge, []string{"reason"}, nil,
		"`deletions` of `lbc_waiting`, by reason: the code of a [finding](findings.md), such as `DeletionProtected` or " +
			"`AccessDenied`, or `InProgress` if nothing failed. On the leader"},
	{"lbc_failing", Gauge, []string{"class"}, nil,
		"stacks, TargetGroupBindings and GlobalAccelerators whose last reconcile failed, by [class](findings.md) of the " +
			"failure. Failures that need an edit do not count. On the leader"},
	{"lbc_check", Gauge, []string{"check", "severity"}, nil,
		"findings of the [checks](doctor.md#in-the-leader) that the leader makes once a minute, by name of the check and " +
			"severity (`error`, `warning`, `note`); `lbc doctor --leader` shows them"},
	{"lbc_held_stacks", Gauge, nil, nil, "load balancers that an administrator [holds](operations/hold.md#hold): the " +
		"controller writes only their targets to AWS; on the leader"},
	{"lbc_listener_certificate_not_after_seconds", Gauge, nil, nil,
		"Unix time at which the first of the ACM certificates on listeners expires, or has expired. The value comes from " +
			"the last list of certificates, which is at most six hours old. The metric is absent while no listener has an ACM " +
			"certificate, and without permission `acm:ListCertificates`. With `--drift-check-interval=0`, the metric is " +
			"absent unless the controller finds certificates by host"},
	{"lbc_listener_certificate_overdue_seconds", Gauge, nil, nil,
		"Unix time from which the first of the ACM certificates on listeners is overdue for renewal: a quarter of its " +
			"lifetime is left, and at most 14 days; absent under the same conditions as " +
			"`lbc_listener_certificate_not_after_seconds`"},
	{"lbc_webhook_certificate_not_after_seconds", Gauge, nil, nil,
		"Unix time at which the certificate of the webhooks expires; absent without a certificate"},
	{"lbc_webhook_certificate_overdue_seconds", Gauge, nil, nil,
		"Unix time from which the certificate of the webhooks is overdue for renewal: a quarter of its lifetime is left, " +
			"and at most a day; absent without a certificate"},
	{"lbc_leader_transitions", Gauge, nil, nil, "how often the holder of the controller's Lease has changed, when this " +
		"replica last read the Lease"},
	{"lbc_load_balancers", Gauge, []string{"ready"}, nil,
		"declared load balancers, by condition Ready: `True`, `False` or `Unknown`; on the leader, if the LoadBalancer " +
			"kind is installed"},
	{"lbc_load_balancer_condition", Gauge, []string{"namespace", "name", "type", "status"}, nil,
		"1 for each condition of each LoadBalancer object, with its current status; at most 1,000 objects, beginning with " +
			"objects that are not ready"},
	{"lbc_load_balancer_ready_seconds", Histogram, []string{"controller"}, []float64{1, 2, 5, 10, 30, 60, 90, 120, 150,
		180, 240, 300, 600, 1800},
		"seconds from the first reconcile of a new load balancer until it is ready"},
	{"lbc_target_lag_seconds", Histogram, []string{"operation"}, []float64{0.02, 0.03, 0.05, 0.07, 0.1, 0.2, 0.3, 0.5, 1,
		2, 3, 5, 10, 30, 60, 120, 300, 600},
		"for each target: seconds from the time at which the controller receives a change of the EndpointSlice or pod " +
			"until AWS accepts the call that registers or deregisters the target (`operation`: `register`, `deregister`). The " +
			"time includes the 20 ms in which the controller collects changes, the refused calls, and the wait for AWS's " +
			"limits. Targets that AWS has not accepted yet are in `lbc_waiting`. Registrations without such a change, for " +
			"example after a restart, do not count"},
	{"lbc_target_healthy_seconds", Histogram, []string{"cause"}, []float64{1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180,
		240, 300, 600},
		"for each target, with or without readiness gate: seconds from the change of the EndpointSlice or pod to the first " +
			"read that finds the target healthy, by the cause of the read (`cause` of `aws_api_calls_by_cause_total`). Reads " +
			"for `readiness gates` follow within seconds. Reads for `health of new targets` come 40 seconds after the last " +
			"change of a target group, so their values are upper bounds"},
	{"lbc_plan_steps_total", Counter, []string{"owner", "operation", "action"}, nil, "steps of executed plans"},
	{"lbc_findings_total", Counter, []string{"owner", "code", "class"}, nil,
		"[findings](findings.md) of reconciles; a lasting finding counts at each reconcile. `owner` is the tag prefix of " +
			"the load balancer's owner, or `elbv2.k8s.aws` for TargetGroupBindings"},
	{"lbc_drift_found_total", Counter, []string{"controller"}, nil,
		"checks for [drift](operations/reconciling.md#drift) that found a change to undo: of load balancers, by " +
			"controller, and of target groups (`targetGroupBinding`)"},
	{"lbc_drift_groups_found_total", Counter, []string{"controller", "group", "policy"}, nil,
		"checks for [drift](operations/reconciling.md#drift) that found a change in a group of fields of a load balancer, " +
			"by the [drift policy](tasks/by-hand.md) of the group; with `correct` the controller undoes the change"},
	{"lbc_quota_used_ratio", Gauge, []string{"quota"}, nil,
		"used part of a limit, relative to AWS's default; an account may have a higher limit. For a limit of one load " +
			"balancer, the value is that of the load balancer that has used most. For a limit of the account, the value " +
			"covers all VPCs of the region and comes from the last listing. `lbc doctor` compares with the account's own " +
			"limits"},
	{"lbc_deletions_held", Gauge, nil, nil, "load balancers whose deletion waits for consent, because unusually many " +
		"load balancers would be deleted at once (`--deletion-brake`)"},
	{"lbc_deregistrations_held", Gauge, nil, nil, "target groups whose targets stay registered, because unusually many " +
		"target groups would lose most of their targets at once (`--deregistration-brake`)"},
	{"lbc_certificate_imports_last_year", Gauge, nil, nil,
		"with `--enable-tls-secret-import`: known imports into ACM within 365 days, in the whole account and region. Known " +
			"are the last import of each certificate, and all imports of this process. AWS's default quota is 5,000"},
}

// SeriesPer returns how many series a metric has for one set of values of its labels: a histogram has those of its
// buckets, of +Inf, sum and count.
func (r Row) SeriesPer() int {
	if r.Type == Histogram {
		return len(r.Buckets) + 3
	}
	return 1
}

// RowOf returns the row of a metric.
func RowOf(name string) Row {
	return Table[slices.IndexFunc(Table, func(r Row) bool { return r.Name == name })]
}

func counter(r prometheus.Registerer, name string) *prometheus.CounterVec {
	row := RowOf(name)
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: row.Name, Help: row.Doc}, row.Labels)
	r.MustRegister(v)
	return v
}

func gauge(r prometheus.Registerer, name string) *prometheus.GaugeVec {
	row := RowOf(name)
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: row.Name, Help: row.Doc}, row.Labels)
	r.MustRegister(v)
	return v
}

func histogram(r prometheus.Registerer, name string) *prometheus.HistogramVec {
	row := RowOf(name)
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: row.Name, Help: row.Doc, Buckets: row.Buckets},
		row.Labels)
	r.MustRegister(v)
	return v
}
