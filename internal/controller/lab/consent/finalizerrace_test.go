package consent

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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
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

// deleteWhenMarked has the API server delete an object for which it has looked for finalizers right before the first
// one is written: the write succeeds, and the object is gone.
func deleteWhenMarked(l *lab.Lab, doomed client.Object) {
	l.Helper()
	watching, ok := l.Client.(client.WithWatch)
	if !ok {
		l.Fatal("the client does not watch")
	}
	l.Client = interceptor.NewClient(watching, interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch,
			opts ...client.PatchOption) error {
			err := c.Patch(ctx, o, p, opts...)
			if err != nil || reflect.TypeOf(o) != reflect.TypeOf(doomed) || o.GetName() != doomed.GetName() ||
				len(o.GetFinalizers()) == 0 {
				return err
			}
			return release(ctx, c, o)
		},
	})
	l.Restart()
	if doomed.GetResourceVersion() == "" {
		l.Create(doomed)
	}
}

func TestObjectDeletedAsItGetsFinalizerLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		doomed client.Object
		keys   []stack.Key
		lab    func(t *testing.T) *lab.Lab
	}{
		"an Ingress": {lab.Ingress("web", nil, "web"), []stack.Key{lab.Key("web")}, func(t *testing.T) *lab.Lab {
			return lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
		}},
		"the only Ingress of a group": {lab.Ingress("web", map[string]string{"group.name": "front"}, "web"), []stack.Key{
			lab.FrontKey}, func(t *testing.T) *lab.Lab {
			return lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
		}},
		"a Service": {lab.CrashBalancer("net"), []stack.Key{lab.ServiceKey("net")},
			func(t *testing.T) *lab.Lab { return lab.New(t, account.Profile{}) }},
		"a Gateway": {&gatewayv1.Gateway{}, []stack.Key{lab.GatewayKey(stack.GatewayALB, "web"),
			lab.GatewayKey(stack.GatewayNLB, "web")}, func(t *testing.T) *lab.Lab {
			return lab.NewGateway(t, lab.WebGateway)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := c.lab(t)
			if g, ok := c.doomed.(*gatewayv1.Gateway); ok {
				l.Get(g, "web")
			}
			deleteWhenMarked(l, c.doomed)
			l.Settle(c.keys...)
			if l.Get(c.doomed, c.doomed.GetName()) {
				t.Fatal("the object is there: its finalizer held it")
			}
			if creations := l.Writes(0); len(creations) == 0 {
				t.Error("nothing was made for it, so that the test shows nothing")
			}
			if diff := cmp.Diff([]string{}, l.LeftOfStacks()); diff != "" {
				t.Error("left (-want +got):\n", diff)
			}
		})
	}
}

// TestWhatIsMadeStaysIfTheFinalizerIsTakenOffByHand is how users keep a load balancer whose object goes.
func TestWhatIsMadeStaysIfTheFinalizerIsTakenOffByHand(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
	l.Settle(lab.Key("web"))
	l.Clock.Advance(time.Hour)
	want := l.Left()
	l.Must(release(t.Context(), l.Client, &networkingv1.Ingress{ObjectMeta: lab.Ingress("web", nil, "web").ObjectMeta}))
	l.Settle(lab.Key("web"))
	if diff := cmp.Diff(want, l.Left()); diff != "" || l.Balancers() != 1 {
		t.Error("left (-want +got):\n", diff)
	}
}

func TestNothingIsDeletedOfAnObjectThatOnlyTheCacheHasLost(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
	l.Ingresses.Live = l.Client
	_, err := l.Round(lab.Key("web"))
	l.Must(err)
	lost := true
	watching, _ := l.Client.(client.WithWatch)
	l.Ingresses.Client = interceptor.NewClient(watching, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			err := c.List(ctx, list, opts...)
			if all, ok := list.(*networkingv1.IngressList); ok && lost {
				all.Items = nil
			}
			return err
		},
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object,
			opts ...client.GetOption) error {
			if _, ok := o.(*networkingv1.Ingress); ok && lost {
				return apierrors.NewNotFound(schema.GroupResource{Resource: "ingresses"}, key.Name)
			}
			return c.Get(ctx, key, o, opts...)
		},
	})
	mark := l.Mark()
	for range 3 {
		_, err := l.Round(lab.Key("web"))
		l.Must(err)
	}
	if got := l.Writes(mark); len(got) > 0 || l.Balancers() != 1 {
		t.Error("AWS is changed:", got)
	}
	lost = false
	l.Settle(lab.Key("web"))
}

func TestBindingDeletedAsItGetsFinalizerLeavesNoTargets(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, append(lab.Pods("a", "10.0.128.50", "10.0.128.51"), lab.Service("web"),
		lab.Node("a", "aws:///us-west-2a/i-0a1de000000000001"))...)
	arn := l.TargetGroup(elbtypes.TargetTypeEnumIp)
	bound := lab.Binding(arn, v1beta1.TargetTypeIP)
	deleteWhenMarked(l, bound)
	watching, _ := l.Client.(client.WithWatch)
	var shown *v1beta1.TargetGroupBinding // by a cache that has not seen the deletion
	l.Bound.Client = interceptor.NewClient(watching, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object,
			opts ...client.GetOption) error {
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
		_, err := l.Bound.Reconcile(t.Context(), request)
		l.Must(err)
		l.RunQueues(t.Context())
	}
	l.Settle()
	pass()
	if l.Get(&v1beta1.TargetGroupBinding{}, bound.Name) || len(l.Targets(arn)) != 2 {
		t.Fatalf("the binding is there, or nothing was registered for it, so that the test shows nothing: %v", l.Targets(arn))
	}
	shown = nil
	pass()
	pass()
	if got := l.Targets(arn); len(got) > 0 {
		t.Error("targets stay:", got)
	}
	if got := l.Admitted(lab.NodeGroup); len(got) > 0 {
		t.Error("rules stay:", got)
	}
}

// TestGatewaysThatGoWithTheirDefinitionLeaveAll has the API server delete a Gateway that has just got its finalizer,
// because its definition is removed.
func TestGatewaysThatGoWithTheirDefinitionLeaveAll(t *testing.T) {
	t.Parallel()
	for name, removals := range map[string]int{"with its definition": 1, "alone": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.NewGateway(t, lab.WebGateway)
			removed := 0
			for _, s := range l.Gateways {
				s.Removals = func(objects.Kind) int { return removed }
			}
			l.SettleWeb()
			g := &gatewayv1.Gateway{}
			if !l.Get(g, "web") || l.Balancers() != 1 {
				t.Fatal("no Gateway is served")
			}
			removed = removals
			l.Must(release(t.Context(), l.Client, g))
			l.Settle(lab.GatewayKey(stack.GatewayALB, "web"))
			if left := l.Balancers(); left != removals {
				t.Errorf("%d load balancers are left, want %d", left, removals)
			}
		})
	}
}
