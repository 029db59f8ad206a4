package behaviour

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// convertedListener is a listener as ingress2gateway writes it for each host of an Ingress.
func convertedListener(name, host string) string {
	return fmt.Sprintf("name: %s-http, hostname: %q, port: 80, protocol: HTTP", name, host)
}

// convertedMatch is a rule as ingress2gateway writes it for each path.
func convertedMatch(kind, path, service string) string {
	return fmt.Sprintf("{matches: [{path: {type: %s, value: %s}}], backendRefs: [{name: %s, port: 80}]}", kind,
		path, service)
}

// TestConvertedIngressIsServedAsBefore shows that a Gateway with a listener for each host, as
// ingress2gateway writes it for an Ingress, serves each request as the Ingress does.
func TestConvertedIngressIsServedAsBefore(t *testing.T) {
	if testing.Short() {
		t.Skip("cmd/lbc compares the answers without traffic")
	}
	t.Parallel()
	c := cluster(t)
	const ns = "converted"
	one, wild := "shop.converted.dev", "*.converted.dev"
	ingress := scene.Ingress(ns, "web", scene.Class, public(nil), scene.Path{Host: one, Path: "/cart", Type: "Exact",
		Service: "cart"}, scene.Path{Host: one, Path: "/api", Service: "api"}, scene.Path{Host: wild, Path: "/"})
	gateway := scene.Gateway(ns, "alb", "alb", "scheme: internet-facing", convertedListener("shop", one),
		convertedListener("wildcard", wild))
	route := func(name, host, rules string) string {
		return scene.Route("HTTPRoute", ns, name, fmt.Sprintf("parentRefs: [{name: alb}], hostnames: [%q], rules: [%s]",
			host, rules))
	}
	c.Apply(t, scene.Namespace(ns, 1)+scene.Backend(ns, "cart", 1)+scene.Backend(ns, "api", 1)+ingress+gateway+
		route("web-shop", one, convertedMatch("Exact", "/cart", "cart")+", "+convertedMatch("PathPrefix", "/api", "api"))+
		route("web-wildcard", wild, convertedMatch("PathPrefix", "/", "web")))
	for _, lb := range []string{c.IngressAddress(t, ns, "web"), scene.GatewayAddress(t, c, ns, "alb")} {
		for _, a := range []expected{
			{"/cart", one, "cart"}, {"/api", one, "api"}, {"/api/v1", one, "api"}, {"/", "blog.converted.dev", "web"},
			{"/cart", "blog.converted.dev", "web"}, {"/", "other.dev", ""},
		} {
			status := http.StatusOK
			if a.service == "" {
				status = http.StatusNotFound
			}
			c.WaitGet(t, "http://"+lb+a.path, a.host, status, a.service)
		}
	}
	c.Kubectl(t, "delete", "ingress,httproute,gateway", "-n", ns, "--all")
	c.Kubectl(t, "delete", "namespace", ns, "--wait=false")
	scene.WaitGone(t, c, scene.Marks(ns)...)
}
