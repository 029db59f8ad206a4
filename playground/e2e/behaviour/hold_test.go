package behaviour

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// The test in this file is not parallel: the controller is its own.

// holding runs lbc hold, which must succeed.
func holding(t *testing.T, c *harness.Cluster, args ...string) string {
	t.Helper()
	out, errOut, status := runLBC(t, c, append([]string{"hold", "--leader-election-namespace", "kube-system"}, args...)...)
	if status != 0 {
		t.Fatalf("lbc hold %v: status %d: %s", args, status, errOut)
	}
	return out
}

// TestHoldKeepsEditsAndDeletionsFromAWS shows that lbc hold stops all writes of a namespace but targets, also
// after a restart. The deleted Ingress says why it stays, and goes with the end of the hold.
func TestHoldKeepsEditsAndDeletionsFromAWS(t *testing.T) {
	c := cluster(t)
	const ns = "onhold"
	lead := func() { c.RestartController(t, elected, "--leader-election-namespace=kube-system") }
	lead()
	t.Cleanup(func() { c.RestartController(t) })
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class, public(nil), scene.Path{Path: "/"}))
	lb := serve(t, c, ns, "web", "/")
	group := c.TargetGroups(lb)[0].ARN
	scene.WaitSuccess(t, c, ns, "web", 0)

	holding(t, c, "--namespace", ns, "--until", "1h", "--reason", "incident of AWS")
	t.Cleanup(func() { _, _ = c.TryKubectl(t, "delete", "configmap", "-n", "kube-system", "aws-lbc-holds") })
	held := func() string {
		return scene.Query(t, c, "get", "lb", "ingress-web", "-n", ns, "--ignore-not-found", "-o",
			`jsonpath={.status.conditions[?(@.type=="Held")].message}`)
	}
	wait(t, c, "the condition", func() string {
		if got := held(); !strings.Contains(got, "incident of AWS") {
			return "condition Held: " + got
		}
		return ""
	})
	mark := c.Mark()
	scene.Change(t, c, scene.Ingress(ns, "web", scene.Class, public(nil), scene.Path{Path: "/"}, scene.Path{Path: "/new"}))
	e := c.WaitEvent(t, "Ingress", ns, "web", "FailedDeployModel")
	if !strings.Contains(e.Message, "[PlanOnHold]") || !strings.Contains(e.Message, "incident of AWS") {
		t.Errorf("event: %s", e.Message)
	}
	c.Kubectl(t, "scale", "deployment", "web", "-n", ns, "--replicas=2")
	scene.WaitTargets(t, c, group, 2)
	lead()
	c.Kubectl(t, "delete", "ingress", "web", "-n", ns, "--wait=false")
	c.Kubectl(t, "scale", "deployment", "web", "-n", ns, "--replicas=3")
	scene.WaitTargets(t, c, group, 3) // the new process is at work
	wait(t, c, "the deletion to be held", func() string {
		if got := scene.Query(t, c, "get", "lb", "ingress-web", "-n", ns, "--ignore-not-found", "-o",
			`jsonpath={.status.findings}`); !strings.Contains(got, "to delete") {
			return "findings: " + got
		}
		return ""
	})
	for _, w := range scene.Writes(c, mark, scene.Marks(ns)...) {
		if !strings.HasPrefix(w, "RegisterTargets") && !strings.HasPrefix(w, "DeregisterTargets") {
			t.Errorf("written to AWS under a hold: %s", w)
		}
	}
	if out := holding(t, c); !strings.Contains(out, "namespace "+ns) {
		t.Errorf("lbc hold: %s", out)
	}
	holding(t, c, "--end", "--namespace", ns)
	scene.WaitGone(t, c, scene.Marks(ns)...)
}
