package behaviour

import (
	"fmt"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

const balancing = "service.beta.kubernetes.io/aws-load-balancer-"

// annotated is a Service of the pods of Backend web with annotations and the fields of a spec.
func annotated(namespace, name, annotations, spec string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: %s, namespace: %s, annotations: {%s}}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}], %s}
---
`, name, namespace, annotations, spec)
}

// TestTheDeletionOfANamespaceCostsFewReads shows how few AWS reads the deletion of a namespace
// makes, as Kubernetes deletes its objects in its own order. The test has the account for itself.
func TestTheDeletionOfANamespaceCostsFewReads(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the controller with flags or a policy of its own, while nothing else runs")
	}
	c := harness.Start(t, harness.Options{ExtraArgs: []string{noSearch}})
	// lists of the first five seconds do not prove what does not exist, as AWS's lists may lag
	time.Sleep(6 * time.Second)
	for ns, object := range map[string]string{
		"endednlb": annotated("endednlb", "net", fmt.Sprintf("%[1]snlb-target-type: ip, %[1]sscheme: internet-facing",
			balancing), "type: LoadBalancer"),
		"endedalb": scene.Ingress("endedalb", "web", scene.Class, public(nil)),
	} {
		t.Run(ns, func(t *testing.T) {
			withoutLoadBalancers(t, c)
			c.Apply(t, scene.Namespace(ns, 1)+object)
			if ns == "endednlb" {
				c.WaitGet(t, "http://"+c.ServiceAddress(t, ns, "net")+"/", "", 200, "web")
			} else {
				serve(t, c, ns, "web", "/")
			}
			mark := c.Mark()
			c.Kubectl(t, "delete", "namespace", ns)
			scene.WaitGone(t, c, scene.Marks(ns)...)
			by := map[string]int{}
			for _, call := range c.Calls(mark) {
				if harness.IsRead(call.Action) && call.Action != "DescribeTargetHealth" { // which loops beside the passes read, too
					by[call.Action]++
				}
			}
			total := 0
			for _, n := range by {
				total += n
			}
			if t.Logf("%d reads: %v", total, by); total > 6 {
				t.Errorf("%d reads", total)
			}
		})
	}
}
