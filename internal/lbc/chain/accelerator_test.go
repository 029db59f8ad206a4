package chain

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/declare"
)

func TestAcceleratorChainEndsWithEndpointHealth(t *testing.T) {
	t.Parallel()
	const arn, other, third = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/net/web/50dc",
		"arn:other", "arn:third"
	yes := true
	endpoints := []accelerator.Endpoint{{ID: arn, Weight: 128, PreserveClientIP: &yes}, {ID: other, Weight: 7}}
	listener := accelerator.Listener{Protocol: "TCP", Ports: []accelerator.PortRange{{From: 80, To: 81}}, Affinity: "NONE",
		Groups: []accelerator.Group{{Region: "us-west-2", Dial: 100, Endpoints: endpoints}}}
	now := accelerator.CloneListeners([]accelerator.Listener{listener})[0]
	now.ARN, now.Groups[0].ARN = "arn:listener", "arn:group"
	now.Groups[0].Endpoints = append(now.Groups[0].Endpoints, accelerator.Endpoint{ID: third, Weight: 1})
	e := Accelerated(AcceleratorInput{
		Object: &agav1beta1.GlobalAccelerator{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
			Spec: agav1beta1.GlobalAcceleratorSpec{Listeners: []agav1beta1.Listener{{
				EndpointGroups: []agav1beta1.EndpointGroup{{Endpoints: make([]agav1beta1.Endpoint, 3)}},
			}}}},
		Declared: accelerator.Declared{Name: "k8s_shop_web", IPAddressType: "IPV4",
			Listeners: []accelerator.Listener{listener}},
		Observed: accelerator.Observed{
			ARN: "arn:accelerator", DNSName: "a1.awsglobalaccelerator.com", Status: "DEPLOYED", IPSets: []accelerator.IPSet{
				{Family: "IPv4", Addresses: []string{"192.0.2.1", "192.0.2.2"}}},
			Listeners: []accelerator.Listener{now},
		},
		Endpoints: []declare.Endpoint{
			{State: declare.Hosted, Host: "web.elb.us-west-2.amazonaws.com", Name: "Service/shop/web"},
			{Index: 1, State: declare.Given, ID: other, Name: "EndpointID/" + other},
			{Index: 2, State: declare.Pending, Name: "Ingress/shop/late",
				Problem: "Ingress/shop/late does not show a load balancer yet"},
		},
		Answers: declare.Answers{"web.elb.us-west-2.amazonaws.com": {ARN: arn}},
		Health: map[EndpointAt]EndpointHealth{
			{"arn:group", arn}: {State: "HEALTHY"}, {"arn:group", other}: {State: "UNHEALTHY",
				Reason: "The load balancer has no healthy target."}, {"arn:group", third}: {State: "INITIAL"},
		},
	})
	const want = `GlobalAccelerator shop/web

Accelerator k8s_shop_web (a1.awsglobalaccelerator.com, DEPLOYED)
  name            k8s_shop_web          (of cluster, namespace and name)
  address type    IPV4                  (default)
  addresses IPv4  192.0.2.1, 192.0.2.2  (AWS)

Listener TCP 80-81
  protocol         TCP    (of the load balancer)
  ports            80-81  (of the load balancer)
  client affinity  NONE   (default)

  Endpoint group us-west-2
    traffic dial  100 %  (default)
    endpoint Service/shop/web  ← spec.listeners[0].endpointGroups[0].endpoints[0]
      → arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/net/web/50dc, weight 128, addresses of clients preserved
      HEALTHY
    endpoint EndpointID/arn:other  ← spec.listeners[0].endpointGroups[0].endpoints[1]
      → arn:other, weight 7, addresses of clients not preserved
      UNHEALTHY: The load balancer has no healthy target.
    endpoint Ingress/shop/late  ← spec.listeners[0].endpointGroups[0].endpoints[2]
      Ingress/shop/late does not show a load balancer yet
    endpoint without a declaration
      → arn:third, weight 1, addresses of clients not preserved
      INITIAL
      not declared, or no longer the load balancer of its object
`
	if diff := cmp.Diff(want, e.Text(false)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
