// Package metrics holds the controller's metrics: those that dashboards of the existing controller read, under its names, and those of this
// one under lbc_. It decides nothing, and knows stacks and bindings by what is counted of them only.
// It may import buildinfo, cloud, diag, kube, objects, owner, plan, stack, the API types and prometheus.
package metrics

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
	"github.com/k8s-lbc/lbc/internal/buildinfo"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/owner"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Metrics are the metrics of one process.
type Metrics struct {
	calls, denied, limited, throttled, invalid *prometheus.CounterVec
	duration, retries                          *prometheus.HistogramVec
	targetGroups                               *prometheus.GaugeVec
	steps, findings                            *prometheus.CounterVec
	errors                                     *prometheus.CounterVec
	requests                                   *prometheus.CounterVec
	requestDuration, stages                    *prometheus.HistogramVec
	cached, topTalkers                         *prometheus.GaugeVec
	gates, TargetLag                           *prometheus.HistogramVec

	mu     sync.Mutex
	passes map[talker]int // passes since the last window ended
}

// New registers the metrics.
func New(r prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	outcome := []string{"service", "operation", "status_code", "error_code"}
	m := &Metrics{
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
		topTalkers: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "awslbc_controller_top_talkers",
			Help: "Passes over the three objects of each kind that had most of them in the last window of three minutes."}, []string{"controller", "namespace", "name"}),
		gates: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "awslbc_readiness_gate_ready_seconds",
			Help: "Seconds from the registration of a pod's targets to the opening of its readiness gate.", Buckets: []float64{10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600}},
			[]string{"namespace", "name"}),
		TargetLag: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "lbc_target_lag_seconds",
			Help:    "Seconds from a change of endpoints, as the controller receives it, to the sending of the call that registers or deregisters the target.",
			Buckets: []float64{0.02, 0.03, 0.05, 0.07, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10, 30, 60}}, []string{"operation"}),
		passes: map[talker]int{},
	}
	r.MustRegister(m.gates, m.TargetLag, m.requests, m.requestDuration, m.stages, m.cached, m.topTalkers,
		m.calls, m.denied, m.limited, m.throttled, m.invalid, m.duration, m.retries, m.targetGroups, m.steps, m.findings, m.errors)
	return m
}

// Gauge shows a count as it is when the metrics are read.
func Gauge(name, help string, count func() int) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(count()) })
}

// BuildInfo is 1, with what the binary was built from as labels.
func BuildInfo(b buildinfo.Info) prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "lbc_build_info", Help: "1; the labels describe the binary.",
		ConstLabels: prometheus.Labels{"version": b.Version, "commit": b.Commit, "go_version": b.Go, "platform": b.Platform}})
	info.Set(1)
	return info
}

// ObserveRequest counts one HTTP request.
func (m *Metrics) ObserveRequest(c cloud.Call) {
	status, code, _ := outcomeOf(c)
	m.requests.WithLabelValues(c.Service, c.Operation, status, code).Inc()
	m.requestDuration.WithLabelValues(c.Service, c.Operation).Observe(c.Duration.Seconds())
}

// ObserveCall counts one AWS call.
func (m *Metrics) ObserveCall(c cloud.Call) {
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

// CountSteps counts the steps of a plan that is executed.
func (m *Metrics) CountSteps(owner stack.Owner, p *plan.Plan) {
	for _, s := range p.Steps {
		m.steps.WithLabelValues(string(owner), plan.NameOf(s.Op), string(s.Action)).Inc()
	}
}

// categories are the error categories of the existing controller that our findings fall into.
var categories = map[diag.EventReason]string{
	diag.FailedLoadGroupID: "fetch_ingress_error",
	diag.FailedBuildModel:  "build_model_error",
	diag.FailedDeployModel: "deploy_model_error",
}

// CountFindings counts the diagnostics of a pass.
func (m *Metrics) CountFindings(o stack.Owner, found diag.List) {
	controller := owner.Of(o).Controller
	for _, d := range found {
		m.findings.WithLabelValues(string(o), string(d.Code), string(d.Class)).Inc()
		if c, ok := categories[d.Reason()]; ok && d.Class != diag.Note {
			m.errors.WithLabelValues(controller, c).Inc()
		}
	}
}

// SetTargetGroup sets the information about the target group of a binding.
func (m *Metrics) SetTargetGroup(o *v1beta1.TargetGroupBinding) {
	m.targetGroups.WithLabelValues(o.Namespace, o.Spec.ServiceRef.Name, dimension(o)).Set(1)
}

// DeleteTargetGroup deletes all metrics of a binding.
func (m *Metrics) DeleteTargetGroup(o *v1beta1.TargetGroupBinding) {
	m.targetGroups.DeleteLabelValues(o.Namespace, o.Spec.ServiceRef.Name, dimension(o))
	m.gates.DeleteLabelValues(o.Namespace, o.Name)
}

// ObserveTargetLag counts a target whose call is sent.
func (m *Metrics) ObserveTargetLag(operation string, after time.Duration) {
	m.TargetLag.WithLabelValues(operation).Observe(after.Seconds())
}

// ObserveGate counts a readiness gate that was opened.
func (m *Metrics) ObserveGate(binding types.NamespacedName, after time.Duration) {
	m.gates.WithLabelValues(binding.Namespace, binding.Name).Observe(after.Seconds())
}

// dimension is the CloudWatch dimension of a target group: its ARN after the last colon.
func dimension(o *v1beta1.TargetGroupBinding) string {
	arn := o.Spec.TargetGroupARN
	return arn[strings.LastIndex(arn, ":")+1:]
}
