package controller

import (
	"slices"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestTheBackendGroupStaysForALoadBalancerWhoseObjectIsShownWithoutItsFinalizer: the last load balancer goes while another one is made, and the cache is late.
func TestTheBackendGroupStaysForALoadBalancerWhoseObjectIsShownWithoutItsFinalizer(t *testing.T) {
	t.Parallel()
	answer := labIngress("web", nil, "answer")
	answer.Annotations["alb.ingress.kubernetes.io/actions.answer"] = `{"type":"fixed-response","fixedResponseConfig":{"statusCode":"200"}}`
	answer.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Port = networkingv1.ServiceBackendPort{Name: "use-annotation"}
	l := newLab(t, account.Real(), labClass(), answer)
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
	l.passWith(10*time.Minute, key)
	if n := len(l.sim.Resources().SecurityGroups); n < 2 {
		t.Fatalf("%d security groups", n)
	}
	var finalizers []string
	l.edit("web", func(i *networkingv1.Ingress) { finalizers, i.Finalizers = i.Finalizers, nil })
	mark := l.mark()
	l.ingresses.Backend.Released(stack.Service)
	for range 3 {
		l.ingresses.Backend.Look(t.Context())
	}
	if w := l.writes(mark); len(w) > 0 {
		t.Errorf("it writes %v", w)
	}
	l.edit("web", func(i *networkingv1.Ingress) { i.Finalizers = finalizers })
	l.remove("web")
	l.passWith(10*time.Minute, key)
	if w := l.writes(mark); !slices.Contains(w, "DeleteSecurityGroup") || len(l.sim.Resources().LoadBalancers) > 0 {
		t.Errorf("once the load balancer has gone, it writes %v", w)
	}
}
