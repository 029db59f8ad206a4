package alerts

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/smithy-go"
	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/model/value"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/certificate"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/startup"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/controller/webhook"
	"github.com/k8s-lbc/lbc/internal/lib/buildinfo"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

var staleValue = math.Float64frombits(value.StaleNaN)

// scrapeInterval is the pause between scrapes, after each of which the rules are evaluated.
const scrapeInterval = 15 * time.Second

// world is a controller's own limiter, conditions, board of what waits, registry of targets and metrics, between stacks
// and bindings that change all the time and an AWS that may fail. Its time is that of a bubble.
type world struct {
	aws        *aws
	limiter    *awsclient.Limiter
	conditions *impairment.Conditions
	board      *waiting.Board
	registry   *registrar.Registry
	page       *prometheus.Registry
	alerts     *evaluator

	leader, ready, depth, panics *prometheus.GaugeVec
	drift                        func()

	mu                sync.Mutex
	transitions       int
	notReady          bool
	used              int // of the rules of a load balancer
	held, onHold      int
	gate              time.Time // since when a pod waits for its gate; zero: none does
	checks            []metrics.CheckCount
	listener, webhook certificate.End
}

// unitKey is that of the stack of which a context is.
type unitKey struct{}

// aws answers calls.
type aws struct {
	mu    sync.Mutex
	fault func(unit, service, operation string) string // the code of a refusal, "" = none, "silence" = no answer
}

func (a *aws) set(fault func(unit, service, operation string) string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fault = fault
}

func (a *aws) call(ctx context.Context, service, operation string) error {
	a.mu.Lock()
	code := ""
	if a.fault != nil {
		unit, _ := ctx.Value(unitKey{}).(string)
		code = a.fault(unit, service, operation)
	}
	a.mu.Unlock()
	after := 50 * time.Millisecond
	if code == "silence" {
		after = 30 * time.Second // the time-out of the client
	}
	select {
	case <-ctx.Done():
		return &smithy.OperationError{ServiceID: service, OperationName: operation, Err: ctx.Err()}
	case <-time.After(after):
	}
	switch code {
	case "":
		return nil
	case "silence":
		return &smithy.OperationError{ServiceID: service, OperationName: operation,
			Err: context.DeadlineExceeded}
	}
	return &smithy.OperationError{ServiceID: service, OperationName: operation,
		Err: &smithy.GenericAPIError{Code: code, Message: "no"}}
}

// DescribeTargetHealth implements registrar.Describer.
func (w *world) DescribeTargetHealth(ctx context.Context, _ *elbv2.DescribeTargetHealthInput,
	_ ...func(*elbv2.Options)) (*elbv2.DescribeTargetHealthOutput, error) {
	return &elbv2.DescribeTargetHealthOutput{}, w.call(ctx, "DescribeTargetHealth")
}

func (w *world) call(ctx context.Context, operation string) error {
	return w.callOf(ctx, awsclient.ServiceELBV2, operation)
}

func (w *world) callOf(ctx context.Context, service, operation string) error {
	return w.limiter.Do(ctx, service, operation, func(ctx context.Context) error {
		return w.aws.call(ctx, service, operation)
	})
}

// newWorld makes a world and lets it live until ctx ends.
func newWorld(ctx context.Context, t *testing.T) *world {
	t.Helper()
	w := &world{aws: &aws{}, page: prometheus.NewRegistry(), alerts: newEvaluator(t), transitions: 3, used: 10}
	m := metrics.New(w.page)
	m.SetBuild(buildinfo.Read("v0"))
	reporter := startup.NewReporter(m.SetDegraded, time.Now, logr.Discard())
	w.conditions = &impairment.Conditions{OnChange: reporter.Changed}
	w.board = waiting.NewBoard(time.Now)
	w.board.Degraded = w.conditions.Has
	calls := &startup.Calls{Conditions: w.conditions, Now: time.Now, Denied: m.SetDenied,
		Recovered: func(r impairment.Reason) {
			go w.board.Recovered(r)
		}, Needed: func() bool { return w.board.Failing()[diag.Denied] > 0 }}
	w.limiter = awsclient.NewLimiter(awsclient.LimiterOptions{
		Observe: func(c awsclient.Call) { m.ObserveCall(c); calls.Observe(c) },
		Sending: calls.Sending,
		Attempt: func(c awsclient.Call) { m.ObserveRequest(c); calls.Answered(c) },
	})
	w.registry = registrar.NewRegistry(func(awsclient.Scope) (registrar.ScopeCalls, error) {
		return registrar.ScopeCalls{ELBV2: w, CreatedHere: func(string) bool { return false },
			Write: func(ctx context.Context,
				_ stack.Key, _ plan.StepID, op plan.Operation) apply.Outcome {
				if err := w.call(ctx, plan.NameOf(op)); err != nil {
					return apply.Outcome{State: apply.Failed, Err: err}
				}
				return apply.Outcome{State: apply.Done}
			}}, nil
	})
	w.registry.Async, w.registry.Lag = true, m.ObserveTargetLag
	w.collect(m)
	go calls.Run(ctx)
	go every(ctx, waiting.ProbeInterval, w.board.ProbeFor)
	for _, name := range []string{"shop/a", "shop/b", "shop/c"} {
		go w.keepStack(ctx, name, [2]string{awsclient.ServiceELBV2, "CreateRule"},
			[2]string{awsclient.ServiceELBV2, "ModifyRule"})
	}
	go w.keepStack(ctx, "shop/requested", [2]string{awsclient.ServiceACM, "RequestCertificate"},
		[2]string{awsclient.ServiceRoute53, "ChangeResourceRecordSets"})
	go w.keepTargets(ctx)
	w.newAccelerators(ctx, t, m)
	return w
}

// collect registers the metrics that are computed when they are read.
func (w *world) collect(m *metrics.Metrics) {
	locked := func(of *int) func() int {
		return func() int {
			w.mu.Lock()
			defer w.mu.Unlock()
			return *of
		}
	}
	at := func(of *time.Time) func() time.Time {
		return func() time.Time {
			w.mu.Lock()
			defer w.mu.Unlock()
			return *of
		}
	}
	m.CollectWaiting(map[string]metrics.Waiting{
		"targets":   w.registry.Waiting,
		"stacks":    func() (int, time.Duration) { return w.board.Waiting(waiting.Stacks) },
		"deletions": func() (int, time.Duration) { return w.board.Waiting(waiting.Deletions) },
	})
	m.CollectFailing(func() map[string]int {
		out := map[string]int{}
		for class, n := range w.board.Failing() {
			out[string(class)] = n
		}
		return out
	})
	m.CollectDeletions(w.board.Reasons)
	m.CollectChecks(func() []metrics.CheckCount {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.checks
	})
	m.CollectGates(func() map[types.NamespacedName]time.Duration {
		out, since := map[types.NamespacedName]time.Duration{}, at(&w.gate)()
		if !since.IsZero() {
			out[types.NamespacedName{Namespace: "shop", Name: "a"}] = time.Since(since)
		}
		return out
	})
	w.drift = func() { m.CountDrift("ingress") }
	m.CollectCertificate("listener", func() (end, overdue time.Time) {
		c := w.certificate(&w.listener)
		return c.NotAfter, c.Overdue()
	})
	m.CollectCertificate("webhook", func() (end, overdue time.Time) {
		c := w.certificate(&w.webhook)
		return c.NotAfter, webhook.Overdue(c.NotBefore, c.NotAfter)
	})
	m.Count("lbc_leader_transitions", locked(&w.transitions))
	m.Count("lbc_deletions_held", locked(&w.held))
	m.Count("lbc_held_stacks", locked(&w.onHold))
	m.Count("lbc_deregistrations_held", func() int { return 0 })
	m.CollectLoadBalancers(func() []metrics.LoadBalancer {
		status, held := metav1.ConditionTrue, metav1.ConditionFalse
		if w.mu.Lock(); w.notReady {
			status = metav1.ConditionFalse
		}
		if w.onHold > 0 {
			held = metav1.ConditionTrue
		}
		w.mu.Unlock()
		return []metrics.LoadBalancer{{Namespace: "shop", Name: "ingress-web", Conditions: []metav1.Condition{
			{Type: "Ready", Status: status}, {Type: "Held", Status: held}}}}
	}, func() []quota.Use {
		return []quota.Use{{Limit: quota.RulesOfApplicationLoadBalancer, Used: locked(&w.used)()}}
	})
	gauge := func(name string, labels ...string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name}, labels)
		w.page.MustRegister(v)
		return v
	}
	w.leader, w.depth, w.panics = gauge("leader_election_master_status", "name", "instance"), gauge("workqueue_depth",
		"controller"),
		gauge("controller_runtime_reconcile_panics_total", "controller")
	w.ready = gauge("lbc_ready", "instance")
	w.readiness(1)
	w.lead(1)
	w.depth.WithLabelValues("ingress").Set(0)
	w.panics.WithLabelValues("ingress").Set(0)
}

// lead sets whether a replica leads, under a Lease of its own name. Another program leads under the default name.
func (w *world) lead(is float64) {
	w.leader.WithLabelValues("load-balancers-leader", "192.0.2.1:8080").Set(is)
	w.leader.WithLabelValues("aws-load-balancer-controller-leader", "192.0.2.9:8080").Set(1)
}

func (w *world) certificate(of *certificate.End) certificate.End {
	w.mu.Lock()
	defer w.mu.Unlock()
	return *of
}

// readiness sets whether the standby is ready beside the leader, which is.
func (w *world) readiness(standby float64) {
	w.ready.WithLabelValues("192.0.2.1:8080").Set(1)
	w.ready.WithLabelValues("192.0.2.2:8080").Set(standby)
}

func every(ctx context.Context, pause time.Duration, f func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
			f()
		}
	}
}

// keepStack makes passes over a stack, whose members somebody edits each minute, as internal/controller/stacks does. A
// last call of each pass deletes what an object that leaves had.
func (w *world) keepStack(ctx context.Context, name string, writes ...[2]string) {
	ctx = context.WithValue(ctx, unitKey{}, name)
	woken := make(chan struct{}, 1)
	wake := func(after time.Duration, _ bool) {
		time.AfterFunc(after, func() {
			select {
			case woken <- struct{}{}:
			default:
			}
		})
	}
	pause := 200 * time.Millisecond
	for ctx.Err() == nil {
		w.board.Begin(waiting.Stacks, name)
		var err error
		for _, write := range writes {
			err = errors.Join(err, w.callOf(ctx, write[0], write[1]))
		}
		gone := w.call(ctx, "DeleteRule")
		note, class := waiting.Note{}, diag.Class("")
		if err = errors.Join(err, gone); err != nil {
			class = awsclient.Classify(err).Class
		}
		if classes, waits := note.Classes(class); waits {
			w.board.Waits(waiting.Stacks, name, time.Time{}, classes, wake)
			pause = min(2*pause, 5*time.Minute)
		} else {
			w.board.Ends(waiting.Stacks, name)
			pause = 200 * time.Millisecond
		}
		if gone != nil {
			w.board.WaitsToGo(name, time.Time{}, awsclient.Problem("", gone).Code)
		} else {
			w.board.Ends(waiting.Deletions, name)
		}
		next := pause
		if err == nil {
			next = time.Minute
		}
		if class == diag.Credentials {
			next = waiting.Pause
		}
		select {
		case <-ctx.Done():
		case <-woken:
		case <-time.After(next):
		}
	}
}

// pods is how many pods are behind the target group.
const pods = 12

// keepTargets replaces one of the pods behind a target group each 20 seconds, and tries again what failed.
func (w *world) keepTargets(ctx context.Context) {
	group := registrar.Group{ARN: "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/a/1"}
	for n := 4 * pods; ctx.Err() == nil; n++ {
		q := registrar.Request{Group: group, Binding: stack.ID{Namespace: "shop", Name: "a"}, Since: time.Now()}
		var want []registrar.Endpoint
		for pod := n/4 - pods; pod < n/4; pod++ {
			want = append(want, registrar.Endpoint{Target: registrar.Target{ID: fmt.Sprint("10.0.0.", pod%pods),
				Port: int32(1024 + pod)}})
		}
		q.Want = registrar.EndpointsOf(want...)
		_, _ = w.registry.Sync(ctx, q)
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Second):
		}
	}
}

// watch scrapes and evaluates for a time.
func (w *world) watch(ctx context.Context, t *testing.T, d time.Duration) {
	t.Helper()
	w.evaluate(ctx, t, d, scrapeInterval)
}

// glance is watch once a minute, of a world that lives no more and keeps its metrics: of the alerts of its fault only,
// as what waits in it waits for ever.
func (w *world) glance(t *testing.T, f fault, d time.Duration) {
	t.Helper()
	w.alerts.rules = slices.DeleteFunc(w.alerts.rules, func(r rulefmt.Rule) bool { return !f.has(r.Alert) })
	w.evaluate(t.Context(), t, d, time.Minute)
}

func (w *world) evaluate(ctx context.Context, t *testing.T, d, pause time.Duration) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		if err := w.alerts.data.scrape(w.page); err != nil {
			t.Fatal(err)
		}
		if err := w.alerts.evaluate(ctx); err != nil {
			t.Fatal(err)
		}
		time.Sleep(pause)
		synctest.Wait()
	}
}
