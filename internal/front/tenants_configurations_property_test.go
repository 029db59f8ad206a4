package front

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// ownedByA are a Gateway of infra that everybody may use, and routes of a with their Services and configurations.
const ownedByA = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: auto}
spec: {controllerName: ` + string(gateway.ControllerAuto) + `}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {namespace: infra, name: gw}
spec:
  gatewayClassName: auto
  allowedListeners: {namespaces: {from: All}}
  infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: conf}}
  listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]
---
apiVersion: gateway.k8s.aws/v1
kind: LoadBalancerConfiguration
metadata: {namespace: infra, name: conf}
spec: {scheme: internal, sourceRanges: [10.0.0.0/8], defaultTargetGroupConfiguration: {name: all}}
---
apiVersion: gateway.k8s.aws/v1
kind: TargetGroupConfiguration
metadata: {namespace: infra, name: all}
spec: {defaultConfiguration: {targetType: ip}}
---
apiVersion: v1
kind: Service
metadata: {namespace: a, name: web, uid: uid-a-web}
spec: {ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {namespace: a, name: api, uid: uid-a-api}
spec: {ports: [{port: 80, targetPort: 8081}]}
---
apiVersion: gateway.k8s.aws/v1
kind: TargetGroupConfiguration
metadata: {namespace: a, name: web}
spec: {targetReference: {name: web}, defaultConfiguration: {healthCheckConfig: {healthCheckPath: /healthy}}}
---
apiVersion: gateway.k8s.aws/v1
kind: ListenerRuleConfiguration
metadata: {namespace: a, name: one}
spec: {tags: {team: a}, conditions: [{field: source-ip, sourceIPConfig: {values: [10.1.0.0/16]}}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {namespace: a, name: one, creationTimestamp: "2026-01-01T00:00:01Z"}
spec:
  parentRefs: [{name: gw, namespace: infra}]
  hostnames: [a.test]
  rules:
  - filters: [{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: ListenerRuleConfiguration, name: one}}]
    backendRefs: [{name: web, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /api}}]
    backendRefs: [{name: api, port: 80}]
`

// properties are what a configuration may declare of a target group.
func (t tenants) properties() string {
	return "{" + t.pick("properties of b", "targetType: instance", "targetType: ip",
		"healthCheckConfig: {healthCheckPath: /evil}", "tags: {team: b}", "protocol: HTTPS",
		"targetGroupName: mine", "enableMultiCluster: true",
		"targetGroupAttributes: [{key: deregistration_delay.timeout_seconds, value: '1'}]") + "}"
}

// configuration draws an object of namespace b, under a name that one of a may have.
func (t tenants) configuration(i int) string {
	name := t.pick("name of b", "web", "api", "one", "conf", "all", "gw")
	at := fmt.Sprintf("metadata: {namespace: b, name: %s, creationTimestamp: %q}", name,
		stamp(rapid.SampledFrom([]int{0, 9}).Draw(t.T, "age of b")))
	const group, gatewayAPI = "apiVersion: gateway.k8s.aws/v1\n", "apiVersion: gateway.networking.k8s.io/v1\n"
	parent := t.pick("parent of b", "{name: gw, namespace: infra}",
		"{kind: ListenerSet, group: gateway.networking.k8s.io, name: one}")
	switch rapid.IntRange(0, 7).Draw(t.T, "object of b") {
	case 0:
		return group + "kind: TargetGroupConfiguration\n" + at + "\nspec: {targetReference: {name: " +
			t.pick("Service", "web", "api") + "}, defaultConfiguration: " + t.properties() + "}"
	case 1:
		return group + "kind: TargetGroupConfiguration\n" + at +
			"\nspec: {targetReference: {name: web}, routeConfigurations: [{routeIdentifier: {kind: HTTPRoute, namespace: a, " +
			"name: one}, targetGroupProps: " + t.properties() + "}]}"
	case 2:
		return group + "kind: TargetGroupConfiguration\n" + at + "\nspec: {defaultConfiguration: " + t.properties() + "}"
	case 3:
		return group + "kind: ListenerRuleConfiguration\n" + at +
			"\nspec: {tags: {team: b}, actions: [{type: fixed-response, fixedResponseConfig: {statusCode: 200}}]}"
	case 4:
		return group + "kind: LoadBalancerConfiguration\n" + at +
			"\nspec: {scheme: internet-facing, sourceRanges: [0.0.0.0/0], defaultTargetGroupConfiguration: {name: all}}"
	case 5:
		return gatewayAPI + "kind: ListenerSet\n" + at +
			"\nspec: {parentRef: {name: gw, namespace: infra}, listeners: [{name: l, port: " + t.pick("port of b", "80",
			"443", "8080") +
			", protocol: " + t.pick("protocol of b", "HTTP", "HTTPS, tls: {certificateRefs: [{name: tls, namespace: a}]}") +
			", hostname: m.org, " + anyRoute + "}]}"
	case 6:
		return "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\n" + at +
			"\nspec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: b}], to: [{group: '', " +
			"kind: Service}]}"
	}
	return gatewayAPI + "kind: HTTPRoute\n" + strings.Replace(at, "name: ", fmt.Sprint("name: r", i, "-"), 1) +
		"\nspec: {parentRefs: [" + parent + "], hostnames: [m.org], rules: [{filters: [" +
		t.pick("filter of b", "", "{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: "+
			"ListenerRuleConfiguration, name: one}}") + "], backendRefs: [" +
		t.pick("backend of b", "{name: web, port: 80}", "{name: web, namespace: a, port: 80}",
			"{name: k8s-a-one-0123456789, kind: TargetGroupName, group: gateway.k8s.aws}",
			"{name: api, namespace: a, port: 80}, {name: web, port: 80}") + "]}]}"
}

// TestConfigurationsOfOthersChangeNothing compares what a tenant has at a shared Gateway with and without
// configurations, routes, ListenerSets and grants of another one, who names what he likes.
func TestConfigurationsOfOthersChangeNothing(t *testing.T) {
	t.Parallel()
	const family = attachment.Application
	key := stack.Key{Owner: gateway.Owner(family), ID: stack.ID{Namespace: "infra", Name: "gw"}}
	without := answered(t, gatewayFrontEnd(family), key, decode(t, ownedByA), nil)
	if without.Stack == nil || len(without.Stack.TargetGroups) != 2 || len(partOf(without.Stack, 80)) < 6 {
		t.Fatalf("%+v, %v", without.Stack, without.Diagnostics)
	}
	rapid.Check(t, func(rt *rapid.T) {
		of := tenants{rt}
		var theirs []string
		named := map[string]bool{}
		theirs = append(theirs, "apiVersion: v1\nkind: Service\nmetadata: {namespace: b, name: web, uid: uid-b-web}\nspec: "+
			"{ports: [{port: 80, targetPort: 8080}]}")
		for i := range rapid.IntRange(1, 6).Draw(rt, "objects of b") {
			o := of.configuration(i)
			head, _, _ := strings.Cut(o, ", creationTimestamp")
			if !named[head] {
				theirs = append(theirs, o)
			}
			named[head] = true
		}
		text := strings.Join(theirs, "\n---\n")
		with := answered(rt, gatewayFrontEnd(family), key, decode(t, ownedByA+"---\n"+text), nil)
		unchanged(rt, key, with, without, []int32{80}, text)
		for _, path := range []string{"/", "/api", "/other"} {
			r := traffic.Request{Scheme: "http", Port: 80, Host: "a.test", Method: "GET", Path: path,
				SourceIP: netip.MustParseAddr("10.1.2.3")}
			if before, after := without.answer(r), with.answer(r); before != after {
				rt.Fatalf("%s: %s, without b %s; of:\n%s", path, after, before, text)
			}
		}
	})
}
