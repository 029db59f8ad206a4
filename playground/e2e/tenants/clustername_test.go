package tenants

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// TestForgedLoadBalancersHoldNoStart shows that the controller starts although a tenant has written LoadBalancer
// objects that name another cluster. It does not start where all of them do.
func TestForgedLoadBalancersHoldNoStart(t *testing.T) {
	if testing.Short() {
		t.Skip("five starts of a controller; internal/controller/startup has the cases")
	}
	c := playgroundOf(t)
	vic, mal := tenant(t, c, "namedvic"), tenant(t, c, "aaanamedmal") // which is read first
	vic.Apply(t, scene.Backend("namedvic", "web", 1)+scene.Ingress("namedvic", "web", scene.Class, scene.Annotations{
		"target-type": "ip", "scheme": "internet-facing"}))
	address := c.IngressAddress(t, "namedvic", "web")
	c.WaitGet(t, "http://"+address+"/", "", 200, "web")
	arn := c.LoadBalancer(t, address).ARN
	c.WaitFor(t, "the victim's LoadBalancer object", func(context.Context) error {
		if name := scene.Query(t, c, "get", "loadbalancers.elbv2.k8s.aws", "-n", "namedvic", "-o",
			"jsonpath={.items[*].status.cluster}"); name == "" {
			return errors.New("there is none that names the cluster")
		}
		return nil
	})
	before := touched(t, c, arn)
	var forged strings.Builder
	for n := range 3 {
		fmt.Fprintf(&forged, `apiVersion: elbv2.k8s.aws/v1alpha1
kind: LoadBalancer
metadata: {name: forged-%d, namespace: aaanamedmal}
status: {cluster: green, stack: namedvic/web}
---
`, n)
	}
	path := written(t, forged.String())
	mal.Kubectl(t, "create", "-f", path)
	mal.Kubectl(t, "apply", "--server-side", "--force-conflicts", "--subresource=status", "-f", path)
	if got := scene.Query(t, c, "get", "loadbalancers.elbv2.k8s.aws", "forged-2", "-n", "aaanamedmal", "-o",
		"jsonpath={.status.cluster}"); got != "green" {
		t.Fatalf("the forged object names cluster %s", got)
	}
	c.RestartController(t)
	vic.Apply(t, scene.Ingress("namedvic", "web", scene.Class, scene.Annotations{"target-type": "ip",
		"scheme": "internet-facing", "healthcheck-interval-seconds": "9"}))
	scene.WaitSuccess(t, c, "namedvic", "web", 0)
	if after := touched(t, c, arn); after != before {
		t.Errorf("the load balancer is %s, was %s", after, before)
	}
	c.WaitGet(t, "http://"+address+"/", "", 200, "web")
	if w := scene.Warnings(t, c, "namedvic"); len(w) > 0 {
		t.Errorf("warnings of the victim: %v", w)
	}
}
