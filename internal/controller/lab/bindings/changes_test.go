package bindings

import (
	"context"
	"errors"
	"maps"
	"math"
	"testing"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/prometheus/client_golang/prometheus"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/bindingpass"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// lags are the targets that were counted and the sum of their lags, by operation.
func lags(l *lab.Lab) map[string]time.Duration {
	l.Helper()
	r := prometheus.NewRegistry()
	l.Must(r.Register(l.Bound.Metrics.TargetLag))
	families, err := r.Gather()
	l.Must(err)
	out := map[string]time.Duration{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if h := m.GetHistogram(); h.GetSampleCount() == 1 {
				out[m.GetLabel()[0].GetValue()] = time.Duration(math.Round(h.GetSampleSum() * float64(time.Second)))
			} else {
				l.Errorf("%d targets were counted", h.GetSampleCount())
			}
		}
	}
	return out
}

// limitedTargets is an ELBv2 whose targets are registered and deregistered through a limiter.
type limitedTargets struct {
	awsclient.ELBV2
	limiter *awsclient.Limiter
}

func (c limitedTargets) RegisterTargets(ctx context.Context, in *elbv2.RegisterTargetsInput,
	_ ...func(*elbv2.Options)) (out *elbv2.RegisterTargetsOutput, err error) {
	return out, c.limiter.Do(ctx, awsclient.ServiceELBV2, "RegisterTargets", func(ctx context.Context) error {
		out, err = c.ELBV2.RegisterTargets(ctx, in)
		return err
	})
}

func (c limitedTargets) DeregisterTargets(ctx context.Context, in *elbv2.DeregisterTargetsInput,
	_ ...func(*elbv2.Options)) (out *elbv2.DeregisterTargetsOutput, err error) {
	return out, c.limiter.Do(ctx, awsclient.ServiceELBV2, "DeregisterTargets", func(ctx context.Context) error {
		out, err = c.ELBV2.DeregisterTargets(ctx, in)
		return err
	})
}

func TestTheLagOfATargetIsTheTimeFromTheChangeToItsCall(t *testing.T) {
	t.Parallel()
	l, _ := lab.BoundLab(t)
	clients := l.Clients()
	clients.ELBV2 = limitedTargets{clients.ELBV2, awsclient.NewLimiter(awsclient.LimiterOptions{Clock: l.Clock})}
	registry := lab.NewRegistry(clients.ELBV2, apply.Deps{Clients: clients, Inventory: l.Inventory,
		Now: l.Clock.Now}.Write, l.Inventory)
	registry.Clock, registry.Lag = l.Clock, l.Bound.Metrics.ObserveTargetLag
	l.Bound.Registry = registry
	l.Settle()
	if got := lags(l); len(got) > 0 {
		t.Errorf("%v was counted of what no change is known of", got)
	}
	before := &discoveryv1.EndpointSlice{}
	l.Get(before, "web-a")
	after := before.DeepCopy()
	l.Readdress(after, "10.0.128.51")
	l.Must(l.Client.Update(t.Context(), after))
	events := l.Bound.ServiceEvent(func(client.Object) string { return "web" }, bindingpass.EndpointsChanged)
	events.Update(t.Context(), event.UpdateEvent{ObjectOld: before, ObjectNew: after}, &wokenBindings{})
	l.Clock.Advance(200 * time.Millisecond)
	// the first counts
	events.Update(t.Context(), event.UpdateEvent{ObjectOld: before, ObjectNew: after}, &wokenBindings{})

	whole := l.Bound.Client // the cache fails once, which is part of the lag
	l.Bound.Client = interceptor.NewClient(whole.(client.WithWatch), interceptor.Funcs{
		List: func(ctx context.Context, inner client.WithWatch, o client.ObjectList, opts ...client.ListOption) error {
			if _, ok := o.(*discoveryv1.EndpointSliceList); ok {
				return errors.New("the cache says no")
			}
			return inner.List(ctx, o, opts...)
		},
	})
	if _, err := l.Bound.Reconcile(t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{
		Namespace: "shop", Name: "bound"}}); err == nil {
		t.Error("nothing failed")
	}
	l.Bound.Client = whole
	l.Clock.Advance(100 * time.Millisecond)
	binding(l)
	want := map[string]time.Duration{registrar.Register: 300 * time.Millisecond, registrar.Deregister: 300 *
		time.Millisecond}
	if got := lags(l); !maps.Equal(got, want) {
		t.Errorf("lags %v, want %v", got, want)
	}
	l.Clock.Advance(time.Hour)
	binding(l)
	if got := lags(l); !maps.Equal(got, want) {
		t.Errorf("lags %v an hour later", got)
	}
}
