package acceptance

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/longtest"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// controlled is a backend with a hand-made agent of the target optimizer beside its container.
const controlled = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: %[1]s}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: app, image: example.com/app, env: [{name: SERVICE_NAME, value: web}], ports: [{name: http, containerPort: 8080}]}
      - {name: agent, image: example.com/agent, ports: [{name: tcp-control, containerPort: 4000}]}
---
`

// controlPort is the control port of the only target group of a load balancer.
func controlPort(t *testing.T, c *harness.Cluster, arn string) int32 {
	t.Helper()
	out, err := c.Simulator.Balancing.DescribeTargetGroups(t.Context(), &elb.DescribeTargetGroupsInput{LoadBalancerArn: aws.String(arn)})
	if err != nil || len(out.TargetGroups) != 1 {
		t.Fatalf("target groups %+v, %v", out, err)
	}
	return aws.ToInt32(out.TargetGroups[0].TargetControlPort)
}

func TestAnAgentAddedByHandIsReachedAtItsControlPort(t *testing.T) {
	longtest.Long(t, "a variant: TestAgentsAreInjectedAndCarryRequests shows the way through the cluster, and golden cases the rest")
	t.Parallel()
	c := cluster(t)
	const ns = "handmade"
	c.Apply(t, fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n---\n", ns)+fmt.Sprintf(controlled, ns)+scene.Service(ns, "web", "type: ClusterIP")+
		scene.Ingress(ns, "web", scene.Class, public(scene.Annotations{"target-control-port.web.http": "4000"})))
	lb := check(t, c, ns, "web", balancer{groups: []string{"ip HTTP 1, 1 targets"}})
	if got := controlPort(t, c, lb.ARN); got != 4000 {
		t.Errorf("control port %d", got)
	}
	c.WaitGet(t, url(lb, "/"), "", 200, "web") // only where the load balancer reaches the agent
	expectNoWarnings(t, c, ns)
}
