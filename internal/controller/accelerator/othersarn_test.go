package accelerator

import (
	"context"
	"strings"
	"testing"
	"time"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	simaccount "github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/gate"
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

// TestUnreadOwnerAdmitsNoARN has reads of tags fail for good, or AWS not show those of a new load balancer yet: whose
// an internal load balancer is, is unknown.
func TestUnreadOwnerAdmitsNoARN(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"AccessDenied", "ExpiredToken", "InternalFailure", "LoadBalancerNotFound"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, object([]int32{80}, byARN("k8s-secret")))
			w.balancer("k8s-secret", func(lb *simaccount.LoadBalancer) {
				lb.Scheme = "internal"
				lb.Tags = naming.Tracking(stack.Service, "my-cluster", "victim/web", stack.LoadBalancerIdentity)
			})
			_, err := w.sim.Gate.AddFault(gate.Fault{Action: "DescribeTags", Code: code, Status: 403})
			w.must(err)
			for range 3 {
				_, _ = w.pass()
				w.clock.Advance(time.Minute)
			}
			if got := w.accelerators(); strings.Contains(got, "k8s-secret") {
				t.Errorf("it is accelerated: %s", got)
			}
			if told := w.told(); !strings.Contains(told, "its tags cannot be read") {
				t.Errorf("events: %s", told)
			}
		})
	}
}

// TestARNOfAnotherAccountIsAdmitted has AWS refuse tags of a load balancer which its account does not have.
func TestARNOfAnotherAccountIsAdmitted(t *testing.T) {
	t.Parallel()
	foreign := byARN("k8s-foreign")
	foreign.EndpointID = to(strings.Replace(*foreign.EndpointID, "123456789012", "210987654321", 1))
	for _, code := range []string{"", "AccessDenied"} {
		w := newWorld(t, object([]int32{80}, foreign))
		w.judge = func(_ context.Context, _, action string, _ any) error {
			if action == "DescribeTags" && code != "" {
				return apierr.WithStatus(403, code, "not authorized")
			}
			return nil
		}
		for range 3 {
			_, _ = w.pass()
			w.clock.Advance(time.Minute)
		}
		if called := w.called(); !strings.Contains(called, "AddEndpoints") {
			t.Errorf("%s: calls %s\n%s", code, called, w.told())
		}
	}
}
