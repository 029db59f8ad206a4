package tenants

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
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

// TestWithdrawnRightsEndInAnyOrder has namespace team edit, break, move, delete and correct a route in any order, while
// the owner of the Gateway admits its routes or does not, and namespace mal gives and withdraws its ReferenceGrant.
func TestWithdrawnRightsEndInAnyOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(sample.Count(2, 60)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 2))
			given, admits, route, last := true, true, "valid", 0
			text := func() string {
				valid := mixedRoute(fmt.Sprint("/first", last), "")
				switch route {
				case "with an invalid rule":
					return strings.TrimSuffix(valid, "]}}") +
						", {matches: [{path: {type: RegularExpression, value: \"(\"}}], backendRefs: [{name: web, port: 80}]}]}}"
				case "without its Gateway":
					return strings.Replace(valid, "name: web, namespace: shop", "name: none, namespace: shop", 1)
				case "without its listener":
					return strings.Replace(valid, "namespace: shop", "namespace: shop, sectionName: none", 1)
				}
				return valid
			}
			l := lab.NewGateway(t, sharedGateway+grantToTeam+text())
			l.Checkpointed = r.IntN(2) == 0
			l.Restart()
			l.SettleWeb()
			said := []string{fmt.Sprint("checkpointed ", l.Checkpointed)}
			for range 10 {
				act := []string{"grant", "admission", "valid", "valid", "with an invalid rule", "without its Gateway",
					"without its listener", "gone", "restart"}[r.IntN(9)]
				switch said = append(said, act); act {
				case "grant":
					if given = !given; given {
						l.Apply(grantToTeam)
					} else {
						l.Discard(grantToTeam)
					}
				case "admission":
					admits = !admits
					l.Apply("Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP, " +
						"allowedRoutes: {namespaces: {from: " + map[bool]string{true: "All", false: "Same"}[admits] + "}}}]}}")
				case "restart":
					l.Restart()
				case "gone":
					if route != "gone" {
						l.Discard(text())
					}
					route = act
				default:
					route = act
					last++
					l.Apply(text())
				}
				l.SettleWeb()
				check := func(path string, from string, may, must bool) {
					got := l.Answers(path)
					if has := strings.Contains(got, from); has && !may || !has && must {
						t.Fatalf("%q: %s is answered by %s; %s may: %t, must: %t\n%s", said, path, got, from, may, must,
							strings.Join(l.Events, "\n"))
					}
				}
				serves := admits && route != "gone"
				check("/theirs", "mal-web", serves && given, serves && given && route == "valid")
				for n := range last + 1 {
					path := fmt.Sprint("/first", n)
					check(path, "team-web", serves && (n == last || route != "valid"), serves && route == "valid" && n == last)
					check(path, "mal-web", false, false)
				}
			}
		})
	}
}
