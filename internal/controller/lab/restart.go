package lab

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/network"
	"github.com/k8s-lbc/lbc/internal/aws/refusal"
	"github.com/k8s-lbc/lbc/internal/controller"
	"github.com/k8s-lbc/lbc/internal/controller/bindingpass"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/gatewaystatus"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/networking"
	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/secret"
	"github.com/k8s-lbc/lbc/internal/controller/servicepods"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/controller/settings/inventoryscope"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/controller/targethealth"
	"github.com/k8s-lbc/lbc/internal/controller/tracing"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/kube/pod/serverid"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/brake"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

// NewRegistry makes a registry of one account.
func NewRegistry(elb registrar.Describer, write apply.Writer, inv *inventory.Inventory) *registrar.Registry {
	return registrar.NewRegistry(func(awsclient.Scope) (registrar.ScopeCalls, error) {
		return registrar.ScopeCalls{ELBV2: elb, Write: write, CreatedHere: inv.CreatedHere, Gone: inv.Gone}, nil
	})
}

// process is what a new process begins with.
type process struct {
	clients  awsclient.Clients
	cached   client.Client // as the caches answer
	api      client.Reader // as the API server answers; nil = the caches are believed
	bindings *stacks.BindingWriter
	backend  *stacks.BackendGroup
	metrics  *metrics.Metrics
	record   func(diag.Object, reporting.Event)
	write    apply.Writer
	accounts *controller.Wiring
	registry *registrar.Registry
}

// Restart begins a new process, with checkpoints as its only state, if they are written.
func (l *Lab) Restart() {
	p := l.newProcess()
	l.startOwners(p)
	l.startCheckpoints(p)
	l.startRegistry(p)
	l.startBindings(p)
}

// newProcess begins with an empty inventory.
func (l *Lab) newProcess() *process {
	scope := inventoryscope.Of(l.Config)
	scope.Now, scope.AddOnTimeout, scope.Moment = l.Clock.Now, time.Minute, l.Moment
	scope.Freed = func(keys []stack.Key) {
		l.Mutex.Lock()
		defer l.Mutex.Unlock()
		l.Woken = append(l.Woken, keys...)
	}
	scope.CertificatesChanged = func(names []string) {
		(&controller.Wiring{Owners: []*stacks.Reconciler{l.Ingresses, l.Services}}).CertificatesChanged(names)
	}
	l.refusals, l.told = refusal.New(l.Clock.Now, l.Version), &reporting.Told{}
	scope.Refusals = l.refusals
	p := &process{clients: l.Clients(), cached: l.sharing(l.Misreads.cache(l.Client)), api: l.Misreads.api(l.Client),
		metrics: metrics.New(prometheus.NewRegistry())}
	p.bindings = stacks.NewBindingWriter(p.cached, l.Clock.Now)
	inv := inventory.New(p.clients, scope) // calls of an earlier process may still be under way
	l.Inventory = inv
	run := func(ctx context.Context, x plan.Plan) apply.Result {
		return apply.Run(ctx, x, apply.Deps{Clients: p.clients, Inventory: inv, Bindings: p.bindings, Now: l.Clock.Now,
			Hold: l.Holds.Guard})
	}
	p.record = func(o diag.Object, e reporting.Event) {
		l.Mutex.Lock()
		defer l.Mutex.Unlock()
		l.Events = append(l.Events, fmt.Sprintf("%s %s: %s", o, e.Reason, e.Message))
	}
	if l.History = nil; l.KeepsHistory {
		l.History = controller.NewHistory(l.Clock.Now, "lbc-0")
	}
	p.backend = stacks.NewBackendGroup(p.cached, l.Inventory, run, l.Config.ClusterName, logr.Discard())
	return p
}

// startOwners begins the reconcilers of stacks.
func (l *Lab) startOwners(p *process) {
	begin := func(loader front.Loader) *stacks.Reconciler {
		return &stacks.Reconciler{
			Front: loader, Client: p.cached, Live: p.api, Inventory: l.Inventory, Clients: p.clients, Bindings: p.bindings,
			Backend:  p.backend,
			Reporter: l.told.Reporter(p.record, l.Clock.Now), Metrics: p.metrics, Index: reads.NewIndex[stack.Key](),
			Compile: settings.Compile(l.Config),
			Now:     l.Clock.Now, Brake: brake.New(l.Config.DeletionBrake, l.Clock.Now), Retries: stacks.NewRetries(l.Clock.Now),
			Traces:            tracing.NewPasses[stack.Key](l.Tracer),
			AddressWhenActive: l.Config.PublishAddress == config.WhenActive, Pods: servicepods.New(p.cached,
				l.Misreads.reader(l.Client), l.Clock.Now), Holds: l.Holds, OnPassed: l.onPassed(),
		}
	}
	l.Ingresses, l.Services = begin(settings.Ingress(l.Config)), begin(settings.Service(l.Config))
	l.Statuses, l.Gateways = gatewaystatus.NewStatuses(p.cached, l.Clock.Now, logr.Discard()),
		map[stack.Owner]*stacks.Reconciler{}
	for _, f := range []attachment.Family{attachment.Application, attachment.Network} {
		s := begin(settings.Gateway(l.Config, f))
		s.Decided, s.Forgotten = l.Statuses.Set, l.Statuses.Forget
		l.Gateways[s.Front.Owner()] = s
	}
	if l.Elsewhere != nil {
		l.Ingresses.Hidden = stacks.NewHiddenMembers(l.Elsewhere.Live, p.cached, settings.Ingress(l.Config),
			l.Elsewhere.Namespace, l.Clock.Now)
		l.Ingresses.Hidden.Proceed()
	}
	if l.Core != nil {
		l.Ingresses.Secrets = secret.New(l.Core, nil, l.Ingresses.Index, l.Clock.Now, logr.Discard())
		for _, s := range l.Gateways {
			s.Secrets = secret.New(l.Core, nil, s.Index, l.Clock.Now, logr.Discard())
			s.ConfigMaps = secret.NewConfigMaps(l.Core, nil, s.Index, l.Clock.Now, logr.Discard())
		}
	}
}

// startCheckpoints reads the checkpoints of the former process, if it wrote any.
func (l *Lab) startCheckpoints(p *process) {
	l.Checkpointer, l.Assumed, l.preceding = nil, nil, &bindingpass.Preceding{}
	if l.Checkpointed {
		l.Checkpointer = checkpoint.NewWriter(checkpoint.New(p.cached, controller.CheckpointConfig(l.Config, "kube-system",
			l.Clock.Now, logr.Discard())), l.restore, logr.Discard())
		l.preceding.Checkpoints, l.Checkpointer.Late = l.Checkpointer, l.preceding.Restore
		l.History.KeptIn(l.Checkpointer)
		controller.KeepRefusals(l.Checkpointer, l.refusals)
		l.Checkpointer.Restore(l.Context())
		l.Ingresses.Checkpoints, l.Services.Checkpoints = l.Checkpointer, l.Checkpointer
		for _, s := range l.Gateways {
			s.Checkpoints = l.Checkpointer
		}
	}
}

// startRegistry begins the registry of targets.
func (l *Lab) startRegistry(p *process) {
	p.write = apply.Deps{Clients: p.clients, Inventory: l.Inventory, Bindings: p.bindings, Now: l.Clock.Now,
		Hold: l.Holds.Guard}.Write
	registry := NewRegistry(p.clients.ELBV2, p.write, l.Inventory)
	p.accounts = &controller.Wiring{Config: l.Config, Log: l.Logger, Scopes: l.Scopes, Clients: p.clients,
		Inventory: l.Inventory, Writer: p.bindings, Now: l.Clock.Now}
	if l.Scopes != nil {
		registry = registrar.NewRegistry(p.accounts.ScopeCalls)
	}
	p.registry = registry
	expected := func(arn string) apply.Expected { return registry.Expected(registrar.Group{ARN: arn}) }
	l.Ingresses.Expected, l.Services.Expected = expected, expected
	for _, s := range l.Gateways {
		s.Expected = expected
	}
	registry.Assume(awsclient.Scope{}, l.Elsewhere.Own(l.Assumed))
	if told := l.told; l.Checkpointer != nil {
		l.Checkpointer.Registered = func() map[string]any {
			return controller.AtEnd(l.Elsewhere.Labelled(registry.Registered(awsclient.Scope{})),
				told.Text(func(string) bool { return false }))
		}
		l.Checkpointer.Foreign = controller.ForeignOf(l.Inventory)
	}
	registry.Clock, registry.Lag = l.Clock, p.metrics.ObserveTargetLag
	registry.Brake = brake.New(l.Config.DeregistrationBrake, l.Clock.Now)
}

// startBindings begins the reconcilers of bindings and of their security group rules.
func (l *Lab) startBindings(p *process) {
	groups := networking.New(networking.Options{
		Client: p.cached, Live: p.api, Inventory: l.Inventory, VPC: l.Config.VPC,
		Interfaces: network.NewInterfaces(p.clients.EC2, l.Clock.Now),
		Chooser:    sgsync.Chooser{Cluster: l.Config.ClusterName}, Write: p.write, Pause: l.Config.BindingRequeue,
		Backend: l.Config.BackendSecurityGroup, Unseen: l.Elsewhere.MayNeedRules, Now: l.Clock.Now, Log: logr.Discard(),
	})
	p.backend.Restricted = l.Elsewhere != nil
	groups.Wake = func(b types.NamespacedName) {
		l.Mutex.Lock()
		defer l.Mutex.Unlock()
		l.BindingsWoken = append(l.BindingsWoken, b)
	}
	l.Bound = &bindingpass.Reconciler{
		Now:    l.Clock.Now,
		Holds:  l.Holds,
		Traces: tracing.NewPasses[reconcile.Request](l.Tracer),
		Begin:  func(context.Context) (func(), error) { return func() {}, nil },
		Client: p.cached, APIReader: p.api, ELBV2: p.clients.ELBV2, Inventory: l.Inventory,
		Preceding: l.preceding, Bindable: l.Config.AllowedTargetGroups(l.Config.BindableTargetGroups),
		Conflicts: bindings.Conflicts{Shared: l.Config.AllowedTargetGroups(l.Config.CrossNamespaceTargetGroups)},
		Podless:   l.Config.AddressesWithoutPods(),
		Registry:  p.registry, Networking: groups, OtherNamespaces: l.Elsewhere,
		Reporter: l.told.Reporter(p.record, l.Clock.Now), Metrics: p.metrics,
		Changes:      bindingpass.NewChangeTimes(l.Clock.Now),
		RequeueAfter: l.Config.BindingRequeue, QUICVariable: serverid.DefaultVariable,
		Health:            targethealth.NewWatch(p.registry, p.record, func(string, []registrar.Health) {}, l.Clock.Now),
		Gates:             targethealth.NewGates(p.cached, nil, bindingpass.PodsByGate, l.Clock.Now, logr.Discard()),
		RegisteredTargets: &bindingpass.ConfigMaps{Reader: p.cached, Writer: p.cached},
		Failures:          backoff.NewFailures[types.NamespacedName](bindingpass.TransientFailure, l.Clock.Now, nil),
		DeletedByStack:    p.bindings.Deleted, TargetGroupDeleted: l.Inventory.Gone, OnGone: p.backend.Check,
		OnTargetGroupLost: func(key stack.Key, arn string) {
			if l.Inventory.NotFound(key, arn) {
				l.Mutex.Lock()
				defer l.Mutex.Unlock()
				l.Woken = append(l.Woken, key)
			}
		},
	}
	l.Bound.Health.Explain = l.Bound.WithoutPods
	if l.Scopes != nil {
		l.Bound.Scope, l.Bound.Assumed, l.Bound.Roles = l.Scopes.Own(), p.accounts.Assumed, l.Config.Roles()
		l.Bound.ZoneThere = network.NewZoneNames(p.clients.EC2, p.accounts.ComputeIn, l.Clock.Now).There
	}
	groups.Served = l.Bound.WasServed
	groups.Limits = bindings.Limits{Allowed: l.Config.AllowedNetworking(), Planned: p.bindings.Planned,
		HealthPort: l.Bound.HealthPort}
	p.bindings.Planned.Changed = groups.Replace
	l.Ingresses.Recorded, l.Services.Recorded = l.Bound.RegisteredTargets.Load, l.Bound.RegisteredTargets.Load
	for _, s := range l.Gateways {
		s.Recorded = l.Bound.RegisteredTargets.Load
	}
	l.Bound.Gates.Pods = func(context.Context, types.NamespacedName) ([]*corev1.Pod, error) { return nil, nil }
	l.Bound.Writes = objectwriter.New(p.cached, l.Clock.Now, logr.Discard())
	l.Bound.Writes.Wake = groups.Wake
	l.Bound.Drains = networking.NewDrains(p.registry, groups, l.Clock.Now)
}

func (l *Lab) restore(restored checkpoint.Restored) {
	controller.RestoreRefusals(l.refusals, restored)
	controller.RestoreTold(l.told, restored)
	controller.Assume(l.Inventory, restored, l.Clock.Now())
	l.Assumed = controller.Registrations(restored, l.Clock.Now())
	l.preceding.Restore(restored)
	l.Ingresses.Restore(restored)
	for _, s := range l.Gateways {
		s.Restore(restored)
	}
	l.Services.Restore(restored)
	l.History.Restore(restored)
}
