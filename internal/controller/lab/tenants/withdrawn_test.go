package tenants

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestWithdrawnRightEndsEveryVersion has the owner of a Gateway withdraw what namespace mal used, while an object of mal
// is invalid, so that a last valid version of it serves.
func TestWithdrawnRightEndsEveryVersion(t *testing.T) {
	t.Parallel()
	gateway := func(routes, listeners, more string) string {
		return "Gateway shop/web {spec: {gatewayClassName: alb, allowedListeners: {namespaces: {from: " + listeners +
			"}}, listeners: [{name: http, port: 80, protocol: HTTP" + more + ", allowedRoutes: {namespaces: {from: " + routes +
			"}}}]}}"
	}
	route := func(parent, rule string) string {
		return "\nHTTPRoute mal/evil {spec: {parentRefs: [{" + parent + "}], hostnames: [\"example.com\"], rules: [{" +
			"matches: [{path: {type: PathPrefix, value: /evil}}], backendRefs: [{name: web, port: 80}]}" + rule + "]}}"
	}
	set := func(parent, protocol string) string {
		return "\nListenerSet mal/set {spec: {parentRef: {name: " + parent + ", namespace: shop}, listeners: [{name: http, " +
			"port: 80, protocol: " + protocol + ", hostname: example.com}]}}"
	}
	const (
		atGateway = "name: web, namespace: shop"
		atSet     = "kind: ListenerSet, group: gateway.networking.k8s.io, name: set"
		odd       = ", {matches: [{path: {type: RegularExpression, value: \"(\"}}], backendRefs: [{name: web, port: 80}]}"
	)
	for name, tt := range map[string]struct{ before, invalid, withdrawn string }{
		"an invalid rule, and the namespace": {route(atGateway, ""), route(atGateway, odd), gateway("Same", "All", "")},
		"a parent that does not exist, and the namespace": {route(atGateway, ""),
			route("name: none, namespace: shop", ""), gateway("Same", "All", "")},
		"a listener that does not exist, and the namespace": {route(atGateway, ""),
			route(atGateway+", sectionName: none", ""), gateway("Same", "All", "")},
		"a parent that does not exist, and the host": {route(atGateway, ""),
			route("name: none, namespace: shop", ""), gateway("All", "All", ", hostname: shop.example.org")},
		"an invalid rule, and the host": {route(atGateway, ""), route(atGateway, odd),
			gateway("All", "All", ", hostname: shop.example.org")},
		"an invalid rule, and the kind": {route(atGateway, ""), route(atGateway, odd), strings.Replace(gateway("All", "All",
			""), "allowedRoutes: {", "allowedRoutes: {kinds: [{kind: GRPCRoute}], ", 1)},
		"a parent that does not exist, and ListenerSets": {set("web", "HTTP") + route(atSet, ""), set("none", "HTTP"),
			gateway("Same", "None", "")},
		"an invalid listener, and ListenerSets": {set("web", "HTTP") + route(atSet, ""), set("web", "TCP"),
			gateway("Same", "None", "")},
	} {
		for _, restarted := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", restarted"}[restarted], func(t *testing.T) {
				t.Parallel()
				l := lab.NewGateway(t, sharedGateway+tt.before)
				l.SettleWeb()
				if got := l.Answers("/evil"); !strings.Contains(got, "mal-web") {
					t.Fatalf("/evil is answered by %s\n%s", got, strings.Join(l.Events, "\n"))
				}
				l.Apply(strings.TrimSpace(tt.invalid))
				l.SettleWeb()
				if got := l.Answers("/evil"); !strings.Contains(got, "mal-web") {
					t.Logf("invalid: /evil is answered by %s\n%s", got, strings.Join(l.Events, "\n"))
				}
				l.Apply(tt.withdrawn)
				if restarted {
					l.Restart()
				}
				l.SettleWeb()
				if got := l.Answers("/evil"); strings.Contains(got, "mal-web") {
					t.Errorf("/evil is answered by %s\n%s", got, strings.Join(l.Events, "\n"))
				}
			})
		}
	}
}
