package controller

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/go-logr/logr"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	metadataclient "k8s.io/client-go/metadata"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/network"
	"github.com/k8s-lbc/lbc/internal/controller/accelerator"
	"github.com/k8s-lbc/lbc/internal/controller/bindingpass"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/gatewaystatus"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/networking"
	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/controller/podtargets"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/secret"
	"github.com/k8s-lbc/lbc/internal/controller/servicepods"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/controller/targethealth"
	"github.com/k8s-lbc/lbc/internal/controller/tracing"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/brake"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

// addController adds the controller of a kind of owner to the manager. It watches the owner's objects, the bindings of
// its stacks, EndpointSlices, the other kinds that its front end reads (reading), and more sources.
func (w *Wiring) addController(s *stacks.Reconciler, workers int, reading []objects.Kind,
	more ...source.TypedSource[stack.Key]) error {
	m, kind := &stacks.OwnerEvents{Reconciler: s, Classes: reads.NewIndex[types.NamespacedName]()},
		owner.Of(s.Front.Owner())
	m.Prefetch = func(ctx context.Context) {
		w.Inventory.Certificates().Prefetch(awsclient.WithCause(ctx, awsclient.CertificateSet), kind.Owner)
	}
	if rereadAtResync(w.Config) {
		m.Reread = w.Inventory.Invalidate
	}
	c := queue.NewController(queue.Options[stack.Key]{
		Name: kind.Controller, Reconciler: s, Workers: workers, Retries: s.Retries, Log: w.mgr.GetLogger(),
		LogUnit: func(log logr.Logger, key stack.Key) logr.Logger { return log.WithValues("stack", key.ID.String()) },
		Tenant:  s.Tenant,
	})
	watch := func(k objects.Kind, h handler.TypedEventHandler[client.Object, stack.Key]) {
		more = append(more, queue.Kind(w.mgr.GetCache(), readable.Kinds[k].Object, h))
	}
	for _, k := range reading {
		watch(k, m.DependencyHandler(k))
	}
	watch(objects.Kind(kind.Kind), m.OwnerHandler())
	watch(objects.TargetGroupBinding, s.WakeOwner(w.Writer.NoteDeleted))
	more = append(more, queue.Kind(w.mgr.GetCache(), client.Object(&discoveryv1.EndpointSlice{}), m.EndpointsHandler()))
	for _, x := range append(more, s.Waker.Source()) {
		c.Watch(x)
	}
	return w.mgr.Add(c)
}

// rereadAtResync reports whether the controller reads everything from AWS again at the periodic resync. In a large
// account these are thousands of calls, so it does that only if drift detection, which checks one load balancer after
// the other, is off or less frequent.
func rereadAtResync(c *config.Config) bool {
	return c.DriftInterval == 0 || c.SyncPeriod < c.DriftInterval
}

// newStackReconciler makes the controller of the stacks of a front end.
func (w *Wiring) newStackReconciler(f front.Loader) *stacks.Reconciler {
	s := &stacks.Reconciler{
		Front: f, Client: w.mgr.GetClient(), Live: w.mgr.GetAPIReader(), Inventory: w.Inventory, Clients: w.Clients,
		Bindings: w.Writer, Backend: w.backend, Status: w.lbStatus, Checkpoints: w.checkpoints,
		Reporter: w.reporter(owner.Of(f.Owner()).Controller), Metrics: w.Metrics, Index: reads.NewIndex[stack.Key](),
		Compile: settings.Compile(w.Config), Options: settings.PlanOptions(w.Config), DriftPolicy: settings.DriftPolicy(
			w.Config), ReplacementPolicy: settings.ReplacementPolicy(w.Config), Now: w.Now,
		Stabilize: w.Config.StabilizationInterval, AddressWhenActive: w.Config.PublishAddress == config.WhenActive,
		AnnotatePlan: f.Owner() == stack.Ingress && w.Config.Gates.Enabled(config.IngressPlanAnnotation),
		Retries:      stacks.NewRetries(w.Now), Brake: w.brake, Traces: tracing.NewPasses[stack.Key](w.start.tracer),
		Waiting: w.board, Holds: w.holds,
		Expected: func(arn string) apply.Expected {
			return w.registry.Expected(registrar.Group{Scope: w.Scopes.Own(), ARN: arn})
		},
	}
	s.Pods = servicepods.New(w.mgr.GetClient(), w.mgr.GetAPIReader(), w.Now)
	s.Recorded = func(ctx context.Context, binding stack.ID) (keys []string, known bool, err error) {
		return w.bindings.RegisteredTargets.Load(ctx, binding)
	}
	s.OnPassed = w.history.Passed
	w.Owners = append(w.Owners, s)
	return s
}

// readSecrets makes the readers of the Secrets and ConfigMaps that stacks of an owner read.
func (w *Wiring) readSecrets(s *stacks.Reconciler) error {
	core := w.start.api // all owners share one client, to save memory
	metadataOnly, err := metadataclient.NewForConfigAndClient(metadataclient.ConfigFor(w.mgr.GetConfig()),
		w.mgr.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("connecting for the metadata of Secrets: %w", err)
	}
	s.Secrets = secret.New(core, secret.Metadata(metadataOnly, "secrets"), s.Index, w.Now, w.Log.WithName("secrets"))
	w.starts(manager.RunnableFunc(s.Secrets.Run))
	if owner.Of(s.Front.Owner()).OwnsTrustStores {
		s.ConfigMaps = secret.NewConfigMaps(core, secret.Metadata(metadataOnly, "configmaps"), s.Index, w.Now,
			w.Log.WithName("configmaps"))
		w.starts(manager.RunnableFunc(s.ConfigMaps.Run))
	}
	return nil
}

func (w *Wiring) setUpIngress(context.Context) error {
	c, f := w.Config, settings.Ingress(w.Config)
	s := w.newStackReconciler(f)
	w.findHidden(s)
	if err := w.readSecrets(s); err != nil {
		return err
	}
	reading := append([]objects.Kind{objects.IngressClass, objects.IngressClassParams, objects.Namespace, objects.Service},
		w.referenceReading()...)
	if err := w.noteClassParams(); err != nil {
		return err
	}
	return w.addController(s, c.IngressWorkers, reading, source.TypedFunc[stack.Key](s.Secrets.Start))
}

// noteClassParams sets up the events of IngressClassParams that no class names.
func (w *Wiring) noteClassParams() error {
	statuses := gatewaystatus.NewStatuses(w.mgr.GetClient(), w.Now, w.Log.WithName("class-params"))
	r := gatewaystatus.New(objects.IngressClassParams, settings.GatewayConfig(w.Config), w.mgr.GetClient(),
		w.mgr.GetAPIReader(), statuses)
	r.Definitions, r.Reporter = w.definitions, w.reporter("ingress")
	return r.SetUp(w.mgr, 1)
}

func (w *Wiring) setUpService(context.Context) error {
	s := w.newStackReconciler(settings.Service(w.Config))
	w.findHidden(s)
	return w.addController(s, w.Config.ServiceWorkers, w.referenceReading())
}

// referenceReading returns the kinds that decide whether objects may name target groups of other namespaces.
func (w *Wiring) referenceReading() []objects.Kind {
	if !settings.TargetGroupReferences(w.Config).Grants {
		return nil
	}
	return []objects.Kind{objects.ReferenceGrant}
}

// findHidden starts the search for group members that the caches do not show, because of --watch-namespace.
func (w *Wiring) findHidden(s *stacks.Reconciler) {
	if w.Config.WatchNamespace == "" {
		return
	}
	s.Hidden = stacks.NewHiddenMembers(w.mgr.GetAPIReader(), w.mgr.GetClient(), s.Front, w.Config.WatchNamespace, w.Now)
	s.Hidden.Log, s.Hidden.OnChange = w.Log.WithName("hidden"), s.WakeGroups
	w.starts(s.Hidden)
}

// GatewayReading are the kinds that passes over Gateways read, in addition to Gateways, Secrets and ConfigMaps.
var GatewayReading = append([]objects.Kind{
	objects.GatewayClass, objects.ListenerSet, objects.ReferenceGrant, objects.LoadBalancerConfiguration,
	objects.TargetGroupConfiguration,
	objects.ListenerRuleConfiguration, objects.Namespace, objects.Service,
}, objects.RouteKinds...)

// DefinitionChanged is called when the definition of a kind is added or removed. It queues the stacks whose passes
// read or write the kind.
func (w *Wiring) DefinitionChanged(kind objects.Kind) {
	if w.accelerators != nil && slices.Contains(accelerator.Reading, kind) {
		w.accelerators.WakeAll()
	}
	for _, s := range w.Owners {
		of := objects.Kind(owner.Of(s.Front.Owner()).Kind)
		if of == objects.Gateway || kind == objects.TargetGroupBinding || kind == objects.ReferenceGrant ||
			kind == objects.IngressClassParams && of == objects.Ingress {
			s.Waker.Wake(queue.Normal, s.Index.Units()...)
		}
	}
}

// setUpGateways sets up the controllers of Gateways, for each family whose feature gate is on, and of the objects that
// Gateways rely on.
func (w *Wiring) setUpGateways(context.Context) error {
	c := w.Config
	if !c.ServesGateways() {
		return nil
	}
	statuses := gatewaystatus.NewStatuses(w.mgr.GetClient(), w.Now, w.Log.WithName("gateway-status"))
	w.starts(statuses, &gatewaystatus.Release{Config: settings.GatewayConfig(c), Client: w.mgr.GetClient(),
		Live: w.mgr.GetAPIReader(), Namespace: c.WatchNamespace,
		Ending: w.definitions.Ending, Log: w.Log.WithName("definitions")})
	var secrets *secret.Reader // of one of the families
	for _, of := range []struct {
		gate    config.Gate
		family  attachment.Family
		workers int
	}{{config.ALBGatewayAPI, attachment.Application, c.Gateways.ALBWorkers}, {config.NLBGatewayAPI, attachment.Network,
		c.Gateways.NLBWorkers}} {
		if !c.Gates.Enabled(of.gate) {
			continue
		}
		s := w.newStackReconciler(settings.Gateway(c, of.family))
		s.Decided, s.Forgotten, s.Definitions, s.Removals = statuses.Set, statuses.Forget, w.definitions,
			w.definitions.Removals
		if err := w.readSecrets(s); err != nil {
			return err
		}
		starts := []source.TypedSource[stack.Key]{source.TypedFunc[stack.Key](s.Secrets.Start)}
		if s.ConfigMaps != nil {
			starts = append(starts, source.TypedFunc[stack.Key](s.ConfigMaps.Start))
		}
		if err := w.addController(s, of.workers, GatewayReading, starts...); err != nil {
			return err
		}
		secrets = cmp.Or(secrets, s.Secrets)
		w.changed = append(w.changed, func(c objects.Change) { s.Waker.Wake(queue.Normal, s.Index.Affected(c)...) })
	}
	notes := w.reporter("gateway")
	for _, kind := range gatewaystatus.Kinds {
		r := gatewaystatus.New(kind, settings.GatewayConfig(c), w.mgr.GetClient(), w.mgr.GetAPIReader(), statuses)
		r.Definitions, r.Reporter = w.definitions, notes
		if kind == objects.ListenerRuleConfiguration && secrets != nil {
			r.Secrets = secrets
			secrets.Others = append(secrets.Others, secret.Other{IsRead: r.Index.IsRead, Changed: r.Changed})
		}
		w.changed = append(w.changed, r.Changed)
		if err := r.SetUp(w.mgr, c.Gateways.ClassWorkers); err != nil {
			return err
		}
	}
	return nil
}

// watchRestricted starts reading objects of namespaces that the caches do not show, at intervals.
func (w *Wiring) watchRestricted(context.Context) error {
	if w.restricted == nil {
		return nil
	}
	w.restricted.OnChange = func(c objects.Change) {
		for _, changed := range w.changed {
			changed(c)
		}
	}
	w.starts(manager.RunnableFunc(func(ctx context.Context) error {
		queue.Every(ctx, reads.RereadInterval, nil, w.restricted.Reread)
		return nil
	}))
	return nil
}

// newRegistry returns the registry of targets, whose state checkpoints keep.
func (w *Wiring) newRegistry() *registrar.Registry {
	registry := registrar.NewRegistry(w.ScopeCalls)
	registry.Brake = brake.New(w.Config.DeregistrationBrake, w.Now)
	w.Metrics.Count("lbc_deregistrations_held", registry.Brake.Stopped)
	registry.Lag, registry.BecameHealthy = w.Metrics.ObserveTargetLag, w.Metrics.ObserveTargetHealthy
	registry.Async = true // a pass that waits for a call would delay the next change of its binding
	w.registry = registry
	if w.checkpoints != nil {
		w.checkpoints.Registered = func() map[string]any {
			return AtEnd(w.otherNamespaces.Labelled(registry.Registered(w.Scopes.Own())), w.told.Text(w.eventWriter.Waits))
		}
		w.checkpoints.Foreign = ForeignOf(w.Inventory)
	}
	return registry
}

// newGates makes the writer of the readiness gates of pods.
func (w *Wiring) newGates() *targethealth.Gates {
	gates := targethealth.NewGates(w.mgr.GetClient(), w.uncopied, bindingpass.PodsByGate, w.Now,
		w.Log.WithName("readiness"))
	gates.Opened = w.Metrics.ObserveGate
	w.Metrics.CollectGates(gates.Waiting)
	gates.LongestPause, gates.OpenAfter = w.Config.BindingRequeue, w.Config.OpenGatesAfter
	return gates
}

// newNetworking makes the controller of the security group rules that targets need.
func (w *Wiring) newNetworking() *networking.Reconciler {
	c := w.Config
	groups := networking.New(networking.Options{
		Client: w.mgr.GetClient(), Live: w.mgr.GetAPIReader(), Namespace: c.WatchNamespace, Shared: w.uncopied,
		Inventory: w.Inventory, Interfaces: network.NewInterfaces(w.Clients.EC2, w.Now), VPC: c.VPC,
		Chooser: sgsync.Chooser{Cluster: c.ClusterName, Group: c.NodeSecurityGroup, ExtraTags: c.TargetENISecurityTags},
		Backend: c.BackendSecurityGroup,
		Write:   w.deps().Write, Pause: c.BindingRequeue, Gather: queue.Coalesce, Delay: networking.Delay, Now: w.Now,
		RulesPerGroup: c.RulesPerSecurityGroup, Log: w.Log.WithName("rules"),
		Unseen: func(ctx context.Context) bool { return w.otherNamespaces.MayNeedRules(ctx) || w.shared.Known() },
	})
	w.rules, w.Writer.Planned.Changed = groups.Queues(), groups.Replace
	if w.otherNamespaces != nil {
		w.otherNamespaces.OnChange = groups.Review
	}
	return groups
}

// setUpBindings sets up the controller of bindings.
func (w *Wiring) setUpBindings(ctx context.Context) error {
	c, report := w.Config, w.recorder("targetGroupBinding")
	if err := w.mgr.GetFieldIndexer().IndexField(ctx, &v1beta1.TargetGroupBinding{}, reads.ByStack,
		reads.StackOf); err != nil {
		return err
	}
	registry := w.newRegistry()
	counts := bindingpass.NewCounts(w.mgr.GetClient(), w.Now, w.Log.WithName("bindings"))
	registry.Seen = func(arn string, health []registrar.Health) { counts.Seen(ctx, arn, health) }
	seen := func(arn string, health []registrar.Health) {
		w.lbStatus.SetHealth(arn, health)
		counts.Seen(ctx, arn, health)
	}
	health, gates := targethealth.NewWatch(registry, report, seen, w.Now), w.newGates()
	gates.Health, gates.Counted = registry.Health, seen
	gates.Report = func(d diag.Diagnostic) { report(d.Object, reporting.EventOf(d)) }
	groups := w.newNetworking()
	b := &bindingpass.Reconciler{
		Now:    w.Now,
		Client: w.mgr.GetClient(), Shared: w.uncopied, APIReader: w.mgr.GetAPIReader(), ELBV2: w.Clients.ELBV2,
		Scope: w.Scopes.Own(), Inventory: w.Inventory,
		DefinitionEnds: func(ctx context.Context) bool { return w.definitions.Ends(ctx, objects.TargetGroupBinding) },
		Assumed:        w.Assumed, Roles: c.Roles(), Bindable: c.AllowedTargetGroups(c.BindableTargetGroups),
		Conflicts: bindings.Conflicts{Shared: c.AllowedTargetGroups(c.CrossNamespaceTargetGroups)},
		Podless:   c.AddressesWithoutPods(), Preceding: w.preceding,
		ZoneThere: network.NewZoneNames(w.Clients.EC2, w.ComputeIn, w.Now).There,
		Registry:  registry, Networking: groups, Counts: counts, OtherNamespaces: w.otherNamespaces,
		Drains:   networking.NewDrains(registry, groups, w.Now),
		Reporter: w.reporter("targetGroupBinding"), Metrics: w.Metrics, Health: health, Gates: gates,
		FailOpen: c.Gates.Enabled(config.EndpointsFailOpen), ExcludedNodes: c.ExcludedNodes,
		QUICVariable: c.QUICVariable, MaxTargets: c.MaxTargetsPerGroup, RequeueAfter: c.BindingRequeue,
		Changes: bindingpass.NewChangeTimes(w.Now), RereadAtResync: rereadAtResync(c),
		Pods:              &bindingpass.Pods{Await: w.pods.Await, Watches: w.pods.Watches},
		RegisteredTargets: &bindingpass.ConfigMaps{Reader: w.mgr.GetAPIReader(), Writer: w.ownObjects()},
		Failures:          backoff.NewFailures[types.NamespacedName](bindingpass.TransientFailure, w.Now, rand.Float64),
		Begin:             w.checkpoints.BeginTargets, DeletedByStack: w.Writer.Deleted, TargetGroupDeleted: w.Inventory.Gone,
		OnGone: w.backend.Check,
		OnTargetGroupLost: func(key stack.Key, arn string) {
			if w.Inventory.NotFound(key, arn) {
				w.wake(queue.Normal, key)
			}
		},
		Writes: objectwriter.New(w.mgr.GetClient(), w.Now, w.Log.WithName("bindings")),
		Traces: tracing.NewPasses[reconcile.Request](w.start.tracer), Waiting: w.board, Holds: w.holds,
	}
	health.Explain = b.WithoutPods
	times := podtargets.NewTimes(podtargets.FromFlags(c))
	b.DrainSeconds = func(ctx context.Context, o *v1beta1.TargetGroupBinding) int64 {
		return times.Seconds(w.cached(ctx), o)
	}
	b.Dropped = func(ctx context.Context, o *v1beta1.TargetGroupBinding) bool { return times.Dropped(w.cached(ctx), o) }
	b.Contested, registry.Compared = w.shared.Of, w.compared
	for _, s := range w.Owners {
		s.Loading, s.Contested = times.Changed, w.shared.Of
	}
	w.bindings, registry.Progress = b, b.CallEnded
	groups.Served = b.WasServed
	groups.Limits = bindings.Limits{Allowed: c.AllowedNetworking(), Planned: w.Writer.Planned, HealthPort: b.HealthPort}
	w.wakeAfterCalls(b)
	w.starts(health, gates, groups, b.Writes, counts, b.Drains)
	return b.SetUp(ctx, w.mgr, c.BindingWorkers, c.BindingMaxBackoff)
}

// wakeAfterCalls makes the end of writes that passes wait for queue their bindings.
func (w *Wiring) wakeAfterCalls(b *bindingpass.Reconciler) {
	wake := func(priority int) func(types.NamespacedName) {
		return func(binding types.NamespacedName) { b.Waker.Wake(priority, reconcile.Request{NamespacedName: binding}) }
	}
	b.Writes.Wake, b.Gates.Ended, b.Networking.Wake = wake(queue.Normal), wake(queue.Normal), wake(queue.CallEnded)
	b.Writes.Measure = func(p objectwriter.Part) func() {
		if p != objectwriter.Status {
			return func() {}
		}
		return w.Metrics.StartStage(metrics.BindingControllerLabel, metrics.StageBindingStatus)
	}
	b.Gates.Lost = func(binding types.NamespacedName, of registrar.Group) {
		b.Registry.Invalidate(of)
		b.Writes.Wake(binding)
	}
}
