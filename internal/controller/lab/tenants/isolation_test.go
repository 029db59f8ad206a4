package tenants

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// healthyStacks makes twenty stacks beside one that a fault concerns, if there is one, and tells for each what its
// passes asked for: how often and how long it had to wait.
func healthyStacks(t *testing.T, fault gate.Fault) map[string][]time.Duration {
	t.Helper()
	objects := []client.Object{lab.Class(), lab.Service("web"), lab.Ingress("bad", nil, "web")}
	var keys []stack.Key
	for n := range 20 {
		name := fmt.Sprintf("good%d", n)
		objects, keys = append(objects, lab.Ingress(name, nil, "web")), append(keys, lab.Key(name))
	}
	l := lab.New(t, account.Profile{}, objects...)
	ctx, cancel := context.WithCancel(t.Context())
	passed := make(chan struct{})
	if fault.ID != "" {
		fault.Resource = "k8s-shop-bad-"
		_, err := l.Sim.Gate.AddFault(fault)
		l.Must(err)
		go func() {
			defer close(passed)
			_, _ = l.Ingresses.Reconcile(ctx, lab.Key("bad"))
		}()
		if fault.Latency == 0 {
			<-passed
		}
	}
	waits := map[string][]time.Duration{}
	for range 3 {
		for _, key := range keys {
			r, err := l.Ingresses.Reconcile(t.Context(), key)
			if err != nil {
				t.Errorf("%s beside %s: %v", key, fault.ID, err)
			}
			waits[key.ID.Name] = append(waits[key.ID.Name], r.RequeueAfter)
		}
	}
	for _, key := range keys {
		i := &networkingv1.Ingress{}
		if l.Get(i, key.ID.Name); len(i.Status.LoadBalancer.Ingress) != 1 {
			t.Errorf("%s beside %s has no load balancer", key, fault.ID)
		}
	}
	bad := &networkingv1.Ingress{}
	if l.Get(bad, "bad"); fault.ID != "" && len(bad.Status.LoadBalancer.Ingress) > 0 {
		t.Errorf("nothing is wrong with the stack that is %s", fault.ID)
	}
	cancel()
	if fault.ID != "" {
		<-passed
	}
	return waits
}

func TestAFailingStackNeverSlowsAnother(t *testing.T) {
	t.Parallel()
	alone := healthyStacks(t, gate.Fault{})
	for _, fault := range []gate.Fault{
		{ID: "hangs", Latency: 24 * time.Hour},
		{ID: "denied", Kind: "denied"},
		{ID: "throttled", Kind: "throttled"},
	} {
		if d := cmp.Diff(alone, healthyStacks(t, fault)); d != "" {
			t.Errorf("beside a stack that is %s: %s", fault.ID, d)
		}
	}
}
