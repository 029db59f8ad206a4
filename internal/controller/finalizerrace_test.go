package controller

import (
	"context"
	"reflect"
	"testing"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// release deletes an object whatever finalizers it has.
func release(ctx context.Context, c client.Client, o client.Object) error {
	gone, _ := o.DeepCopyObject().(client.Object)
	if err := c.Get(ctx, client.ObjectKeyFromObject(o), gone); err != nil {
		return err
	}
	gone.SetFinalizers(nil)
	if err := c.Update(ctx, gone); err != nil {
		return err
	}
	return c.Delete(ctx, gone)
}

// deleteWhenMarked has the API server delete an object for which it has looked for finalizers right before the first one is written: the write succeeds,
// and the object is gone.
func (l *lab) deleteWhenMarked(doomed client.Object) {
	l.Helper()
	watching, ok := l.client.(client.WithWatch)
	if !ok {
		l.Fatal("the client does not watch")
	}
	l.client = interceptor.NewClient(watching, interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			err := c.Patch(ctx, o, p, opts...)
			if err != nil || reflect.TypeOf(o) != reflect.TypeOf(doomed) || o.GetName() != doomed.GetName() || len(o.GetFinalizers()) == 0 {
				return err
			}
			return release(ctx, c, o)
		},
	})
	l.restart()
	if doomed.GetResourceVersion() == "" {
		l.create(doomed)
	}
}

func TestNothingIsLeftOfAnObjectThatWasDeletedInTheMomentInWhichItGotTheFinalizer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		doomed client.Object
		keys   []stack.Key
		lab    func(t *testing.T) *lab
	}{
		"an Ingress": {labIngress("web", nil, "web"), []stack.Key{implicit("web")}, func(t *testing.T) *lab {
			return newLab(t, account.Profile{}, labClass(), labService("web"))
		}},
		"the only Ingress of a group": {labIngress("web", map[string]string{"group.name": "front"}, "web"), []stack.Key{frontKey}, func(t *testing.T) *lab {
			return newLab(t, account.Profile{}, labClass(), labService("web"))
		}},
		"a Service": {crashBalancer("net"), []stack.Key{serviceKey("net")}, func(t *testing.T) *lab { return newLab(t, account.Profile{}) }},
		"a Gateway": {&gatewayv1.Gateway{}, []stack.Key{gatewayKey(stack.GatewayALB, "web"), gatewayKey(stack.GatewayNLB, "web")}, func(t *testing.T) *lab {
			return newGatewayLab(t, webGateway)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := c.lab(t)
			if g, ok := c.doomed.(*gatewayv1.Gateway); ok {
				l.get(g, "web")
			}
			l.deleteWhenMarked(c.doomed)
			l.settle(c.keys...)
			if l.get(c.doomed, c.doomed.GetName()) {
				t.Fatal("the object is there: its finalizer held it")
			}
			if creations := l.writes(0); len(creations) == 0 {
				t.Error("nothing was made for it, so that the test shows nothing")
			}
			if diff := cmp.Diff([]string{}, l.leftOfStacks()); diff != "" {
				t.Error("left (-want +got):\n", diff)
			}
		})
	}
}

// TestWhatIsMadeStaysIfTheFinalizerIsTakenOffByHand is how users keep a load balancer whose object goes.
func TestWhatIsMadeStaysIfTheFinalizerIsTakenOffByHand(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", nil, "web"))
	l.settle(implicit("web"))
	l.clock.Advance(time.Hour)
	want := l.left()
	l.must(release(t.Context(), l.client, &networkingv1.Ingress{ObjectMeta: labIngress("web", nil, "web").ObjectMeta}))
	l.settle(implicit("web"))
	if diff := cmp.Diff(want, l.left()); diff != "" || l.balancers() != 1 {
		t.Error("left (-want +got):\n", diff)
	}
}

func TestNothingIsDeletedOfAnObjectThatOnlyTheCacheHasLost(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", nil, "web"))
	l.ingresses.Live = l.client
	_, err := l.round(implicit("web"))
	l.must(err)
	lost := true
	watching, _ := l.client.(client.WithWatch)
	l.ingresses.Client = interceptor.NewClient(watching, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			err := c.List(ctx, list, opts...)
			if all, ok := list.(*networkingv1.IngressList); ok && lost {
				all.Items = nil
			}
			return err
		},
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if _, ok := o.(*networkingv1.Ingress); ok && lost {
				return apierrors.NewNotFound(schema.GroupResource{Resource: "ingresses"}, key.Name)
			}
			return c.Get(ctx, key, o, opts...)
		},
	})
	mark := l.mark()
	for range 3 {
		_, err := l.round(implicit("web"))
		l.must(err)
	}
	if got := l.writes(mark); len(got) > 0 || l.balancers() != 1 {
		t.Error("AWS is changed:", got)
	}
	lost = false
	l.settle(implicit("web"))
}

func TestTargetsGoOfABindingThatWasDeletedInTheMomentInWhichItGotTheFinalizer(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, append(labPods("a", "10.0.128.50", "10.0.128.51"), labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de000000000001"))...)
	arn := l.targetGroup(elbtypes.TargetTypeEnumIp)
	bound := labBinding(arn, v1beta1.TargetTypeIP)
	l.deleteWhenMarked(bound)
	watching, _ := l.client.(client.WithWatch)
	var shown *v1beta1.TargetGroupBinding // by a cache that has not seen the deletion
	l.bound.Client = interceptor.NewClient(watching, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			err := c.Get(ctx, key, o, opts...)
			b, ok := o.(*v1beta1.TargetGroupBinding)
			switch {
			case !ok || key.Name != bound.Name:
			case err == nil:
				shown = b.DeepCopy()
			case shown != nil:
				shown.Finalizers = []string{"elbv2.k8s.aws/resources"}
				shown.DeepCopyInto(b)
				return nil
			}
			return err
		},
	})
	request := reconcile.Request{NamespacedName: client.ObjectKeyFromObject(bound)}
	pass := func() {
		t.Helper()
		_, err := l.bound.Reconcile(t.Context(), request)
		l.must(err)
		l.runQueues(t.Context())
	}
	l.settle()
	pass()
	if l.get(&v1beta1.TargetGroupBinding{}, bound.Name) || len(l.targets(arn)) != 2 {
		t.Fatalf("the binding is there, or nothing was registered for it, so that the test shows nothing: %v", l.targets(arn))
	}
	shown = nil
	pass()
	pass()
	if got := l.targets(arn); len(got) > 0 {
		t.Error("targets stay:", got)
	}
	if got := l.admitted(labNodeGroup); len(got) > 0 {
		t.Error("rules stay:", got)
	}
}

// TestGatewaysThatGoWithTheirDefinitionLeaveAll has the API server delete a Gateway that has just got its finalizer, because its definition is removed.
func TestGatewaysThatGoWithTheirDefinitionLeaveAll(t *testing.T) {
	t.Parallel()
	for name, removals := range map[string]int{"with its definition": 1, "alone": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newGatewayLab(t, webGateway)
			removed := 0
			for _, s := range l.gateways {
				s.Removals = func(objects.Kind) int { return removed }
			}
			l.settleWeb()
			g := &gatewayv1.Gateway{}
			if !l.get(g, "web") || l.balancers() != 1 {
				t.Fatal("no Gateway is served")
			}
			removed = removals
			l.must(release(t.Context(), l.client, g))
			l.settle(gatewayKey(stack.GatewayALB, "web"))
			if left := l.balancers(); left != removals {
				t.Errorf("%d load balancers are left, want %d", left, removals)
			}
		})
	}
}
