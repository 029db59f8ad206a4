package behaviour

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// shown is the LoadBalancer object of a stack.
func shown(t *testing.T, c *harness.Cluster, namespace, name string) v1alpha1.LoadBalancer {
	t.Helper()
	var lb v1alpha1.LoadBalancer
	if err := json.Unmarshal([]byte(c.Kubectl(t, "get", "lb", name, "-n", namespace, "-o", "json")), &lb); err != nil {
		t.Fatal(err)
	}
	return lb
}

// ready waits for the object of Ingress web, and until it reports that all is well.
func ready(t *testing.T, c *harness.Cluster, namespace string) {
	t.Helper()
	c.Kubectl(t, "wait", "--for=create", "lb/ingress-web", "-n", namespace, "--timeout="+harness.Timeout.String())
	c.Kubectl(t, "wait", "--for=condition=Ready", "lb/ingress-web", "-n", namespace, "--timeout="+harness.Timeout.String())
}

// TestAStatusObjectShowsTheStateOfALoadBalancer shows that kubectl get and wait show the state of a
// load balancer by its LoadBalancer object.
func TestAStatusObjectShowsTheStateOfALoadBalancer(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	const ns = "shown"
	ingress := func(more scene.Annotations) string {
		return scene.Ingress(ns, "web", scene.Class, public(more), scene.Path{Path: "/a"}, scene.Path{Path: "/b"})
	}
	c.Apply(t, scene.Namespace(ns, 2)+ingress(nil))
	lb := serve(t, c, ns, "web", "/a")
	ready(t, c, ns)

	o := shown(t, c, ns, "ingress-web")
	if s := o.Status; s.ARN != lb.ARN || s.DNSName != strings.ToLower(lb.DNSName) || len(s.Rules) != 2 ||
		s.Rules[0].Owner == nil || s.Rules[0].Owner.Name != "web" ||
		s.LastPlan == nil || s.LastPlan.Result != "Done" || len(s.Findings) != 0 {
		t.Errorf("status: %+v", s)
	}
	if table := c.Kubectl(t, "get", "lb", "-n", ns); !strings.Contains(table, "READY") ||
		!strings.Contains(table, "Reconciled") || !strings.Contains(table, "application") {
		t.Errorf("kubectl get lb:\n%s", table)
	}

	// A mistake shows, and so does its correction; nothing is written in between.
	scene.Change(t, c, ingress(scene.Annotations{"scheme": "nonsense"}))
	c.Kubectl(t, "wait", "--for=condition=Stalled", "lb/ingress-web", "-n", ns, "--timeout="+harness.Timeout.String())
	o = shown(t, c, ns, "ingress-web")
	if s := o.Status; s.LastError == nil || s.LastError.Code != "InvalidAnnotation" || !strings.Contains(s.LastError.Field,
		"scheme") || s.Members[0].Accepted || s.State != "active" {
		t.Errorf("status: %+v, last error %+v", s, s.LastError)
	}
	scene.Change(t, c, ingress(nil))
	c.Kubectl(t, "wait", "--for=condition=Ready", "lb/ingress-web", "-n", ns, "--timeout="+harness.Timeout.String())
	c.WaitEvent(t, "Ingress", ns, "web", "SuccessfullyReconciled")

	// A deleted one comes back with the next change, and it goes with its Ingress.
	c.Kubectl(t, "delete", "lb", "ingress-web", "-n", ns)
	scene.Change(t, c, ingress(scene.Annotations{"tags": "a=b"}))
	c.WaitFor(t, "the object", func(context.Context) error {
		if table := c.Kubectl(t, "get", "lb", "-n", ns); !strings.Contains(table, "Reconciled") {
			return fmt.Errorf("kubectl get lb:\n%s", table)
		}
		return nil
	})
	c.Kubectl(t, "delete", "ingress", "web", "-n", ns)
	c.WaitFor(t, "the object to go", func(context.Context) error {
		if left := c.Kubectl(t, "get", "lb", "-n", ns, "-o", "name"); left != "" {
			return fmt.Errorf("left: %s", left)
		}
		return nil
	})
}

// TestANamespaceGoesThoughTheClassOfItsIngressesIsGone shows that Kubernetes can delete a namespace
// whose Ingresses lost their class, and that AWS keeps nothing.
func TestANamespaceGoesThoughTheClassOfItsIngressesIsGone(t *testing.T) {
	if testing.Short() {
		t.Skip("each of its steps has a cheaper test; it shows them together in a cluster")
	}
	t.Parallel()
	c := cluster(t)
	const ns = "classless"
	c.Apply(t, scene.IngressClass(ns, "{scheme: internet-facing, targetType: ip}")+scene.Namespace(ns, 1)+
		scene.Ingress(ns, "web", ns, nil))
	lb := serve(t, c, ns, "web", "/")
	ready(t, c, ns)

	// Without its class, what the Ingress declares is unknown: it keeps its load balancer, and an event has the reason.
	c.Kubectl(t, "delete", "ingressclass", ns)
	c.WaitEvent(t, "Ingress", ns, "web", "FailedLoadGroupID")
	c.Kubectl(t, "wait", "--for=condition=Stalled", "lb/ingress-web", "-n", ns, "--timeout="+harness.Timeout.String())
	c.WaitGet(t, url(lb, "/"), "", 200, "web")

	c.Kubectl(t, "delete", "namespace", ns, "--timeout="+harness.Timeout.String())
	for _, left := range c.Simulator.Resources().LoadBalancers {
		if left.ARN == lb.ARN {
			t.Error("the load balancer is left")
		}
	}
	c.Kubectl(t, "delete", "ingressclassparams", ns)
}
