package tenants

import (
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// TestBindingMadeFirstHoldsNoTargetsOfOthers shows that a tenant's TargetGroupBindings that name another's future
// target group hold up nothing and register nothing. Admission would refuse the binding that the other's Ingress needs.
func TestBindingMadeFirstHoldsNoTargetsOfOthers(t *testing.T) {
	c := playgroundOf(t)
	vic, mal := tenant(t, c, "squatvic"), tenant(t, c, "squatmal")
	web := scene.Ingress("squatvic", "web", scene.Class, scene.Annotations{"scheme": "internet-facing",
		"target-type": "ip"})
	vic.Apply(t, scene.Backend("squatvic", "web", 1)+web)
	group := c.TargetGroups(c.LoadBalancer(t, c.IngressAddress(t, "squatvic", "web")))[0].Name
	vic.Kubectl(t, "delete", "ingress", "web", "-n", "squatvic", "--timeout=2m")

	manifests := scene.Backend("squatmal", "web", 1)
	for _, name := range []string{group, "other"} {
		manifests += fmt.Sprintf(`
---
apiVersion: elbv2.k8s.aws/v1beta1
kind: TargetGroupBinding
metadata: {name: %s, namespace: squatmal}
spec: {targetGroupName: %s, targetType: ip, serviceRef: {name: web, port: http}}
`, name, group)
		mal.Apply(t, manifests)
		mal.Kubectl(t, "get", "targetgroupbinding", name, "-n", "squatmal")
		vic.Apply(t, web)
		lb := c.LoadBalancer(t, c.IngressAddress(t, "squatvic", "web"))
		c.WaitHealthy(t, lb)
		c.WaitGet(t, "http://"+lb.DNSName+"/", "", 200, "web")
		tg := c.TargetGroups(lb)[0]
		if targets := scene.Targets(c, tg.ARN); tg.Name != group || len(targets) != 1 {
			t.Errorf("target group %s, not %s, has %v", tg.Name, group, targets)
		}
		if got := targetsOf(c, "squatvic"); len(got) != 1 || !strings.HasPrefix(got[0], "web ") {
			t.Errorf("targets %v", got)
		}
		vic.Kubectl(t, "delete", "ingress", "web", "-n", "squatvic", "--timeout=2m")
		mal.Kubectl(t, "delete", "targetgroupbinding", name, "-n", "squatmal", "--timeout=1m")
		manifests = ""
	}
	if w := scene.Warnings(t, c, "squatvic"); len(w) > 0 {
		t.Errorf("warnings of the victim: %v", w)
	}
}
