package accelerator

import (
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	simaccount "github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// granted is a world with the load balancer of Service victim/web, which accelerators of default may name, and with one
// of their own.
func granted(t *testing.T, endpoints ...agav1beta1.Endpoint) *world {
	t.Helper()
	w := newWorld(t, object([]int32{80}, endpoints...), grant("victim", "", "Service"),
		service("victim", "web", "k8s-secret", 80), service("default", "web", "k8s-web", 80), service("default", "none", ""))
	for name, of := range map[string]string{"k8s-secret": "victim/web", "k8s-web": "default/web"} {
		w.balancer(name, func(lb *simaccount.LoadBalancer) {
			lb.Tags = naming.Tracking(stack.Service, "my-cluster", of, stack.LoadBalancerIdentity)
		})
	}
	return w
}

// passes makes passes at the times for which they ask.
func (w *world) passes() {
	for range 8 {
		_, _ = w.pass()
		w.clock.Advance(time.Minute)
	}
}

// TestWithdrawnGrantTakesTheEndpointAway has a tenant try to keep an endpoint after its owner withdrew the
// ReferenceGrant.
func TestWithdrawnGrantTakesTheEndpointAway(t *testing.T) {
	t.Parallel()
	byName := endpoint(agav1beta1.EndpointService, "victim", "web")
	edit := func(change func(*agav1beta1.GlobalAccelerator)) func(*world) {
		return func(w *world) { w.edit(change) }
	}
	replace := func(e agav1beta1.Endpoint) func(*world) {
		return edit(func(ga *agav1beta1.GlobalAccelerator) {
			ga.Spec.Listeners[0].EndpointGroups[0].Endpoints = []agav1beta1.Endpoint{e}
		})
	}
	for name, c := range map[string]struct {
		endpoint agav1beta1.Endpoint
		trick    func(*world)
	}{
		"by ARN":                      {byARN("k8s-secret"), nil},
		"by name":                     {byName, nil},
		"by ARN, in the next process": {byARN("k8s-secret"), (*world).restart},
		"replaced by one that waits":  {byARN("k8s-secret"), replace(endpoint(agav1beta1.EndpointService, "", "none"))},
		"by name, invalid since":      {byName, edit(tooManyOverrides)},
		"by ARN, invalid since":       {byARN("k8s-secret"), edit(tooManyOverrides)},
		"beside one that waits for ever": {byARN("k8s-secret"), edit(func(ga *agav1beta1.GlobalAccelerator) {
			g := &ga.Spec.Listeners[0].EndpointGroups[0]
			g.Endpoints = append(g.Endpoints, endpoint(agav1beta1.EndpointService, "", "none"))
		})},
		"deleted, but protected": {byName, func(w *world) {
			w.edit(func(ga *agav1beta1.GlobalAccelerator) {
				ga.Annotations = map[string]string{naming.AcceleratorDeletionProtection: "true"}
			})
			w.must(w.client.Delete(w.t.Context(), w.get()))
		}},
		"invalid since, in the next process": {byName, func(w *world) {
			w.edit(tooManyOverrides)
			w.restart()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := granted(t, c.endpoint, endpoint(agav1beta1.EndpointService, "", "web"))
			w.settle()
			if got := w.accelerators(); !strings.Contains(got, "k8s-secret") || !strings.Contains(got, "k8s-web") {
				t.Fatalf("before: %s", got)
			}
			if c.trick != nil {
				c.trick(w)
				w.passes()
			}
			w.must(w.client.Delete(t.Context(), grant("victim", "", "Service")))
			w.passes()
			got := w.accelerators()
			if strings.Contains(got, "k8s-secret") {
				t.Errorf("the endpoint stays: %s\n%s", got, w.told())
			}
			if !strings.HasPrefix(name, "replaced") && !strings.Contains(got, "k8s-web") {
				t.Errorf("the tenant's own endpoint has gone: %s", got)
			}
		})
	}
}

func tooManyOverrides(ga *agav1beta1.GlobalAccelerator) {
	for i := range 11 {
		ga.Spec.Listeners[0].EndpointGroups[0].PortOverrides = append(ga.Spec.Listeners[0].EndpointGroups[0].PortOverrides,
			agav1beta1.PortOverride{ListenerPort: 80, EndpointPort: int32(8000 + i)})
	}
}

// TestEndpointThatWasNeverGrantedStays has an accelerator of an earlier version, which asked for no ReferenceGrant, and
// a process without its checkpoint.
func TestEndpointThatWasNeverGrantedStays(t *testing.T) {
	t.Parallel()
	w := granted(t, byARN("k8s-secret"))
	w.settle()
	w.kept = nil
	w.restart()
	w.must(w.client.Delete(t.Context(), grant("victim", "", "Service")))
	w.passes()
	if got, calls := w.accelerators(), w.called(); !strings.Contains(got, "k8s-secret") ||
		strings.Contains(calls, "RemoveEndpoints") || strings.Contains(calls, "Update") {
		t.Errorf("calls %s: %s", calls, got)
	}
}

// TestGrantAgainAddsTheEndpoint has the owner grant the reference once more.
func TestGrantAgainAddsTheEndpoint(t *testing.T) {
	t.Parallel()
	w := granted(t, byARN("k8s-secret"))
	w.settle()
	w.must(w.client.Delete(t.Context(), grant("victim", "", "Service")))
	w.passes()
	w.must(w.client.Create(t.Context(), grant("victim", "", "Service")))
	w.settle()
	if got := w.accelerators(); !strings.Contains(got, "k8s-secret") {
		t.Errorf("accelerators: %s", got)
	}
}

// TestNamespaceThatLeavesAGroupLeavesItsLoadBalancer has the only member of the namespace leave the group. While only
// the status of the member lacks the load balancer, the endpoint stays.
func TestNamespaceThatLeavesAGroupLeavesItsLoadBalancer(t *testing.T) {
	t.Parallel()
	member := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "mine", Finalizers: []string{
		"group.ingress.k8s.aws/front"}}}
	member.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{Hostname: host("k8s-front")}}
	w := newWorld(t, object([]int32{80}, byARN("k8s-front")), member)
	w.balancer("k8s-front", func(lb *simaccount.LoadBalancer) {
		lb.Tags = naming.Tracking(stack.Ingress, "my-cluster", "front", stack.LoadBalancerIdentity)
	})
	w.settle()
	for _, step := range []struct {
		change func()
		has    bool
	}{
		{func() {}, true},
		{func() { member.Status.LoadBalancer.Ingress = nil }, true},
		{func() { member.Finalizers = nil }, false},
	} {
		step.change()
		w.must(w.client.Update(t.Context(), member))
		w.passes()
		if got := w.accelerators(); strings.Contains(got, "k8s-front") != step.has {
			t.Errorf("has the endpoint: want %t: %s\n%s", step.has, got, w.told())
		}
	}
}
