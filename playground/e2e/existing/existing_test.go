// Package existing runs the controller with --existing-features-only.
package existing

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// TestExistingFeaturesOnlyRefusesAdditions shows that the API server refuses what the existing
// controller does not have, in objects of each kind that may have it, and admits everything else.
func TestExistingFeaturesOnlyRefusesAdditions(t *testing.T) {
	c := harness.Start(t, harness.Options{ExtraArgs: []string{"--existing-features-only"}})
	c.Apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: trial}\n---\n"+scene.Backend("trial", "web", 1)+
		scene.Ingress("trial", "web", scene.Class, scene.Annotations{"target-type": "ip"}))
	c.IngressAddress(t, "trial", "web")
	for field, object := range map[string]string{
		"deletion-policy": scene.Ingress("trial", "web", scene.Class, scene.Annotations{"target-type": "ip",
			"deletion-policy": "Retain"}),
		"aws-load-balancer-group-name": `apiVersion: v1
kind: Service
metadata: {name: nlb, namespace: trial, annotations: {service.beta.kubernetes.io/aws-load-balancer-group-name: both}}
spec: {type: LoadBalancer, loadBalancerClass: service.k8s.aws/nlb, selector: {app: web}, ports: [{port: 80, targetPort: http}]}
`,
		"spec.group.shards": `apiVersion: elbv2.k8s.aws/v1beta1
kind: IngressClassParams
metadata: {name: sharded}
spec: {group: {name: sharded, shards: 2}}
`,
		"pod-drain-inject": `apiVersion: v1
kind: Namespace
metadata: {name: trial, labels: {elbv2.k8s.aws/pod-drain-inject: enabled}}
`,
		"spec.controllerName": `apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: either}
spec: {controllerName: gateway.k8s.aws/auto}
`,
	} {
		if said := c.ApplyRefused(t, object); !strings.Contains(said, field) ||
			!strings.Contains(said, "--existing-features-only") {
			t.Errorf("%s: %s", field, said)
		}
	}
	c.Apply(t, scene.Ingress("trial", "web", scene.Class, scene.Annotations{"target-type": "ip",
		"healthcheck-path": "/ready"}))
}
