// Package controller wires the controllers to Kubernetes: caches, watches, leadership, webhooks and the search for drift. Passes over
// stacks and bindings are in packages below it, decisions about load balancers in front, compile and plan.
// It may import every package of internal, controller-runtime and client-go.
package controller

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	metadataclient "k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/apply"
	"github.com/k8s-lbc/lbc/internal/backoff"
	"github.com/k8s-lbc/lbc/internal/brake"
	"github.com/k8s-lbc/lbc/internal/checkpoint"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/config"
	"github.com/k8s-lbc/lbc/internal/controller/binding"
	"github.com/k8s-lbc/lbc/internal/controller/lbstatus"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/networking"
	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/secret"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/controller/targethealth"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/inventory"
	"github.com/k8s-lbc/lbc/internal/inventory/network"
	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/owner"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/secgroup"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/status"
	"github.com/k8s-lbc/lbc/internal/targets"
)

// Run runs the controllers until ctx ends, with a connection to AWS under the controller's own role.
func Run(ctx context.Context, c *config.Config, rc *rest.Config, connection cloud.Connection, log logr.Logger) error {
	scheme, err := kube.Scheme()
	if err != nil {
		return fmt.Errorf("building scheme: %w", err)
	}
	m := metrics.New(ctrlmetrics.Registry)
	rc = rest.CopyConfig(rc)
	rc.QPS, rc.Burst = -1, -1 // the API server limits by priority and fairness
	options, events := managerOptions(c, scheme, log), &lateRecorder{}
	lease, err := newFence(options, rc, events)
	if err != nil {
		return fmt.Errorf("making the lock of the leader election: %w", err)
	}
	if lease != nil {
		options.LeaderElectionResourceLockInterface = lease
	}
	mgr, err := ctrl.NewManager(rc, options)
	if err != nil {
		return fmt.Errorf("creating manager: %w", err)
	}
	events.of = mgr
	scopes := cloud.NewScopes(connection, cloud.LimiterOptions{Attempts: c.MaxRetries, Throttle: throttles(c.Throttle), Observe: m.ObserveCall, Attempt: m.ObserveRequest, MayWrite: lease.mayWrite})
	w := wiring{config: c, mgr: mgr, scopes: scopes, metrics: m, log: log, now: time.Now}
	if w.clients, err = scopes.Clients(scopes.Own()); err != nil {
		return err
	}
	if err := w.setUp(ctx); err != nil {
		return err
	}
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("running manager: %w", err)
	}
	return nil
}

// throttles are the limits that always apply. The built-in ones for ELBv2 are not among them: the limiter changes to AWS's
// published rates as soon as AWS throttles a call, and until then a burst of registrations need not wait for seconds.
func throttles(t config.Throttle) []cloud.Throttle {
	var out []cloud.Throttle
	for service, rules := range t {
		for _, r := range rules {
			if r.Default && service == cloud.ServiceELBV2 {
				continue
			}
			out = append(out, cloud.Throttle{Service: service, Operation: r.Operation, Rate: r.Rate, Burst: r.Burst})
		}
	}
	return out
}

// wiring has the parts that others are built from during set-up.
type wiring struct {
	config  *config.Config
	mgr     ctrl.Manager
	scopes  *cloud.Scopes
	clients cloud.Clients // of the own scope, as the inventory is
	metrics *metrics.Metrics
	log     logr.Logger
	now     func() time.Time

	inventory   *inventory.Inventory
	bindings    *stacks.BindingWriter
	backend     *stacks.BackendGroup
	lbStatus    *lbstatus.Writer
	brake       *brake.Brake // of deletions, by all owners together
	checkpoints *checkpoint.Writer
	registry    *targets.Registry
	elsewhere   *binding.OtherNamespaces // nil = the caches show all namespaces
	// certificates is called with the names of certificates that were added or removed. It is set before any are read.
	certificates func(names []string)
	// wake queues a stack; it is set once the controllers of all owners are.
	wake func(priority int, key stack.Key)
}

func (w *wiring) setUp(ctx context.Context) error {
	c := w.config
	w.brake = brake.New(c.DeletionBrake, w.now)
	ctrlmetrics.Registry.MustRegister(stacks.HeldGauge(w.brake))
	scope := inventory.FromFlags(c)
	scope.Now = w.now
	scope.CertificatesChanged = func(names []string) { w.certificates(names) }
	scope.Freed = func(keys []stack.Key) {
		for _, key := range keys {
			w.wake(queue.Normal, key)
		}
	}
	scope.Progress = func(read, of int) { w.log.Info("reading the tags of the account", "read", read, "of", of) }
	w.inventory = inventory.New(w.clients, scope)
	if c.ImportTLSSecrets {
		ctrlmetrics.Registry.MustRegister(metrics.ImportGauge(w.inventory.Certificates().ImportsLastYear))
	}
	w.bindings = stacks.NewBindingWriter(w.mgr.GetClient(), w.now)
	w.backend = stacks.NewBackendGroup(w.mgr.GetClient(), w.inventory, w.run, c.ClusterName, w.log.WithName("backend-sg"))
	if w.backend.Restricted = c.WatchNamespace != ""; w.backend.Restricted {
		w.log.Info("the controller sees one namespace only: security group rules that bindings of other namespaces may need are not revoked, and the shared backend security group is not deleted",
			"watch-namespace", c.WatchNamespace)
		w.elsewhere = binding.NewOtherNamespaces(w.mgr.GetAPIReader(), c.WatchNamespace, w.now, w.log.WithName("elsewhere"))
		if err := w.mgr.Add(w.elsewhere); err != nil {
			return err
		}
	}
	var all []*stacks.Reconciler
	w.checkpoints = w.newCheckpoints(func(restored checkpoint.Restored) {
		w.inventory.Assume(snapshots(restored, w.now()), restored.At)
		w.registry.Assume(w.scopes.Own(), w.elsewhere.Own(registrations(restored, w.now())))
		for _, s := range all {
			s.Restore(restored)
		}
	})
	if w.checkpoints != nil {
		if err := w.mgr.Add(w.checkpoints); err != nil {
			return err
		}
	}
	w.lbStatus = lbstatus.NewWriter(w.mgr.GetClient(), w.mgr.GetAPIReader(), c.WatchNamespace, w.now, w.log.WithName("status"))
	if err := errors.Join(w.mgr.Add(w.backend), w.mgr.Add(w.lbStatus), w.mgr.Add(metrics.Sampler{Metrics: w.metrics, Cache: w.mgr.GetClient()})); err != nil {
		return err
	}
	if err := w.warm(ctx); err != nil {
		return fmt.Errorf("preparing informers: %w", err)
	}
	if err := w.mgr.AddHealthzCheck("health-ping", func(*http.Request) error { return nil }); err != nil {
		return err
	}
	if err := w.mgr.AddReadyzCheck("caches", w.cachesReady); err != nil {
		return err
	}
	if err := w.setUpWebhooks(); err != nil {
		return fmt.Errorf("setting up the admission webhooks: %w", err)
	}
	ing := front.IngressFromFlags(c)
	core, err := kubernetes.NewForConfigAndClient(w.mgr.GetConfig(), w.mgr.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("connecting for Secrets: %w", err)
	}
	metadataOnly, err := metadataclient.NewForConfigAndClient(metadataclient.ConfigFor(w.mgr.GetConfig()), w.mgr.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("connecting for the metadata of Secrets: %w", err)
	}
	groups := w.stacks(ing)
	if c.WatchNamespace != "" {
		groups.Hidden = stacks.NewHiddenMembers(w.mgr.GetAPIReader(), w.mgr.GetClient(), ing, c.WatchNamespace, w.now, w.log.WithName("hidden"))
		groups.Hidden.OnChange = groups.WakeGroups
		if err := w.mgr.Add(groups.Hidden); err != nil {
			return err
		}
	}
	groups.Secrets = secret.New(core, secret.Metadata(metadataOnly), groups.Index, w.now, w.log.WithName("secrets"))
	if err := w.mgr.Add(manager.RunnableFunc(groups.Secrets.Run)); err != nil {
		return err
	}
	if err := w.setUpIngress(ing, groups); err != nil {
		return fmt.Errorf("setting up the Ingress controller: %w", err)
	}
	w.certificates = groups.CertificatesChanged
	watch := &stacks.CertificateWatcher{Read: w.inventory.Certificates().Read, Reconciler: groups, Always: c.DriftInterval > 0, Log: w.log.WithName("certificates")}
	if err := w.mgr.Add(watch); err != nil {
		return err
	}
	all = []*stacks.Reconciler{groups}
	if c.Gates.Enabled(config.EnableServiceController) {
		svc := front.ServiceFromFlags(c)
		services := w.stacks(svc)
		if err := w.setUpService(svc, services); err != nil {
			return fmt.Errorf("setting up the Service controller: %w", err)
		}
		all = append(all, services)
	}
	if err := w.mgr.Add(&loader{inventory: w.inventory, checkpoints: w.checkpoints, stacks: all, log: w.log}); err != nil {
		return err
	}
	w.lbStatus.OnInstalled = func() {
		for _, s := range all {
			s.Waker.Wake(queue.Drift, s.Index.Units()...)
		}
	}
	w.wake = func(priority int, key stack.Key) {
		for _, s := range all {
			if s.Front.Owner() == key.Owner {
				s.Waker.Wake(priority, key)
			}
		}
	}
	b, err := w.setUpBindings(ctx, func(key stack.Key, arn string) {
		if w.inventory.NotFound(key, arn) {
			w.wake(queue.Normal, key)
		}
	})
	if err != nil {
		return fmt.Errorf("setting up the TargetGroupBinding controller: %w", err)
	}
	for _, s := range all {
		s.Awaited = func(arn string) (awaited, registered bool) {
			return w.registry.Awaited(targets.Group{Scope: w.scopes.Own(), ARN: arn})
		}
	}
	birth := &lbstatus.ProvisioningWatcher{Starting: w.inventory.Provisioning, Refresh: w.inventory.RefreshStates, Now: w.now, Log: w.log.WithName("balancers"),
		Wake: func(key stack.Key) { w.wake(queue.Normal, key) }}
	if err := w.mgr.Add(birth); err != nil {
		return err
	}
	gateways := gatewayNotice{reader: w.mgr.GetAPIReader(), namespace: c.WatchNamespace, record: w.recorder("gateway"), log: w.log.WithName("gateway")}
	if err := w.mgr.Add(gateways); err != nil {
		return err
	}
	if c.DriftInterval > 0 {
		detector := w.newDriftDetector(all, b, func(key stack.Key) { w.wake(queue.Drift, key) })
		for _, s := range all {
			s.ScheduleReview = detector.schedule
		}
		return w.mgr.Add(detector)
	}
	return nil
}

// warm starts every informer with the process and not with leadership, so that the caches of a replica that takes over are filled.
func (w *wiring) warm(ctx context.Context) error {
	objects := []client.Object{&corev1.Pod{}, &corev1.Node{}, &discoveryv1.EndpointSlice{}}
	for _, k := range kube.Kinds {
		objects = append(objects, k.Object)
	}
	for _, o := range objects {
		if _, err := w.mgr.GetCache().GetInformer(ctx, o, cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("%T: %w", o, err)
		}
	}
	return nil
}

// run executes a plan outside a stack's pass.
func (w *wiring) run(ctx context.Context, p plan.Plan) apply.Result {
	return apply.Run(ctx, p, w.deps())
}

// deps are what plans and operations of the own scope work with.
func (w *wiring) deps() apply.Deps {
	return apply.Deps{Clients: w.clients, Inventory: w.inventory, Bindings: w.bindings, Now: w.now}
}

// account is what the registry of targets calls in a scope.
func (w *wiring) account(in cloud.Scope) (targets.Account, error) {
	clients, err := w.scopes.Clients(in)
	return targets.Account{ELBV2: clients.ELBV2, Write: w.deps().Write, Fresh: w.inventory.Fresh}, err
}

// cachesReady is the readiness check: a replica is ready once its caches have synced.
func (w *wiring) cachesReady(r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	if !w.mgr.GetCache().WaitForCacheSync(ctx) {
		return errors.New("informer caches have not synced yet")
	}
	return nil
}

func (w *wiring) stacks(f front.Loader) *stacks.Reconciler {
	return &stacks.Reconciler{
		Front: f, Client: w.mgr.GetClient(), Live: w.mgr.GetAPIReader(), Inventory: w.inventory, Clients: w.clients, Bindings: w.bindings, Backend: w.backend, Status: w.lbStatus, Checkpoints: w.checkpoints,
		Reporter: status.NewReporter(w.recorder(owner.Of(f.Owner()).Controller), w.now), Metrics: w.metrics, Index: reads.NewIndex[stack.Key](),
		Compile: front.CompileFromFlags(w.config), Options: front.OptionsFromFlags(w.config), Now: w.now, Stabilize: w.config.StabilizationInterval,
		AnnotatePlan: f.Owner() == stack.Ingress && w.config.Gates.Enabled(config.IngressPlanAnnotation),
		Retries:      stacks.NewRetries(w.now), Brake: w.brake,
	}
}

// recorder records events under the component names of the existing controller.
func (w *wiring) recorder(component string) status.Record {
	var r record.EventRecorder = w.mgr.GetEventRecorderFor(component) //nolint:staticcheck // users filter by reason and component of the core/v1 events
	apiVersions := map[string]string{"TargetGroupBinding": v1beta1.GroupVersion.String(), "IngressClassParams": v1beta1.GroupVersion.String(), "Gateway": gatewayVersion.String()}
	for _, k := range owner.Kinds {
		apiVersions[k.Kind] = k.APIVersion
	}
	log := w.log.WithName(component)
	return func(o diag.Object, e status.Event) {
		ref := &corev1.ObjectReference{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, APIVersion: apiVersions[o.Kind], UID: types.UID(o.UID)}
		ns := &corev1.Namespace{}
		if w.mgr.GetClient().Get(context.Background(), client.ObjectKey{Name: o.Namespace}, ns) == nil && ns.DeletionTimestamp != nil {
			return // the API server rejects events in a namespace that is being deleted
		}
		r.Event(ref, e.Type, e.Reason, e.Message)
		if e.Type == corev1.EventTypeWarning { // events expire after an hour
			log.Info("warned", "object", o.String(), "reason", e.Reason, "message", e.Message)
		}
	}
}

// setUpBindings sets up the controller of bindings. lost is called with each target group of a stack that does not exist any more.
func (w *wiring) setUpBindings(ctx context.Context, lost func(key stack.Key, arn string)) (*binding.Reconciler, error) {
	c := w.config
	registry := targets.NewRegistry(w.account)
	registry.Brake = brake.New(c.DeregistrationBrake, w.now)
	ctrlmetrics.Registry.MustRegister(binding.HeldGauge(registry.Brake))
	registry.Lag = w.metrics.ObserveTargetLag
	w.registry = registry
	if w.checkpoints != nil {
		w.checkpoints.Registered = func() map[string]any { return asValues(w.elsewhere.Labelled(registry.Registered(w.scopes.Own()))) }
	}
	report := w.recorder("targetGroupBinding")
	health := targethealth.NewWatch(registry, report, w.lbStatus.SetHealth, w.now)
	if err := w.mgr.Add(health); err != nil {
		return nil, err
	}
	gates := targethealth.NewGates(w.mgr.GetClient(), binding.PodsByGate, w.now, w.log.WithName("readiness"))
	gates.Health, gates.Counted, gates.Opened, gates.LongestPause = registry.Health, w.lbStatus.SetHealth, w.metrics.ObserveGate, c.BindingRequeue
	gates.Report = func(d diag.Diagnostic) { report(d.Object, status.EventOf(d)) }
	if err := w.mgr.Add(gates); err != nil {
		return nil, err
	}
	log := w.log.WithName("rules")
	groups := networking.New(networking.Options{
		Client: w.mgr.GetClient(), Inventory: w.inventory, Interfaces: network.NewInterfaces(w.clients.EC2, w.now), VPC: c.VPC,
		Chooser: secgroup.Chooser{Cluster: c.ClusterName, ExtraTags: c.TargetENISecurityTags},
		Write:   w.deps().Write, Pause: c.BindingRequeue, Gather: queue.Coalesce, Delay: networking.Delay, Unseen: w.elsewhere.MayNeedRules, Now: w.now, Log: log,
	})
	if w.elsewhere != nil {
		w.elsewhere.OnChange = groups.Review
	}
	b := &binding.Reconciler{
		Client: w.mgr.GetClient(), APIReader: w.mgr.GetAPIReader(), ELBV2: w.clients.ELBV2, Scope: w.scopes.Own(), Inventory: w.inventory,
		Registry: registry, Networking: groups, OtherNamespaces: w.elsewhere,
		Reporter: status.NewReporter(report, w.now), Metrics: w.metrics, Health: health, Gates: gates, FailOpen: c.Gates.Enabled(config.EndpointsFailOpen),
		MaxTargets: c.MaxTargetsPerGroup, RequeueAfter: c.BindingRequeue, Changes: binding.NewChangeTimes(w.now), RereadAtResync: rereadAtResync(c), RegisteredTargets: &binding.ConfigMaps{Reader: w.mgr.GetAPIReader(), Writer: w.mgr.GetClient()}, Failures: backoff.NewFailures[types.NamespacedName](binding.TransientFailure, w.now, rand.Float64), Begin: w.checkpoints.BeginSoon, DeletedByStack: w.bindings.Deleted, TargetGroupDeleted: w.inventory.Gone, OnGone: w.backend.Check, OnTargetGroupLost: lost,
	}
	b.Writes = objectwriter.New(w.mgr.GetClient(), w.now, w.log.WithName("bindings"))
	b.Writes.Wake = func(binding types.NamespacedName) {
		b.Waker.Wake(queue.Normal, reconcile.Request{NamespacedName: binding})
	}
	b.Writes.Measure = func(p objectwriter.Part) func() {
		if p != objectwriter.Status {
			return func() {}
		}
		return w.metrics.StartStage(metrics.BindingControllerLabel, metrics.StageBindingStatus)
	}
	gates.Ended = b.Writes.Wake
	groups.Wake = func(binding types.NamespacedName) {
		b.Waker.Wake(queue.CallEnded, reconcile.Request{NamespacedName: binding})
	}
	b.Drains = networking.NewDrains(registry, groups, w.now)
	if err := errors.Join(w.mgr.Add(groups), w.mgr.Add(b.Writes), w.mgr.Add(b.Drains)); err != nil {
		return nil, err
	}
	gates.Lost = func(binding types.NamespacedName, of targets.Group) {
		registry.Invalidate(of)
		b.Waker.Wake(queue.Normal, reconcile.Request{NamespacedName: binding})
	}
	registry.Async = true // a pass that waited for a call would delay the next change of its binding
	registry.Progress = b.CallEnded
	return b, b.SetUp(ctx, w.mgr, c.BindingWorkers, c.BindingMaxBackoff)
}
