package controller

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
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// lags are the targets that were counted and the sum of their lags, by operation.
func (l *lab) lags() map[string]time.Duration {
	l.Helper()
	r := prometheus.NewRegistry()
	l.must(r.Register(l.bound.Metrics.TargetLag))
	families, err := r.Gather()
	l.must(err)
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

func (c limitedTargets) RegisterTargets(ctx context.Context, in *elbv2.RegisterTargetsInput, _ ...func(*elbv2.Options)) (out *elbv2.RegisterTargetsOutput, err error) {
	return out, c.limiter.Do(ctx, awsclient.ServiceELBV2, "RegisterTargets", func(ctx context.Context) error {
		out, err = c.ELBV2.RegisterTargets(ctx, in)
		return err
	})
}

func (c limitedTargets) DeregisterTargets(ctx context.Context, in *elbv2.DeregisterTargetsInput, _ ...func(*elbv2.Options)) (out *elbv2.DeregisterTargetsOutput, err error) {
	return out, c.limiter.Do(ctx, awsclient.ServiceELBV2, "DeregisterTargets", func(ctx context.Context) error {
		out, err = c.ELBV2.DeregisterTargets(ctx, in)
		return err
	})
}

func TestTheLagOfATargetIsTheTimeFromTheChangeToItsCall(t *testing.T) {
	t.Parallel()
	l, _ := boundLab(t)
	clients := l.clients()
	clients.ELBV2 = limitedTargets{clients.ELBV2, awsclient.NewLimiter(awsclient.LimiterOptions{Clock: l.clock})}
	registry := newRegistry(clients.ELBV2, apply.Deps{Clients: clients, Inventory: l.inventory, Now: l.clock.Now}.Write, l.inventory)
	registry.Clock, registry.Lag = l.clock, l.bound.Metrics.ObserveTargetLag
	l.bound.Registry = registry
	l.settle()
	if got := l.lags(); len(got) > 0 {
		t.Errorf("%v was counted of what no change is known of", got)
	}
	before := &discoveryv1.EndpointSlice{}
	l.get(before, "web-a")
	after := before.DeepCopy()
	l.readdress(after, "10.0.128.51")
	l.must(l.client.Update(t.Context(), after))
	events := l.bound.ServiceEvent(func(client.Object) string { return "web" }, bindingpass.EndpointsChanged)
	events.Update(t.Context(), event.UpdateEvent{ObjectOld: before, ObjectNew: after}, &wokenBindings{})
	l.clock.Advance(200 * time.Millisecond)
	events.Update(t.Context(), event.UpdateEvent{ObjectOld: before, ObjectNew: after}, &wokenBindings{}) // the first counts

	whole := l.bound.Client // the cache fails once, which is part of the lag
	l.bound.Client = interceptor.NewClient(whole.(client.WithWatch), interceptor.Funcs{
		List: func(ctx context.Context, inner client.WithWatch, o client.ObjectList, opts ...client.ListOption) error {
			if _, ok := o.(*discoveryv1.EndpointSliceList); ok {
				return errors.New("the cache says no")
			}
			return inner.List(ctx, o, opts...)
		},
	})
	if _, err := l.bound.Reconcile(t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "shop", Name: "bound"}}); err == nil {
		t.Error("nothing failed")
	}
	l.bound.Client = whole
	l.clock.Advance(100 * time.Millisecond)
	l.binding()
	want := map[string]time.Duration{registrar.Register: 300 * time.Millisecond, registrar.Deregister: 300 * time.Millisecond}
	if got := l.lags(); !maps.Equal(got, want) {
		t.Errorf("lags %v, want %v", got, want)
	}
	l.clock.Advance(time.Hour)
	l.binding()
	if got := l.lags(); !maps.Equal(got, want) {
		t.Errorf("lags %v an hour later", got)
	}
}
