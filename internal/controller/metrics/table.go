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

// Row describes a metric. Metrics and docs/metrics.md are made of these rows.
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
		"AWS calls by what makes them: the controller whose pass it is, or a loop beside the passes"},
	{"aws_api_call_duration_seconds", Histogram, outcome[:2], prometheus.DefBuckets, "duration of AWS calls, retries and waiting for rate limits included"},
	{"aws_api_call_retries", Histogram, outcome[:2], prometheus.LinearBuckets(0, 1, 11), "retries per AWS call"},
	{"aws_api_requests_total", Counter, outcome, nil, "HTTP requests of AWS calls, retries included"},
	{"aws_api_request_duration_seconds", Histogram, outcome[:2], prometheus.DefBuckets, "duration of single HTTP requests of AWS calls"},
	{"aws_api_call_permission_errors_total", Counter, outcome, nil, "AWS calls refused for lack of permission"},
	{"aws_api_call_service_limit_exceeded_errors_total", Counter, outcome, nil, "AWS calls refused because of a quota"},
	{"aws_api_call_throttled_errors_total", Counter, outcome, nil, "AWS calls refused because of their rate"},
	{"aws_api_call_validation_errors_total", Counter, outcome, nil, "AWS calls refused as invalid"},
	{"aws_target_group_info", Gauge, []string{"namespace", "service", "target_group"}, nil,
		"1 for each target group that a TargetGroupBinding serves; `target_group` is the dimension of CloudWatch, for joins"},
	{"awslbc_readiness_gate_ready_seconds", Histogram, []string{"namespace", "name"}, []float64{10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600},
		"seconds from the registration of a pod's targets to the opening of its readiness gate, by TargetGroupBinding"},
	{"awslbc_controller_reconcile_errors_total", Counter, []string{"controller", "error_category"}, nil, "failures of passes by [category](#error-categories)"},
	{"awslbc_controller_reconcile_stage_duration", Histogram, []string{"controller", "reconcile_stage"}, prometheus.DefBuckets, "seconds that the [stages](#stages) of a pass take"},
	{"awslbc_webhook_validation_failure_total", Counter, []string{"webhook_name", "error_category"}, nil, "refusals of validating webhooks, by path and check"},
	{"awslbc_webhook_mutation_failure_total", Counter, []string{"webhook_name", "error_category"}, nil, "refusals of mutating webhooks, by path and check"},
	{"awslbc_quic_target_missing_server_id", Counter, []string{"namespace", "name"}, nil,
		"endpoints that are not registered as they have no QUIC server id, or one that another endpoint has, each once, by TargetGroupBinding"},
	{"awslbc_controller_cache_object_total", Gauge, []string{"resource"}, nil, "objects in the informer caches, counted every 30 seconds"},
	{"awslbc_controller_top_talkers", Gauge, []string{"controller", "namespace", "name"}, nil,
		"passes over the three objects of each kind that had most of them in the last window of three minutes; of an Ingress group, `name` is the group"},

	{"lbc_build_info", Gauge, []string{"version", "commit", "goversion", "platform"}, nil, "1, with the version, the commit, the Go and the platform of the binary"},
	{"lbc_degraded", Gauge, []string{"reason"}, nil, "1 while the controller [lacks something](operations/running.md#what-the-controller-lacks) that may come while it runs, 0 otherwise"},
	{"lbc_actions_denied", Gauge, []string{"action"}, nil,
		"1 for each IAM action that AWS denies the controller's role for at least one resource; 0 half a minute after AWS permits it, a minute after nothing waits for it, or 20 minutes after the last denial; refused credentials do not count"},
	{"lbc_waiting", Gauge, []string{"what"}, nil,
		"what waits now, on the leader (`what`). `targets`: to be registered or deregistered by AWS. `stacks`: with a pass that is under way, or whose last pass left something undone that no edit cures. " +
			"`deletions`: stacks and TargetGroupBindings that are deleted and keep their finalizer"},
	{"lbc_waiting_oldest_seconds", Gauge, []string{"what"}, nil, "for how long the first of what waits has waited, by `what` as of `lbc_waiting`; 0 if nothing waits"},
	{"lbc_deletions_waiting", Gauge, []string{"reason"}, nil,
		"deletions that keep their finalizer, as in `lbc_waiting`, by why they wait (`reason`): the code of a [finding](findings.md), such as `DeletionProtected` or `AccessDenied`; `InProgress` where nothing failed. On the leader"},
	{"lbc_failing", Gauge, []string{"class"}, nil,
		"stacks and TargetGroupBindings whose last pass failed, by [class](findings.md) of the failure, without what only an edit cures; on the leader"},
	{"lbc_check", Gauge, []string{"check", "severity"}, nil,
		"findings of the [checks](doctor.md#in-the-leader) that the leader makes once a minute, by name of the check and severity (`error`, `warning`, `note`); `lbc doctor --leader` shows them"},
	{"lbc_held_stacks", Gauge, nil, nil, "load balancers that an administrator [holds](operations/hold.md#hold), so that nothing but targets is written to AWS; on the leader"},
	{"lbc_listener_certificate_not_after_seconds", Gauge, nil, nil,
		"Unix time at which the first of ACM's certificates expires that listeners have, as of the last list of certificates; none while it is not known"},
	{"lbc_webhook_certificate_not_after_seconds", Gauge, nil, nil, "Unix time at which the certificate of the webhooks expires; none while there is none"},
	{"lbc_leader_transitions", Gauge, nil, nil, "how often the Lease of the controller has changed its holder, as this replica has read it last"},
	{"lbc_load_balancers", Gauge, []string{"ready"}, nil, "load balancers that objects declare, by condition Ready: `True`, `False` or `Unknown`; on the leader, where the LoadBalancer kind is installed"},
	{"lbc_load_balancer_condition", Gauge, []string{"namespace", "name", "type", "status"}, nil,
		"1 for each condition of each LoadBalancer object, with its present status; of at most 1,000 objects, those that are not ready first"},
	{"lbc_load_balancer_ready_seconds", Histogram, []string{"controller"}, []float64{1, 2, 5, 10, 30, 60, 90, 120, 150, 180, 240, 300, 600, 1800},
		"seconds from the first pass over a new load balancer until it is ready"},
	{"lbc_target_lag_seconds", Histogram, []string{"operation"}, []float64{0.02, 0.03, 0.05, 0.07, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10, 30, 60, 120, 300, 600},
		"per target, seconds from a change of its EndpointSlice or pod, as the controller receives it, to the answer by which AWS accepts the call that registers or deregisters it (`operation`: `register`, `deregister`); " +
			"the 20 ms of gathering changes, refusals and the wait for AWS's limits are part of it. What AWS has not accepted yet is in `lbc_waiting`. Registrations that no such change causes, as after a restart, are not counted"},
	{"lbc_target_healthy_seconds", Histogram, []string{"cause"}, []float64{1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 600},
		"per target, with or without readiness gate, seconds from the change of its EndpointSlice or pod to the first read of health that finds it healthy after its registration, by what the read is made for " +
			"(`cause`, as of `aws_api_calls_by_cause_total`): those for `readiness gates` follow within seconds, those for `health of new targets` come 40 seconds after the last change of a group, so that they are bounds"},
	{"lbc_plan_steps_total", Counter, []string{"owner", "operation", "action"}, nil, "steps of executed plans"},
	{"lbc_findings_total", Counter, []string{"owner", "code", "class"}, nil,
		"[findings](findings.md) of passes, each time that a pass comes to them; `owner` is the tag prefix of load balancers' owners, or `elbv2.k8s.aws` of TargetGroupBindings"},
	{"lbc_drift_found_total", Counter, []string{"controller"}, nil, "checks for [drift](operations/reconciling.md#drift) that found something to put back: load balancers, by controller, and target groups (`targetGroupBinding`)"},
	{"lbc_drift_groups_found_total", Counter, []string{"controller", "group", "policy"}, nil, "checks for [drift](operations/reconciling.md#drift) that found something changed in a group of fields of a load balancer, by the [drift policy](tasks/by-hand.md) of the group: with `correct` it was put back"},
	{"lbc_quota_used_ratio", Gauge, []string{"quota"}, nil,
		"how much of a limit is used, relative to AWS's default; an account may have a higher limit. Of a limit for single load balancers, by the fullest one; of one for the account, by all VPCs of the region, as of the last listing. `lbc doctor` compares with the account's own"},
	{"lbc_deletions_held", Gauge, nil, nil, "load balancers whose deletion waits for consent, because more than usual were to be deleted at once (`--deletion-brake`)"},
	{"lbc_deregistrations_held", Gauge, nil, nil, "target groups of which targets stay registered, because most targets of more groups than usual were given up at once (`--deregistration-brake`)"},
	{"lbc_certificate_imports_last_year", Gauge, nil, nil,
		"with `--enable-tls-secret-import`: imports into ACM within 365 days, of the whole account and region, as far as they are known: the last one of each certificate, and all imports of this process. The default quota of AWS is 5,000"},
}

// rowOf is the row of a metric.
func rowOf(name string) Row {
	return Table[slices.IndexFunc(Table, func(r Row) bool { return r.Name == name })]
}

func counter(r prometheus.Registerer, name string) *prometheus.CounterVec {
	row := rowOf(name)
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: row.Name, Help: row.Doc}, row.Labels)
	r.MustRegister(v)
	return v
}

func gauge(r prometheus.Registerer, name string) *prometheus.GaugeVec {
	row := rowOf(name)
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: row.Name, Help: row.Doc}, row.Labels)
	r.MustRegister(v)
	return v
}

func histogram(r prometheus.Registerer, name string) *prometheus.HistogramVec {
	row := rowOf(name)
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: row.Name, Help: row.Doc, Buckets: row.Buckets}, row.Labels)
	r.MustRegister(v)
	return v
}
