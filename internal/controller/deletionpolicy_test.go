package controller

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
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// tagsOfStacks are the tags of the resources that have any by which a stack finds them.
func (l *lab) tagsOfStacks() map[string]map[string]string {
	l.Helper()
	out, r := map[string]map[string]string{}, l.sim.Resources()
	note := func(id string, tags map[string]string) {
		if tags[naming.BackendResourceTag] != "" {
			return
		}
		for _, o := range []stack.Owner{stack.Ingress, stack.Service, stack.GatewayALB, stack.GatewayNLB} {
			for _, k := range naming.OwnTags(o) {
				if _, has := tags[k]; has {
					out[id] = tags
				}
			}
		}
	}
	for _, lb := range r.LoadBalancers {
		note(lb.ARN, lb.Tags)
		for _, listener := range lb.Listeners {
			note(listener.ARN, listener.Tags)
			for _, rule := range listener.Rules {
				note(rule.ARN, rule.Tags)
			}
		}
	}
	for _, tg := range r.TargetGroups {
		note(tg.ARN, tg.Tags)
	}
	for _, g := range r.SecurityGroups {
		note(g.ID, g.Tags)
	}
	return out
}

// retained are the load balancers with the mark.
func (l *lab) retained() (n int) {
	l.Helper()
	for _, lb := range l.sim.Resources().LoadBalancers {
		if _, ok := lb.Tags[naming.RetainedTag]; ok {
			n++
		}
	}
	return n
}

func TestALoadBalancerThatIsRetainedStaysAsItIsUntilItsObjectIsThereAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		object client.Object
		policy string
		keys   []stack.Key
		lab    func(t *testing.T) *lab
	}{
		"an Ingress": {labIngress("web", nil, "web"), "alb.ingress.kubernetes.io/deletion-policy", []stack.Key{implicit("web")}, func(t *testing.T) *lab {
			return newLab(t, account.Profile{}, labClass(), labService("web"))
		}},
		"an Ingress with a network load balancer in front": {labIngress("web", map[string]string{"enable-frontend-nlb": "true"}, "web"), "alb.ingress.kubernetes.io/deletion-policy",
			[]stack.Key{implicit("web")}, func(t *testing.T) *lab { return newLab(t, account.Profile{}, labClass(), labService("web")) }},
		"the only Ingress of a group": {labIngress("web", map[string]string{"group.name": "front"}, "web"), "alb.ingress.kubernetes.io/deletion-policy", []stack.Key{frontKey}, func(t *testing.T) *lab {
			return newLab(t, account.Profile{}, labClass(), labService("web"))
		}},
		"a Service": {crashBalancer("net"), "service.beta.kubernetes.io/aws-load-balancer-deletion-policy", []stack.Key{serviceKey("net")}, func(t *testing.T) *lab {
			return newLab(t, account.Profile{})
		}},
		"a Gateway": {&gatewayv1.Gateway{}, "gateway.k8s.aws/deletion-policy", []stack.Key{gatewayKey(stack.GatewayALB, "web"), gatewayKey(stack.GatewayNLB, "web")}, func(t *testing.T) *lab {
			return newGatewayLab(t, webGateway)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := c.lab(t)
			if g, ok := c.object.(*gatewayv1.Gateway); ok {
				l.get(g, "web")
				l.must(l.client.Delete(t.Context(), g))
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
			l.create(o)
			l.settle(c.keys...)
			want, bindings := l.left(), len(l.allBindings())
			if l.balancers() == 0 || l.retained() > 0 {
				t.Fatalf("%d load balancers, %d marked", l.balancers(), l.retained())
			}

			mark := l.mark()
			l.must(l.client.Delete(t.Context(), o))
			l.settle(c.keys...)
			if l.get(o, o.GetName()) {
				t.Error("the object does not go")
			}
			if got := slices.Compact(l.writes(mark)); !slices.Equal(got, []string{"AddTags"}) || l.retained() != l.balancers() {
				t.Errorf("written: %v; %d of %d load balancers are marked", got, l.retained(), l.balancers())
			}
			if !strings.Contains(strings.Join(l.events, "\n"), "[LoadBalancerRetained]") {
				t.Error("no event tells of it:", l.events)
			}
			l.restart()
			l.clock.Advance(24 * time.Hour)
			mark = l.mark()
			l.settle(c.keys...)
			if diff := cmp.Diff(want, l.left()); diff != "" || len(l.allBindings()) != bindings || len(l.writes(mark)) > 0 {
				t.Errorf("%d bindings of %d; written: %v; left (-want +got):\n%s", len(l.allBindings()), bindings, l.writes(mark), diff)
			}

			mark = l.mark()
			l.create(fresh)
			l.settle(c.keys...)
			if got := slices.Compact(l.writes(mark)); !slices.Equal(got, []string{"RemoveTags"}) || l.retained() > 0 {
				t.Errorf("the object is there again: written: %v; %d are marked", got, l.retained())
			}
			if diff := cmp.Diff(want, l.left()); diff != "" {
				t.Errorf("the object is there again: left (-want +got):\n%s", diff)
			}
		})
	}
}

func TestALoadBalancerThatIsRetainedWithoutTagsIsNobodysAndServesOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		object client.Object
		policy string
		key    stack.Key
		lab    func(t *testing.T) *lab
	}{
		"an Ingress": {labIngress("web", nil, "web"), "alb.ingress.kubernetes.io/deletion-policy", implicit("web"), func(t *testing.T) *lab {
			return newLab(t, account.Profile{}, labClass(), labService("web"))
		}},
		"an Ingress with a network load balancer in front": {labIngress("web", map[string]string{"enable-frontend-nlb": "true"}, "web"), "alb.ingress.kubernetes.io/deletion-policy", implicit("web"),
			func(t *testing.T) *lab { return newLab(t, account.Profile{}, labClass(), labService("web")) }},
		"a Service": {crashBalancer("net"), "service.beta.kubernetes.io/aws-load-balancer-deletion-policy", serviceKey("net"), func(t *testing.T) *lab {
			return newLab(t, account.Profile{})
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
			l.create(o)
			l.settle(c.key)
			before, bindings := l.left(), len(l.allBindings())

			l.restart() // listeners and rules are known from the checkpoint at best
			mark := l.mark()
			l.must(l.client.Delete(t.Context(), o))
			l.settle(c.key)
			if l.get(o, o.GetName()) {
				t.Error("the object does not go")
			}
			for _, w := range l.writes(mark) {
				if w != "RemoveTags" && w != "DeleteTags" {
					t.Errorf("written: %v", l.writes(mark))
				}
			}
			if diff := cmp.Diff(before, l.left()); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
			for id, tags := range l.tagsOfStacks() {
				t.Errorf("%s has %v", id, tags)
			}
			if !strings.Contains(strings.Join(l.events, "\n"), "[LoadBalancerRetained]") {
				t.Error("no event tells of it:", l.events)
			}
			left := l.allBindings()
			for _, b := range left {
				for label := range b.Labels {
					if strings.Contains(label, "/stack") {
						t.Errorf("TargetGroupBinding %s has label %s", b.Name, label)
					}
				}
			}
			l.restart()
			l.clock.Advance(24 * time.Hour)
			mark = l.mark()
			l.settle(c.key)
			if len(left) != bindings || len(l.allBindings()) != bindings || len(l.writes(mark)) > 0 {
				t.Errorf("%d and %d bindings of %d; written: %v", len(left), len(l.allBindings()), bindings, l.writes(mark))
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
			o := labIngress("web", map[string]string{"deletion-policy": "RetainWithoutTags", "enable-frontend-nlb": "true"}, "web")
			l := newLab(t, account.Profile{}, labClass(), labService("web"), o)
			l.settle(implicit("web"))
			want := l.balancers()
			l.must(l.client.Delete(t.Context(), o))
			l.endAtCall(n, 3, 0, implicit("web"))
			l.restart()
			l.settle(implicit("web"))
			if l.balancers() != want || len(l.tagsOfStacks()) > 0 || l.get(o, "web") {
				t.Errorf("%d load balancers of %d; tagged: %v", l.balancers(), want, l.tagsOfStacks())
			}
		})
	}
}

func TestADeletionPolicyHoldsForDeletionsOnly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy string
		leave  func(l *lab, o *networkingv1.Ingress)
		want   int
	}{
		"Delete":                      {"Delete", func(l *lab, o *networkingv1.Ingress) { l.must(l.client.Delete(l.Context(), o)) }, 0},
		"a policy that is none":       {"Keep", func(l *lab, o *networkingv1.Ingress) { l.must(l.client.Delete(l.Context(), o)) }, 1},
		"it leaves for another class": {"Retain", func(l *lab, _ *networkingv1.Ingress) { l.create(theirClass("theirs")); l.reclass("web") }, 0},
		"it leaves for a group": {"Retain", func(l *lab, _ *networkingv1.Ingress) {
			l.edit("web", func(i *networkingv1.Ingress) { i.Annotations["alb.ingress.kubernetes.io/group.name"] = "front" })
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := labIngress("web", map[string]string{"deletion-policy": c.policy}, "web")
			l := newLab(t, account.Profile{}, labClass(), labService("web"), o)
			l.settle(implicit("web"))
			c.leave(l, o)
			l.settle(implicit("web"), frontKey)
			if got := l.balancers(); got != c.want {
				t.Errorf("%d load balancers, want %d\n%s", got, c.want, strings.Join(l.events, "\n"))
			}
			if n := l.retained(); name != "a policy that is none" && n > 0 {
				t.Errorf("%d are marked", n)
			}
		})
	}
}

// TestTheSharedGroupStaysForALoadBalancerThatIsRetained has no rule of it admit the group, so that nothing else shows that it is needed.
func TestTheSharedGroupStaysForALoadBalancerThatIsRetained(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", map[string]string{"deletion-policy": "Retain"}, "web"))
	l.settle(implicit("web"))
	l.must(l.client.Delete(t.Context(), &networkingv1.Ingress{ObjectMeta: labIngress("web", nil, "web").ObjectMeta}))
	l.settle(implicit("web"))
	for _, b := range l.allBindings() {
		b.Finalizers = nil
		l.must(l.client.Update(t.Context(), &b))
		l.must(client.IgnoreNotFound(l.client.Delete(t.Context(), &b)))
	}
	needed, err := l.ingresses.Backend.Needed(t.Context())
	if err != nil || !needed || len(l.allBindings()) > 0 {
		t.Errorf("needed = %v with %d bindings: %v", needed, len(l.allBindings()), err)
	}
}

// TestTargetsOfARetainedLoadBalancerFollowTheirPods, as its TargetGroupBindings stay.
func TestTargetsOfARetainedLoadBalancerFollowTheirPods(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, append(labPods("a", "10.0.128.50"), labClass(), labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de000000000001"),
		labIngress("web", map[string]string{"deletion-policy": "Retain", "target-type": "ip"}, "web"))...)
	l.settle(implicit("web"))
	l.must(l.client.Delete(t.Context(), &networkingv1.Ingress{ObjectMeta: labIngress("web", nil, "web").ObjectMeta}))
	l.settle(implicit("web"))
	var s corev1.Service
	if !l.get(&s, "web") {
		t.Fatal("no Service")
	}
	l.create(labPods("b", "10.0.128.51")...)
	l.settle(implicit("web"))
	if got := l.targets(l.allBindings()[0].Spec.TargetGroupARN); len(got) != 2 {
		t.Errorf("targets: %v", got)
	}
}
