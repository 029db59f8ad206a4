package gateway

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/front/golden"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestTheWorkedExampleOfTheContract is section 8.1: an adopted Gateway, whose rules are those of the existing
// controller.
func TestTheWorkedExampleOfTheContract(t *testing.T) {
	t.Parallel()
	const text = classes + `
Gateway shop-prod/web-gateway {metadata: {uid: 2f6f9c1e-4a3b-4d7c-9e57-0b1c2d3e4f50}, spec: {gatewayClassName: alb,
	infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: web}}, listeners: [{name: http, protocol: HTTP, port: 80, hostname: shop.example.com}]}}
LoadBalancerConfiguration shop-prod/web {spec: {scheme: internet-facing, tags: {team: shop}, loadBalancerAttributes: [{key: idle_timeout.timeout_seconds, value: "120"}]}}
HTTPRoute shop-prod/shop-route {spec: {parentRefs: [{name: web-gateway}], rules: [
	{matches: [{path: {type: PathPrefix, value: /api}, method: GET}], filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}],
	backendRefs: [{name: shop-v1, port: 80, weight: 90}, {name: shop-v2, port: 80, weight: 10}]},
	{matches: [{path: {type: PathPrefix, value: /}}], backendRefs: [{name: shop-v1, port: 80}]}]}}
Service shop-prod/shop-v1 {spec: {ports: [{port: 80, targetPort: 8080}]}}
Service shop-prod/shop-v2 {spec: {ports: [{port: 80, targetPort: 8080}]}}`
	v, cfg := objects.FromObjects(decode(t, text)), defaults()
	cfg.Route.DefaultTargetType = stack.TargetIP
	lb, _ := Translate(v, cfg,
		Load(v, cfg, stack.Key{Owner: stack.GatewayALB, ID: stack.ID{Namespace: "shop-prod", Name: "web-gateway"}}), true)
	golden.Compare(t, "testdata/worked-example", lb.Members)
	for _, m := range lb.Members {
		for _, r := range m.Routes {
			for _, a := range r.Actions {
				for _, b := range a.Backends {
					if got := lb.Names.TargetGroup("my-cluster", lb.Key.ID, b.TargetGroup); got != map[string]string{
						"shop-v1": "k8s-shopprod-shoprout-f057e4dbea",
						"shop-v2": "k8s-shopprod-shoprout-fee82b88e2"}[b.TargetGroup.ServiceName] {
						t.Errorf("%s has target group %s", b.TargetGroup.ServiceName, got)
					}
				}
			}
		}
	}
}
