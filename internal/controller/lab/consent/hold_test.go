package consent

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync/atomic"
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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
)

// heldLab is a lab in which an administrator can hold load balancers.
func heldLab(t *testing.T, objects ...client.Object) *lab.Lab {
	t.Helper()
	l := lab.New(t, account.Profile{}, objects...)
	l.Holds = hold.NewBook(l.Clock.Now)
	l.Holds.Set(nil)
	l.Restart()
	return l
}

// holdFor holds a scope for an hour.
func holdFor(l *lab.Lab, key string) {
	l.Holds.Set(map[string]string{key: hold.Hold{Until: l.Clock.Now().Add(time.Hour),
		Reason: "AWS has an incident"}.Value()})
}

// wantTargetsOnly fails if anything but targets was written since a mark.
func wantTargetsOnly(l *lab.Lab, stage string, mark uint64, want ...string) {
	l.Helper()
	got := l.Writes(mark)
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
func wantWrite(l *lab.Lab, stage string, mark uint64, action string) {
	l.Helper()
	if got := l.Writes(mark); !slices.Contains(got, action) {
		l.Errorf("%s: no %s among %v", stage, action, got)
	}
}

func TestHoldStopsWritesButTargets(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{"everything": "all", "its namespace": "namespace.shop",
		"its load balancer": "stack.ingress.shop.web"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := heldLab(t, lab.Class(), lab.Service("web"), lab.Service("new"),
				lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"), lab.Ingress("web", nil, "web"))
			l.Scale("web", "10.0.128.50")
			l.Settle(lab.Key("web"))
			holdFor(l, key)
			mark := l.Mark()
			l.Edit("web", lab.ToNew)
			l.Scale("web", "10.0.128.51")
			l.Settle(lab.Key("web"))
			wantTargetsOnly(l, "held", mark, "RegisterTargets", "DeregisterTargets")
			if !l.Told("web", "[OnHold]", "AWS has an incident") || !l.Told("web", "[PlanOnHold]", "to create") {
				t.Errorf("events: %s", strings.Join(l.Events, "\n"))
			}
			l.ToldOnce("[OnHold]", "[PlanOnHold]")
			l.Restart() // the ConfigMap is read again
			l.Settle(lab.Key("web"))
			wantTargetsOnly(l, "held after a restart", mark)
			l.Clock.Advance(time.Hour)
			l.Settle(lab.Key("web"))
			wantWrite(l, "the hold has ended", mark, "CreateRule")
		})
	}
}

func TestHoldStopsNewLoadBalancers(t *testing.T) {
	t.Parallel()
	l := heldLab(t, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"), lab.CrashBalancer("net"))
	gateway, class := lab.Gateway("edge", "alb", 80, "HTTP")
	l.Create(gateway, class)
	holdFor(l, "all")
	mark, keys := l.Mark(), []stack.Key{lab.Key("web"), lab.ServiceKey("net"), lab.GatewayKey(stack.GatewayALB, "edge")}
	l.Settle(keys...)
	wantTargetsOnly(l, "held", mark)
	l.Holds.Set(nil)
	l.Settle(keys...)
	if n := l.Balancers(); n != 3 {
		t.Errorf("%d load balancers after the end, want 3", n)
	}
}

func TestHoldKeepsFinalizerOfDeletedObject(t *testing.T) {
	t.Parallel()
	l := heldLab(t, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
	l.Settle(lab.Key("web"))
	holdFor(l, "stack.ingress.shop.web")
	mark := l.Mark()
	l.Drop(&networkingv1.Ingress{}, "web")
	l.Settle(lab.Key("web"))
	wantTargetsOnly(l, "held", mark)
	if i := (&networkingv1.Ingress{}); !l.Get(i, "web") || len(i.Finalizers) == 0 {
		t.Errorf("finalizers %v of the deleted Ingress", i.Finalizers)
	}
	if !l.Told("web", "[PlanOnHold]", "to delete") {
		t.Errorf("events: %s", strings.Join(l.Events, "\n"))
	}
	l.Clock.Advance(time.Hour)
	l.Settle(lab.Key("web"))
	if l.Balancers() > 0 || l.Get(&networkingv1.Ingress{}, "web") {
		t.Errorf("after the hold: %v", l.Left())
	}
}

func TestNamespaceHoldLeavesSharedGroup(t *testing.T) {
	t.Parallel()
	theirs := lab.Ingress("theirs", map[string]string{"group.name": "front"}, "web")
	theirs.Namespace = "bank"
	service := lab.Service("web")
	service.Namespace = "bank"
	l := heldLab(t, lab.Class(), lab.Service("web"), lab.Service("new"), service,
		lab.Ingress("web", map[string]string{"group.name": "front"}, "web"), theirs, lab.Ingress("own", nil, "web"))
	l.Settle(lab.FrontKey, lab.Key("own"))
	holdFor(l, "namespace.shop")
	mark := l.Mark()
	l.Edit("own", lab.ToNew)
	l.Settle(lab.FrontKey, lab.Key("own"))
	wantTargetsOnly(l, "the load balancer of the namespace", mark)
	l.Edit("web", lab.ToNew)
	l.Settle(lab.FrontKey)
	wantWrite(l, "the group that others share", mark, "CreateRule")
}

func TestHoldThatBeginsDuringPlanStopsIt(t *testing.T) {
	t.Parallel()
	var l *lab.Lab
	l = lab.NewObserved(t, account.Profile{}, func(_ context.Context, _, action string, _ any) error {
		if action == "CreateLoadBalancer" && l.Holds.Of() == nil {
			holdFor(l, "all")
		}
		return nil
	}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
	l.Holds = hold.NewBook(l.Clock.Now)
	l.Holds.Set(nil)
	l.Restart()
	for range 4 {
		_, err := l.Round(lab.Key("web"))
		l.Must(err)
		l.Clock.Advance(time.Minute)
	}
	listeners := func() int { return len(listenersOf(l, l.Sim.Resources().LoadBalancers[0].ARN)) }
	if n := listeners(); n > 0 {
		t.Errorf("%d listeners after the hold began", n)
	}
	l.Holds.Set(nil)
	l.Settle(lab.Key("web"))
	if n := listeners(); n != 1 {
		t.Errorf("%d listeners after the end", n)
	}
}

func TestHoldKeepsRulesOfBinding(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"all", "namespace.shop"} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			l := heldLab(t, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
			arn := l.TargetGroup(elbtypes.TargetTypeEnumIp)
			l.Create(lab.Binding(arn, v1beta1.TargetTypeIP))
			l.Create(lab.Pods("a", "10.0.128.50")...)
			l.Settle()
			want := l.Admitted(lab.NodeGroup)
			holdFor(l, key)
			mark, o := l.Mark(), &v1beta1.TargetGroupBinding{}
			l.Get(o, "bound")
			o.Spec.Networking.Ingress[0].Ports = nil // opens every port
			l.Must(l.Client.Update(t.Context(), o))
			slice := &discoveryv1.EndpointSlice{}
			l.Get(slice, "web-a")
			l.Readdress(slice, "10.0.128.51")
			l.Must(l.Client.Update(t.Context(), slice))
			l.Settle()
			wantTargetsOnly(l, "held", mark, "RegisterTargets")
			l.Restart()
			l.Settle()
			l.Must(l.Client.Delete(t.Context(), o))
			l.Settle()
			wantTargetsOnly(l, "deleted", mark, "DeregisterTargets")
			if got := l.Admitted(lab.NodeGroup); !slices.Equal(got, want) {
				t.Errorf("rules %v, want %v", got, want)
			}
			if !l.Get(o, "bound") || !strings.Contains(strings.Join(l.Events, "\n"), "[PlanOnHold]") {
				t.Errorf("the binding is gone, or says nothing: %v", l.Events)
			}
			l.Clock.Advance(time.Hour)
			l.Settle()
			if got := l.Admitted(lab.NodeGroup); len(got) > 0 || l.Get(o, "bound") {
				t.Errorf("after the hold: rules %v", got)
			}
		})
	}
}

func TestHoldOfOthersDoesNotConcernStack(t *testing.T) {
	t.Parallel()
	l := heldLab(t, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
	l.Create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "bank"}})
	holdFor(l, "namespace.bank")
	l.Settle(lab.Key("web"))
	if l.Balancers() != 1 || l.Told("web", "OnHold") {
		t.Errorf("%d load balancers, events %v", l.Balancers(), l.Events)
	}
}

// TestPlanIsConfirmedWhenAHoldEnds deletes an object of which AWS has lost the tags, under a hold that ends at each
// moment at which a pass asks for it.
func TestPlanIsConfirmedWhenAHoldEnds(t *testing.T) {
	t.Parallel()
	for ends := range int64(12) {
		l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"))
		var asked atomic.Int64 // since the hold may end; negative = it may not end yet
		asked.Store(math.MinInt64 / 2)
		l.Holds = hold.NewBook(func() time.Time {
			if asked.Add(1) > ends {
				return l.Clock.Now().Add(2 * time.Hour)
			}
			return l.Clock.Now()
		})
		l.Holds.Set(nil)
		l.Restart()
		l.Settle(lab.Key("front"))
		untag(l)
		holdFor(l, "all")
		l.Drop(&networkingv1.Ingress{}, "front")
		asked.Store(0)
		l.Settle(lab.Key("front"))
		if l.Balancers() != 1 {
			t.Errorf("the hold ends at question %d: the load balancer without tags is deleted", ends+1)
		}
	}
}
