package behaviour

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// TestScalingUnderTrafficAnswersEveryRequest shows that no request fails while a Deployment is
// scaled up and down, with pods and with nodes as targets.
func TestScalingUnderTrafficAnswersEveryRequest(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	for _, targetType := range []string{"ip", "instance"} {
		t.Run(targetType, func(t *testing.T) {
			t.Parallel()
			ns := "scaling-" + targetType
			c.Apply(t, scene.Patient(scene.Namespace(ns, 2))+scene.Ingress(ns, "web", scene.Class, public(scene.Annotations{
				"target-type": targetType, "target-group-attributes": "deregistration_delay.timeout_seconds=1",
			})))
			lb := serve(t, c, ns, "web", "/")
			traffic := scene.Send(t, c, url(lb, "/"), "", scene.OK)
			scene.More(t, c, traffic, 50)
			for _, replicas := range []string{"5", "3", "6", "2"} {
				c.Kubectl(t, "scale", "deployment", "-n", ns, "web", "--replicas="+replicas)
				c.Kubectl(t, "rollout", "status", "deployment", "-n", ns, "web", "--timeout="+harness.Timeout.String())
				if targetType == "ip" {
					want := int(replicas[0] - '0')
					scene.WaitTargets(t, c, c.TargetGroups(lb)[0].ARN, want)
				}
				c.WaitHealthy(t, lb)
				scene.More(t, c, traffic, 50)
			}
			noneWrong(t, "traffic", traffic.Stop())
			expectNoWarnings(t, c, ns)
		})
	}
}

// TestARollingUpdateAnswersEveryRequest shows that no request fails during a rolling update of the
// pods behind an ALB.
func TestARollingUpdateAnswersEveryRequest(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	const ns = "rolling"
	c.Apply(t, scene.Patient(scene.Namespace(ns, 3))+scene.Ingress(ns, "web", scene.Class, public(nil)))
	lb := serve(t, c, ns, "web", "/")
	before := scene.Query(t, c, "get", "pods", "-n", ns, "-o", "jsonpath={.items[*].metadata.name}")
	traffic := scene.Send(t, c, url(lb, "/"), "", scene.OK)
	c.Kubectl(t, "rollout", "restart", "deployment", "-n", ns, "web")
	c.Kubectl(t, "rollout", "status", "deployment", "-n", ns, "web", "--timeout="+harness.Timeout.String())
	wait(t, c, "the former pods to be gone", func() string {
		now := scene.Query(t, c, "get", "pods", "-n", ns, "-o", "jsonpath={.items[*].metadata.name}")
		for _, pod := range strings.Fields(before) {
			if strings.Contains(now, pod) {
				return pod + " is there"
			}
		}
		return ""
	})
	scene.More(t, c, traffic, 100)
	noneWrong(t, "traffic", traffic.Stop())
	scene.WaitTargets(t, c, c.TargetGroups(lb)[0].ARN, 3)
}
