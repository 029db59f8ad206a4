package controller

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// addresses are those that Ingress shop/web, with a frontend, Service shop/net and Gateway shop/web show.
func (l *lab) addresses() (of map[string]int) {
	l.Helper()
	of = map[string]int{}
	var i networkingv1.Ingress
	l.get(&i, "web")
	of["Ingress"] = len(i.Status.LoadBalancer.Ingress)
	var s corev1.Service
	l.get(&s, "net")
	of["Service"] = len(s.Status.LoadBalancer.Ingress)
	var g gatewayv1.Gateway
	l.get(&g, "web")
	of["Gateway"] = len(g.Status.Addresses)
	return of
}

// TestAnAddressIsPublishedWhenItsTimeHasCome has load balancers that AWS takes two and a half minutes to provision.
func TestAnAddressIsPublishedWhenItsTimeHasCome(t *testing.T) {
	t.Parallel()
	const provisioning = 150 * time.Second
	keys := []stack.Key{implicit("web"), serviceKey("net"), gatewayKey(stack.GatewayALB, "web"), gatewayKey(stack.GatewayNLB, "web")}
	none, all := map[string]int{"Ingress": 0, "Service": 0, "Gateway": 0}, map[string]int{"Ingress": 2, "Service": 1, "Gateway": 1}
	for when, early := range map[string]map[string]int{"created": all, "active": none} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, account.Profile{LoadBalancerActive: provisioning, NetworkLoadBalancerActive: provisioning}, append(gatewayObjects(t, webGateway), labClass(),
				labIngress("web", map[string]string{"enable-frontend-nlb": "true"}, "web"), crashBalancer("net"))...)
			l.flags("--default-target-type=ip", "--publish-address="+when)
			rounds := func() {
				t.Helper()
				for range 5 { // passes do not move the clock
					_, err := l.round(keys...)
					l.must(err)
				}
			}
			rounds()
			if diff := cmp.Diff(early, l.addresses()); diff != "" || l.balancers() < 4 {
				t.Errorf("%d load balancers are being provisioned; addresses (-want +got):\n%s", l.balancers(), diff)
			}
			l.clock.Advance(provisioning)
			_, err := l.inventory.RefreshStates(t.Context(), l.inventory.Provisioning())
			l.must(err)
			rounds()
			if diff := cmp.Diff(all, l.addresses()); diff != "" {
				t.Errorf("they are active; addresses (-want +got):\n%s", diff)
			}
			l.restart() // which knows nothing of former states
			rounds()
			if diff := cmp.Diff(all, l.addresses()); diff != "" {
				t.Errorf("after a restart; addresses (-want +got):\n%s", diff)
			}
		})
	}
}
