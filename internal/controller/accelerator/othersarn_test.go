package accelerator

import (
	"strings"
	"testing"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	simaccount "github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestOthersLoadBalancersAreNotAcceleratedByARN has a tenant name the ARN of an internal load balancer of another
// namespace.
func TestOthersLoadBalancersAreNotAcceleratedByARN(t *testing.T) {
	t.Parallel()
	secret := agav1beta1.Endpoint{Type: agav1beta1.EndpointID, EndpointID: to(prefix + "net/k8s-secret/50dc"),
		Weight: to(int32(128))}
	w := newWorld(t, object([]int32{80}, secret))
	w.balancer("k8s-secret", func(lb *simaccount.LoadBalancer) {
		lb.Scheme = "internal"
		lb.Tags = naming.Tracking(stack.Service, "my-cluster", "victim/web", stack.LoadBalancerIdentity)
	})
	if _, err := w.pass(); err != nil {
		t.Fatal(err)
	}
	if got := w.accelerators(); strings.Contains(got, "k8s-secret") {
		t.Errorf("it is accelerated: %s", got)
	}
	if told := w.told(); !strings.Contains(told, "GlobalAccelerators of namespace default may not name") {
		t.Errorf("events: %s", told)
	}
	w.must(w.client.Create(t.Context(), grant("victim", "", "Service")))
	w.settle()
	if got := w.accelerators(); !strings.Contains(got, "k8s-secret") {
		t.Errorf("it is not accelerated in spite of the grant: %s", got)
	}
}
