package tenants

import (
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// TestUsersOfOthersHoldNoDeletion shows that a tenant who names the security group of another namespace's load balancer
// holds nothing up. The victim's Ingress and namespace are deleted.
func TestUsersOfOthersHoldNoDeletion(t *testing.T) {
	if testing.Short() {
		t.Skip("a deletion waits two minutes for the end of a group's use; " + "TestDeletionDoesNotWaitForUsersOfOthers shows it with a simulated clock")
	}
	c := playgroundOf(t)
	vic, mal := tenant(t, c, "usevic"), tenant(t, c, "usemal")
	ingress := func(namespace string, annotations scene.Annotations) string {
		annotations["target-type"] = "ip"
		return scene.Backend(namespace, "web", 1) + scene.Ingress(namespace, "web", scene.Class, annotations)
	}
	vic.Apply(t, ingress("usevic", scene.Annotations{}))
	groups := c.LoadBalancer(t, c.IngressAddress(t, "usevic", "web")).SecurityGroups
	managed := ""
	for _, g := range c.Simulator.Resources().SecurityGroups {
		for _, id := range groups {
			if g.ID == id && g.Tags["ingress.k8s.aws/stack"] == "usevic/web" {
				managed = id
			}
		}
	}
	if managed == "" {
		t.Fatalf("none of %v is the victim's", groups)
	}
	mal.Apply(t, ingress("usemal", scene.Annotations{"security-groups": managed}))
	c.IngressAddress(t, "usemal", "web")

	vic.Kubectl(t, "delete", "ingress", "web", "-n", "usevic", "--timeout=3m")
	c.Kubectl(t, "delete", "namespace", "usevic", "--timeout=2m")
	mal.Kubectl(t, "delete", "ingress", "web", "-n", "usemal", "--timeout=3m")
}
