package acceptance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// gatedGateway is a namespace whose pods wait for their targets, with a Gateway "web" of a class whose targets are
// pods, and a route to Service web.
func gatedGateway(ns, class string) string {
	listener, kind := onHTTP, "HTTPRoute"
	if class == "nlb" {
		listener, kind = onTCP, "TCPRoute"
	}
	return gatedNamespace(ns) + scene.TargetGroups(ns, "targets", "defaultConfiguration: {targetType: ip}") +
		scene.Gateway(ns, "web", class, facing, listener) +
		scene.Route(kind, ns, "web", "parentRefs: [{name: web}], rules: [{"+toWeb+"}]")
}

// gatesOf are the conditions of the gates of a pod: "True", or the status with the message.
func gatesOf(p corev1.Pod) []string {
	out := make([]string, 0, len(p.Spec.ReadinessGates))
	for _, g := range p.Spec.ReadinessGates {
		text := "none"
		for _, c := range p.Status.Conditions {
			if c.Type == g.ConditionType {
				if text = string(c.Status); c.Status != corev1.ConditionTrue || c.Message != "" {
					text = strings.TrimSpace(text + " " + c.Message)
				}
			}
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return out
}

// awaitWaiting waits until a pod of an application waits for its targets.
func awaitWaiting(t *testing.T, c *harness.Cluster, ns, app string) {
	t.Helper()
	wait(t, c, "a pod that waits", func() string {
		for _, p := range pods(t, c, ns, app) {
			if got, err := gate(p); err == nil && got.Status == corev1.ConditionFalse {
				return ""
			}
		}
		return "there is none"
	})
}

// TestTheEndOfARouteLeavesNoPodWaiting shows that a rollout completes after its route is deleted,
// for Gateways on ALBs and NLBs, and that new pods get no gate.
func TestTheEndOfARouteLeavesNoPodWaiting(t *testing.T) {
	if testing.Short() {
		t.Skip("a variant of TestOldPodsServeUntilTheTargetsOfNewOnesAreHealthy, which make test runs")
	}
	t.Parallel()
	for class, kind := range map[string]string{"alb": "httproute", "nlb": "tcproute"} {
		t.Run(class, func(t *testing.T) {
			t.Parallel()
			c, ns := cluster(t), "gates-end-"+class
			c.Apply(t, gatedGateway(ns, class)+scene.Service(ns, "web", "type: NodePort"))
			awaitBindings(t, c, ns, "web")
			c.Apply(t, workload(ns, "web", 1, "none"))
			awaitWaiting(t, c, ns, "web")
			c.Kubectl(t, "delete", kind, "-n", ns, "web")
			rolledOut(t, c, ns, "web")
			for _, p := range pods(t, c, ns, "web") {
				if got := gatesOf(p); !slices.Equal(got, []string{"True Target Group Binding is deleted"}) {
					t.Errorf("%s: %v", p.Name, got)
				}
			}
			c.Kubectl(t, "rollout", "restart", "deployment", "-n", ns, "web")
			rolledOut(t, c, ns, "web")
			wait(t, c, "pods without gates", func() string {
				for _, p := range pods(t, c, ns, "web") {
					if got := gatesOf(p); len(got) > 0 {
						return fmt.Sprintf("%s: %v", p.Name, got)
					}
				}
				return ""
			})
		})
	}
}

// TestPodsOfABackendOfAGatewayAndAnIngressWaitForBoth shows that kubelet reports a pod behind a
// Gateway and an Ingress as ready only when both targets are healthy. The health checks of the
// Ingress fail at first, while those of the Gateway pass.
func TestPodsOfABackendOfAGatewayAndAnIngressWaitForBoth(t *testing.T) {
	if testing.Short() {
		t.Skip("a variant of TestOldPodsServeUntilTheTargetsOfNewOnesAreHealthy, which make test runs")
	}
	t.Parallel()
	c := cluster(t)
	const ns = "gates-both"
	service := func(path string) string {
		return strings.Replace(typedService(ns, "web", "ip"), "target-type: ip",
			"target-type: ip, alb.ingress.kubernetes.io/healthcheck-path: "+path, 1)
	}
	c.Apply(t, gatedGateway(ns, "alb")+service("/status/500")+scene.Ingress(ns, "web", scene.Class, public(nil)))
	awaitBindings(t, c, ns, "web", "web")
	awaitInjection(t, c, ns, "web", ".spec.readinessGates[*].conditionType", func(got string) bool {
		return len(strings.Fields(got)) == 2
	})
	c.Apply(t, workload(ns, "web", 1, "http"))
	wait(t, c, "a pod that is healthy for the Gateway only", func() string {
		for _, p := range pods(t, c, ns, "web") {
			if got := gatesOf(p); len(got) == 2 && got[1] == "True" && strings.HasPrefix(got[0], "False Health checks failed") {
				return ""
			}
		}
		return fmt.Sprint(pods(t, c, ns, "web"))
	})
	for _, p := range pods(t, c, ns, "web") {
		if slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		}) {
			t.Errorf("%s is ready with gates %v", p.Name, gatesOf(p))
		}
	}
	c.Apply(t, service("/health"))
	rolledOut(t, c, ns, "web")
	for _, p := range pods(t, c, ns, "web") {
		if got := gatesOf(p); !slices.Equal(got, []string{"True", "True"}) {
			t.Errorf("%s: %v", p.Name, got)
		}
	}
	c.Kubectl(t, "delete", "httproute", "-n", ns, "web")
	wait(t, c, "pods that are made now to have one gate", func() string {
		return differs("bindings",
			len(strings.Fields(scene.Query(t, c, "get", "targetgroupbindings", "-n", ns, "-o", "name"))), 1)
	})
	awaitInjection(t, c, ns, "web", ".spec.readinessGates[*].conditionType", func(got string) bool {
		return len(strings.Fields(got)) == 1
	})
	rolledOut(t, c, ns, "web")
	c.WaitGet(t, url(c.LoadBalancer(t, c.IngressAddress(t, ns, "web")), "/"), "", 200, "web")
}
