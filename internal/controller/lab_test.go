package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/iam"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/network"
	"github.com/k8s-lbc/lbc/internal/aws/refusal"
	"github.com/k8s-lbc/lbc/internal/controller/bindingpass"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/gatewaystatus"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/networking"
	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
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
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/brake"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

// lab is a simulated account, a fake API server, and consecutive processes of the controllers. There are no watches: settle makes the
// passes.
type lab struct {
	*testing.T
	sim    *awssim.Simulator
	clock  *clock.Stepped
	client client.Client

	config        *config.Config
	inventory     *inventory.Inventory
	refusals      *refusal.Memory
	version       string // of the code of the next process
	ingresses     *stacks.Reconciler
	services      *stacks.Reconciler
	gateways      map[stack.Owner]*stacks.Reconciler
	statuses      *gatewaystatus.Statuses
	bound         *bindingpass.Reconciler
	preceding     *bindingpass.Preceding
	elsewhere     *bindingpass.OtherNamespaces // of the next process; nil = its caches show all namespaces
	restricted    *reads.Restricted            // nil = the caches show all namespaces
	moment        time.Duration                // how long stale answers are waited for, from the next process on; 0 = until they come
	checkpointed  bool                         // checkpoints are written from the next process on
	checkpointer  *checkpoint.Writer
	keepsHistory  bool       // what is done is recorded from the next process on
	history       *history   // nil = nothing is
	holds         *hold.Book // of the next process; nil = nothing is held
	assumed       map[string][]registrar.Target
	core          kubernetes.Interface // has the Secrets that are read; nil = none are
	woken         []stack.Key
	bindingsWoken []types.NamespacedName // bindings with changed results of their rules
	events        []string
	remote        *awsclient.Clients // of the next process; nil = the simulator's services in this process
	tracer        *tracing.Tracer    // of the next process; nil = no traces
	scopes        *awsclient.Scopes  // of the next process; nil = there is one account
	log           logr.Logger        // of what the next process calls in other accounts

	mu sync.Mutex // of woken, bindingsWoken and events, where processes run in goroutines

	// before, if it is set, is called before each call to AWS, by many goroutines at once; its error is the call's.
	before atomic.Pointer[func(context.Context) error]
	// calls, if it is set when the lab is made, is called as well, with the action and its input.
	calls func(ctx context.Context, service, action string, in any) error
}

func newLab(t *testing.T, profile account.Profile, objects ...client.Object) *lab {
	t.Helper()
	return newObservedLab(t, profile, nil, objects...)
}

// newObservedLab makes a lab that calls a function with each call to AWS.
func newObservedLab(t *testing.T, profile account.Profile, calls func(ctx context.Context, service, action string, in any) error, objects ...client.Object) *lab {
	t.Helper()
	l := &lab{T: t, calls: calls, clock: clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))}
	sim, err := awssim.New(awssim.Options{Clock: l.clock, Profile: profile, Authorize: func(ctx context.Context, service, action, caller string, in any) error {
		if l.sim == nil {
			return nil
		}
		if before := l.before.Load(); before != nil {
			if err := (*before)(ctx); err != nil {
				return err
			}
		}
		if l.calls != nil {
			if err := l.calls(ctx, service, action, in); err != nil {
				return err
			}
		}
		return iam.Authorizer(l.sim.Account)(ctx, service, action, caller, in)
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	l.sim = sim
	tracker := clienttesting.NewObjectTracker(scheme, serializer.NewCodecFactory(scheme).UniversalDecoder()) // the default one tracks managed fields, which takes most of the time of short tests
	b := fake.NewClientBuilder().WithScheme(scheme).WithObjectTracker(tracker).WithObjects(objects...).
		WithIndex(&v1beta1.TargetGroupBinding{}, bindingpass.ByTargetGroup, bindingpass.TargetGroupOf).
		WithIndex(&v1beta1.TargetGroupBinding{}, stacks.ByStack, stacks.StackOf).
		WithIndex(&v1beta1.TargetGroupBinding{}, bindingpass.ByService, bindingpass.ServiceOf).
		WithIndex(&v1beta1.TargetGroupBinding{}, bindingpass.ByNodeSelector, bindingpass.NodeSelectorOf).
		WithIndex(&discoveryv1.EndpointSlice{}, bindingpass.SlicesByService, bindingpass.ServiceOfSlice).
		WithStatusSubresource(&networkingv1.Ingress{}, &corev1.Service{}, &v1beta1.TargetGroupBinding{})
	for _, k := range readable.Kinds {
		if k.Optional || k.Grouped {
			b.WithStatusSubresource(k.Object).WithIndex(k.Object, readable.References, readable.ReferenceValues)
		}
	}
	l.client = b.Build()
	l.config, err = config.Parse([]string{"--cluster-name=demo-cluster", "--aws-vpc-id=vpc-0a1de000000000001", "--aws-region=us-west-2", "--ingress-class=alb", "--existing-load-balancers=shop=*"})
	if err != nil {
		t.Fatal(err)
	}
	l.restart()
	return l
}

func (l *lab) clients() awsclient.Clients {
	if l.remote != nil {
		return *l.remote
	}
	return awsclient.Clients{ELBV2: l.sim.Balancing, EC2: l.sim.Compute, ACM: l.sim.Trust, STS: l.sim.Identity,
		WAFv2: l.sim.Firewall, Shield: l.sim.Shield, Route53: l.sim.Names, S3: l.sim.Storage}
}

// newRegistry makes a registry of one account.
func newRegistry(elb registrar.Describer, write apply.Writer, inv *inventory.Inventory) *registrar.Registry {
	return registrar.NewRegistry(func(awsclient.Scope) (registrar.Account, error) {
		return registrar.Account{ELBV2: elb, Write: write, Fresh: inv.Fresh, Gone: inv.Gone}, nil
	})
}

// restart begins a new process, with checkpoints as its only state, if they are written.
func (l *lab) restart() {
	scope := inventoryscope.Of(l.config)
	scope.Now, scope.AddOnTimeout, scope.Moment = l.clock.Now, time.Minute, l.moment
	scope.Freed = func(keys []stack.Key) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.woken = append(l.woken, keys...)
	}
	scope.CertificatesChanged = func(names []string) {
		(&wiring{owners: []*stacks.Reconciler{l.ingresses, l.services}}).certificatesChanged(names)
	}
	l.refusals = refusal.New(l.clock.Now, l.version)
	scope.Refusals = l.refusals
	clients := l.clients()
	inv := inventory.New(clients, scope) // calls of an earlier process may still be under way
	l.inventory = inv
	b := stacks.NewBindingWriter(l.client, l.clock.Now)
	run := func(ctx context.Context, p plan.Plan) apply.Result {
		return apply.Run(ctx, p, apply.Deps{Clients: clients, Inventory: inv, Bindings: b, Now: l.clock.Now, Hold: l.holds.Guard})
	}
	record := func(o diag.Object, e reporting.Event) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.events = append(l.events, fmt.Sprintf("%s %s: %s", o, e.Reason, e.Message))
	}
	m := metrics.New(prometheus.NewRegistry())
	if l.history = nil; l.keepsHistory {
		l.history = newHistory(l.clock.Now, "lbc-0")
	}
	backend := stacks.NewBackendGroup(l.client, l.inventory, run, l.config.ClusterName, logr.Discard())
	begin := func(loader front.Loader) *stacks.Reconciler {
		return &stacks.Reconciler{
			Front: loader, Client: l.client, Inventory: l.inventory, Clients: clients, Bindings: b, Backend: backend,
			Reporter: reporting.NewReporter(record, l.clock.Now), Metrics: m, Index: reads.NewIndex[stack.Key](), Compile: settings.Compile(l.config),
			Now: l.clock.Now, Brake: brake.New(l.config.DeletionBrake, l.clock.Now), Retries: stacks.NewRetries(l.clock.Now), Traces: tracing.NewPasses[stack.Key](l.tracer),
			AddressWhenActive: l.config.PublishAddress == config.WhenActive, Pods: servicepods.New(l.client, l.client, l.clock.Now), Holds: l.holds, OnPassed: l.onPassed(),
		}
	}
	l.ingresses, l.services = begin(settings.Ingress(l.config)), begin(settings.Service(l.config))
	l.statuses, l.gateways = gatewaystatus.NewStatuses(l.client, l.clock.Now, logr.Discard()), map[stack.Owner]*stacks.Reconciler{}
	for _, f := range []attachment.Family{attachment.Application, attachment.Network} {
		s := begin(settings.Gateway(l.config, f))
		s.Decided, s.Forgotten = l.statuses.Set, l.statuses.Forget
		l.gateways[s.Front.Owner()] = s
	}
	if l.elsewhere != nil {
		l.ingresses.Hidden = stacks.NewHiddenMembers(l.elsewhere.Live, l.client, settings.Ingress(l.config), l.elsewhere.Namespace, l.clock.Now)
		l.ingresses.Hidden.Proceed()
	}
	if l.core != nil {
		l.ingresses.Secrets = secret.New(l.core, nil, l.ingresses.Index, l.clock.Now, logr.Discard())
		for _, s := range l.gateways {
			s.Secrets = secret.New(l.core, nil, s.Index, l.clock.Now, logr.Discard())
			s.ConfigMaps = secret.NewConfigMaps(l.core, nil, s.Index, l.clock.Now, logr.Discard())
		}
	}
	l.checkpointer, l.assumed, l.preceding = nil, nil, &bindingpass.Preceding{}
	if l.checkpointed {
		l.checkpointer = checkpoint.NewWriter(checkpoint.New(l.client, checkpointConfig(l.config, "kube-system", l.clock.Now, logr.Discard())), l.restore, logr.Discard())
		l.preceding.Checkpoints, l.checkpointer.Late = l.checkpointer, l.preceding.Restore
		l.history.keptIn(l.checkpointer)
		keepRefusals(l.checkpointer, l.refusals)
		l.checkpointer.Restore(l.Context())
		l.ingresses.Checkpoints, l.services.Checkpoints = l.checkpointer, l.checkpointer
		for _, s := range l.gateways {
			s.Checkpoints = l.checkpointer
		}
	}
	write := apply.Deps{Clients: clients, Inventory: inv, Bindings: b, Now: l.clock.Now, Hold: l.holds.Guard}.Write
	registry := newRegistry(clients.ELBV2, write, l.inventory)
	accounts := &wiring{config: l.config, log: l.log, scopes: l.scopes, clients: clients, inventory: inv, writer: b, now: l.clock.Now}
	if l.scopes != nil {
		registry = registrar.NewRegistry(accounts.account)
	}
	expected := func(arn string) apply.Expected { return registry.Expected(registrar.Group{ARN: arn}) }
	l.ingresses.Expected, l.services.Expected = expected, expected
	for _, s := range l.gateways {
		s.Expected = expected
	}
	registry.Assume(awsclient.Scope{}, l.elsewhere.Own(l.assumed))
	if l.checkpointer != nil {
		l.checkpointer.Registered = func() map[string]any { return asValues(l.elsewhere.Labelled(registry.Registered(awsclient.Scope{}))) }
		l.checkpointer.Foreign = foreignOf(inv)
	}
	registry.Clock, registry.Lag = l.clock, m.ObserveTargetLag
	registry.Brake = brake.New(l.config.DeregistrationBrake, l.clock.Now)
	groups := networking.New(networking.Options{
		Client: l.client, Inventory: l.inventory, Interfaces: network.NewInterfaces(clients.EC2, l.clock.Now), VPC: l.config.VPC,
		Chooser: sgsync.Chooser{Cluster: l.config.ClusterName}, Write: write, Pause: l.config.BindingRequeue, Unseen: l.elsewhere.MayNeedRules, Now: l.clock.Now, Log: logr.Discard(),
	})
	backend.Restricted = l.elsewhere != nil
	groups.Wake = func(b types.NamespacedName) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.bindingsWoken = append(l.bindingsWoken, b)
	}
	l.bound = &bindingpass.Reconciler{
		Now:    l.clock.Now,
		Holds:  l.holds,
		Traces: tracing.NewPasses[reconcile.Request](l.tracer),
		Begin:  func(context.Context) (func(), error) { return func() {}, nil },
		Client: l.client, ELBV2: clients.ELBV2, Inventory: l.inventory,
		Preceding: l.preceding, Bindable: l.config.AllowedTargetGroups(l.config.BindableTargetGroups), Podless: l.config.AddressesWithoutPods(),
		Registry: registry, Networking: groups, OtherNamespaces: l.elsewhere,
		Reporter: reporting.NewReporter(record, l.clock.Now), Metrics: m, Changes: bindingpass.NewChangeTimes(l.clock.Now), RequeueAfter: l.config.BindingRequeue, QUICVariable: serverid.DefaultVariable,
		Health:            targethealth.NewWatch(registry, record, func(string, []registrar.Health) {}, l.clock.Now),
		Gates:             targethealth.NewGates(l.client, nil, bindingpass.PodsByGate, l.clock.Now, logr.Discard()),
		RegisteredTargets: &bindingpass.ConfigMaps{Reader: l.client, Writer: l.client}, Failures: backoff.NewFailures[types.NamespacedName](bindingpass.TransientFailure, l.clock.Now, nil), DeletedByStack: b.Deleted, TargetGroupDeleted: l.inventory.Gone, OnGone: backend.Check,
		OnTargetGroupLost: func(key stack.Key, arn string) {
			if l.inventory.NotFound(key, arn) {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.woken = append(l.woken, key)
			}
		},
	}
	if l.scopes != nil {
		l.bound.Scope, l.bound.Assumed, l.bound.Roles = l.scopes.Own(), accounts.assumed, l.config.Roles()
		l.bound.ZoneThere = network.NewZoneNames(clients.EC2, accounts.computeIn, l.clock.Now).There
	}
	groups.Limits = bindings.Limits{Allowed: l.config.AllowedNetworking(), Planned: b.Planned, HealthPort: l.bound.HealthPort}
	b.Planned.Changed = groups.Replace
	l.ingresses.Recorded, l.services.Recorded = l.bound.RegisteredTargets.Load, l.bound.RegisteredTargets.Load
	for _, s := range l.gateways {
		s.Recorded = l.bound.RegisteredTargets.Load
	}
	l.bound.Gates.Pods = func(context.Context, types.NamespacedName) ([]*corev1.Pod, error) { return nil, nil }
	l.bound.Writes = objectwriter.New(l.client, l.clock.Now, logr.Discard())
	l.bound.Writes.Wake = groups.Wake
	l.bound.Drains = networking.NewDrains(registry, groups, l.clock.Now)
}

func (l *lab) restore(restored checkpoint.Restored) {
	restoreRefusals(l.refusals, restored)
	assume(l.inventory, restored, l.clock.Now())
	l.assumed = registrations(restored, l.clock.Now())
	l.preceding.Restore(restored)
	l.ingresses.Restore(restored)
	for _, s := range l.gateways {
		s.Restore(restored)
	}
	l.services.Restore(restored)
	l.history.restore(restored)
}

// beforeCall sets the function that is called before each call to AWS; nil = none. Reads of earlier processes may be under way.
func (l *lab) beforeCall(f func(context.Context) error) {
	if f == nil {
		l.before.Store(nil)
		return
	}
	l.before.Store(&f)
}

// of is the controller of a stack.
func (l *lab) of(key stack.Key) *stacks.Reconciler {
	if s := l.gateways[key.Owner]; s != nil {
		return s
	}
	if key.Owner == stack.Service {
		return l.services
	}
	return l.ingresses
}

// queues are those that run beside passes.
func (l *lab) queues() []*queue.Keyed {
	return slices.Concat(l.bound.Networking.Queues(), []*queue.Keyed{l.bound.Writes.Queue}, l.statuses.Queues())
}

// end ends a process as a signal does; crash ends it after its last regular write.
func (l *lab) end() { l.checkpointer.End(l.Context()) }

func (l *lab) crash() { l.must(l.checkpointer.Store.Flush(l.Context())) }

// round makes one pass over every stack and every binding. wait is their shortest requeue time, 0 = none is requeued.
func (l *lab) round(keys ...stack.Key) (wait time.Duration, err error) {
	l.Helper()
	note := func(r reconcile.Result, e error) {
		if errors.Is(e, queue.ErrRequeue) {
			r.RequeueAfter, e = queue.Coalesce, nil
		}
		if r.RequeueAfter > 0 && (wait == 0 || r.RequeueAfter < wait) {
			wait = r.RequeueAfter
		}
		err = errors.Join(err, e)
	}
	if h := l.ingresses.Hidden; h != nil {
		h.Poll(l.Context())
	}
	for _, key := range append(slices.Clone(l.woken), keys...) {
		note(l.of(key).Reconcile(l.Context(), key))
	}
	l.woken = nil
	l.lookAround(note)
	if e := l.bound.OtherNamespaces; e != nil {
		e.Poll(l.Context())
	}
	for _, b := range l.allBindings() {
		note(l.bound.Reconcile(l.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&b)}))
	}
	for range 5 {
		l.runQueues(l.Context())
		bindingsWoken := l.bindingsWoken
		l.bindingsWoken = nil
		for _, b := range bindingsWoken {
			note(l.bound.Reconcile(l.Context(), reconcile.Request{NamespacedName: b}))
		}
	}
	for _, k := range l.queues() {
		_, pause, _ := k.Next()
		note(reconcile.Result{RequeueAfter: pause}, nil)
	}
	return wait, err
}

// runQueues runs the due keys of security group rules and of statuses.
func (l *lab) runQueues(ctx context.Context) {
	for {
		did := false
		for _, k := range l.queues() {
			for key, _, ok := k.Next(); ok; key, _, ok = k.Next() {
				k.Run(ctx, key)
				did = true
			}
		}
		if !did {
			return
		}
	}
}

func (l *lab) allBindings() []v1beta1.TargetGroupBinding {
	l.Helper()
	var list v1beta1.TargetGroupBindingList
	if err := l.client.List(l.Context(), &list); err != nil {
		l.Fatal(err)
	}
	return list.Items
}

// settle makes rounds until nothing is written any more, advancing the clock to the requeue times.
func (l *lab) settle(keys ...stack.Key) {
	l.Helper()
	var last error
	for range 60 {
		mark := l.mark()
		wait, err := l.round(keys...)
		if last = err; err == nil && (wait == 0 || wait >= 15*time.Second) && len(l.writes(mark)) == 0 && len(l.woken) == 0 {
			return
		}
		l.clock.Advance(max(wait, time.Millisecond))
	}
	l.Fatalf("does not settle: %v\n%s", last, strings.Join(l.events, "\n"))
}

func (l *lab) mark() uint64 {
	if calls := l.sim.Gate.Calls(gate.Filter{Limit: 1}); len(calls) > 0 {
		return calls[0].Number
	}
	return 0
}

// writes are the calls since a mark that change something.
func (l *lab) writes(mark uint64) []string {
	var out []string
	for _, c := range l.sim.Gate.Calls(gate.Filter{After: mark}) {
		if !awsclient.IsRead(c.Action) {
			out = append(out, c.Action)
		}
	}
	return out
}

// left lists the resources of load balancers in the account.
func (l *lab) left() []string {
	var out []string
	r := l.sim.Resources()
	for _, lb := range r.LoadBalancers {
		out = append(out, "load balancer "+lb.Name)
	}
	for _, tg := range r.TargetGroups {
		out = append(out, "target group "+tg.Name)
	}
	for _, g := range r.SecurityGroups {
		if strings.HasPrefix(g.Name, "k8s-") {
			out = append(out, "security group "+g.Name)
		}
	}
	out = append(out, l.owned()...)
	slices.Sort(out)
	return out
}

func (l *lab) get(o client.Object, name string) bool {
	l.Helper()
	err := l.client.Get(l.Context(), types.NamespacedName{Namespace: "shop", Name: name}, o)
	if client.IgnoreNotFound(err) != nil {
		l.Fatal(err)
	}
	return err == nil
}

func (l *lab) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

func implicit(name string) stack.Key {
	return stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: name}}
}

// labClass is an IngressClass of ours.
func labClass() client.Object {
	return &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{Controller: "ingress.k8s.aws/alb"}}
}

// labService is a Service whose pods listen on 8080.
func labService(name string, families ...corev1.IPFamily) *corev1.Service {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name)}}
	s.Spec.IPFamilies = families
	s.Spec.Ports = []corev1.ServicePort{{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP}}
	s.Spec.Ports[0].TargetPort.IntVal = 8080
	return s
}

// labIngress is a public Ingress for ip targets with a path to each Service.
func labIngress(name string, annotations map[string]string, services ...string) *networkingv1.Ingress {
	class, prefix := "alb", networkingv1.PathTypePrefix
	i := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name), Annotations: map[string]string{
		"alb.ingress.kubernetes.io/scheme": "internet-facing", "alb.ingress.kubernetes.io/target-type": "ip",
	}}}
	for k, v := range annotations {
		i.Annotations["alb.ingress.kubernetes.io/"+k] = v
	}
	i.Spec.IngressClassName = &class
	rule := networkingv1.IngressRule{}
	rule.HTTP = &networkingv1.HTTPIngressRuleValue{}
	for _, s := range services {
		rule.HTTP.Paths = append(rule.HTTP.Paths, networkingv1.HTTPIngressPath{Path: "/" + s, PathType: &prefix, Backend: networkingv1.IngressBackend{
			Service: &networkingv1.IngressServiceBackend{Name: s, Port: networkingv1.ServiceBackendPort{Number: 80}},
		}})
	}
	i.Spec.Rules = []networkingv1.IngressRule{rule}
	return i
}
