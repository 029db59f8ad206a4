package controller

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
)

// heldLab is a lab in which an administrator can hold load balancers.
func heldLab(t *testing.T, objects ...client.Object) *lab {
	t.Helper()
	l := newLab(t, account.Profile{}, objects...)
	l.holds = hold.NewBook(l.clock.Now)
	l.holds.Set(nil)
	l.restart()
	return l
}

// holdFor holds a scope for an hour.
func (l *lab) holdFor(key string) {
	l.holds.Set(map[string]string{key: hold.Hold{Until: l.clock.Now().Add(time.Hour), Reason: "AWS has an incident"}.Value()})
}

// wantTargetsOnly fails if anything but targets was written since a mark.
func (l *lab) wantTargetsOnly(stage string, mark uint64, want ...string) {
	l.Helper()
	got := l.writes(mark)
	for _, w := range got {
		if w != "RegisterTargets" && w != "DeregisterTargets" {
			l.Errorf("%s: %s is written", stage, w)
		}
	}
	for _, w := range want {
		if !slices.Contains(got, w) {
			l.Errorf("%s: no %s among %v", stage, w, got)
		}
	}
}

// wantWrite fails if an action was not written since a mark.
func (l *lab) wantWrite(stage string, mark uint64, action string) {
	l.Helper()
	if got := l.writes(mark); !slices.Contains(got, action) {
		l.Errorf("%s: no %s among %v", stage, action, got)
	}
}

func TestHoldStopsWritesButTargets(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{"everything": "all", "its namespace": "namespace.shop", "its load balancer": "stack.ingress.shop.web"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := heldLab(t, labClass(), labService("web"), labService("new"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"), labIngress("web", nil, "web"))
			l.scale("web", "10.0.128.50")
			l.settle(implicit("web"))
			l.holdFor(key)
			mark := l.mark()
			l.edit("web", toNew)
			l.scale("web", "10.0.128.51")
			l.settle(implicit("web"))
			l.wantTargetsOnly("held", mark, "RegisterTargets", "DeregisterTargets")
			if !l.told("web", "[OnHold]", "AWS has an incident") || !l.told("web", "[PlanOnHold]", "to create") {
				t.Errorf("events: %s", strings.Join(l.events, "\n"))
			}
			l.toldOnce("[OnHold]", "[PlanOnHold]")
			l.restart() // the ConfigMap is read again
			l.settle(implicit("web"))
			l.wantTargetsOnly("held after a restart", mark)
			l.clock.Advance(time.Hour)
			l.settle(implicit("web"))
			l.wantWrite("the hold has ended", mark, "CreateRule")
		})
	}
}

func TestHoldStopsNewLoadBalancers(t *testing.T) {
	t.Parallel()
	l := heldLab(t, labClass(), labService("web"), labIngress("web", nil, "web"), crashBalancer("net"))
	gateway, class := labGateway("edge", "alb", 80, "HTTP")
	l.create(gateway, class)
	l.holdFor("all")
	mark, keys := l.mark(), []stack.Key{implicit("web"), serviceKey("net"), gatewayKey(stack.GatewayALB, "edge")}
	l.settle(keys...)
	l.wantTargetsOnly("held", mark)
	l.holds.Set(nil)
	l.settle(keys...)
	if n := l.balancers(); n != 3 {
		t.Errorf("%d load balancers after the end, want 3", n)
	}
}

func TestHoldKeepsFinalizerOfDeletedObject(t *testing.T) {
	t.Parallel()
	l := heldLab(t, labClass(), labService("web"), labIngress("web", nil, "web"))
	l.settle(implicit("web"))
	l.holdFor("stack.ingress.shop.web")
	mark := l.mark()
	l.drop(&networkingv1.Ingress{}, "web")
	l.settle(implicit("web"))
	l.wantTargetsOnly("held", mark)
	if i := (&networkingv1.Ingress{}); !l.get(i, "web") || len(i.Finalizers) == 0 {
		t.Errorf("finalizers %v of the deleted Ingress", i.Finalizers)
	}
	if !l.told("web", "[PlanOnHold]", "to delete") {
		t.Errorf("events: %s", strings.Join(l.events, "\n"))
	}
	l.clock.Advance(time.Hour)
	l.settle(implicit("web"))
	if l.balancers() > 0 || l.get(&networkingv1.Ingress{}, "web") {
		t.Errorf("after the hold: %v", l.left())
	}
}

func TestNamespaceHoldLeavesSharedGroup(t *testing.T) {
	t.Parallel()
	theirs := labIngress("theirs", map[string]string{"group.name": "front"}, "web")
	theirs.Namespace = "bank"
	service := labService("web")
	service.Namespace = "bank"
	l := heldLab(t, labClass(), labService("web"), labService("new"), service, labIngress("web", map[string]string{"group.name": "front"}, "web"), theirs, labIngress("own", nil, "web"))
	l.settle(frontKey, implicit("own"))
	l.holdFor("namespace.shop")
	mark := l.mark()
	l.edit("own", toNew)
	l.settle(frontKey, implicit("own"))
	l.wantTargetsOnly("the load balancer of the namespace", mark)
	l.edit("web", toNew)
	l.settle(frontKey)
	l.wantWrite("the group that others share", mark, "CreateRule")
}

func TestHoldThatBeginsDuringPlanStopsIt(t *testing.T) {
	t.Parallel()
	var l *lab
	l = newObservedLab(t, account.Profile{}, func(_ context.Context, _, action string, _ any) error {
		if action == "CreateLoadBalancer" && l.holds.Of() == nil {
			l.holdFor("all")
		}
		return nil
	}, labClass(), labService("web"), labIngress("web", nil, "web"))
	l.holds = hold.NewBook(l.clock.Now)
	l.holds.Set(nil)
	l.restart()
	for range 4 {
		_, err := l.round(implicit("web"))
		l.must(err)
		l.clock.Advance(time.Minute)
	}
	listeners := func() int { return len(l.listenersOf(l.sim.Resources().LoadBalancers[0].ARN)) }
	if n := listeners(); n > 0 {
		t.Errorf("%d listeners after the hold began", n)
	}
	l.holds.Set(nil)
	l.settle(implicit("web"))
	if n := listeners(); n != 1 {
		t.Errorf("%d listeners after the end", n)
	}
}

func TestHoldKeepsRulesOfBinding(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"all", "namespace.shop"} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			l := heldLab(t, labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
			arn := l.targetGroup(elbtypes.TargetTypeEnumIp)
			l.create(labBinding(arn, v1beta1.TargetTypeIP))
			l.create(labPods("a", "10.0.128.50")...)
			l.settle()
			want := l.admitted(labNodeGroup)
			l.holdFor(key)
			mark, o := l.mark(), &v1beta1.TargetGroupBinding{}
			l.get(o, "bound")
			o.Spec.Networking.Ingress[0].Ports = nil // opens every port
			l.must(l.client.Update(t.Context(), o))
			slice := &discoveryv1.EndpointSlice{}
			l.get(slice, "web-a")
			l.readdress(slice, "10.0.128.51")
			l.must(l.client.Update(t.Context(), slice))
			l.settle()
			l.wantTargetsOnly("held", mark, "RegisterTargets")
			l.restart()
			l.settle()
			l.must(l.client.Delete(t.Context(), o))
			l.settle()
			l.wantTargetsOnly("deleted", mark, "DeregisterTargets")
			if got := l.admitted(labNodeGroup); !slices.Equal(got, want) {
				t.Errorf("rules %v, want %v", got, want)
			}
			if !l.get(o, "bound") || !strings.Contains(strings.Join(l.events, "\n"), "[PlanOnHold]") {
				t.Errorf("the binding is gone, or says nothing: %v", l.events)
			}
			l.clock.Advance(time.Hour)
			l.settle()
			if got := l.admitted(labNodeGroup); len(got) > 0 || l.get(o, "bound") {
				t.Errorf("after the hold: rules %v", got)
			}
		})
	}
}

func TestHoldOfOthersDoesNotConcernStack(t *testing.T) {
	t.Parallel()
	l := heldLab(t, labClass(), labService("web"), labIngress("web", nil, "web"))
	l.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "bank"}})
	l.holdFor("namespace.bank")
	l.settle(implicit("web"))
	if l.balancers() != 1 || l.told("web", "OnHold") {
		t.Errorf("%d load balancers, events %v", l.balancers(), l.events)
	}
}
