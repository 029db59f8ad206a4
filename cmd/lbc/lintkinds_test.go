package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
)

// kindsWorld has an object of each kind on which somebody may write an annotation; ANNOTATIONS is in its metadata.
var kindsWorld = map[string]string{
	"Ingress shop/web": `{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web, namespace: shop ` +
		`ANNOTATIONS}, spec: {ingressClassName: alb, defaultBackend: {service: {name: ingress, port: {number: 80}}}}}`,
	"IngressClass alb": `{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: alb ANNOTATIONS}, ` +
		`spec: {controller: ingress.k8s.aws/alb, parameters: {apiGroup: elbv2.k8s.aws, kind: IngressClassParams, name: p}}}`,
	"IngressClassParams p": `{apiVersion: elbv2.k8s.aws/v1beta1, kind: IngressClassParams, metadata: {name: p ` +
		`ANNOTATIONS}, spec: {targetType: ip}}`,
	"Service shop/ingress": `{apiVersion: v1, kind: Service, metadata: {name: ingress, namespace: shop ANNOTATIONS}, ` +
		`spec: {type: ClusterIP, selector: {app: web}, ports: [{name: http, port: 80}]}}`,
	"Service shop/route": `{apiVersion: v1, kind: Service, metadata: {name: route, namespace: shop ANNOTATIONS}, spec: ` +
		`{type: NodePort, selector: {app: web}, ports: [{name: http, port: 80, nodePort: 30080}]}}`,
	"Service shop/none": `{apiVersion: v1, kind: Service, metadata: {name: none, namespace: shop ANNOTATIONS}, spec: ` +
		`{type: NodePort, selector: {app: web}, ports: [{name: http, port: 80, nodePort: 30081}]}}`,
	"Service shop/nlb": `{apiVersion: v1, kind: Service, metadata: {name: nlb, namespace: shop ANNOTATIONS}, spec: ` +
		`{type: LoadBalancer, loadBalancerClass: service.k8s.aws/nlb, selector: {app: web}, ports: [{name: http, port: 80, ` +
		`nodePort: 30082}]}}`,
	"Gateway shop/web": `{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: web, namespace: ` +
		`shop ANNOTATIONS}, spec: {gatewayClassName: alb, allowedListeners: {namespaces: {from: All}}, infrastructure: ` +
		`{parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: config}}, listeners: [{name: ` +
		`http, port: 80, protocol: HTTP}]}}`,
	"GatewayClass alb": `{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: alb ` +
		`ANNOTATIONS}, spec: {controllerName: gateway.k8s.aws/alb}}`,
	"LoadBalancerConfiguration shop/config": `{apiVersion: gateway.k8s.aws/v1, kind: LoadBalancerConfiguration, ` +
		`metadata: {name: config, namespace: shop ANNOTATIONS}, spec: {scheme: internet-facing}}`,
	"TargetGroupConfiguration shop/config": `{apiVersion: gateway.k8s.aws/v1, kind: TargetGroupConfiguration, metadata: ` +
		`{name: config, namespace: shop ANNOTATIONS}, spec: {targetReference: {name: route}, defaultConfiguration: ` +
		`{targetType: ip}}}`,
	"ListenerRuleConfiguration shop/config": `{apiVersion: gateway.k8s.aws/v1, kind: ListenerRuleConfiguration, ` +
		`metadata: {name: config, namespace: shop ANNOTATIONS}, spec: {tags: {a: b}}}`,
	"HTTPRoute shop/web": `{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: web, namespace: ` +
		`shop ANNOTATIONS}, spec: {parentRefs: [{name: web}], hostnames: [a.example.com], rules: [{filters: [{type: ` +
		`ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: ListenerRuleConfiguration, name: config}}], ` +
		`backendRefs: [{name: route, port: 80}]}]}}`,
	"ListenerSet shop/more": `{apiVersion: gateway.networking.k8s.io/v1, kind: ListenerSet, metadata: {name: more, ` +
		`namespace: shop ANNOTATIONS}, spec: {parentRef: {name: web}, listeners: [{name: own, port: 81, protocol: HTTP}]}}`,
	"TargetGroupBinding shop/web": `{apiVersion: elbv2.k8s.aws/v1beta1, kind: TargetGroupBinding, metadata: {name: web, ` +
		`namespace: shop ANNOTATIONS}, spec: {targetGroupARN: "arn:aws:elasticloadbalancing:us-west-2:123456789012:` +
		`targetgroup/x/0123456789abcdef", serviceRef: {name: none, port: 80}, targetType: instance}}`,
	"Namespace shop": `{apiVersion: v1, kind: Namespace, metadata: {name: shop ANNOTATIONS}}`,
	"Pod shop/web": `{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop ANNOTATIONS}, spec: ` +
		`{containers: [{name: a, image: a}]}}`,
}

// readsOf are the scopes, and keys, whose annotations the objects read.
var readsOf = map[string][]string{
	"Ingress shop/web":     {string(annotation.OnIngress), string(annotation.OnBoth)},
	"Service shop/ingress": {string(annotation.OnBoth)}, "Service shop/nlb": {string(annotation.OnService)},
	"Gateway shop/web": {string(annotation.OnGateway)}, "Pod shop/web": {string(annotation.OnPod)},
	"GatewayClass alb": {string(annotation.GatewayRuleConstruction)},
	"IngressClassParams p": {string(annotation.ClassDriftPolicy), string(annotation.ClassReplacementPolicy),
		string(annotation.ClassOwnership), string(annotation.ClassApprovedPlan), string(annotation.ClassFrontendScheme)},
	"LoadBalancerConfiguration shop/config": {string(annotation.ClassDriftPolicy),
		string(annotation.ClassReplacementPolicy), string(annotation.ClassOwnership), string(annotation.ClassApprovedPlan)},
}

// matrixKeys are the keys of the tables, by what they are read on.
func matrixKeys() map[string]string {
	out := map[string]string{
		annotation.IngressPrefix + "of-nothing": "", annotation.GatewayPrefix + "of-nothing": "",
		annotation.ServicePrefix + "aws-load-balancer-of-nothing": "",
	}
	for _, e := range annotation.Entries() {
		key := string(e.Key)
		if e.Family != "" {
			key += "x"
		}
		if out[key] = string(e.Scope); e.Key == annotation.GatewayRuleConstruction {
			out[key] = key
		}
	}
	for _, k := range []annotation.Key{annotation.ClassDriftPolicy, annotation.ClassReplacementPolicy,
		annotation.ClassOwnership, annotation.ClassApprovedPlan, annotation.ClassFrontendScheme} {
		out[string(k)] = string(k)
	}
	return out
}

// TestLintAnswersEachAnnotationOnEachKind writes all annotations that an object does not read on it: each has a finding
// on that object.
func TestLintAnswersEachAnnotationOnEachKind(t *testing.T) {
	t.Parallel()
	keys := matrixKeys()
	for object := range kindsWorld {
		t.Run(object, func(t *testing.T) {
			t.Parallel()
			var idle, annotations []string
			for key, scope := range keys {
				read := slices.Contains(readsOf[object], scope) || object == "Gateway shop/web" && scope == string(
					annotation.GatewayRuleConstruction)
				if !read && scope != string(annotation.Written) {
					idle, annotations = append(idle, key), append(annotations, fmt.Sprintf("%q: x", key))
				}
			}
			var world []string
			for name, text := range kindsWorld {
				with := ""
				if name == object {
					with = ", annotations: {" + strings.Join(annotations, ", ") + "}"
				}
				world = append(world, strings.Replace(text, " ANNOTATIONS", with, 1))
			}
			out, errOut, _ := lbc(t, strings.Join(world, "\n---\n"), "lint", "-")
			for _, key := range idle {
				if !namedBy(out, object, key) && (!strings.HasPrefix(key, annotation.ServicePrefix) ||
					!namedBy(out, object, "a Service of type NodePort has no load balancer")) {
					t.Errorf("%s: no finding", key)
				}
			}
			if t.Failed() {
				t.Logf("%s\n%s", out, errOut)
			}
		})
	}
}

// namedBy reports whether a line of lint is about an annotation of an object, and not that it is of others.
func namedBy(out, object, key string) bool {
	for line := range strings.Lines(out) {
		if strings.Contains(line, ": "+object+": ") && strings.Contains(line, key) && (strings.Contains(line,
			"no effect") || strings.Contains(line, "is unknown, and ")) && !strings.Contains(line, "ForeignAnnotation") {
			return true
		}
	}
	return false
}

// TestLintFindsLabelsThatInjectNothing has labels for pods as annotations, and with other values than enabled.
func TestLintFindsLabelsThatInjectNothing(t *testing.T) {
	t.Parallel()
	for _, k := range injection {
		for metadata, want := range map[string]string{
			"annotations: {" + k + ": enabled}": "annotation " + k + " has no effect",
			"labels: {" + k + ": 'true'}":       "label " + k + `: "true" has no effect`,
			"labels: {" + k + ": enabled}":      "",
		} {
			out, _, _ := lbc(t, "{apiVersion: v1, kind: Namespace, metadata: {name: shop, "+metadata+"}}", "lint", "-")
			if !strings.Contains(out, want) || want == "" && strings.Contains(out, "no effect") {
				t.Errorf("%s:\n%s", metadata, out)
			}
		}
	}
}

// TestAnnotationsForIngressesAreNotToldToRoutes has a backend Service of a route, with annotations for target groups of
// Ingresses: they have no effect, unless an Ingress names the Service as well.
func TestAnnotationsForIngressesAreNotToldToRoutes(t *testing.T) {
	t.Parallel()
	const with = ", annotations: {alb.ingress.kubernetes.io/healthcheck-path: /up, alb.ingress.kubernetes.io/auth-type: " +
		"oidc}"
	world := func(backend string) string {
		var all []string
		for name, text := range kindsWorld {
			annotations := ""
			if name == "Service shop/route" {
				annotations = with
			}
			text = strings.Replace(text, " ANNOTATIONS", annotations, 1)
			if name == "Ingress shop/web" {
				text = strings.Replace(text, "{name: ingress,", "{name: "+backend+",", 1)
			}
			all = append(all, text)
		}
		return strings.Join(all, "\n---\n")
	}
	out, _, _ := lbc(t, world("ingress"), "lint", "-")
	for _, want := range []string{"note: Service shop/route: annotation alb.ingress.kubernetes.io/healthcheck-path has " +
		"no effect on target groups of routes of a Gateway", "spec.defaultConfiguration.healthCheckConfig." +
		"healthCheckPath of a TargetGroupConfiguration whose spec.targetReference.name is route",
		"alb.ingress.kubernetes.io/auth-type has no effect on target groups of routes of a Gateway; their requests are " +
			"not authenticated"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if out, _, _ = lbc(t, world("route"), "lint", "-"); strings.Contains(out, "no effect on target groups of routes") {
		t.Errorf("an Ingress names the Service:\n%s", out)
	}
}
