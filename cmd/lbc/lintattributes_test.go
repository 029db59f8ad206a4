package main

import (
	"slices"
	"strings"
	"testing"
)

// TestAttributesThatDependOnOthersAreFound has each front end declare logs without bucket, and attributes that another
// one switches off.
func TestAttributesThatDependOnOthersAreFound(t *testing.T) {
	t.Parallel()
	const web = `{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: NodePort, selector: {a: b}, ` +
		"ports: [{port: 80, nodePort: 30080}]}}\n---\n"
	const ofGateway = "{apiVersion: gateway.networking.k8s.io/v1, kind: "
	const ofUs = "{apiVersion: gateway.k8s.aws/v1, kind: "
	refused := func(family string) string {
		return "attribute " + family + `.s3.enabled cannot be "true": it needs ` + family + ".s3.bucket"
	}
	const prefix = "attribute access_logs.s3.prefix has no effect without access_logs.s3.enabled=true"
	const duration = "attribute stickiness.lb_cookie.duration_seconds has no effect without stickiness.enabled=true"
	for name, c := range map[string]struct {
		manifest string
		want     []string
	}{
		"Ingress": {web + `{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: alb}, spec: ` +
			`{controller: ingress.k8s.aws/alb}}` + "\n---\n" + `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  annotations:
    alb.ingress.kubernetes.io/load-balancer-attributes: "connection_logs.s3.enabled=true,access_logs.s3.prefix=web"
    alb.ingress.kubernetes.io/target-group-attributes: "stickiness.lb_cookie.duration_seconds=60"
    alb.ingress.kubernetes.io/use-regex-path-match: "true"
spec:
  ingressClassName: alb
  rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
`, []string{refused("connection_logs"), prefix, duration, "use-regex-path-match has no effect"}},
		"Service": {`apiVersion: v1
kind: Service
metadata:
  name: web
  annotations:
    service.beta.kubernetes.io/aws-load-balancer-attributes: "access_logs.s3.enabled=true"
    service.beta.kubernetes.io/aws-load-balancer-target-group-attributes: "stickiness.type=source_ip"
spec:
  {type: LoadBalancer, loadBalancerClass: service.k8s.aws/nlb, selector: {a: b}, ports: [{port: 80, nodePort: 30080}]}
`, []string{refused("access_logs"), "attribute stickiness.type has no effect without stickiness.enabled=true"}},
		"port of a Service": {`apiVersion: v1
kind: Service
metadata:
  name: web
  annotations:
    service.beta.kubernetes.io/aws-load-balancer-attributes: "access_logs.s3.enabled=true,access_logs.s3.bucket=logs"
    service.beta.kubernetes.io/aws-load-balancer-target-group-attributes: "deregistration_delay.timeout_seconds=60"
    service.beta.kubernetes.io/aws-load-balancer-target-group-attributes.80: "stickiness.type=source_ip"
spec:
  {type: LoadBalancer, loadBalancerClass: service.k8s.aws/nlb, selector: {a: b}, ports: [{port: 80, nodePort: 30080}]}
`, []string{"attribute access_logs.s3.enabled has no effect without a listener with protocol TLS",
			"(metadata.annotations[service.beta.kubernetes.io/aws-load-balancer-target-group-attributes.80])"}},
		"Service of an Ingress": {`apiVersion: v1
kind: Service
metadata:
  name: web
  annotations: {alb.ingress.kubernetes.io/target-group-attributes: "stickiness.lb_cookie.duration_seconds=60"}
spec: {type: NodePort, selector: {a: b}, ports: [{port: 80, nodePort: 30080}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  annotations: {alb.ingress.kubernetes.io/target-group-attributes: "deregistration_delay.timeout_seconds=60"}
spec: {ingressClassName: alb, defaultBackend: {service: {name: web, port: {number: 80}}}}
`, []string{"Service default/web: " + duration}},
		"Gateway": {web + ofGateway + "GatewayClass, metadata: {name: alb}, spec: {controllerName: gateway.k8s.aws/alb}}" +
			"\n---\n" + ofGateway + "Gateway, metadata: {name: web}, spec: {gatewayClassName: alb, infrastructure: " +
			"{parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: l}}, listeners: [{name: a, " +
			"port: 80, protocol: HTTP}]}}\n---\n" + ofGateway + "HTTPRoute, metadata: {name: r}, spec: {parentRefs: [{name: " +
			"web}], rules: [{backendRefs: [{name: web, port: 80}]}]}}\n---\n" + ofUs + "LoadBalancerConfiguration, metadata: " +
			"{name: l}, spec: {loadBalancerAttributes: [{key: connection_logs.s3.enabled, value: 'true'}, {key: " +
			"access_logs.s3.prefix, value: web}]}}\n---\n" + ofUs + "TargetGroupConfiguration, metadata: {name: g}, spec: " +
			"{targetReference: {name: web}, defaultConfiguration: {targetGroupAttributes: [{key: " +
			"stickiness.lb_cookie.duration_seconds, value: '60'}]}}}",
			[]string{refused("connection_logs"), prefix, duration, "(spec.defaultConfiguration.targetGroupAttributes[" +
				"stickiness.lb_cookie.duration_seconds] of TargetGroupConfiguration default/g)"}},
	} {
		for _, command := range []string{"lint", "plan"} {
			out, _, _ := lbc(t, c.manifest, command, "-")
			if slices.ContainsFunc(c.want, func(s string) bool { return strings.Count(out, s) != 1 }) {
				t.Errorf("%s, %s:\n%s\nwant %q once each", name, command, out, c.want)
			}
		}
	}
}

// TestPlanNamesAnnotationOfEachAttribute has three annotations declare attributes of one target group.
func TestPlanNamesAnnotationOfEachAttribute(t *testing.T) {
	t.Parallel()
	const prefix = "service.beta.kubernetes.io/aws-load-balancer-"
	out, _, _ := lbc(t, `apiVersion: v1
kind: Service
metadata:
  name: web
  annotations:
    `+prefix+`target-group-attributes: deregistration_delay.timeout_seconds=60
    `+prefix+`target-group-attributes.80: stickiness.enabled=true
    `+prefix+`proxy-protocol: "*"
spec:
  {type: LoadBalancer, loadBalancerClass: service.k8s.aws/nlb, selector: {a: b}, ports: [{port: 80, nodePort: 30080}]}
`, "plan", "-")
	for attribute, setting := range map[string]string{"deregistration_delay.timeout_seconds: 60": "target-group-attributes",
		"stickiness.enabled: true": "target-group-attributes.80", "proxy_protocol_v2.enabled: true": "proxy-protocol"} {
		want := "attribute " + attribute + "  ← metadata.annotations[" + prefix + setting + "] of Service default/web"
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
