package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const driftPolicies = `
apiVersion: elbv2.k8s.aws/v1beta1
kind: IngressClassParams
metadata: {name: prod, annotations: {elbv2.k8s.aws/drift-policy: %q}}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: prod}
spec: {controller: ingress.k8s.aws/alb, parameters: {apiGroup: elbv2.k8s.aws, kind: IngressClassParams, name: prod}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop, annotations: {alb.ingress.kubernetes.io/drift-policy: %q}}
spec:
  ingressClassName: prod
  rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: net, namespace: shop, annotations: {service.beta.kubernetes.io/aws-load-balancer-drift-policy: %q}}
spec: {type: LoadBalancer, loadBalancerClass: service.k8s.aws/nlb, selector: {app: web}, ports: [{port: 80}]}
`

func TestLintRefusesDriftPoliciesThatAreNotUnderstood(t *testing.T) {
	t.Parallel()
	out, _, err := lbc(t, fmt.Sprintf(driftPolicies, "all=report", "reprot", "tags=never"), "lint", "-")
	var code exitCode
	if !errors.As(err, &code) || code != exitInvalid {
		t.Errorf("error = %v, want exit status 2", err)
	}
	for _, want := range []string{
		`"all" is not a group of fields`, "metadata.annotations[elbv2.k8s.aws/drift-policy] of IngressClassParams prod",
		`"reprot" is not a drift policy`, "metadata.annotations[alb.ingress.kubernetes.io/drift-policy]",
		`"never" is not a drift policy`, "metadata.annotations[service.beta.kubernetes.io/aws-load-balancer-drift-policy]",
		"write one of correct, report, ignore for all groups of fields",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("without %s:\n%s", want, out)
		}
	}
	if out, _, err := lbc(t, fmt.Sprintf(driftPolicies, "report", "tags=ignore", "correct,rules=report"), "lint",
		"-"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
