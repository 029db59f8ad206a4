package tenants

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// TestUnnameableServicesHoldNobody shows that names which no object can have, and which clients of a real API server
// refuse to read, hold nobody's load balancer. A tenant refers to Services of such names in an Ingress of a group and a
// route of a Gateway.
func TestUnnameableServicesHoldNobody(t *testing.T) {
	c := playgroundOf(t)
	vic, mal := tenant(t, c, "unnamevic"), tenant(t, c, "unnamemal")
	group := func(text string) string {
		return strings.Replace(inFront("unnamevic", text, nil), "group.name: front", "group.name: unname", 1)
	}
	route := func(path string) string {
		return scene.Route("HTTPRoute", "unnamevic", "shop", "parentRefs: [{name: shop}], rules: [{matches: "+
			"[{path: {value: "+path+"}}], backendRefs: [{name: web, port: 80}]}]")
	}
	vic.Apply(t, group("v0")+"---\n"+scene.Backend("unnamevic", "web", 1)+scene.TargetGroups("unnamevic", "web",
		"targetReference: {name: web}, defaultConfiguration: {targetType: ip, healthCheckConfig: {healthCheckPath: "+
			"/health}}")+scene.Gateway("unnamevic", "shop", "alb", "scheme: internet-facing", "name: http, protocol: HTTP, "+
		"port: 80, allowedRoutes: {namespaces: {from: All}}")+route("/a"))
	ingress := c.IngressAddress(t, "unnamevic", "web")
	answers(t, c, ingress, "unnamevic", "v0")
	gateway := scene.GatewayAddress(t, c, "unnamevic", "shop")
	c.WaitGet(t, "http://"+gateway+"/a", "", 200, "web")

	mal.Apply(t, scene.Ingress("unnamemal", "evil", scene.Class, scene.Annotations{"group.name": "unname",
		"target-type": "ip",
		"actions.nobody": `{"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"no/such",` +
			`"servicePort":"80"}]}}`},
		scene.Path{Host: "mal.example.com", Path: "/", Service: "nobody", Port: "name: use-annotation"})+
		scene.Route("HTTPRoute", "unnamemal", "evil", "parentRefs: [{name: shop, namespace: unnamevic}], rules: [{matches: "+
			"[{path: {value: /evil}}], backendRefs: [{name: no/such, port: 80}]}]"))
	vic.Apply(t, group("v1")+"---\n"+route("/b"))
	answers(t, c, ingress, "unnamevic", "v1")
	c.WaitGet(t, "http://"+gateway+"/b", "", 200, "web")
	waitTold(t, c, "Ingress", "unnamemal/evil", "no/such")
	if w := scene.Warnings(t, c, "unnamevic"); len(w) > 0 {
		t.Errorf("warnings of the victim: %v", w)
	}
	vic.Kubectl(t, "delete", "ingress/web", "gateway/shop", "-n", "unnamevic", "--timeout=2m")
}
