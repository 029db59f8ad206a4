package behaviour

import (
	"os"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

func TestThePublishedPolicySufficesForAWholeLife(t *testing.T) {
	c := cluster(t)
	standard, err := os.ReadFile("../../../docs/install/iam_policy.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Simulator.PutPolicy("controller", standard); err != nil {
		t.Fatal(err)
	}
	attached := []simclient.Attachment{{Policy: "controller", AccessKey: harness.ControllerKey}}
	if err := c.Simulator.ChangeIAM(simclient.IAMChange{Attach: attached}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Simulator.ChangeIAM(simclient.IAMChange{Detach: attached}); err != nil {
			t.Error(err)
		}
	})
	mark := c.Mark()
	const ns = "permitted"
	ingress := func(more scene.Annotations) string { return scene.Ingress(ns, "web", scene.Class, public(more)) }
	c.Apply(t, scene.Namespace(ns, 1)+ingress(nil))
	lb := serve(t, c, ns, "web", "/")
	scene.Change(t, c, ingress(scene.Annotations{
		"tags": "team=web", "listen-ports": `[{"HTTP":80},{"HTTP":8080}]`, "load-balancer-attributes": "idle_timeout.timeout_seconds=30",
		"listener-attributes.HTTP-80": "routing.http.response.server.enabled=false", "healthcheck-path": "/",
	}))
	wait(t, c, "the tag, the port and the attribute", func() string {
		now := c.LoadBalancer(t, lb.Name)
		return differs("tag", now.Tags["team"], "web") + differs("ports", ports(now), []int32{80, 8080}) +
			differs("idle timeout", now.Attributes["idle_timeout.timeout_seconds"], "30")
	})
	c.Kubectl(t, "delete", "namespace", ns, "--wait=false")
	scene.WaitGone(t, c, scene.Marks(ns)...)
	if len(c.Simulator.Gate.Calls(gate.Filter{After: mark, Caller: harness.ControllerKey})) == 0 {
		t.Error("the controller's calls are not those of " + harness.ControllerKey)
	}
	for _, call := range c.Denied(mark) {
		t.Errorf("%s %s: %s", call.Service, call.Action, call.Message)
	}
}
