package consent

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// retained are the load balancers with the mark.
func retained(l *lab.Lab) (n int) {
	l.Helper()
	for _, lb := range l.Sim.Resources().LoadBalancers {
		if _, ok := lb.Tags[naming.RetainedTag]; ok {
			n++
		}
	}
	return n
}

func TestRetainedLoadBalancerStaysUntilItsObjectReturns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		object client.Object
		policy string
		keys   []stack.Key
		lab    func(t *testing.T) *lab.Lab
	}{
		"an Ingress": {lab.Ingress("web", nil, "web"), "alb.ingress.kubernetes.io/deletion-policy", []stack.Key{
			lab.Key("web")}, func(t *testing.T) *lab.Lab {
			return lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
		}},
		"an Ingress with a network load balancer in front": {
			lab.Ingress("web", map[string]string{"enable-frontend-nlb": "true"}, "web"),
			"alb.ingress.kubernetes.io/deletion-policy",
			[]stack.Key{lab.Key("web")}, func(t *testing.T) *lab.Lab {
				return lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
			}},
		"the only Ingress of a group": {lab.Ingress("web", map[string]string{"group.name": "front"}, "web"),
			"alb.ingress.kubernetes.io/deletion-policy", []stack.Key{lab.FrontKey}, func(t *testing.T) *lab.Lab {
				return lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
			}},
		"a Service": {lab.CrashBalancer("net"), "service.beta.kubernetes.io/aws-load-balancer-deletion-policy", []stack.Key{
			lab.ServiceKey("net")}, func(t *testing.T) *lab.Lab {
			return lab.New(t, account.Profile{})
		}},
		"a Gateway": {&gatewayv1.Gateway{}, "gateway.k8s.aws/deletion-policy", []stack.Key{
			lab.GatewayKey(stack.GatewayALB, "web"), lab.GatewayKey(stack.GatewayNLB, "web")}, func(t *testing.T) *lab.Lab {
			return lab.NewGateway(t, lab.WebGateway)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := c.lab(t)
			if g, ok := c.object.(*gatewayv1.Gateway); ok {
				l.Get(g, "web")
				l.Must(l.Client.Delete(t.Context(), g))
				g.ResourceVersion, g.Finalizers = "", nil
			}
			o, _ := c.object.DeepCopyObject().(client.Object)
			annotations := o.GetAnnotations()
			if annotations == nil {
				annotations = map[string]string{}
			}
			annotations[c.policy] = "Retain"
			o.SetAnnotations(annotations)
			fresh, _ := o.DeepCopyObject().(client.Object)
			l.Create(o)
			l.Settle(c.keys...)
			want, bindings := l.Left(), len(l.AllBindings())
			if l.Balancers() == 0 || retained(l) > 0 {
				t.Fatalf("%d load balancers, %d marked", l.Balancers(), retained(l))
			}

			mark := l.Mark()
			l.Must(l.Client.Delete(t.Context(), o))
			l.Settle(c.keys...)
			if l.Get(o, o.GetName()) {
				t.Error("the object does not go")
			}
			if got := slices.Compact(l.Writes(mark)); !slices.Equal(got, []string{"AddTags"}) || retained(l) != l.Balancers() {
				t.Errorf("written: %v; %d of %d load balancers are marked", got, retained(l), l.Balancers())
			}
			if !strings.Contains(strings.Join(l.Events, "\n"), "[LoadBalancerRetained]") {
				t.Error("no event tells of it:", l.Events)
			}
			l.Restart()
			l.Clock.Advance(24 * time.Hour)
			mark = l.Mark()
			l.Settle(c.keys...)
			if diff := cmp.Diff(want, l.Left()); diff != "" || len(l.AllBindings()) != bindings || len(l.Writes(mark)) > 0 {
				t.Errorf("%d bindings of %d; written: %v; left (-want +got):\n%s", len(l.AllBindings()), bindings,
					l.Writes(mark), diff)
			}

			mark = l.Mark()
			l.Create(fresh)
			l.Settle(c.keys...)
			if got := slices.Compact(l.Writes(mark)); !slices.Equal(got, []string{"RemoveTags"}) || retained(l) > 0 {
				t.Errorf("the object is there again: written: %v; %d are marked", got, retained(l))
			}
			if diff := cmp.Diff(want, l.Left()); diff != "" {
				t.Errorf("the object is there again: left (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadBalancerRetainedWithoutTagsServesUnowned(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		object client.Object
		policy string
		key    stack.Key
		lab    func(t *testing.T) *lab.Lab
	}{
		"an Ingress": {lab.Ingress("web", nil, "web"), "alb.ingress.kubernetes.io/deletion-policy", lab.Key("web"),
			func(t *testing.T) *lab.Lab {
				return lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
			}},
		"an Ingress with a network load balancer in front": {
			lab.Ingress("web", map[string]string{"enable-frontend-nlb": "true"}, "web"),
			"alb.ingress.kubernetes.io/deletion-policy", lab.Key("web"),
			func(t *testing.T) *lab.Lab { return lab.New(t, account.Profile{}, lab.Class(), lab.Service("web")) }},
		"a Service": {lab.CrashBalancer("net"), "service.beta.kubernetes.io/aws-load-balancer-deletion-policy",
			lab.ServiceKey("net"), func(t *testing.T) *lab.Lab {
				return lab.New(t, account.Profile{})
			}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := c.lab(t)
			o, _ := c.object.DeepCopyObject().(client.Object)
			annotations := o.GetAnnotations()
			if annotations == nil {
				annotations = map[string]string{}
			}
			annotations[c.policy] = "RetainWithoutTags"
			o.SetAnnotations(annotations)
			l.Create(o)
			l.Settle(c.key)
			before, bindings := l.Left(), len(l.AllBindings())

			l.Restart() // listeners and rules are known from the checkpoint at best
			mark := l.Mark()
			l.Must(l.Client.Delete(t.Context(), o))
			l.Settle(c.key)
			if l.Get(o, o.GetName()) {
				t.Error("the object does not go")
			}
			for _, w := range l.Writes(mark) {
				if w != "RemoveTags" && w != "DeleteTags" {
					t.Errorf("written: %v", l.Writes(mark))
				}
			}
			if diff := cmp.Diff(before, l.Left()); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
			for id, tags := range l.TagsOfStacks() {
				t.Errorf("%s has %v", id, tags)
			}
			if !strings.Contains(strings.Join(l.Events, "\n"), "[LoadBalancerRetained]") {
				t.Error("no event tells of it:", l.Events)
			}
			left := l.AllBindings()
			for _, b := range left {
				for label := range b.Labels {
					if strings.Contains(label, "/stack") {
						t.Errorf("TargetGroupBinding %s has label %s", b.Name, label)
					}
				}
			}
			l.Restart()
			l.Clock.Advance(24 * time.Hour)
			mark = l.Mark()
			l.Settle(c.key)
			if len(left) != bindings || len(l.AllBindings()) != bindings || len(l.Writes(mark)) > 0 {
				t.Errorf("%d and %d bindings of %d; written: %v", len(left), len(l.AllBindings()), bindings, l.Writes(mark))
			}
		})
	}
}

// TestEachCrashWhileTagsAreTakenOffLeavesTheLoadBalancer has the process end after each of the writes of the deletion.
func TestEachCrashWhileTagsAreTakenOffLeavesTheLoadBalancer(t *testing.T) {
	t.Parallel()
	for n := range 16 {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			o := lab.Ingress("web", map[string]string{"deletion-policy": "RetainWithoutTags", "enable-frontend-nlb": "true"},
				"web")
			l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), o)
			l.Settle(lab.Key("web"))
			want := l.Balancers()
			l.Must(l.Client.Delete(t.Context(), o))
			l.EndAtCall(n, 3, 0, lab.Key("web"))
			l.Restart()
			l.Settle(lab.Key("web"))
			if l.Balancers() != want || len(l.TagsOfStacks()) > 0 || l.Get(o, "web") {
				t.Errorf("%d load balancers of %d; tagged: %v", l.Balancers(), want, l.TagsOfStacks())
			}
		})
	}
}

func TestADeletionPolicyHoldsForDeletionsOnly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy string
		leave  func(l *lab.Lab, o *networkingv1.Ingress)
		want   int
	}{
		"Delete": {"Delete", func(l *lab.Lab, o *networkingv1.Ingress) {
			l.Must(l.Client.Delete(l.Context(), o))
		}, 0},
		"a policy that is none": {"Keep", func(l *lab.Lab, o *networkingv1.Ingress) {
			l.Must(l.Client.Delete(l.Context(), o))
		}, 1},
		"it leaves for another class": {"Retain", func(l *lab.Lab, _ *networkingv1.Ingress) {
			l.Create(lab.TheirClass("theirs"))
			l.Reclass("web")
		}, 0},
		"it leaves for a group": {"Retain", func(l *lab.Lab, _ *networkingv1.Ingress) {
			l.Edit("web", func(i *networkingv1.Ingress) { i.Annotations["alb.ingress.kubernetes.io/group.name"] = "front" })
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := lab.Ingress("web", map[string]string{"deletion-policy": c.policy}, "web")
			l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), o)
			l.Settle(lab.Key("web"))
			c.leave(l, o)
			l.Settle(lab.Key("web"), lab.FrontKey)
			if got := l.Balancers(); got != c.want {
				t.Errorf("%d load balancers, want %d\n%s", got, c.want, strings.Join(l.Events, "\n"))
			}
			if n := retained(l); name != "a policy that is none" && n > 0 {
				t.Errorf("%d are marked", n)
			}
		})
	}
}

// TestTheSharedGroupStaysForALoadBalancerThatIsRetained has no rule of it admit the group, so that nothing else shows
// that it is needed.
func TestTheSharedGroupStaysForALoadBalancerThatIsRetained(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"),
		lab.Ingress("web", map[string]string{"deletion-policy": "Retain"}, "web"))
	l.Settle(lab.Key("web"))
	l.Must(l.Client.Delete(t.Context(), &networkingv1.Ingress{ObjectMeta: lab.Ingress("web", nil, "web").ObjectMeta}))
	l.Settle(lab.Key("web"))
	for _, b := range l.AllBindings() {
		b.Finalizers = nil
		l.Must(l.Client.Update(t.Context(), &b))
		l.Must(client.IgnoreNotFound(l.Client.Delete(t.Context(), &b)))
	}
	needed, err := l.Ingresses.Backend.Needed(t.Context())
	if err != nil || !needed || len(l.AllBindings()) > 0 {
		t.Errorf("needed = %v with %d bindings: %v", needed, len(l.AllBindings()), err)
	}
}

// TestTargetsOfARetainedLoadBalancerFollowTheirPods, as its TargetGroupBindings stay.
func TestTargetsOfARetainedLoadBalancerFollowTheirPods(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, append(lab.Pods("a", "10.0.128.50"), lab.Class(), lab.Service("web"),
		lab.Node("a", "aws:///us-west-2a/i-0a1de000000000001"),
		lab.Ingress("web", map[string]string{"deletion-policy": "Retain", "target-type": "ip"}, "web"))...)
	l.Settle(lab.Key("web"))
	l.Must(l.Client.Delete(t.Context(), &networkingv1.Ingress{ObjectMeta: lab.Ingress("web", nil, "web").ObjectMeta}))
	l.Settle(lab.Key("web"))
	var s corev1.Service
	if !l.Get(&s, "web") {
		t.Fatal("no Service")
	}
	l.Create(lab.Pods("b", "10.0.128.51")...)
	l.Settle(lab.Key("web"))
	if got := l.Targets(l.AllBindings()[0].Spec.TargetGroupARN); len(got) != 2 {
		t.Errorf("targets: %v", got)
	}
}
