package main

import (
	"errors"
	"strings"
	"testing"
)

func TestLintRefusesReservedTags(t *testing.T) {
	t.Parallel()
	const class = "{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: alb}, spec: {controller: " +
		"ingress.k8s.aws/alb}}\n---\n"
	for name, manifest := range map[string]string{
		"Ingress": class +
			`{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web, annotations: {alb.ingress.kubernetes.io/tags: "elbv2.k8s.aws/resource=backend-sg"}},
spec: {ingressClassName: alb, defaultBackend: {service: {name: web, port: {number: 80}}}}}`,
		"Service": `{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {service.beta.kubernetes.io/aws-load-balancer-additional-resource-tags: "elbv2.k8s.aws/resource=backend-sg"}},
spec: {type: LoadBalancer, loadBalancerClass: service.k8s.aws/nlb, ports: [{port: 80, nodePort: 30080}], selector: {app: web}}}`,
		"IngressClassParams":        `{apiVersion: elbv2.k8s.aws/v1beta1, kind: IngressClassParams, metadata: {name: web}, spec: {tags: [{key: elbv2.k8s.aws/resource, value: backend-sg}]}}`,
		"LoadBalancerConfiguration": `{apiVersion: gateway.k8s.aws/v1, kind: LoadBalancerConfiguration, metadata: {name: web}, spec: {tags: {elbv2.k8s.aws/resource: backend-sg}}}`,
		"TargetGroupConfiguration":  `{apiVersion: gateway.k8s.aws/v1, kind: TargetGroupConfiguration, metadata: {name: web}, spec: {targetReference: {name: web}, defaultConfiguration: {tags: {elbv2.k8s.aws/resource: backend-sg}}}}`,
		"ListenerRuleConfiguration": `{apiVersion: gateway.k8s.aws/v1, kind: ListenerRuleConfiguration, metadata: {name: web}, spec: {tags: {elbv2.k8s.aws/resource: backend-sg}}}`,
		"GlobalAccelerator":         `{apiVersion: aga.k8s.aws/v1beta1, kind: GlobalAccelerator, metadata: {name: web}, spec: {tags: {elbv2.k8s.aws/resource: backend-sg}}}`,
	} {
		out, _, err := lbc(t, manifest, "lint", "-")
		if !errors.Is(err, exitInvalid) || !strings.Contains(out, "error: "+name) ||
			!strings.Contains(out, "tag key elbv2.k8s.aws/resource is reserved") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
