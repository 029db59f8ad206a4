package chaos

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// endAtWrite ends the process before its n-th call to AWS or write of a binding by a stack: that one and all later ones
// have no effect. It returns whether there was one.
func endAtWrite(l *lab.Lab, n, passes int, keys ...stack.Key) bool {
	ctx, die := context.WithCancel(l.Context())
	defer die()
	var made atomic.Int32
	count := func(context.Context) error {
		if int(made.Add(1)) > n {
			die()
		}
		return ctx.Err()
	}
	l.BeforeCall(count)
	defer l.BeforeCall(nil)
	for _, key := range keys {
		b := l.ReconcilerOf(key).Bindings
		whole := b.Client
		defer func() { b.Client = whole }()
		b.Client = interceptor.NewClient(l.Client.(client.WithWatch), interceptor.Funcs{
			Create: func(_ context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
				if err := count(ctx); err != nil {
					return err
				}
				return c.Create(ctx, o, opts...)
			},
			Delete: func(_ context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
				if err := count(ctx); err != nil {
					return err
				}
				return c.Delete(ctx, o, opts...)
			},
			Patch: func(_ context.Context, c client.WithWatch, o client.Object, patch client.Patch,
				opts ...client.PatchOption) error {
				if err := count(ctx); err != nil {
					return err
				}
				return c.Patch(ctx, o, patch, opts...)
			},
		})
	}
	for range passes {
		if ctx.Err() != nil {
			break
		}
		l.PassOnce(ctx, keys...)
	}
	return int(made.Load()) > n
}

// TestACrashAtAnyCallLeavesNoBindingInTheNamespaceOfABackend has a route, or the Gateway with it, go whose backend is
// in another namespace, and the process end before each call to AWS and each write of the binding in turn. A copy of
// the binding, in a third namespace, stays.
func TestACrashAtAnyCallLeavesNoBindingInTheNamespaceOfABackend(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*lab.Lab){
		"a route goes":        func(l *lab.Lab) { l.Discard("HTTPRoute shop/api {}") },
		"the Gateway goes":    func(l *lab.Lab) { l.Discard("Gateway shop/web {}\nHTTPRoute shop/api {}") },
		"the Service changes": func(l *lab.Lab) { l.Apply(payRoute("web, port: 80")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n, ended := 0, true; ended; n += sample.Count(4, 1) {
				l := lab.NewGateway(t, lab.WebGateway+`
Namespace /pay {}
Service pay/api {spec: {ports: [{port: 80, targetPort: 8080}]}}
ReferenceGrant pay/shop {spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}], to: [{group: "", kind: Service}]}}`+
					payRoute("api, namespace: pay, port: 80"))
				l.SettleWeb()
				for _, b := range l.AllBindings() {
					if b.Namespace == "pay" {
						l.Create(lab.CopyOf(b, func(*v1beta1.TargetGroupBinding) {}))
					}
				}
				l.SettleWeb()
				change(l)
				ended = endAtWrite(l, n, 6, l.WebKeys()...)
				l.Restart()
				l.PassWith(10*time.Minute, l.WebKeys()...)
				copies := 0
				for _, b := range l.AllBindings() {
					switch b.Namespace {
					case "pay":
						t.Errorf("the end at call %d leaves binding %s of %s: %v", n, b.Name, b.Spec.TargetGroupARN, b.Annotations)
					case "zz":
						copies++
						if b.DeletionTimestamp != nil || b.Annotations[naming.OriginalBinding] != "" {
							t.Errorf("after the end at call %d the copy is deleted or marked: %+v", n, b)
						}
					}
				}
				if copies != 1 {
					t.Errorf("after the end at call %d there are %d copies", n, copies)
				}
			}
		})
	}
}

func payRoute(backend string) string {
	return `
HTTPRoute shop/api {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /api}}], backendRefs: [{name: ` + backend + `}]}]}}`
}
