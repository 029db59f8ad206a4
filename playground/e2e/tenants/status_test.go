package tenants

import (
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// TestForgedStatusExposesNoLoadBalancer shows that another's load balancer in statuses of a tenant's own objects gets
// neither a network load balancer nor an accelerator in front of it. The objects are a Gateway, an Ingress and a
// Service.
func TestForgedStatusExposesNoLoadBalancer(t *testing.T) {
	c := playgroundOf(t)
	c.Apply(t, `apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: statusnlb}
spec: {controllerName: gateway.k8s.aws/nlb}
`)
	vic, mal := tenant(t, c, "statusvic"), tenant(t, c, "statusmal")
	vic.Apply(t, scene.Backend("statusvic", "web", 1)+scene.Ingress("statusvic", "web", scene.Class, scene.Annotations{
		"target-type": "ip"}, scene.Path{Host: "vic.example.com", Path: "/"}))
	address := c.IngressAddress(t, "statusvic", "web")
	arn := ""
	for _, lb := range c.Simulator.Resources().LoadBalancers {
		if lb.DNSName == address {
			arn = lb.ARN
		}
	}
	if arn == "" {
		t.Fatal("the victim has no load balancer")
	}
	t.Run("Gateway", func(t *testing.T) { mal.forgedGateway(t, arn) })
	shown := fmt.Sprintf(`{"status":{"loadBalancer":{"ingress":[{"hostname":%q}]}}}`, address)
	t.Run("Ingress", func(t *testing.T) {
		mal.forgedEndpoint(t, "Ingress", shown, `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: forged, namespace: statusmal}
spec: {ingressClassName: nobodys, defaultBackend: {service: {name: web, port: {number: 80}}}}
`)
	})
	t.Run("Service", func(t *testing.T) {
		mal.forgedEndpoint(t, "Service", shown, `apiVersion: v1
kind: Service
metadata: {name: forged, namespace: statusmal}
spec: {type: LoadBalancer, loadBalancerClass: example.com/nobodys, selector: {app: web}, ports: [{port: 80}]}
`)
	})
}

// forgedGateway forwards from a network load balancer of the user's own to a Gateway whose status names another's load
// balancer.
func (u user) forgedGateway(t *testing.T, arn string) {
	u.Apply(t, `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: forged, namespace: statusmal}
spec: {gatewayClassName: nobodys, listeners: [{name: http, protocol: HTTP, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front, namespace: statusmal}
spec: {gatewayClassName: statusnlb, listeners: [{name: tcp, protocol: TCP, port: 80}]}
`)
	u.Kubectl(t, "patch", "gateway", "forged", "-n", "statusmal", "--subresource=status", "--type=merge", "-p",
		fmt.Sprintf(
			`{"status":{"conditions":[{"type":"Programmed","status":"True","reason":"Programmed","message":%q,"lastTransitionTime":"2026-01-01T00:00:00Z"}]}}`, arn))
	version := u.Cluster.Kubectl(t, "get", "crd", "tcproutes.gateway.networking.k8s.io", "-o",
		"jsonpath={.spec.versions[?(@.storage==true)].name}")
	u.Apply(t, "apiVersion: gateway.networking.k8s.io/"+version+`
kind: TCPRoute
metadata: {name: steal, namespace: statusmal}
spec:
  parentRefs: [{name: front}]
  rules: [{backendRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: forged, port: 80}]}]
`)
	waitTold(t, u.Cluster, "TCPRoute", "statusmal/steal", "does not belong to that Gateway")
	for _, g := range u.Simulator.Resources().TargetGroups {
		if strings.HasPrefix(g.Name, "k8s-statusma-") {
			t.Errorf("target group %s", g.Name)
		}
	}
}

// forgedEndpoint has an accelerator of the user's own name an object of the user's own whose status names another's
// load balancer.
func (u user) forgedEndpoint(t *testing.T, kind, status, manifest string) {
	u.Apply(t, manifest)
	u.Kubectl(t, "patch", strings.ToLower(kind), "forged", "-n", "statusmal", "--subresource=status", "--type=merge",
		"-p", status)
	name := "edge-" + strings.ToLower(kind)
	u.Apply(t, fmt.Sprintf(`apiVersion: aga.k8s.aws/v1beta1
kind: GlobalAccelerator
metadata: {name: %s, namespace: statusmal}
spec: {listeners: [{protocol: TCP, portRanges: [{fromPort: 80, toPort: 80}], endpointGroups: [{endpoints: [{type: %s, name: forged}]}]}]}
`, name, kind))
	waitTold(t, u.Cluster, "GlobalAccelerator", "statusmal/"+name,
		"which GlobalAccelerators of namespace statusmal may not name")
	for _, a := range u.Simulator.Resources().Accelerators {
		if text := fmt.Sprintf("%+v", a); strings.Contains(text, "k8s-statusvi") {
			t.Errorf("the victim's load balancer is an endpoint: %s", text)
		}
	}
}
