package main

import (
	"strings"
	"testing"
)

// TestLintMisspeltRestriction has keys that misspell a restriction of a new object, which is not exposed.
func TestLintMisspeltRestriction(t *testing.T) {
	t.Parallel()
	const ingress = `apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: alb}
spec: {controller: ingress.k8s.aws/alb}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop, annotations: {alb.ingress.kubernetes.io/inbound-cidr: 10.0.0.0/8}}
spec: {ingressClassName: alb, defaultBackend: {service: {name: web, port: {number: 80}}}}
---
`
	const web = `apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {a: b}, ports: [{port: 80, nodePort: 30080}]}
`
	const nlb = `apiVersion: v1
kind: Service
metadata: {name: web, annotations: {service.beta.kubernetes.io/aws-load-balancer-source-ranges: 10.0.0.0/8}}
spec:
  {type: LoadBalancer, loadBalancerClass: service.k8s.aws/nlb, selector: {a: b}, ports: [{port: 80, nodePort: 30080}]}
`
	for manifest, want := range map[string]string{
		ingress + web: "alb.ingress.kubernetes.io/inbound-cidrs is missing",
		nlb:           "service.beta.kubernetes.io/load-balancer-source-ranges is missing",
	} {
		for _, command := range []string{"lint", "plan"} {
			if out, _, _ := lbc(t, manifest, command, "-"); !strings.Contains(out, want) {
				t.Errorf("%s: %s", command, out)
			}
		}
	}
}
