package upkeep

import (
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/lbstatus"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// shownLab is a lab whose LoadBalancer objects are written, and read by lb.
type shownLab struct {
	*lab.Lab
	writer *lbstatus.Writer
	api    client.Client
}

func newShownLab(t *testing.T, objs ...client.Object) *shownLab {
	t.Helper()
	l := &shownLab{Lab: lab.New(t, account.Profile{}, objs...)}
	scheme, err := readable.Scheme()
	l.Must(err)
	l.api = fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.LoadBalancer{}).Build()
	l.writer = lbstatus.NewWriter(l.api, l.api, "", l.Clock.Now, logr.Discard())
	l.writer.Queue.Gather = 0
	l.writer.List(t.Context())
	for _, s := range append([]*stacks.Reconciler{l.Ingresses, l.Services}, l.Gateways[stack.GatewayALB],
		l.Gateways[stack.GatewayNLB]) {
		s.Status = l.writer
	}
	return l
}

// lb is the status that the object of Ingress web says now.
func (l *shownLab) lb() v1alpha1.LoadBalancerStatus {
	l.Helper()
	l.writer.Tick(l.Context())
	lab.WriteDue(l.Context(), l.writer.Queue)
	o := &v1alpha1.LoadBalancer{}
	l.Must(l.api.Get(l.Context(), client.ObjectKey{Namespace: "shop", Name: "ingress-web"}, o))
	return o.Status
}

// expect expects whether the status is Ready, and otherwise Reconciling, and whether the newest version of the Ingress
// is in effect.
func (l *shownLab) expect(when string, ready bool) {
	l.Helper()
	s := l.lb()
	i := &networkingv1.Ingress{}
	l.Get(i, "web")
	is := func(kind string) bool { return meta.IsStatusConditionTrue(s.Conditions, kind) }
	if is(v1alpha1.ConditionReady) != ready || is(v1alpha1.ConditionReconciling) == ready {
		l.Errorf("%s: %+v", when, s.Conditions)
	}
	if effective := s.Members[0].EffectiveVersion == reporting.Version(i); effective != ready {
		l.Errorf("%s: %+v, Ingress %s", when, s.Members[0], reporting.Version(i))
	}
}

// slow makes the next call of an action take 15 s, and a pass that makes it. The pass has ended when the channel is
// closed.
func (l *shownLab) slow(action string, key stack.Key) <-chan struct{} {
	l.Helper()
	l.Fault(gate.Fault{Action: action, Latency: 15 * time.Second, Times: 1})
	before, done := l.Clock.Pending(), make(chan struct{})
	go func() {
		defer close(done)
		if _, err := l.ReconcilerOf(key).Reconcile(l.Context(), key); err != nil {
			l.Error(err)
		}
	}()
	for l.Clock.Pending() == before {
		select {
		case <-done:
			l.Fatalf("the pass made no call of %s", action)
		default:
			runtime.Gosched()
		}
	}
	return done
}

func TestReadyIsFalseWhileAWSIsSlow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		action string
		change func(*networkingv1.Ingress)
	}{
		"annotation": {"ModifyLoadBalancerAttributes", func(i *networkingv1.Ingress) {
			i.Annotations["alb.ingress.kubernetes.io/load-balancer-attributes"] = "idle_timeout.timeout_seconds=75"
		}},
		"spec": {"CreateRule", lab.ToNew},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newShownLab(t, lab.Class(), lab.Service("web"), lab.Service("new"), lab.Ingress("web", nil, "web"))
			l.Settle(lab.Key("web"))
			l.expect("before the edit", true)
			l.Edit("web", c.change)
			done := l.slow(c.action, lab.Key("web"))
			for second := range 14 {
				l.Clock.Advance(time.Second)
				l.expect("second "+time.Duration(second+1).String(), false)
			}
			l.Clock.Advance(time.Second)
			<-done
			l.Settle(lab.Key("web"))
			l.expect("at the end", true)
		})
	}
}

func TestFastPassWritesNoInterimStatus(t *testing.T) {
	t.Parallel()
	l := newShownLab(t, lab.Class(), lab.Service("web"), lab.Service("new"), lab.Ingress("web", nil, "web"))
	l.Settle(lab.Key("web"))
	l.expect("before the edit", true)
	since := meta.FindStatusCondition(l.lb().Conditions, v1alpha1.ConditionReady).LastTransitionTime
	l.Edit("web", lab.ToNew)
	done := l.slow("CreateRule", lab.Key("web"))
	l.writer.Tick(t.Context())
	lab.WriteDue(t.Context(), l.writer.Queue)
	if c := meta.FindStatusCondition(l.lb().Conditions, v1alpha1.ConditionReady); c.Status != "True" {
		t.Errorf("%+v before a second has passed", c)
	}
	l.Clock.Advance(lbstatus.Patience - time.Millisecond)
	l.lb()
	l.Clock.Advance(15 * time.Second)
	<-done
	l.Settle(lab.Key("web"))
	l.expect("at the end", true)
	if now := meta.FindStatusCondition(l.lb().Conditions, v1alpha1.ConditionReady).LastTransitionTime; !now.Equal(&since) {
		t.Errorf("Ready changed at %s", now)
	}
}

func TestRefusedEditIsNotInEffect(t *testing.T) {
	t.Parallel()
	l := newShownLab(t, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
	l.Settle(lab.Key("web"))
	before := l.lb().Members[0]
	l.Fault(gate.Fault{Action: "ModifyLoadBalancerAttributes", Kind: "denied"})
	l.Edit("web", func(i *networkingv1.Ingress) {
		i.Annotations["alb.ingress.kubernetes.io/load-balancer-attributes"] = "idle_timeout.timeout_seconds=75"
	})
	_, err := l.Round(lab.Key("web"))
	if err == nil {
		t.Error("no error")
	}
	if m := l.lb().Members[0]; m.EffectiveVersion != before.EffectiveVersion ||
		m.ObservedVersion == before.ObservedVersion {
		t.Errorf("%+v, before %+v", m, before)
	}
	l.Sim.Gate.RemoveFault("budget")
	l.Settle(lab.Key("web"))
	l.expect("once AWS allows it", true)
}

func TestSharedEditIsShownOnEachMember(t *testing.T) {
	t.Parallel()
	group := map[string]string{"group.name": "front"}
	l := newShownLab(t, lab.Class(), lab.Service("web"), lab.Ingress("web", group, "web"),
		lab.Ingress("other", group, "web"))
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}
	l.Settle(key)
	l.Edit("other", func(i *networkingv1.Ingress) {
		i.Annotations["alb.ingress.kubernetes.io/load-balancer-attributes"] = "idle_timeout.timeout_seconds=75"
	})
	l.Fault(gate.Fault{Action: "ModifyLoadBalancerAttributes", Kind: "throttled"})
	_, _ = l.Round(key)
	lab.WriteDue(t.Context(), l.writer.Queue)
	o := &v1alpha1.LoadBalancer{}
	l.Must(l.api.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "group-front"}, o))
	at := slices.IndexFunc(o.Status.Members, func(m v1alpha1.Member) bool { return m.Name == "other" })
	if m := o.Status.Members[at]; m.EffectiveVersion == m.ObservedVersion ||
		meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionReady) {
		t.Errorf("%+v %+v", m, o.Status.Conditions)
	}
}

// noQueue is a queue that takes everything and gives nothing.
type noQueue struct{ queue.Of[stack.Key] }

func (noQueue) AddAfter(stack.Key, time.Duration) {}

func TestQueuedEditIsShownBeforeItsPass(t *testing.T) {
	t.Parallel()
	l := newShownLab(t, lab.Class(), lab.Service("web"), lab.Service("new"), lab.Ingress("web", nil, "web"))
	l.Settle(lab.Key("web"))
	events := (&stacks.OwnerEvents{Reconciler: l.Ingresses, Classes: reads.NewIndex[types.NamespacedName]()}).OwnerHandler()
	i := &networkingv1.Ingress{}
	l.Get(i, "web")
	before := i.DeepCopy()
	// as a new process lists it
	events.Create(t.Context(), event.TypedCreateEvent[client.Object]{Object: before}, noQueue{})
	l.Clock.Advance(time.Minute)
	l.expect("at a start", true)
	l.Edit("web", lab.ToNew)
	l.Get(i, "web")
	events.Update(t.Context(), event.TypedUpdateEvent[client.Object]{ObjectOld: before, ObjectNew: i}, noQueue{})
	if !meta.IsStatusConditionTrue(l.lb().Conditions, v1alpha1.ConditionReady) {
		t.Error("it is not Ready within the first second")
	}
	l.Clock.Advance(lbstatus.Patience)
	l.expect("while it is queued", false)
	l.Settle(lab.Key("web"))
	l.expect("after its pass", true)
}

// TestQueuedEditOfReferredObjectIsShown has an edit of the Service that the Ingress names: no version of the Ingress
// tells of it.
func TestQueuedEditOfReferredObjectIsShown(t *testing.T) {
	t.Parallel()
	l := newShownLab(t, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
	l.Settle(lab.Key("web"))
	l.expect("before the edit", true)
	s := &corev1.Service{}
	l.Get(s, "web")
	before := s.DeepCopy()
	l.Edited("web", func(s *corev1.Service) {
		s.Annotations = map[string]string{"alb.ingress.kubernetes.io/healthcheck-path": "/health"}
	})
	l.Get(s, "web")
	events := (&stacks.OwnerEvents{Reconciler: l.Ingresses, Classes: reads.NewIndex[types.NamespacedName]()}).
		DependencyHandler(objects.Service)
	events.Update(t.Context(), event.TypedUpdateEvent[client.Object]{ObjectOld: before, ObjectNew: s}, noQueue{})
	l.Clock.Advance(lbstatus.Patience)
	if c := l.lb().Conditions; meta.IsStatusConditionTrue(c, v1alpha1.ConditionReady) ||
		!strings.Contains(meta.FindStatusCondition(c, v1alpha1.ConditionReconciling).Message, "Service shop/web") {
		t.Errorf("while it is queued: %+v", c)
	}
	l.Settle(lab.Key("web"))
	l.expect("after its pass", true)
}

func TestProgrammedKeepsGenerationInEffect(t *testing.T) {
	t.Parallel()
	g, class := lab.Gateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	l := lab.New(t, account.Profile{}, g, class, lab.Service("web"), lab.Route("web", "/"))
	l.SettleWeb()
	programmed := func() int64 {
		l.Get(g, "web")
		return meta.FindStatusCondition(g.Status.Conditions, string(gatewayv1.GatewayConditionProgrammed)).ObservedGeneration
	}
	if got := programmed(); got != 1 {
		t.Fatalf("generation %d", got)
	}
	g.Spec.Listeners = append(g.Spec.Listeners, gatewayv1.Listener{Name: "b", Port: 81,
		Protocol: gatewayv1.HTTPProtocolType})
	g.Generation = 2
	l.Must(l.Client.Update(t.Context(), g))
	l.Fault(gate.Fault{Action: "CreateListener", Kind: "throttled"})
	_, _ = l.Round(l.WebKeys()...)
	if got := programmed(); got != 1 || !strings.HasPrefix(l.Condition("Programmed"), "True") {
		t.Errorf("generation %d while AWS refuses calls: %s", got, l.Condition("Programmed"))
	}
	l.Sim.Gate.RemoveFault("budget")
	l.SettleWeb()
	if got := programmed(); got != 2 {
		t.Errorf("generation %d at the end", got)
	}
}

// TestStatusQueueMayAskForTenant has the queue of statuses ask for the tenant of a stack whenever it is used, also while
// the reconciler forgets the stack.
func TestStatusQueueMayAskForTenant(t *testing.T) {
	t.Parallel()
	l := newShownLab(t, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
	l.Settle(lab.Key("web"))
	l.expect("before the deletion", true)
	asked := 0
	l.writer.Queue.Now = func() time.Time {
		done := make(chan struct{})
		go func() {
			defer close(done)
			l.Ingresses.Tenant(lab.Key("web"))
		}()
		select {
		case <-done:
			asked++
		case <-time.After(time.Minute):
			t.Error("the reconciler uses the queue of statuses under its lock")
		}
		return l.Clock.Now()
	}
	l.Must(l.Client.Delete(t.Context(), lab.Ingress("web", nil, "web")))
	if l.Settle(lab.Key("web")); asked == 0 {
		t.Error("the queue was not used")
	}
	lab.WriteDue(t.Context(), l.writer.Queue)
	if err := l.api.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "ingress-web"},
		&v1alpha1.LoadBalancer{}); err == nil {
		t.Error("the object of the deleted Ingress is still there")
	}
}
