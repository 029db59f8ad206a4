package acceptance

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// TestGatesThatComeAfterTheControllerStartedAreOpened shows that the controller begins to watch
// pods of a namespace once a gate or a label needs it, and opens their gates.
func TestGatesThatComeAfterTheControllerStartedAreOpened(t *testing.T) {
	if testing.Short() {
		t.Skip("a variant of TestOldPodsServeUntilTheTargetsOfNewOnesAreHealthy, which make test runs")
	}
	t.Parallel()
	c := cluster(t)
	const byHand, labelled = "gates-by-hand", "gates-labelled-later"
	namespace := func(name string) string {
		return "apiVersion: v1\nkind: Namespace\nmetadata: {name: " + name + "}\n---\n"
	}
	c.Apply(t, namespace(byHand)+typedService(byHand, "nodes", "instance")+scene.Ingress(byHand, "web", scene.Class,
		public(nil), scene.Path{Path: "/", Service: "nodes"})+
		namespace(labelled)+typedService(labelled, "pods", "ip")+scene.Ingress(labelled, "web", scene.Class, public(nil),
		scene.Path{Path: "/", Service: "pods"}))

	// Only instance targets, and no label: nothing but the gate itself tells that the pods are needed.
	binding := ""
	wait(t, c, "the binding of "+byHand, func() string {
		if binding = scene.Query(t, c, "get", "targetgroupbindings", "-n", byHand, "-o",
			"jsonpath={.items[*].metadata.name}"); binding == "" {
			return "there is none"
		}
		return ""
	})
	gated := strings.Replace(workload(byHand, "nodes", 2, "http"), "      terminationGracePeriodSeconds",
		"      readinessGates: [{conditionType: target-health.elbv2.k8s.aws/"+binding+
			"}]\n      terminationGracePeriodSeconds", 1)
	c.Apply(t, gated)
	rolledOut(t, c, byHand, "nodes")
	expectOpen(t, c, byHand, "nodes", 2)

	c.Apply(t, workload(labelled, "pods", 1, "http"))
	rolledOut(t, c, labelled, "pods")
	expectNoGates(t, c, labelled, "pods")
	c.Kubectl(t, "label", "namespace", labelled, "elbv2.k8s.aws/pod-readiness-gate-inject=enabled")
	awaitBindings(t, c, labelled, "pods")
	c.Kubectl(t, "rollout", "restart", "deployment", "-n", labelled, "pods")
	rolledOut(t, c, labelled, "pods")
	expectOpen(t, c, labelled, "pods", 1)
}
