package behaviour

import (
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// TestStatusIsHonestWhileAWSIsSlow shows that an edit which AWS takes 15 s to apply is neither Ready nor current before
// it is in effect.
func TestStatusIsHonestWhileAWSIsSlow(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	const ns = "honest"
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class, public(nil)))
	lb := serve(t, c, ns, "web", "/")
	c.Kubectl(t, "wait", "--for=create", "-n", ns, "lb/ingress-web", "--timeout=60s")
	c.Kubectl(t, "wait", "--for=condition=Ready", "-n", ns, "lb/ingress-web", "--timeout=60s")
	edit := func(timeout string) {
		t.Helper()
		_, err := c.Simulator.Gate.AddFault(gate.Fault{Action: "ModifyLoadBalancerAttributes",
			Resource: "loadbalancer/app/k8s-" + ns, Latency: 15 * time.Second, Times: 1})
		if err != nil {
			t.Fatal(err)
		}
		c.Kubectl(t, "annotate", "--overwrite", "ingress", "-n", ns, "web",
			"alb.ingress.kubernetes.io/load-balancer-attributes=idle_timeout.timeout_seconds="+timeout)
	}
	inEffect := func(timeout string) bool {
		t.Helper()
		now := c.LoadBalancer(t, lb.DNSName)
		return now.Attributes["idle_timeout.timeout_seconds"] == timeout
	}

	edit("75")
	out, errOut, status := runLBC(t, c, "wait", "ingress/web", "-n", ns, "--timeout", "2m")
	if status != 0 || !inEffect("75") {
		t.Errorf("lbc wait ended with %d, in effect: %t\n%s%s", status, inEffect("75"), out, errOut)
	}

	edit("80")
	c.Kubectl(t, "wait", "--for=condition=Reconciling", "-n", ns, "lb/ingress-web", "--timeout=60s")
	if inEffect("80") {
		t.Error("the status said Reconciling only once the edit was in effect")
	}
	c.Kubectl(t, "wait", "--for=condition=Ready", "-n", ns, "lb/ingress-web", "--timeout=120s")
	if !inEffect("80") {
		t.Error("the edit was not in effect when Ready became True")
	}
}
