package degraded

import (
	"context"
	"fmt"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/process"
)

// TestWrongClusterNameWritesNothing shows that a controller process with a wrong cluster name
// writes nothing to AWS, reports why, and one with the right name goes on.
func TestWrongClusterNameWritesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for pauses between attempts")
	}
	const ns = "named"
	c := playground(t)
	aws := newCloud(t, c)
	start := func(args ...string) *harness.Process {
		return c.StartProcess(t, keys(aws), append([]string{region, vpc, alone}, args...)...)
	}
	end := func(p *harness.Process) {
		ctx, cancel := context.WithTimeout(t.Context(), process.Grace)
		defer cancel()
		p.Stop(ctx)
	}
	first := start()
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class, scene.Annotations{"scheme": "internet-facing",
		"target-type": "ip"}))
	t.Cleanup(func() {
		_, _ = c.TryKubectl(t, "delete", "ingress", "-n", ns, "web", "--wait=false", "--ignore-not-found")
	})
	c.WaitGet(t, "http://"+c.IngressAddress(t, ns, "web")+"/", "", 200, "web")
	seeded := c.Simulator.Seed().Cluster.Name
	c.WaitFor(t, "a LoadBalancer object with the name of the cluster", func(context.Context) error {
		out, err := c.TryKubectl(t, "get", "loadbalancers.elbv2.k8s.aws", "-n", ns, "-o",
			"jsonpath={.items[*].status.cluster}")
		if err == nil && out != seeded {
			err = fmt.Errorf("the name is %q", out)
		}
		return err
	})
	end(first)

	mark := c.Mark()
	wrong := start("--cluster-name=other")
	eventually(t, c, wrong.Health+"/readyz", 500, "[-]cluster-name failed: --cluster-name is other, but the "+
		"controller created LoadBalancer "+ns+"/", "under the name "+seeded, "[+]aws ok", "[+]api-server ok")
	eventually(t, c, wrong.Metrics+"/metrics", 200, `lbc_degraded{reason="cluster-name"} 1`)
	c.Apply(t, scene.Ingress(ns, "web", scene.Class, scene.Annotations{"scheme": "internet-facing", "target-type": "ip",
		"load-balancer-attributes": "idle_timeout.timeout_seconds=75"}))
	// The text names an object, perhaps first one of a neighbour.
	if n := logged(t, wrong, "but the controller created LoadBalancer "+ns+"/"); n != 1 {
		t.Errorf("%d lines about the name", n)
	}
	end(wrong)
	for _, call := range c.Calls(mark) {
		if !harness.IsRead(call.Action) {
			t.Errorf("the controller of the wrong name calls %s", call.Action)
		}
	}

	right := start()
	eventually(t, c, right.Health+"/readyz", 200, "ok")
	c.WaitFor(t, "the edit", func(context.Context) error {
		for _, call := range c.Calls(mark) {
			if call.Action == "ModifyLoadBalancerAttributes" && !call.Failed() {
				return nil
			}
		}
		return fmt.Errorf("the attribute is not changed")
	})
	for _, call := range c.Calls(mark) {
		if call.Action == "CreateLoadBalancer" || call.Action == "DeleteLoadBalancer" {
			t.Errorf("the load balancer is not kept: %s", call.Action)
		}
	}
	c.Kubectl(t, "delete", "ingress", "-n", ns, "web", "--timeout="+harness.Timeout.String())
}
