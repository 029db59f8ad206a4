// Package lab is the harness of tests of whole controllers: a simulated AWS account, a fake API server, and
// consecutive processes of the controllers. There are no watches: Lab.Settle reconciles. The packages below have the
// tests, by subject. It is for tests only, and the controller does not link it.
package lab

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
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
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/aws/refusal"
	"github.com/k8s-lbc/lbc/internal/controller"
	"github.com/k8s-lbc/lbc/internal/controller/bindingpass"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/gatewaystatus"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/controller/tracing"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// Lab is a simulated account, a fake API server, and consecutive processes of the controllers. There are no watches:
// settle makes the passes.
type Lab struct {
	*testing.T
	Sim    *awssim.Simulator
	Clock  *clock.Stepped
	Client client.Client

	Config     *config.Config
	Inventory  *inventory.Inventory
	refusals   *refusal.Memory
	told       *reporting.Told
	Version    string // of the code of the next process
	Ingresses  *stacks.Reconciler
	Services   *stacks.Reconciler
	Gateways   map[stack.Owner]*stacks.Reconciler
	Statuses   *gatewaystatus.Statuses
	Bound      *bindingpass.Reconciler
	preceding  *bindingpass.Preceding
	Elsewhere  *bindingpass.OtherNamespaces // of the next process; nil = its caches show all namespaces
	Restricted *reads.Restricted            // nil = the caches show all namespaces
	// how long stale answers are waited for, from the next process on; 0 = until they come
	Moment        time.Duration
	Checkpointed  bool // checkpoints are written from the next process on
	Checkpointer  *checkpoint.Writer
	KeepsHistory  bool                // what is done is recorded from the next process on
	History       *controller.History // nil = nothing is
	Holds         *hold.Book          // of the next process; nil = nothing is held
	Assumed       map[string][]registrar.Target
	Core          kubernetes.Interface // has the Secrets that are read; nil = none are
	Woken         []stack.Key
	BindingsWoken []types.NamespacedName // bindings with changed results of their rules
	Events        []string
	Remote        *awsclient.Clients // of the next process; nil = the simulator's services in this process
	Tracer        *tracing.Tracer    // of the next process; nil = no traces
	Scopes        *awsclient.Scopes  // of the next process; nil = there is one account
	Logger        logr.Logger        // of what the next process calls in other accounts

	Mutex sync.Mutex // of woken, BindingsWoken and events, where processes run in goroutines

	// before, if it is set, is called before each call to AWS, by many goroutines at once; its error is the call's.
	before atomic.Pointer[func(context.Context) error]
	// calls, if it is set when the lab is created, is called as well, with the action and its input.
	Calls func(ctx context.Context, service, action string, in any) error
	// unread, if it is set, fails reads of AWS; Misreads fails those of the API server, from the next process on.
	unread   atomic.Pointer[unreadCalls]
	Misreads *Misreads
}

// New makes a lab of a simulated account with objects.
func New(t *testing.T, profile account.Profile, objects ...client.Object) *Lab {
	t.Helper()
	return NewObserved(t, profile, nil, objects...)
}

// NewObserved makes a lab that calls a function with each call to AWS.
func NewObserved(t *testing.T, profile account.Profile, calls func(ctx context.Context, service, action string,
	in any) error, objects ...client.Object) *Lab {
	t.Helper()
	l := &Lab{T: t, Calls: calls, Clock: clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))}
	sim, err := awssim.New(awssim.Options{Clock: l.Clock, Profile: profile, Authorize: func(ctx context.Context, service,
		action, caller string, in any) error {
		if l.Sim == nil {
			return nil
		}
		if before := l.before.Load(); before != nil {
			if err := (*before)(ctx); err != nil {
				return err
			}
		}
		if err := l.unread.Load().fail(service, action, in); err != nil {
			return err
		}
		if l.Calls != nil {
			if err := l.Calls(ctx, service, action, in); err != nil {
				return err
			}
		}
		return iam.Authorizer(l.Sim.Account)(ctx, service, action, caller, in)
	}})
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	l.Sim = sim
	// the default one tracks managed fields, which takes most of the time of short tests
	tracker := clienttesting.NewObjectTracker(scheme, serializer.NewCodecFactory(scheme).UniversalDecoder())
	b := fake.NewClientBuilder().WithScheme(scheme).WithObjectTracker(tracker).WithObjects(objects...).
		WithIndex(&v1beta1.TargetGroupBinding{}, bindingpass.ByTargetGroup, bindingpass.TargetGroupOf).
		WithIndex(&v1beta1.TargetGroupBinding{}, reads.ByStack, reads.StackOf).
		WithIndex(&v1beta1.TargetGroupBinding{}, bindingpass.ByService, bindingpass.ServiceOf).
		WithIndex(&v1beta1.TargetGroupBinding{}, bindingpass.ByNodeSelector, bindingpass.NodeSelectorOf).
		WithIndex(&discoveryv1.EndpointSlice{}, bindingpass.SlicesByService, bindingpass.ServiceOfSlice).
		WithIndex(&corev1.Pod{}, bindingpass.PodsByAddress, bindingpass.AddressesOf).
		WithStatusSubresource(&networkingv1.Ingress{}, &corev1.Service{}, &v1beta1.TargetGroupBinding{})
	for _, k := range readable.Kinds {
		if k.Optional || k.Grouped {
			b.WithStatusSubresource(k.Object).WithIndex(k.Object, readable.References, readable.ReferenceValues)
		}
	}
	l.Client = b.Build()
	l.Config, err = config.Parse([]string{"--cluster-name=demo-cluster", "--aws-vpc-id=vpc-0a1de000000000001",
		"--aws-region=us-west-2", "--ingress-class=alb", "--existing-load-balancers=shop=*"})
	if err != nil {
		t.Fatal(err)
	}
	l.Restart()
	return l
}

// Clients are the clients of AWS of the next process.
func (l *Lab) Clients() awsclient.Clients {
	if l.Remote != nil {
		return *l.Remote
	}
	return awsclient.Clients{ELBV2: l.Sim.Balancing, EC2: l.Sim.Compute, ACM: l.Sim.Trust, STS: l.Sim.Identity,
		WAFv2: l.Sim.Firewall, Shield: l.Sim.Shield, Route53: l.Sim.Names, S3: l.Sim.Storage, Tagging: l.Sim.Tagging}
}

// BeforeCall sets the function that is called before each call to AWS; nil = none. Reads of earlier processes may be
// under way.
func (l *Lab) BeforeCall(f func(context.Context) error) {
	if f == nil {
		l.before.Store(nil)
		return
	}
	l.before.Store(&f)
}

// ReconcilerOf returns the reconciler of a stack.
func (l *Lab) ReconcilerOf(key stack.Key) *stacks.Reconciler {
	if s := l.Gateways[key.Owner]; s != nil {
		return s
	}
	if key.Owner == stack.Service {
		return l.Services
	}
	return l.Ingresses
}

// queues are those that run beside passes.
func (l *Lab) queues() []*queue.Keyed {
	return slices.Concat(l.Bound.Networking.Queues(), []*queue.Keyed{l.Bound.Writes.Queue}, l.Statuses.Queues())
}

// End ends a process as a signal does; crash ends it after its last regular write.
func (l *Lab) End() { l.Checkpointer.End(l.Context()) }

// Crash ends a process after its last regular write.
func (l *Lab) Crash() { l.Must(l.Checkpointer.Store.Flush(l.Context())) }

// Round makes one pass over every stack and every binding. wait is their shortest requeue time, 0 = none is requeued.
func (l *Lab) Round(keys ...stack.Key) (wait time.Duration, err error) {
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
	if h := l.Ingresses.Hidden; h != nil {
		h.Poll(l.Context())
	}
	for _, key := range append(slices.Clone(l.Woken), keys...) {
		note(l.ReconcilerOf(key).Reconcile(l.Context(), key))
	}
	l.Woken = nil
	l.LookAround(note)
	if e := l.Bound.OtherNamespaces; e != nil {
		e.Poll(l.Context())
	}
	for _, b := range l.AllBindings() {
		note(l.Bound.Reconcile(l.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&b)}))
	}
	for range 5 {
		l.RunQueues(l.Context())
		bindingsWoken := l.BindingsWoken
		l.BindingsWoken = nil
		for _, b := range bindingsWoken {
			note(l.Bound.Reconcile(l.Context(), reconcile.Request{NamespacedName: b}))
		}
	}
	for _, k := range l.queues() {
		_, pause, _ := k.Next()
		note(reconcile.Result{RequeueAfter: pause}, nil)
	}
	return wait, err
}

// RunQueues runs the due keys of security group rules and of statuses.
func (l *Lab) RunQueues(ctx context.Context) {
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

// AllBindings are the TargetGroupBindings of the API server.
func (l *Lab) AllBindings() []v1beta1.TargetGroupBinding {
	l.Helper()
	var list v1beta1.TargetGroupBindingList
	if err := l.Client.List(l.Context(), &list); err != nil {
		l.Fatal(err)
	}
	return list.Items
}

// Settle makes rounds until nothing is written any more, advancing the clock to the requeue times.
func (l *Lab) Settle(keys ...stack.Key) {
	l.Helper()
	var last error
	for range 60 {
		mark := l.Mark()
		wait, err := l.Round(keys...)
		if last = err; err == nil && (wait == 0 || wait >= 15*time.Second) && len(l.Writes(mark)) == 0 && len(l.Woken) == 0 {
			return
		}
		l.Clock.Advance(max(wait, time.Millisecond))
	}
	l.Fatalf("does not settle: %v\n%s", last, strings.Join(l.Events, "\n"))
}

// Mark is the number of the last call to AWS.
func (l *Lab) Mark() uint64 {
	if calls := l.Sim.Gate.Calls(gate.Filter{Limit: 1}); len(calls) > 0 {
		return calls[0].Number
	}
	return 0
}

// Writes are the calls since a mark that change something.
func (l *Lab) Writes(mark uint64) []string {
	var out []string
	for _, c := range l.Sim.Gate.Calls(gate.Filter{After: mark}) {
		if !awsclient.IsRead(c.Action) {
			out = append(out, c.Action)
		}
	}
	return out
}

// Left lists the resources of load balancers in the account.
func (l *Lab) Left() []string {
	var out []string
	r := l.Sim.Resources()
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
	out = append(out, l.Owned()...)
	slices.Sort(out)
	return out
}

// Get reads an object of namespace shop and reports whether there is one.
func (l *Lab) Get(o client.Object, name string) bool {
	l.Helper()
	err := l.Client.Get(l.Context(), types.NamespacedName{Namespace: "shop", Name: name}, o)
	if client.IgnoreNotFound(err) != nil {
		l.Fatal(err)
	}
	return err == nil
}

// Must fails the test on an error.
func (l *Lab) Must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// Key is the key of the stack of an Ingress of namespace shop without a group.
func Key(name string) stack.Key {
	return stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: name}}
}

// Class is an IngressClass of ours.
func Class() client.Object {
	return &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{
		Controller: "ingress.k8s.aws/alb"}}
}

// Service is a Service whose pods listen on 8080.
func Service(name string, families ...corev1.IPFamily) *corev1.Service {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name)}}
	s.Spec.IPFamilies = families
	s.Spec.Ports = []corev1.ServicePort{{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP}}
	s.Spec.Ports[0].TargetPort.IntVal = 8080
	return s
}

// Ingress is a public Ingress for ip targets with a path to each Service.
func Ingress(name string, annotations map[string]string, services ...string) *networkingv1.Ingress {
	class, prefix := "alb", networkingv1.PathTypePrefix
	i := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name),
		Annotations: map[string]string{
			"alb.ingress.kubernetes.io/scheme": "internet-facing", "alb.ingress.kubernetes.io/target-type": "ip",
		}}}
	for k, v := range annotations {
		i.Annotations["alb.ingress.kubernetes.io/"+k] = v
	}
	i.Spec.IngressClassName = &class
	rule := networkingv1.IngressRule{}
	rule.HTTP = &networkingv1.HTTPIngressRuleValue{}
	for _, s := range services {
		rule.HTTP.Paths = append(rule.HTTP.Paths, networkingv1.HTTPIngressPath{Path: "/" + s, PathType: &prefix,
			Backend: networkingv1.IngressBackend{
				Service: &networkingv1.IngressServiceBackend{Name: s, Port: networkingv1.ServiceBackendPort{Number: 80}},
			}})
	}
	i.Spec.Rules = []networkingv1.IngressRule{rule}
	return i
}
