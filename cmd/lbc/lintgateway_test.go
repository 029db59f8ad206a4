package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
)

func TestFindingsAboutGatewaysAreAsRecorded(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]error{"gateway": exitInvalid, "gateway-network": nil} {
		out, _, err := lbc(t, "", "lint", "testdata/"+name+".yaml")
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
		goldenfile.Compare(t, "testdata/lint-"+name+".txt", out)
	}
}

func TestEachMistakeOfAGatewayOrRouteIsFoundWithItsReason(t *testing.T) {
	t.Parallel()
	const class = "{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: alb}, spec: " +
		"{controllerName: gateway.k8s.aws/alb%s}}"
	const gateway = "{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: web}, spec: " +
		"{gatewayClassName: alb, listeners: [{name: a, port: 80, protocol: HTTP}]%s}}"
	const route = "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: r}, spec: {parentRefs: " +
		"[{name: web}]%s}}"
	for _, c := range []struct{ name, class, gateway, more, want string }{
		{"a class without its configuration", ", parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, " +
			"namespace: x, name: lbc}", "", "", "warning: GatewayClass alb: spec.parametersRef names " +
			"LoadBalancerConfiguration x/lbc, which does not exist (spec.parametersRef) [InvalidParameters]"},
		{"a misspelt controller", "s", "", "", "warning: GatewayClass alb: no controller of load balancers has the name " +
			"gateway.k8s.aws/albs, so Gateways of this class have none (spec.controllerName) [NothingNamed]"},
		{"a class with another kind", ", parametersRef: {group: '', kind: ConfigMap, namespace: x, name: lbc}", "", "",
			"error: GatewayClass alb: spec.parametersRef names a ConfigMap"},
		{"an address that is none", "", ", addresses: [{type: Hostname, value: a.example.com}]", "",
			"error: Gateway default/web: hostname a.example.com is not the load balancer"},
		{"a ListenerSet that is not admitted", "", "", "{apiVersion: gateway.networking.k8s.io/v1, kind: ListenerSet, " +
			"metadata: {name: s}, spec: {parentRef: {name: web}, listeners: [{name: b, port: 81, protocol: HTTP}]}}",
			"error: ListenerSet default/s: Gateway default/web admits no ListenerSets of namespace default; its listeners are " +
				"not served (spec.parentRef) [InvalidListener]"},
		{"a backend in another namespace", "", "", strings.ReplaceAll(route, "%s", ", rules: [{backendRefs: [{name: s, "+
			"namespace: x, port: 80}]}]"), "warning: HTTPRoute default/r: "},
		{"a ListenerRuleConfiguration that is missing", "", "", strings.ReplaceAll(route, "%s",
			", rules: [{filters: [{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: "+
				"ListenerRuleConfiguration, name: l}}]}]"),
			"warning: HTTPRoute default/r: ListenerRuleConfiguration default/l does not exist; requests of the rule get 500 " +
				"(spec.rules[0]) [InvalidConfiguration]"},
		{"a login at an HTTP listener", "", "", strings.ReplaceAll(route, "%s", ", rules: [{filters: [{type: ExtensionRef, "+
			"extensionRef: {group: gateway.k8s.aws, kind: ListenerRuleConfiguration, name: l}}]}]") +
			"\n---\n{apiVersion: gateway.k8s.aws/v1, kind: ListenerRuleConfiguration, metadata: {name: l}, spec: {actions: " +
			"[{type: jwt-validation, jwtValidationConfig: {issuer: i, jwksEndpoint: 'https://a.test/k'}}]}}",
			"error: HTTPRoute default/r: a load balancer authenticates only at HTTPS listeners, and port 80 has protocol HTTP: " +
				"it answers 500 (spec.rules[0]) [InvalidRule]"},
		{"a route without Gateway", "", "", "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: " +
			"r}, spec: {}}", "note: HTTPRoute default/r: the route names no Gateway"},
		{"a policy", "", "", "{apiVersion: gateway.networking.x-k8s.io/v1alpha1, kind: XBackendTrafficPolicy, " +
			"metadata: {name: p}}", "warning: XBackendTrafficPolicy p: load balancers have nothing for objects of kind XBackendTrafficPolicy"},
	} {
		text := strings.ReplaceAll(class, "%s", c.class) + "\n---\n" + strings.ReplaceAll(gateway, "%s", c.gateway)
		if c.more != "" {
			text += "\n---\n" + c.more
		}
		out, _, err := lbc(t, text, "lint", "-")
		if !strings.Contains(out, c.want) {
			t.Errorf("%s: %v\n%s\nwant %s", c.name, err, out, c.want)
		}
		if n := strings.Count(out, " HTTPRoute default/r: "); n > 1 {
			t.Errorf("%s: the route has %d findings\n%s", c.name, n, out)
		}
	}
}

func TestMistakeOfListenerSetHasOneLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ admits, want string }{
		"a Secret that is missing": {"All", "warning: ListenerSet default/s: "},
		"not admitted":             {"None", "error: ListenerSet default/s: "},
	} {
		out, _, err := lbc(t, `{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: alb}, spec: {controllerName: gateway.k8s.aws/alb}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: web}, spec: {gatewayClassName: alb, allowedListeners: {namespaces: {from: `+
			c.admits+`}}, listeners: [{name: a, port: 80, protocol: HTTP}]}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: ListenerSet, metadata: {name: s}, spec: {parentRef: {name: web}, listeners: [{name: b, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: gone}]}}]}}
`, "lint", "-")
		lines := strings.Count(out, "error: ") + strings.Count(out, "warning: ")
		if lines != 1 || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestUnreadKindsAreCountedOrReported(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n",
		"b.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\n---\napiVersion: example.com/v1\nkind: " +
			"Widget\nmetadata: {name: c}\n",
		"c.yaml": "apiVersion: aga.k8s.aws/v1beta1\nkind: GlobalAccelerator\nmetadata: {name: g, namespace: " +
			"shop}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const counted = "lbc: objects on which no load balancer depends are not read: 2 Deployment, 1 Widget.example.com\n"
	for _, command := range []string{"lint", "plan"} {
		out, errOut, err := lbc(t, "", command, dir)
		if err != nil || strings.Count(errOut, counted) != 1 {
			t.Errorf("%s: %v\n%s", command, err, errOut)
		}
		if found := strings.Contains(out, "c.yaml:1: warning: GlobalAccelerator shop/g: "); found !=
			(command == "lint") {
			t.Errorf("%s:\n%s", command, out)
		}
	}
}

// TestLintSaysEachMistakeOfARouteOnce has mistakes that findings about several objects, or conditions, may tell.
func TestLintSaysEachMistakeOfARouteOnce(t *testing.T) {
	t.Parallel()
	const group = "apiVersion: gateway.networking.k8s.io/v1\n"
	class := "kind: GatewayClass\nmetadata: {name: alb}\nspec: {controllerName: gateway.k8s.aws/alb}\n---\n"
	gateway := func(listener string) string {
		return group + class + group + "kind: Gateway\nmetadata: {name: web}\nspec: {gatewayClassName: alb, listeners: [" +
			listener + "]}\n---\n"
	}
	route := func(more string) string {
		return group + "kind: HTTPRoute\nmetadata: {name: r}\nspec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: " +
			"s, port: 80}]" + more + "}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 80}]}\n---\n"
	}
	const http = "{name: a, port: 80, protocol: HTTP}"
	const named = ", filters: [{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: ListenerRuleConfiguration, " +
		"name: l}}]"
	rule := func(spec string) string {
		return "apiVersion: gateway.k8s.aws/v1\nkind: ListenerRuleConfiguration\nmetadata: {name: l}\nspec: {" + spec + "}\n---\n"
	}
	for name, c := range map[string]struct{ text, said string }{
		"a configuration that is not accepted": {gateway(http) + route(named) + rule("conditions: [{field: source-ip, "+
			"sourceIPConfig: {values: [192.168.0.1]}}]"), "HTTPRoute default/r: ListenerRuleConfiguration"},
		"a reserved tag": {gateway(http) + route(named) + rule("tags: {elbv2.k8s.aws/cluster: x}, actions: [{type: "+
			"fixed-response, fixedResponseConfig: {statusCode: 503}}]"), "is reserved: the controller finds"},
		"a Service without node ports": {gateway(http) + route(""), "has no node port"},
	} {
		out, _, _ := lbc(t, c.text, "lint", "-")
		if n := strings.Count(out, c.said); n != 1 {
			t.Errorf("%s: said %d times\n%s", name, n, out)
		}
	}
}
