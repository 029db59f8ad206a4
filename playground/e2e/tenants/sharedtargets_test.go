package tenants

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// TestSharedTargetGroupTakesNoPodsOfTenant shows that a tenant's pods become no targets of another one's target group
// that several clusters may share. Admission refuses his bindings, or their events say why they have no effect.
func TestSharedTargetGroupTakesNoPodsOfTenant(t *testing.T) {
	c := playgroundOf(t)
	c.ApplyFile(t, "../../../config/multi-cluster/rbac.yaml")
	vic, mal := tenant(t, c, "sharevic"), tenant(t, c, "sharemal")
	web := scene.Ingress("sharevic", "web", scene.Class, scene.Annotations{"scheme": "internet-facing",
		"target-type": "ip", "multi-cluster-target-group": "true"})
	vic.Apply(t, scene.Backend("sharevic", "web", 1)+web)
	mal.Apply(t, scene.Backend("sharemal", "web", 1))
	podOf(t, c, "sharemal")
	lb := c.LoadBalancer(t, c.IngressAddress(t, "sharevic", "web"))
	c.WaitHealthy(t, lb)
	group := c.TargetGroups(lb)[0]
	before := targetsOf(c, "sharevic")
	bound := "--cross-namespace-target-groups=sharemal=" + group.Name
	for _, row := range []struct {
		name, types string
		early       bool   // before the victim's target group exists, and admission can know whose it is
		reads       string // in the refusal, or in an event
	}{
		{"arn", "targetGroupARN: " + group.ARN, false, bound},
		{"name", "targetGroupName: " + group.Name, false, bound},
		{"early", "targetGroupName: " + group.Name, true, "must be named by its ARN"},
	} {
		t.Run(row.name, func(t *testing.T) {
			binding := fmt.Sprintf(`apiVersion: elbv2.k8s.aws/v1beta1
kind: TargetGroupBinding
metadata: {name: %s, namespace: sharemal}
spec: {%s, targetType: ip, multiClusterTargetGroup: true, serviceRef: {name: web, port: http}}
`, row.name, row.types)
			if row.early {
				vic.Kubectl(t, "delete", "ingress", "web", "-n", "sharevic", "--timeout=2m")
				mal.Apply(t, binding)
				vic.Apply(t, web)
				lb = c.LoadBalancer(t, c.IngressAddress(t, "sharevic", "web"))
				c.WaitHealthy(t, lb)
				waitTold(t, c, "TargetGroupBinding", "sharemal/"+row.name, row.reads)
			} else if said := mal.ApplyRefused(t, binding); !strings.Contains(said, row.reads) {
				t.Errorf("the attacker reads %s, not %s", said, row.reads)
			}
			if now := c.TargetGroups(lb)[0]; now.Name != group.Name {
				t.Errorf("the target group is %s, not %s", now.Name, group.Name)
			}
			if after := targetsOf(c, "sharevic"); !slices.Equal(after, before) {
				t.Errorf("targets are %v, not %v", after, before)
			}
			if got := targetsOf(c, "sharemal"); len(got) > 0 {
				t.Errorf("the attacker's pods are targets: %v", got)
			}
			c.WaitGet(t, "http://"+lb.DNSName+"/", "", 200, "web")
		})
	}
	if w := scene.Warnings(t, c, "sharevic"); len(w) > 0 {
		t.Errorf("warnings of the victim: %v", w)
	}
}
