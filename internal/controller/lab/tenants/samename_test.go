package tenants

import (
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestGroupsOfOneGeneratedNameBothServe has two groups of which the load balancers would have the same name. The names
// of the groups were found by trying a few million.
func TestGroupsOfOneGeneratedNameBothServe(t *testing.T) {
	t.Parallel()
	groups := map[string]string{"shop": "frontfrontfrontfr-484856", "mal": "frontfrontfrontfr-1311767"}
	l := lab.New(t, account.Profile{}, lab.Class())
	var keys []stack.Key
	name := map[string]bool{}
	for _, namespace := range []string{"mal", "shop"} {
		svc := lab.Service("web")
		ing := lab.Ingress("web", map[string]string{"group.name": groups[namespace]}, "web")
		svc.Namespace, ing.Namespace = namespace, namespace
		l.Create(svc, ing)
		keys = append(keys, stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: groups[namespace]}})
		name[naming.IngressLoadBalancer(l.Config.ClusterName, keys[len(keys)-1].ID, "internet-facing")] = true
	}
	if len(name) != 1 {
		t.Fatalf("the names are %v", name)
	}
	l.Settle(keys...)
	hosts := map[string]bool{}
	for _, namespace := range []string{"mal", "shop"} {
		ing := &networkingv1.Ingress{}
		l.Must(l.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "web"}, ing))
		for _, shown := range ing.Status.LoadBalancer.Ingress {
			hosts[shown.Hostname] = true
		}
	}
	if l.Balancers() != 2 || len(hosts) != 2 {
		t.Fatalf("%d load balancers, shown: %v\n%s", l.Balancers(), hosts, strings.Join(l.Events, "\n"))
	}
	mark := l.Mark()
	l.Restart()
	l.Settle(keys...)
	if w := l.Writes(mark); len(w) > 0 {
		t.Errorf("a restart writes %v", w)
	}
}
