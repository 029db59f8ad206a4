package main

import (
	"strings"
	"testing"
)

// TestLintFindsWhatNothingReads has annotations, attributes and references that no load balancer follows.
func TestLintFindsWhatNothingReads(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"an annotation of a class": {"{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: alb, annotations: " +
			"{alb.ingress.kubernetes.io/inbound-cidrs: 10.0.0.0/8}}, spec: {controller: ingress.k8s.aws/alb}}",
			"note: IngressClass alb: annotation alb.ingress.kubernetes.io/inbound-cidrs has no effect on this object"},
		"an annotation of a pod": {"{apiVersion: v1, kind: Pod, metadata: {name: web, annotations: " +
			"{alb.ingress.kubernetes.io/target-type: ip}}, spec: {containers: [{name: a, image: a}]}}",
			"note: Pod default/web: annotation alb.ingress.kubernetes.io/target-type has no effect on this object"},
		"an annotation that a pod has": {"{apiVersion: v1, kind: Pod, metadata: {name: web, annotations: " +
			"{service.beta.kubernetes.io/aws-load-balancer-quic-enabled-containers: a}}, spec: {containers: [{name: a, " +
			"image: a}]}}", ""},
		"a namespace of class parameters": {"{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: alb}, " +
			"spec: {controller: ingress.k8s.aws/alb, parameters: {apiGroup: elbv2.k8s.aws, kind: IngressClassParams, name: p, " +
			"scope: Namespace, namespace: shop}}}", "note: IngressClass alb: scope and namespace have no effect"},
		"an attribute that is none": {"{apiVersion: gateway.k8s.aws/v1, kind: LoadBalancerConfiguration, metadata: {name: c}, " +
			"spec: {loadBalancerAttributes: [{key: idle_timeout, value: '60'}]}}",
			"warning: LoadBalancerConfiguration default/c: attribute idle_timeout is unknown to this version"},
		"an attribute of an Ingress that is none": {"{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web, " +
			"annotations: {alb.ingress.kubernetes.io/target-group-attributes: deregistration_delay=5}}, spec: " +
			"{ingressClassName: alb}}", "warning: Ingress default/web: attribute deregistration_delay is unknown"},
		"attributes that are known": {"{apiVersion: gateway.k8s.aws/v1, kind: TargetGroupConfiguration, metadata: {name: c}, " +
			"spec: {targetReference: {name: web}, defaultConfiguration: {targetGroupAttributes: [{key: stickiness.enabled, " +
			"value: 'true'}]}}}", ""},
	} {
		out, _, _ := lbc(t, c.text, "lint", "-")
		if !strings.Contains(out, c.want) || c.want == "" && (strings.Contains(out, "unknown") || strings.Contains(out,
			"annotation")) {
			t.Errorf("%s:\n%s\nwant %s", name, out, c.want)
		}
	}
}
