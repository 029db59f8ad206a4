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
			"IngressClass alb: annotation alb.ingress.kubernetes.io/inbound-cidrs has no effect on this object"},
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
		"an attribute of a class that is none": {"{apiVersion: elbv2.k8s.aws/v1beta1, kind: IngressClassParams, " +
			"metadata: {name: c}, spec: {loadBalancerAttributes: [{key: idle_timeout, value: '60'}]}}",
			"warning: IngressClassParams c: attribute idle_timeout is unknown to this version"},
		"an attribute of an Ingress that is none": {"{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web, " +
			"annotations: {alb.ingress.kubernetes.io/target-group-attributes: deregistration_delay=5}}, spec: " +
			"{ingressClassName: alb}}", "warning: Ingress default/web: attribute deregistration_delay is unknown"},
		"a type of load balancers that is misspelt": {"{apiVersion: v1, kind: Service, metadata: {name: edge, annotations: " +
			"{service.beta.kubernetes.io/aws-load-balancer-type: Externl}}, spec: {type: LoadBalancer, ports: [{port: 80}]}}",
			"the controller does not serve the Service: \"Externl\" is not a value"},
		"a label of a Service that is an annotation": {"{apiVersion: v1, kind: Service, metadata: {name: web, labels: " +
			"{alb.ingress.kubernetes.io/target-type: ip}}, spec: {ports: [{port: 80}]}}",
			"note: Service default/web: label alb.ingress.kubernetes.io/target-type has no effect"},
		"an attribute of one route that is none": {"{apiVersion: gateway.k8s.aws/v1, kind: TargetGroupConfiguration, metadata: " +
			"{name: c}, spec: {targetReference: {name: web}, routeConfigurations: [{routeIdentifier: {kind: HTTPRoute}, " +
			"targetGroupProps: {targetGroupAttributes: [{key: brand_new.attribute, value: '1'}]}}]}}",
			"warning: TargetGroupConfiguration default/c: attribute brand_new.attribute is unknown to this version of lbc: AWS " +
				"refuses the attribute, unless it is newer than lbc (spec.routeConfigurations[0].targetGroupProps." +
				"targetGroupAttributes)"},
		"class parameters that no class names": {"{apiVersion: elbv2.k8s.aws/v1beta1, kind: IngressClassParams, " +
			"metadata: {name: c}, spec: {ipAddressType: ipv4}}", "note: IngressClassParams c: no IngressClass of this controller"},
		"guards of class parameters that no class names": {"{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: " +
			"{name: alb}, spec: {controller: ingress.k8s.aws/alb}}\n---\n{apiVersion: elbv2.k8s.aws/v1beta1, kind: " +
			"IngressClassParams, metadata: {name: c}, spec: {inboundCIDRs: [10.0.0.0/8]}}",
			"warning: IngressClassParams c: no IngressClass of this controller names this object, so it has no effect and " +
				"protects no load balancer (spec.inboundCIDRs)"},
		"guards of a configuration that nothing names": {"{apiVersion: gateway.k8s.aws/v1, kind: LoadBalancerConfiguration, " +
			"metadata: {name: c}, spec: {sourceRanges: [10.0.0.0/8]}}", "warning: LoadBalancerConfiguration default/c: nothing in " +
			"the files names this object, so it has no effect and protects no load balancer"},
		"an Ingress without a class": {"{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web, annotations: " +
			"{alb.ingress.kubernetes.io/scheme: internal}}}", "note: Ingress default/web: the Ingress names no class"},
		"a restriction of an IngressClass": {"{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: alb, " +
			"annotations: {alb.ingress.kubernetes.io/inbound-cidrs: 10.0.0.0/8}}, spec: {controller: ingress.k8s.aws/alb}}",
			"warning: IngressClass alb: annotation alb.ingress.kubernetes.io/inbound-cidrs has no effect on this object"},
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

// TestMisspeltAttributeHasOneFinding misspells an attribute in each object that the compiler reads it from. Another
// object that nothing uses has a finding of its own.
func TestMisspeltAttributeHasOneFinding(t *testing.T) {
	t.Parallel()
	const class = "{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: alb}, spec: {controller: " +
		"ingress.k8s.aws/alb, parameters: {apiGroup: elbv2.k8s.aws, kind: IngressClassParams, name: c}}}\n---\n" +
		"{apiVersion: elbv2.k8s.aws/v1beta1, kind: IngressClassParams, metadata: {name: NAME}, spec: " +
		"{loadBalancerAttributes: [{key: routing.http2.enable, value: 'true'}]}}\n---\n"
	const ingress = "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web, annotations: {ATTRIBUTES}}, " +
		"spec: {ingressClassName: alb, defaultBackend: {service: {name: web, port: {number: 80}}}}}\n---\n" +
		"{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: NodePort, selector: {app: web}, ports: " +
		"[{port: 80, nodePort: 30080}]}}\n"
	const own = "alb.ingress.kubernetes.io/load-balancer-attributes: routing.http2.enable=true"
	for name, c := range map[string]struct {
		text string
		want int
	}{
		"of an Ingress": {strings.ReplaceAll(ingress, "ATTRIBUTES", own), 1},
		"of its class": {strings.ReplaceAll(class+strings.ReplaceAll(ingress, "ATTRIBUTES", ""), "NAME", "c"),
			1},
		"of a class without users": {strings.ReplaceAll(class, "NAME", "c"), 1},
		"of an Ingress and parameters that no class names": {strings.ReplaceAll(strings.ReplaceAll(class, "name: c}",
			"name: d}")+strings.ReplaceAll(ingress, "ATTRIBUTES", own), "NAME", "c"), 2},
	} {
		if out, _, _ := lbc(t, c.text, "lint", "-"); strings.Count(out, "routing.http2.enable is unknown") != c.want {
			t.Errorf("%s: not %d findings:\n%s", name, c.want, out)
		}
	}
}
