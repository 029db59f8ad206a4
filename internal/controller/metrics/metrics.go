// Package metrics has the controller's metrics: those of the existing controller, under their names, for its
// dashboards, and this controller's own under lbc_. It decides nothing, and knows about stacks and bindings only the
// numbers that it counts.
package metrics

import (
	"cmp"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lib/buildinfo"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// Metrics are the metrics of one process.
type Metrics struct {
	deletions                                                   atomic.Pointer[func() map[string]int]
	registerer                                                  prometheus.Registerer
	calls, causes, denied, limited, throttled, invalid          *prometheus.CounterVec
	requests                                                    *prometheus.CounterVec
	duration, retries, requestDuration                          *prometheus.HistogramVec
	targetGroups, cached, topTalkers, build, degraded, actions  *prometheus.GaugeVec
	steps, findings, errors, drift, drifted, validated, mutated *prometheus.CounterVec
	unidentified                                                *prometheus.CounterVec
	stages, gates, ready, TargetLag, targetHealthy              *prometheus.HistogramVec

	mu     sync.Mutex
	passes map[talker]int                     // passes since the last window ended
	bound  map[types.NamespacedName][3]string // labels of targetGroups, by binding
	series map[[3]string]int                  // how many bindings have these labels
}

// New registers the metrics, except those that Count and CollectLoadBalancers add.
func New(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		registerer:      r,
		calls:           counter(r, "aws_api_calls_total"),
		causes:          counter(r, "aws_api_calls_by_cause_total"),
		denied:          counter(r, "aws_api_call_permission_errors_total"),
		limited:         counter(r, "aws_api_call_service_limit_exceeded_errors_total"),
		throttled:       counter(r, "aws_api_call_throttled_errors_total"),
		invalid:         counter(r, "aws_api_call_validation_errors_total"),
		requests:        counter(r, "aws_api_requests_total"),
		duration:        histogram(r, "aws_api_call_duration_seconds"),
		retries:         histogram(r, "aws_api_call_retries"),
		requestDuration: histogram(r, "aws_api_request_duration_seconds"),
		targetGroups:    gauge(r, "aws_target_group_info"),
		cached:          gauge(r, "awslbc_controller_cache_object_total"),
		topTalkers:      gauge(r, "awslbc_controller_top_talkers"),
		build:           gauge(r, "lbc_build_info"),
		degraded:        gauge(r, "lbc_degraded"),
		actions:         gauge(r, "lbc_actions_denied"),
		steps:           counter(r, "lbc_plan_steps_total"),
		findings:        counter(r, "lbc_findings_total"),
		errors:          counter(r, "awslbc_controller_reconcile_errors_total"),
		drift:           counter(r, "lbc_drift_found_total"),
		drifted:         counter(r, "lbc_drift_groups_found_total"),
		validated:       counter(r, "awslbc_webhook_validation_failure_total"),
		mutated:         counter(r, "awslbc_webhook_mutation_failure_total"),
		unidentified:    counter(r, "awslbc_quic_target_missing_server_id"),
		stages:          histogram(r, "awslbc_controller_reconcile_stage_duration"),
		gates:           histogram(r, "awslbc_readiness_gate_ready_seconds"),
		ready:           histogram(r, "lbc_load_balancer_ready_seconds"),
		TargetLag:       histogram(r, "lbc_target_lag_seconds"),
		targetHealthy:   histogram(r, "lbc_target_healthy_seconds"),
		passes:          map[talker]int{},
		bound:           map[types.NamespacedName][3]string{},
		series:          map[[3]string]int{},
	}
	r.MustRegister(failing{m.deletionsWaiting, desc("lbc_deletions_waiting")})
	m.begin()
	return m
}

// begin shows the counters whose labels are known as 0, so that a rate includes the first count of each.
func (m *Metrics) begin() {
	for controller, of := range Categories {
		m.drift.WithLabelValues(controller)
		for _, c := range of {
			m.errors.WithLabelValues(controller, c.Name)
		}
	}
}

// Count registers a gauge without labels that shows a count as it is when the metrics are read.
func (m *Metrics) Count(name string, count func() int) {
	m.registerer.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: RowOf(name).Doc},
		func() float64 { return float64(count()) }))
}

// SetBuild sets the information about the running binary.
func (m *Metrics) SetBuild(b buildinfo.Info) {
	m.build.WithLabelValues(b.Version, b.Commit, b.Go, b.Platform).Set(1)
}

// SetDegraded sets whether the controller lacks something that may come while it runs.
func (m *Metrics) SetDegraded(reason string, lacking bool) {
	value := 0.0
	if lacking {
		value = 1
	}
	m.degraded.WithLabelValues(reason).Set(value)
}

// SetDenied sets whether AWS denies the controller's role an action.
func (m *Metrics) SetDenied(action string, denied bool) {
	if denied {
		m.actions.WithLabelValues(action).Set(1)
		return
	}
	m.actions.DeleteLabelValues(action)
}

// ObserveRequest counts one HTTP request.
func (m *Metrics) ObserveRequest(c awsclient.Call) {
	status, code, _ := outcomeOf(c)
	m.requests.WithLabelValues(c.Service, c.Operation, status, code).Inc()
	m.requestDuration.WithLabelValues(c.Service, c.Operation).Observe(c.Duration.Seconds())
}

// ObserveCall counts one AWS call.
func (m *Metrics) ObserveCall(c awsclient.Call) {
	status, code, class := outcomeOf(c)
	labels := []string{c.Service, c.Operation, status, code}
	m.calls.WithLabelValues(labels...).Inc()
	m.causes.WithLabelValues(c.Service, c.Operation, string(c.Cause)).Inc()
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

// outcomeOf are the labels of an answer: status 0 where there was none, code "timeout" or another cause where it did
// not answer, "internal" where it named none.
func outcomeOf(c awsclient.Call) (status, code string, class diag.Class) {
	status, code, class = "200", "", diag.Class("")
	if c.Err != nil {
		e := awsclient.Classify(c.Err)
		status, code, class = "0", e.Code, e.Class
		if code == "" {
			code = cmp.Or(string(e.Unanswered), "internal")
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

// CountFindings counts the diagnostics of a pass over a stack.
func (m *Metrics) CountFindings(o stack.Owner, found diag.List) {
	m.count(string(o), owner.Of(o).Controller, found)
}

// CountBindingFindings counts the diagnostics of a pass over a binding.
func (m *Metrics) CountBindingFindings(found diag.List) {
	m.count(bindingOwner, BindingControllerLabel, found)
}

// CountAcceleratorFindings counts the diagnostics of a pass over a GlobalAccelerator.
func (m *Metrics) CountAcceleratorFindings(found diag.List) {
	m.count(acceleratorOwner, AcceleratorControllerLabel, found)
}

func (m *Metrics) count(owner, controller string, found diag.List) {
	for _, d := range found {
		m.findings.WithLabelValues(owner, string(d.Code), string(d.Class)).Inc()
		for _, c := range categoriesOf(controller, d) {
			m.errors.WithLabelValues(controller, c).Inc()
		}
	}
}

// CountFailure counts a failure that is no finding, by its category.
func (m *Metrics) CountFailure(controller, category string) {
	m.errors.WithLabelValues(controller, category).Inc()
}

// CountDrift counts a check that found something to put back.
func (m *Metrics) CountDrift(controller string) { m.drift.WithLabelValues(controller).Inc() }

// CountDriftOf counts a check that found something changed in a group of fields, which has a drift policy.
func (m *Metrics) CountDriftOf(controller, group, policy string) {
	m.drifted.WithLabelValues(controller, group, policy).Inc()
}

// CountRefusal counts a denied request of a webhook.
func (m *Metrics) CountRefusal(path, check string, mutating bool) {
	if mutating {
		m.mutated.WithLabelValues(path, check).Inc()
		return
	}
	m.validated.WithLabelValues(path, check).Inc()
}

// ObserveReady counts a new load balancer that became ready.
func (m *Metrics) ObserveReady(o stack.Owner, after time.Duration) {
	m.ready.WithLabelValues(owner.Of(o).Controller).Observe(after.Seconds())
}

// SetTargetGroup has the info of the target group of a binding among the metrics, in the place of an earlier one.
func (m *Metrics) SetTargetGroup(o *v1beta1.TargetGroupBinding) {
	series := [3]string{o.Namespace, o.Spec.ServiceRef.Name, dimension(o)}
	m.mu.Lock()
	defer m.mu.Unlock()
	binding := types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
	if m.bound[binding] != series {
		m.unbind(binding)
		m.bound[binding] = series
		m.series[series]++
	}
	m.targetGroups.WithLabelValues(series[:]...).Set(1)
}

// unbind drops the info of a binding, unless another binding has the same.
func (m *Metrics) unbind(binding types.NamespacedName) {
	former, had := m.bound[binding]
	if !had {
		return
	}
	delete(m.bound, binding)
	if m.series[former]--; m.series[former] == 0 {
		delete(m.series, former)
		m.targetGroups.DeleteLabelValues(former[:]...)
	}
}

// DeleteTargetGroup drops the metrics of a binding that is gone.
func (m *Metrics) DeleteTargetGroup(o *v1beta1.TargetGroupBinding) {
	m.mu.Lock()
	m.unbind(types.NamespacedName{Namespace: o.Namespace, Name: o.Name})
	m.mu.Unlock()
	m.gates.DeleteLabelValues(o.Namespace, o.Name)
	m.unidentified.DeleteLabelValues(o.Namespace, o.Name)
}

// CountUnidentified counts endpoints of a binding that are no targets as they have no QUIC server id.
func (m *Metrics) CountUnidentified(o *v1beta1.TargetGroupBinding, n int) {
	m.unidentified.WithLabelValues(o.Namespace, o.Name).Add(float64(n))
}

// ObserveTargetLag counts a target whose call AWS has accepted.
func (m *Metrics) ObserveTargetLag(operation string, after time.Duration) {
	m.TargetLag.WithLabelValues(operation).Observe(after.Seconds())
}

// ObserveTargetHealthy counts a target that was found healthy by a read for a cause.
func (m *Metrics) ObserveTargetHealthy(cause awsclient.Cause, after time.Duration) {
	m.targetHealthy.WithLabelValues(string(cause)).Observe(after.Seconds())
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
