package dualstack

import (
	"net/netip"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// agentOfIPv6 is pods whose target control agent listens at all addresses of IPv6, and their Service of IPv6.
const agentOfIPv6 = `apiVersion: v1
kind: Namespace
metadata: {name: optimized}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: optimized}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: example.com/app
        env: [{name: SERVICE_NAME, value: web}]
        ports: [{name: http, containerPort: 8080}]
      - name: alb-target-control-agent
        image: public.ecr.aws/aws-elb/target-optimizer/target-control-agent:latest
        env:
        - {name: TARGET_CONTROL_DATA_ADDRESS, value: "[::]:80"}
        - {name: TARGET_CONTROL_CONTROL_ADDRESS, value: "[::]:4000"}
        - {name: TARGET_CONTROL_DESTINATION, value: "[::1]:8080"}
        - {name: TARGET_CONTROL_MAX_CONCURRENCY, value: "1000"}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: optimized}
spec:
  type: NodePort
  ipFamilies: [IPv6]
  ipFamilyPolicy: SingleStack
  selector: {app: web}
  ports: [{port: 80, targetPort: 80}]
---
`

// TestAgentsOfIPv6CarryRequests shows that an ALB reaches the target control agents of pods of IPv6
// at their control port, and the pods through them.
func TestAgentsOfIPv6CarryRequests(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own, of both families of addresses")
	}
	t.Parallel()
	c := cluster(t)
	const ns = "optimized"
	c.Apply(t, agentOfIPv6+scene.Ingress(ns, "web", scene.Class, scene.Annotations{
		"scheme": "internet-facing", "target-type": "ip", "ip-address-type": "dualstack",
		"target-control-port.web.80": "4000",
	}, scene.Path{Path: "/", Port: "number: 80"}))
	lb := c.LoadBalancer(t, c.IngressAddress(t, ns, "web"))
	c.WaitHealthy(t, lb)
	groups := c.TargetGroups(lb)
	if len(groups) != 1 {
		t.Fatalf("%d target groups", len(groups))
	}
	expectTargets(t, c, groups[0], ns, true)
	r := c.WaitGet(t, "http://"+lb.DNSName+"/", "", 200, "web")
	from, err := netip.ParseAddrPort(r.Pod.RemoteAddr)
	if err != nil {
		t.Fatal(err)
	}
	if !from.Addr().Is6() {
		t.Errorf("the application was asked by %s, not by its agent's address of IPv6", from)
	}
	if w := scene.Warnings(t, c, ns); len(w) > 0 {
		t.Errorf("warnings: %v", w)
	}
}
