package route

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const worked = `
kind: Gateway
metadata: {name: web-gateway, namespace: shop-prod, uid: 2f6f9c1e-4a3b-4d7c-9e57-0b1c2d3e4f50}
spec:
  gatewayClassName: alb
  listeners: [{name: http, protocol: HTTP, port: 80, hostname: "shop.example.com"}]
---
kind: HTTPRoute
metadata: {name: shop-route, namespace: shop-prod}
spec:
  parentRefs: [{name: web-gateway}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /api}, method: GET}]
    filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]
    backendRefs: [{name: shop-v1, port: 80, weight: 90}, {name: shop-v2, port: 80, weight: 10}]
  - backendRefs: [{name: shop-v1, port: 80}]
---
kind: Service
metadata: {name: shop-v1, namespace: shop-prod}
spec: {ports: [{port: 80, targetPort: 8080}]}
---
kind: Service
metadata: {name: shop-v2, namespace: shop-prod}
spec: {ports: [{port: 80, targetPort: 8080}]}
`

// TestContractExampleIsBuiltAlike has the requests of chapter 8.2.
func TestContractExampleIsBuiltAlike(t *testing.T) {
	t.Parallel()
	s, decided := built(t, input(t, rule.Compatible, decode(t, worked)))
	if d := decided[0]; d.Refused != nil || d.Unresolved != nil || d.Partly != nil || len(d.Found) > 0 {
		t.Errorf("%+v", d)
	}
	tags := func(resource string) map[string]string {
		return map[string]string{"elbv2.k8s.aws/cluster": "my-cluster", "gateway.k8s.aws.alb/stack": "shop-prod/web-gateway",
			"gateway.k8s.aws.alb/resource": resource}
	}
	id := func(service string) string {
		return "shop-prod/web-gateway:shop-prod-shop-route:HTTPRoute-shop-prod-" + service + ":8080"
	}
	group := func(service, name string) stack.TargetGroup {
		return stack.TargetGroup{
			ID: id(service), Name: name, TargetType: "ip", Port: 8080, Protocol: "HTTP", ProtocolVersion: "HTTP1",
			IPAddressType: "ipv4", Tags: tags(id(service)),
			HealthCheck: stack.HealthCheck{
				Protocol: "HTTP", Port: "traffic-port", Path: "/", Matcher: "200-399", IntervalSeconds: 15, TimeoutSeconds: 5,
				HealthyThreshold: 3, UnhealthyThreshold: 3,
			},
		}
	}
	weighted := func(service string, weight int32) stack.WeightedTargetGroup {
		return stack.WeightedTargetGroup{TargetGroup: stack.Ref{Kind: stack.KindTargetGroup, ID: id(service)},
			Weight: &weight}
	}
	forward := func(groups ...stack.WeightedTargetGroup) []stack.Action {
		return []stack.Action{{Type: stack.ActionForward, Forward: &stack.Forward{TargetGroups: groups}}}
	}
	listener := stack.Ref{Kind: stack.KindListener, ID: "80"}
	host := stack.Condition{Field: stack.HostHeader, Values: []string{"shop.example.com"}}
	want := &stack.Stack{
		TargetGroups: []stack.TargetGroup{group("shop-v1", "k8s-shopprod-shoprout-f057e4dbea"),
			group("shop-v2", "k8s-shopprod-shoprout-fee82b88e2")},
		Rules: []stack.Rule{
			{
				ID: "80:1", Listener: listener, Order: 1, Tags: tags("80:1"), Actions: forward(weighted("shop-v1", 90),
					weighted("shop-v2", 10)),
				Conditions: []stack.Condition{host, {Field: stack.PathPattern, Values: []string{"/api", "/api/*"}},
					{Field: stack.RequestMethod, Values: []string{"GET"}}},
				Transforms: []stack.Transform{
					{Type: "url-rewrite", Rewrites: []stack.Rewrite{{Regex: `(^/api(/)?)`, Replace: "/"}}}},
			},
			{
				ID: "80:2", Listener: listener, Order: 2, Tags: tags("80:2"), Actions: forward(weighted("shop-v1", 1)),
				Conditions: []stack.Condition{host, {Field: stack.PathPattern, Values: []string{"/*"}}},
			},
		},
	}
	if diff := cmp.Diff(want.TargetGroups, s.TargetGroups); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want.Rules, s.Rules); diff != "" {
		t.Error(diff)
	}
	binding := stack.Binding{
		ID: id("shop-v1"), Name: "k8s-shopprod-shoprout-f057e4dbea", Namespace: "shop-prod", Labels: s.Bindings[0].Labels,
		TargetGroup: weighted("shop-v1", 0).TargetGroup,
		TargetType:  "ip", Protocol: "HTTP", ServiceName: "shop-v1", ServicePort: "80", IPAddress: "ipv4", VPC: "vpc-1",
		Networking: []stack.NetworkingRule{{FromGroups: []stack.Ref{stack.Literal(stack.KindSecurityGroup, "sg-backend")},
			Ports: []stack.NetworkingPort{{Protocol: "TCP", Port: "8080"}}}},
	}
	if diff := cmp.Diff(binding, s.Bindings[0]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(&stack.FixedResponse{StatusCode: "404", ContentType: "text/plain"},
		s.Listeners[0].DefaultActions[0].FixedResponse); diff != "" {
		t.Error(diff)
	}
}
