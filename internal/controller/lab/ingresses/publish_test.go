package ingresses

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// addresses are those that Ingress shop/web, with a frontend, Service shop/net and Gateway shop/web show.
func addresses(l *lab.Lab) (of map[string]int) {
	l.Helper()
	of = map[string]int{}
	var i networkingv1.Ingress
	l.Get(&i, "web")
	of["Ingress"] = len(i.Status.LoadBalancer.Ingress)
	var s corev1.Service
	l.Get(&s, "net")
	of["Service"] = len(s.Status.LoadBalancer.Ingress)
	var g gatewayv1.Gateway
	l.Get(&g, "web")
	of["Gateway"] = len(g.Status.Addresses)
	return of
}

// TestAnAddressIsPublishedWhenItsTimeHasCome has load balancers that AWS takes two and a half minutes to provision.
func TestAnAddressIsPublishedWhenItsTimeHasCome(t *testing.T) {
	t.Parallel()
	const provisioning = 150 * time.Second
	keys := []stack.Key{lab.Key("web"), lab.ServiceKey("net"), lab.GatewayKey(stack.GatewayALB, "web"),
		lab.GatewayKey(stack.GatewayNLB, "web")}
	none, all := map[string]int{"Ingress": 0, "Service": 0, "Gateway": 0}, map[string]int{"Ingress": 2, "Service": 1,
		"Gateway": 1}
	for when, early := range map[string]map[string]int{"created": all, "active": none} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{LoadBalancerActive: provisioning, NetworkLoadBalancerActive: provisioning},
				append(lab.GatewayObjects(t, lab.WebGateway), lab.Class(),
					lab.Ingress("web", map[string]string{"enable-frontend-nlb": "true"}, "web"), lab.CrashBalancer("net"))...)
			l.Flags("--default-target-type=ip", "--publish-address="+when)
			rounds := func() {
				t.Helper()
				for range 5 { // passes do not move the clock
					_, err := l.Round(keys...)
					l.Must(err)
				}
			}
			rounds()
			if diff := cmp.Diff(early, addresses(l)); diff != "" || l.Balancers() < 4 {
				t.Errorf("%d load balancers are being provisioned; addresses (-want +got):\n%s", l.Balancers(), diff)
			}
			l.Clock.Advance(provisioning)
			_, err := l.Inventory.RefreshStates(t.Context(), l.Inventory.Provisioning())
			l.Must(err)
			rounds()
			if diff := cmp.Diff(all, addresses(l)); diff != "" {
				t.Errorf("they are active; addresses (-want +got):\n%s", diff)
			}
			l.Restart() // which knows nothing of former states
			rounds()
			if diff := cmp.Diff(all, addresses(l)); diff != "" {
				t.Errorf("after a restart; addresses (-want +got):\n%s", diff)
			}
		})
	}
}
