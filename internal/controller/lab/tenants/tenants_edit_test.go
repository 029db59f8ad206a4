package tenants

import (
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// sharedGateway is Gateway shop/web, to which routes of namespaces team and mal can be attached.
const sharedGateway = lab.GatewayClasses + `
Gateway shop/web {spec: {gatewayClassName: alb, allowedListeners: {namespaces: {from: All}}, listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]}}
Service team/web {spec: {ports: [{port: 80, targetPort: 8080}]}}
Service team/api {spec: {ports: [{port: 80, targetPort: 8080}]}}
Service mal/web {spec: {ports: [{port: 80, targetPort: 8080}]}}
Service mal/cold {spec: {ports: [{port: 80, targetPort: 8080}]}}`

// sharedListenerSet is a ListenerSet of it, which takes the requests of all hosts that end in com.
const sharedListenerSet = `
ListenerSet shop/web {spec: {parentRef: {name: web}, listeners: [{name: http, port: 80, protocol: HTTP, hostname: "*.com", allowedRoutes: {namespaces: {from: All}}}]}}`

// TestColdTargetsOfARouteHoldNoEditOfOthers has a route of namespace mal turn to targets that never become healthy, at
// the Gateway, and at the port of a ListenerSet, to which namespace team has routes.
func TestColdTargetsOfARouteHoldNoEditOfOthers(t *testing.T) {
	t.Parallel()
	route := func(name, parent, path, service string) string {
		return "\nHTTPRoute " + name + ` {spec: {parentRefs: [{kind: ` + parent +
			`, group: gateway.networking.k8s.io, name: web, namespace: shop}], hostnames: ["example.com"],` +
			` rules: [{matches: [{path: {type: PathPrefix, value: ` + path + `}}], backendRefs: [{name: ` + service +
			`, port: 80}]}]}}`
	}
	for _, parent := range []string{"Gateway", "ListenerSet"} {
		for _, c := range []struct {
			name, before, after string // of namespace team; none after = the route is deleted
			path, want          string // what answers then
		}{
			{"a route goes", route("team/web", parent, "/a", "web"), "", "/a", "mal-web"},
			{"a path is narrowed", route("team/web", parent, "/a", "web"), route("team/web", parent, "/a/b", "web"),
				"/a/c", "mal-web"},
			{"a path is widened", route("team/web", parent, "/a/b", "web"), route("team/web", parent, "/a", "web"), "/a/c",
				"team-web"},
			{"a path turns to another Service", route("team/web", parent, "/a", "gone"), route("team/web", parent, "/a", "api"),
				"/a", "team-api"},
		} {
			t.Run(parent+", "+c.name, func(t *testing.T) {
				t.Parallel()
				objects := sharedGateway
				if parent == "ListenerSet" {
					objects += sharedListenerSet
				}
				l := lab.NewGateway(t, objects+c.before+route("mal/web", parent, "/", "web"))
				l.SettleWeb()
				l.Apply(route("mal/web", parent, "/", "cold"))
				_, _ = l.Round(l.WebKeys()...)
				if c.after == "" {
					l.Discard(c.before)
				} else {
					l.Apply(c.after)
				}
				answers := ""
				for range 3 { // far less than targets are awaited
					_, _ = l.Round(l.WebKeys()...)
					l.Clock.Advance(time.Second)
					answers = l.Answers(c.path)
				}
				if !strings.Contains(answers, c.want) {
					t.Errorf("%s is answered by %q", c.path, answers)
				}
				if got := l.Answers("/"); !strings.Contains(got, "mal-web") {
					t.Errorf("nothing is awaited: / is answered by %q", got)
				}
			})
		}
	}
}
