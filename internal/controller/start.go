package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/podcache"
	"github.com/k8s-lbc/lbc/internal/controller/probes"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/startup"
	"github.com/k8s-lbc/lbc/internal/controller/tracing"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/kube/definition"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/buildinfo"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// Connect connects to AWS under the controller's own role. An error with a impairment.Condition may be gone at the next
// attempt.
type Connect func(context.Context) (awsclient.Connection, error)

// Run answers probes, waits for AWS and the API server, and runs the controllers until ctx ends. What no time can heal
// is an error at once.
func Run(ctx context.Context, c *config.Config, rc *rest.Config, connect Connect, log logr.Logger) error {
	scheme, err := readable.Scheme()
	if err != nil {
		return fmt.Errorf("building scheme: %w", err)
	}
	rc = rest.CopyConfig(rc)
	rc.QPS, rc.Burst = -1, -1 // the API server limits by priority and fairness
	tracer := newTracer(c, os.Getenv, log.WithName("traces"))
	defer tracer.End()
	if tracer != nil {
		rc.Wrap(tracing.Writes)
	}
	if err := checkWebhookFlags(c); err != nil {
		return err
	}
	named := c.Region != ""
	s, err := newStart(c, rc, scheme, log)
	if err != nil {
		return err
	}
	s.tracer = tracer
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	end, err := s.serve(ctx, c, fail)
	if err != nil {
		return err
	}
	defer end()
	if err = s.await(ctx, c, rc, connect); err == nil {
		c.Region, c.VPC = s.connection.Scope.Region, s.connection.Scope.VPC
		if n := c.AcceleratorNotice(); n != "" && !named { // that of a flag is in Notices
			log.Info("notice: " + n)
		}
		err = s.run(ctx, c, rc, log)
	} else if ctx.Err() != nil { // the process was stopped before its controllers started
		err = nil
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) { // what could not be served
		return cause
	}
	return err
}

// run runs the controllers until ctx ends.
func (s *start) run(ctx context.Context, c *config.Config, rc *rest.Config, log logr.Logger) error {
	m, options, connection, lease := s.metrics, s.options, s.connection, s.lease
	options.Cache.DefaultWatchErrorHandler = s.server.WatchFailed
	options.MapperProvider = func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return s.mapper, nil }
	if lease != nil {
		options.LeaderElectionResourceLockInterface = lease
	}
	var restricted *reads.Restricted
	if (c.ServesGateways() || c.ServesAccelerators()) && c.WatchNamespace != "" {
		restricted = &reads.Restricted{Namespace: c.WatchNamespace, Now: time.Now}
	}
	kinds, err := optionalKinds(c, options.Scheme)
	if err != nil {
		return err
	}
	var pods *podcache.Cache
	newCache, definitions := cacheOfOptionalKinds(s.api.discovery.RESTClient(), kinds, restricted,
		func(rc *rest.Config, o cache.Options, others cache.Cache) cache.Cache {
			pods = podcache.New(others, rc, o, podcache.Options{Namespace: c.WatchNamespace, Now: time.Now,
				Log: log.WithName("pods")})
			return pods
		}, log.WithName("definitions"))
	options.NewCache = newCache
	shared := &readable.Shared{Pods: func(namespace string) toolscache.Store { return pods.Store(namespace) }}
	options.Cache.NewInformer = shared.Watching(options.Cache.NewInformer)
	mgr, err := ctrl.NewManager(rc, options)
	if err != nil {
		return fmt.Errorf("creating manager: %w", err)
	}
	s.events.of = mgr
	limits := awsclient.LimiterOptions{Attempts: c.MaxRetries, Throttle: throttles(c.Throttle), Observe: s.observe,
		Sending: s.sending, Attempt: s.attempted, MayWrite: lease.mayWrite}
	w := Wiring{Config: c, mgr: mgr, Metrics: m, Log: log, Now: time.Now, definitions: definitions, restricted: restricted,
		pods: pods, uncopied: shared, start: s}
	w.history = NewHistory(w.Now, startup.OwnPod().Name)
	limits.Trace = w.history.Called
	if s.tracer != nil {
		limits.Trace = func(ctx context.Context, call awsclient.Call) {
			w.history.Called(ctx, call)
			tracing.RecordCall(ctx, call)
		}
	}
	w.Scopes = awsclient.NewScopes(connection, awsclient.ScopesOptions{Limiter: limits, Cluster: c.ClusterName,
		Came: w.roleCame})
	w.board = waiting.NewBoard(w.Now)
	w.board.Degraded = s.conditions.Has
	s.calls.Aside, s.calls.Needed, s.calls.Denied, s.calls.Recovered = w.Aside, w.denialsWait, m.SetDenied, w.recovered
	if w.Clients, err = w.Scopes.Clients(w.Scopes.Own()); err != nil {
		return err
	}
	if err := w.setUp(ctx); err != nil {
		return err
	}
	s.probes.Started()
	go s.schemas(c, log).Run(ctx)
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("running manager: %w", err)
	}
	return nil
}

// observe takes a call that has ended. What a role of another account lacks is no condition of the controller: its
// bindings show it.
func (s *start) observe(call awsclient.Call) {
	s.metrics.ObserveCall(call)
	if call.Account == "" {
		s.calls.Observe(call)
	}
}

// sending takes a request that is about to be sent.
func (s *start) sending(call awsclient.Call) {
	if call.Account == "" {
		s.calls.Sending(call)
	}
}

// attempted takes a request that has ended.
func (s *start) attempted(call awsclient.Call) {
	s.metrics.ObserveRequest(call)
	if call.Account == "" {
		s.calls.Answered(call)
	}
}

// start is what the process has before its controllers: probes and metrics, what it lacks, and the API server as far as
// it answers.
type start struct {
	metrics    *metrics.Metrics
	conditions *impairment.Conditions
	probes     *probes.Probes
	reporter   *startup.Reporter
	server     *startup.Server
	calls      *startup.Calls
	versions   *startup.Versions
	api        *apiClients
	client     *http.Client // of the API server
	own        startup.Pod
	options    ctrl.Options
	events     *lateRecorder
	lease      *fence          // nil = without leader election
	tracer     *tracing.Tracer // nil = no traces
	rest       *rest.Config
	log        logr.Logger

	connection awsclient.Connection // of await
	mapper     meta.RESTMapper
}

func newStart(c *config.Config, rc *rest.Config, scheme *runtime.Scheme, log logr.Logger) (*start, error) {
	m := metrics.New(ctrlmetrics.Registry)
	m.SetBuild(buildinfo.Read(c.Version))
	reporter := startup.NewReporter(m.SetDegraded, time.Now, log.WithName("degraded"))
	conditions := &impairment.Conditions{OnChange: reporter.Changed}
	rights := startup.NewRights(conditions, c.WatchNamespace, time.Now, log.WithName("rights"))
	rc.Wrap(rights.Observe) // for all clients
	hc, err := rest.HTTPClientFor(rc)
	if err != nil {
		return nil, fmt.Errorf("making the client of the API server: %w", err)
	}
	api, err := newAPIClients(rc, hc)
	if err != nil {
		return nil, fmt.Errorf("connecting to the API server: %w", err)
	}
	rights.Reviews = api.authorization.SelfSubjectAccessReviews()
	s := &start{
		metrics: m, conditions: conditions, probes: probes.New(conditions), reporter: reporter, api: api, client: hc,
		own:  startup.OwnPod(),
		rest: rc, log: log,
		options: managerOptions(c, scheme, log), events: &lateRecorder{},
		calls:  &startup.Calls{Conditions: conditions, Now: time.Now},
		server: &startup.Server{Conditions: conditions, Client: api.discovery.RESTClient(), Host: rc.Host, Rights: rights},
		versions: &startup.Versions{Host: rc.Host, Latest: func(ctx context.Context) (string, error) {
			one, err := api.core.Services(c.WatchNamespace).List(ctx, metav1.ListOptions{Limit: 1})
			if err != nil {
				return "", err
			}
			return one.ResourceVersion, nil
		}},
	}
	m.Count("lbc_ready", s.probes.Ready)
	s.lease, err = newFence(s.options, rc, s.events, c.ObjectLabels, func(err error) {
		s.server.Rights.Lease(cmp.Or(c.LeaderElectionNamespace, s.own.Namespace), err)
	})
	if err != nil {
		return nil, fmt.Errorf("making the lock of the leader election: %w", err)
	}
	if s.lease != nil {
		var transitions atomic.Int64
		s.lease.transitions = func(n int) { transitions.Store(int64(n)) }
		m.Count("lbc_leader_transitions", func() int { return int(transitions.Load()) })
	}
	return s, nil
}

// serve answers probes and requests for metrics from now on, and writes events. It returns a function that ends that.
// What cannot be served ends the process by fail, and so does an API server that goes back in time.
func (s *start) serve(ctx context.Context, c *config.Config, fail func(error)) (end func(), err error) {
	answer, err := s.probes.Serve(ctx, c.HealthAddr)
	if err != nil {
		return nil, err
	}
	page, err := metricsPage(c, s.rest, s.client)
	if err != nil {
		return nil, err
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx)) // until the controllers have ended
	var all sync.WaitGroup
	for _, serve := range []func(context.Context) error{
		answer,
		func(ctx context.Context) error {
			if page == nil {
				return nil
			}
			if err := page.Start(ctx); err != nil {
				return fmt.Errorf("serving metrics (--metrics-bind-addr): %w", err)
			}
			return nil
		},
	} {
		all.Go(func() {
			if err := serve(serving); err != nil {
				fail(err)
			}
		})
	}
	all.Go(func() { s.reporter.Events(serving, s.conditions, s.api, s.own) })
	all.Go(func() { s.calls.Run(serving) })
	all.Go(func() { s.server.Rights.Run(serving) })
	all.Go(func() {
		if err := s.versions.Run(serving); err != nil {
			fail(err)
		}
	})
	return func() { stop(); all.Wait() }, nil
}

// await waits, side by side, until AWS is connected, and until the API server returns its kinds and nothing shows that
// the cluster has another name.
func (s *start) await(ctx context.Context, c *config.Config, rc *rest.Config, connect Connect) error {
	kinds, err := watchedKinds(s.options.Scheme)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var both sync.WaitGroup
	for _, await := range []func() error{
		func() error {
			return startup.Await(ctx, s.conditions, []impairment.Reason{impairment.Region, impairment.Credentials,
				impairment.VPC}, func(ctx context.Context) (err error) {
				s.connection, err = connect(ctx)
				return err
			})
		},
		func() error {
			return startup.Await(ctx, s.conditions, []impairment.Reason{impairment.APIServer, impairment.ClusterName},
				func(ctx context.Context) (err error) {
					if s.mapper, err = s.server.Mapper(ctx, rc, s.client, kinds); err != nil {
						return err
					}
					return s.server.ClusterName(ctx, c.ClusterName, c.WatchNamespace)
				})
		},
	} {
		both.Go(func() {
			if err := await(); err != nil {
				cancel(err)
			}
		})
	}
	both.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return s.awaitPlace(ctx, c, connect)
}

// awaitPlace waits until nothing shows that the load balancers of the cluster are elsewhere. Other credentials, or
// other tags of VPCs, may bring the controller to them.
func (s *start) awaitPlace(ctx context.Context, c *config.Config, connect Connect) error {
	connected := true
	return startup.Await(ctx, s.conditions, []impairment.Reason{impairment.Region, impairment.Credentials, impairment.VPC,
		impairment.APIServer, impairment.Place}, func(ctx context.Context) (err error) {
		if !connected {
			if s.connection, err = connect(ctx); err != nil {
				return err
			}
		}
		scope := s.connection.Scope
		err = s.server.Place(ctx, startup.Place{Region: scope.Region, VPC: scope.VPC, Account: s.connection.Account},
			c.ClusterName, c.WatchNamespace)
		var lack impairment.Condition
		connected = !errors.As(err, &lack) || lack.Reason != impairment.Place
		return err
	})
}

// watched are objects of the kinds that are cached and that each cluster serves.
func watched() []client.Object {
	all := []client.Object{&corev1.Pod{}, &corev1.Node{}, &discoveryv1.EndpointSlice{}}
	for _, k := range readable.Kinds {
		if k.List != nil && !k.Optional {
			all = append(all, k.Object)
		}
	}
	return all
}

func watchedKinds(scheme *runtime.Scheme) (out []schema.GroupVersionKind, err error) {
	for _, o := range watched() {
		gvk, err := apiutil.GVKForObject(o, scheme)
		if err != nil {
			return nil, err
		}
		out = append(out, gvk)
	}
	return out, nil
}

// schemas follows the schemas of the custom resources that the controllers read.
func (s *start) schemas(c *config.Config, log logr.Logger) *startup.Schemas {
	wanted := definition.Own()
	maps.DeleteFunc(wanted, func(name string, _ definition.Definition) bool {
		return strings.HasSuffix(name, ".gateway.k8s.aws") && !c.ServesGateways() ||
			strings.HasSuffix(name, ".aga.k8s.aws") && !c.ServesAccelerators()
	})
	return &startup.Schemas{Conditions: s.conditions, Client: s.api.discovery.RESTClient(), Wanted: wanted,
		Log: log.WithName("definitions")}
}

// checkDefinitions shows which required definitions are missing.
func (w *Wiring) checkDefinitions() {
	missing := w.definitions.Missing(objects.IngressClassParams, objects.TargetGroupBinding)
	if len(missing) == 0 {
		w.start.conditions.Heal(impairment.Definitions)
		return
	}
	w.start.conditions.Set(impairment.Condition{Reason: impairment.Definitions, Remedy: impairment.ApplyDefinitions,
		Text: "the API server does not serve " + strings.Join(missing, " and ") + ": what needs them waits, " +
			"everything else works"})
}
