package gateways

import (
	"context"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestReleasedGatewayIsNotWrittenFromStaleCache makes passes with a cache that still shows the
// finalizer which the Gateway has lost.
func TestReleasedGatewayIsNotWrittenFromStaleCache(t *testing.T) {
	t.Parallel()
	l, key := lab.NewGateway(t, lab.WebGateway), lab.GatewayKey(stack.GatewayALB, "web")
	l.SettleWeb()
	g := &gatewayv1.Gateway{}
	l.Get(g, "web")
	g.UID = "uid-of-web"
	l.Must(l.Client.Update(t.Context(), g))
	l.Must(l.Client.Delete(t.Context(), g))
	l.Get(g, "web")
	shown, writes, server := g.DeepCopy(), 0, l.Client.(client.WithWatch)
	l.Client = interceptor.NewClient(server, interceptor.Funcs{
		Get: func(ctx context.Context, inner client.WithWatch, k client.ObjectKey, o client.Object,
			opts ...client.GetOption) error {
			if into, ok := o.(*gatewayv1.Gateway); ok && shown != nil {
				shown.DeepCopyInto(into)
				return nil
			}
			return inner.Get(ctx, k, o, opts...)
		},
		List: func(ctx context.Context, inner client.WithWatch, all client.ObjectList, opts ...client.ListOption) error {
			if into, ok := all.(*gatewayv1.GatewayList); ok && shown != nil {
				into.Items = []gatewayv1.Gateway{*shown.DeepCopy()}
				return nil
			}
			return inner.List(ctx, all, opts...)
		},
		Patch: func(ctx context.Context, inner client.WithWatch, o client.Object, p client.Patch,
			opts ...client.PatchOption) error {
			if _, ok := o.(*gatewayv1.Gateway); ok {
				writes++
			}
			return inner.Patch(ctx, o, p, opts...)
		},
	})
	l.Restart()
	for range 20 {
		l.Pass(time.Minute, nil, key)
	}
	if exists := server.Get(t.Context(), client.ObjectKeyFromObject(g), &gatewayv1.Gateway{}) == nil; exists ||
		writes != 1 || len(l.Sim.Resources().LoadBalancers) > 0 {
		t.Errorf("the Gateway exists: %v, after %d writes of it; AWS has %d load balancers", exists, writes,
			len(l.Sim.Resources().LoadBalancers))
	}
	shown = nil
	l.SettleWeb()
	if left := l.LeftOfStacks(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
