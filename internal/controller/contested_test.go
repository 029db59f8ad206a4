package controller

import (
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestALoadBalancerThatAnotherClusterUsesStaysUntilTheObjectAllowsItsDeletion deletes two Ingresses, the targets of one of which are contested.
func TestALoadBalancerThatAnotherClusterUsesStaysUntilTheObjectAllowsItsDeletion(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("s0"), labService("s1"), labIngress("shared", nil, "s0"), labIngress("alone", nil, "s1"))
	keys := []stack.Key{implicit("shared"), implicit("alone")}
	l.settle(keys...)
	if l.balancers() != 2 {
		t.Fatalf("%d load balancers\n%s", l.balancers(), strings.Join(l.events, "\n"))
	}
	observed := l.inventory.Listed(keys[0])
	contested := observed.TargetGroups[0].ARN
	l.ingresses.Contested = func(arn string) bool { return arn == contested }
	for _, name := range []string{"shared", "alone"} {
		l.must(l.client.Delete(t.Context(), labIngress(name, nil, "s0")))
	}
	l.settle(keys...)
	told := strings.Join(l.events, "\n")
	if l.balancers() != 1 || !strings.Contains(told, "["+string(diag.DeletionsHeld)+"]") || !strings.Contains(told, "has the same --cluster-name and registers targets in it") {
		t.Fatalf("%d load balancers\n%s", l.balancers(), told)
	}
	ing := &networkingv1.Ingress{}
	l.get(ing, "shared")
	ing.Annotations["alb.ingress.kubernetes.io/allow-deletion"] = "true"
	l.must(l.client.Update(t.Context(), ing))
	l.settle(keys...)
	if l.balancers() != 0 {
		t.Errorf("%d load balancers after consent\n%s", l.balancers(), strings.Join(l.events, "\n"))
	}
}
