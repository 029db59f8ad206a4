package consent

import (
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestContestedLoadBalancerStaysUntilDeletionIsAllowed deletes two Ingresses, the targets of one
// of which are contested.
func TestContestedLoadBalancerStaysUntilDeletionIsAllowed(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("s0"), lab.Service("s1"), lab.Ingress("shared", nil, "s0"),
		lab.Ingress("alone", nil, "s1"))
	keys := []stack.Key{lab.Key("shared"), lab.Key("alone")}
	l.Settle(keys...)
	if l.Balancers() != 2 {
		t.Fatalf("%d load balancers\n%s", l.Balancers(), strings.Join(l.Events, "\n"))
	}
	observed := l.Inventory.Listed(keys[0])
	contested := observed.TargetGroups[0].ARN
	l.Ingresses.Contested = func(arn string) bool { return arn == contested }
	for _, name := range []string{"shared", "alone"} {
		l.Must(l.Client.Delete(t.Context(), lab.Ingress(name, nil, "s0")))
	}
	l.Settle(keys...)
	told := strings.Join(l.Events, "\n")
	if l.Balancers() != 1 || !strings.Contains(told, "["+string(diag.DeletionsHeld)+"]") ||
		!strings.Contains(told, "has the same --cluster-name and registers targets in load balancer") {
		t.Fatalf("%d load balancers\n%s", l.Balancers(), told)
	}
	ing := &networkingv1.Ingress{}
	l.Get(ing, "shared")
	ing.Annotations["alb.ingress.kubernetes.io/allow-deletion"] = "true"
	l.Must(l.Client.Update(t.Context(), ing))
	l.Settle(keys...)
	if l.Balancers() != 0 {
		t.Errorf("%d load balancers after consent\n%s", l.Balancers(), strings.Join(l.Events, "\n"))
	}
}

// TestContestedReplacementIsAllowedByItsObject has an edit replace a load balancer and its target group, which another
// cluster uses. The remedy of the event must help.
func TestContestedReplacementIsAllowedByItsObject(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("s0"), lab.Service("s1"), lab.Ingress("web", nil, "s0"))
	l.Settle(lab.Key("web"))
	before := l.Inventory.Listed(lab.Key("web"))
	l.Ingresses.Contested = func(arn string) bool { return arn == before.TargetGroups[0].ARN }
	l.Edit("web", func(i *networkingv1.Ingress) {
		i.Annotations["alb.ingress.kubernetes.io/scheme"] = "internal"
		i.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name = "s1"
	})
	l.Settle(lab.Key("web"))
	exists := func() bool {
		return slices.ContainsFunc(l.Sim.Resources().LoadBalancers, func(b simclient.LoadBalancer) bool {
			return b.ARN == before.LoadBalancers[0].ARN
		})
	}
	if told := strings.Join(l.Events, "\n"); !exists() || !strings.Contains(told, "["+string(diag.DeletionsHeld)+"]") {
		t.Fatalf("%d load balancers\n%s", l.Balancers(), told)
	}
	l.Edit("web", func(i *networkingv1.Ingress) {
		i.Annotations["alb.ingress.kubernetes.io/allow-deletion"] = "true"
	})
	l.Settle(lab.Key("web"))
	if exists() || l.Balancers() != 1 {
		t.Errorf("%d load balancers after consent\n%s", l.Balancers(), strings.Join(l.Events, "\n"))
	}
}
