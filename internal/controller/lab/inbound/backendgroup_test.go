package inbound

import (
	"slices"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestBackendGroupStaysIfCacheLagsBehindFinalizer has the last load balancer of a Service go while
// the cache shows the Ingress of another load balancer without its finalizer.
func TestBackendGroupStaysIfCacheLagsBehindFinalizer(t *testing.T) {
	t.Parallel()
	answer := lab.Ingress("web", nil, "answer")
	answer.Annotations["alb.ingress.kubernetes.io/actions.answer"] =
		`{"type":"fixed-response","fixedResponseConfig":{"statusCode":"200"}}`
	answer.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Port = networkingv1.ServiceBackendPort{Name: "use-annotation"}
	l := lab.New(t, account.Real(), lab.Class(), answer)
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
	l.PassWith(10*time.Minute, key)
	if n := len(l.Sim.Resources().SecurityGroups); n < 2 {
		t.Fatalf("%d security groups", n)
	}
	var finalizers []string
	l.Edit("web", func(i *networkingv1.Ingress) { finalizers, i.Finalizers = i.Finalizers, nil })
	mark := l.Mark()
	l.Ingresses.Backend.Released(stack.Service)
	for range 3 {
		l.Ingresses.Backend.Look(t.Context())
	}
	if w := l.Writes(mark); len(w) > 0 {
		t.Errorf("it writes %v", w)
	}
	l.Edit("web", func(i *networkingv1.Ingress) { i.Finalizers = finalizers })
	l.Remove("web")
	l.PassWith(10*time.Minute, key)
	if w := l.Writes(mark); !slices.Contains(w, "DeleteSecurityGroup") || len(l.Sim.Resources().LoadBalancers) > 0 {
		t.Errorf("once the load balancer has gone, it writes %v", w)
	}
}
