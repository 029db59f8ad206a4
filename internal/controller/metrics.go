package controller

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// metrics are what dashboards of the existing controller read, under its names, and what is ours under lbc_.
type metrics struct {
	calls, denied, limited, throttled, invalid *prometheus.CounterVec
	duration, retries                          *prometheus.HistogramVec
	targetGroups                               *prometheus.GaugeVec
	steps, findings                            *prometheus.CounterVec
	errors                                     *prometheus.CounterVec
	requests                                   *prometheus.CounterVec
	requestDuration, stages                    *prometheus.HistogramVec
	cached, talkers                            *prometheus.GaugeVec
	gates, lag                                 *prometheus.HistogramVec

	mu     sync.Mutex
	talked map[talker]int // passes since the last window ended
}

func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	outcome := []string{"service", "operation", "status_code", "error_code"}
	m := &metrics{
		calls:     counter("aws_api_calls_total", "AWS calls that finished.", outcome...),
		denied:    counter("aws_api_call_permission_errors_total", "AWS calls refused for lack of permission.", outcome...),
		limited:   counter("aws_api_call_service_limit_exceeded_errors_total", "AWS calls refused because of a quota.", outcome...),
		throttled: counter("aws_api_call_throttled_errors_total", "AWS calls refused because of their rate.", outcome...),
		invalid:   counter("aws_api_call_validation_errors_total", "AWS calls refused as invalid.", outcome...),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "aws_api_call_duration_seconds",
			Help: "Duration of AWS calls, retries and waiting for rate limits included.", Buckets: prometheus.DefBuckets}, []string{"service", "operation"}),
		retries: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "aws_api_call_retries",
			Help: "Retries per AWS call.", Buckets: prometheus.LinearBuckets(0, 1, 11)}, []string{"service", "operation"}),
		targetGroups: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "aws_target_group_info",
			Help: "1 for each target group that a TargetGroupBinding serves; target_group is the CloudWatch dimension."}, []string{"namespace", "service", "target_group"}),
		steps:    counter("lbc_plan_steps_total", "Steps of executed plans.", "owner", "operation", "action"),
		findings: counter("lbc_findings_total", "Diagnostics found while reconciling.", "owner", "code", "class"),
		errors:   counter("awslbc_controller_reconcile_errors_total", "Failures of reconciling by category.", "controller", "error_category"),
		requests: counter("aws_api_requests_total", "HTTP requests of AWS calls, retries included.", outcome...),
		requestDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "aws_api_request_duration_seconds",
			Help: "Duration of single HTTP requests of AWS calls.", Buckets: prometheus.DefBuckets}, []string{"service", "operation"}),
		stages: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "awslbc_controller_reconcile_stage_duration",
			Help: "Seconds that the stages of a pass take.", Buckets: prometheus.DefBuckets}, []string{"controller", "reconcile_stage"}),
		cached: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "awslbc_controller_cache_object_total",
			Help: "Objects in the informer caches."}, []string{"resource"}),
		talkers: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "awslbc_controller_top_talkers",
			Help: "Passes over the three objects of each kind that had most of them in the last window of three minutes."}, []string{"controller", "namespace", "name"}),
		gates: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "awslbc_readiness_gate_ready_seconds",
			Help: "Seconds from the registration of a pod's targets to the opening of its readiness gate.", Buckets: []float64{10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600}},
			[]string{"namespace", "name"}),
		lag: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "lbc_target_lag_seconds",
			Help:    "Seconds from a change of endpoints, as the controller hears of it, to the sending of the call that registers or deregisters the target.",
			Buckets: []float64{0.02, 0.03, 0.05, 0.07, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10, 30, 60}}, []string{"operation"}),
		talked: map[talker]int{},
	}
	r.MustRegister(m.gates, m.lag, m.requests, m.requestDuration, m.stages, m.cached, m.talkers,
		m.calls, m.denied, m.limited, m.throttled, m.invalid, m.duration, m.retries, m.targetGroups, m.steps, m.findings, m.errors)
	return m
}

// importGauge shows how much of ACM's yearly quota of imports is used.
func importGauge(count func() int) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "lbc_certificate_imports_last_year",
		Help: "Imports into ACM within 365 days that are known of, whoever made them."}, func() float64 { return float64(count()) })
}

// attempted counts one HTTP request.
func (m *metrics) attempted(c cloud.Call) {
	status, code, _ := outcomeOf(c)
	m.requests.WithLabelValues(c.Service, c.Operation, status, code).Inc()
	m.requestDuration.WithLabelValues(c.Service, c.Operation).Observe(c.Duration.Seconds())
}

// called counts one AWS call.
func (m *metrics) called(c cloud.Call) {
	status, code, class := outcomeOf(c)
	labels := []string{c.Service, c.Operation, status, code}
	m.calls.WithLabelValues(labels...).Inc()
	m.duration.WithLabelValues(c.Service, c.Operation).Observe(c.Duration.Seconds())
	m.retries.WithLabelValues(c.Service, c.Operation).Observe(float64(max(c.Attempts-1, 0)))
	switch class {
	case diag.Denied:
		m.denied.WithLabelValues(labels...).Inc()
	case diag.Quota:
		m.limited.WithLabelValues(labels...).Inc()
	case diag.Throttled:
		m.throttled.WithLabelValues(labels...).Inc()
	case diag.Invalid:
		m.invalid.WithLabelValues(labels...).Inc()
	default:
	}
}

// outcomeOf are the labels of an answer: status 0 where there was none, code "internal" where AWS named none.
func outcomeOf(c cloud.Call) (status, code string, class diag.Class) {
	status, code, class = "200", "", diag.Class("")
	if c.Err != nil {
		e := cloud.Classify(c.Err)
		status, code, class = "0", e.Code, e.Class
		if code == "" {
			code = "internal"
		}
		var resp *awshttp.ResponseError
		if errors.As(c.Err, &resp) {
			status = strconv.Itoa(resp.HTTPStatusCode())
		}
	}
	return status, code, class
}

func (m *metrics) planned(owner stack.Owner, p *plan.Plan) {
	for _, s := range p.Steps {
		m.steps.WithLabelValues(string(owner), s.Op.Name(), string(s.Action)).Inc()
	}
}

// categories are the error categories of the existing controller that our findings fall into.
var categories = map[diag.EventReason]string{
	diag.FailedLoadGroupID: "fetch_ingress_error",
	diag.FailedBuildModel:  "build_model_error",
	diag.FailedDeployModel: "deploy_model_error",
}

func (m *metrics) found(owner stack.Owner, found diag.List) {
	controller := controllerOf(owner)
	for _, d := range found {
		m.findings.WithLabelValues(string(owner), string(d.Code), string(d.Class)).Inc()
		if c, ok := categories[d.Reason()]; ok && d.Class != diag.Note {
			m.errors.WithLabelValues(controller, c).Inc()
		}
	}
}

func (m *metrics) bound(o *v1beta1.TargetGroupBinding) {
	m.targetGroups.WithLabelValues(o.Namespace, o.Spec.ServiceRef.Name, dimension(o)).Set(1)
}

func (m *metrics) unbound(o *v1beta1.TargetGroupBinding) {
	m.targetGroups.DeleteLabelValues(o.Namespace, o.Spec.ServiceRef.Name, dimension(o))
	m.gates.DeleteLabelValues(o.Namespace, o.Name)
}

// targetLagged counts a target that is handed to AWS.
func (m *metrics) targetLagged(operation string, after time.Duration) {
	m.lag.WithLabelValues(operation).Observe(after.Seconds())
}

func (m *metrics) gateOpened(binding types.NamespacedName, after time.Duration) {
	m.gates.WithLabelValues(binding.Namespace, binding.Name).Observe(after.Seconds())
}

// dimension is the CloudWatch dimension of a target group: its ARN after the last colon.
func dimension(o *v1beta1.TargetGroupBinding) string {
	arn := o.Spec.TargetGroupARN
	return arn[strings.LastIndex(arn, ":")+1:]
}
