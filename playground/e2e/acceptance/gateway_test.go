package acceptance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/longtest"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

const (
	onHTTP  = "name: http, protocol: HTTP, port: 80"
	onHTTPS = "name: https, protocol: HTTPS, port: 443"
	// facing is the configuration of a load balancer that the world reaches; TargetGroupConfiguration "targets" is about all its groups.
	facing  = "scheme: internet-facing, defaultTargetGroupConfiguration: {name: targets}"
	secured = facing + `, listenerConfigurations: [{protocolPort: "HTTPS:443", defaultCertificate: "` + wildcard + `"}]`
)

// site is a namespace with a backend "web", and a Gateway "web" of class alb whose targets are of one type.
type site struct {
	*harness.Cluster
	ns, targets   string
	configuration string
	listeners     []string
}

// onEachTargetType runs a case on Gateways of its own with pods and, unless only says ip, with nodes as targets.
func onEachTargetType(t *testing.T, name, configuration string, listeners []string, f func(*testing.T, *site), only ...string) {
	eachTargetType(t, func(t *testing.T, targets string) {
		s := &site{Cluster: cluster(t), ns: name + "-" + targets, targets: targets, configuration: configuration, listeners: listeners}
		s.Apply(t, scene.Namespace(s.ns, 1)+s.groups("/health")+scene.Gateway(s.ns, "web", "alb", configuration, listeners...))
		f(t, s)
	}, only...)
}

// eachTargetType runs a case with pods and, unless only says ip, with nodes as targets.
func eachTargetType(t *testing.T, f func(t *testing.T, targets string), only ...string) {
	for _, targets := range []string{"ip", "instance"} {
		if len(only) > 0 && !slices.Contains(only, targets) {
			continue
		}
		t.Run(targets, func(t *testing.T) {
			t.Parallel()
			f(t, targets)
		})
	}
}

// groups is what the Gateway's target groups are like by default.
func (s *site) groups(health string) string {
	return scene.TargetGroups(s.ns, "targets", fmt.Sprintf("defaultConfiguration: {targetType: %s, healthCheckConfig: {healthCheckPath: %s}}", s.targets, health))
}

// route applies an HTTPRoute of the Gateway. rules are in a line of YAML each; more are further fields.
func (s *site) route(t *testing.T, name, more string, rules ...string) {
	t.Helper()
	if !strings.Contains(more, "parentRefs") {
		more = strings.TrimSuffix("parentRefs: [{name: web}], "+more, ", ")
	}
	s.Apply(t, scene.Route("HTTPRoute", s.ns, name, more+", rules: [{"+strings.Join(rules, "}, {")+"}]"))
}

// balancer waits until the Gateway is programmed, its targets are healthy and it has the listeners and so many target groups.
func (s *site) balancer(t *testing.T, groups int, listeners ...string) simclient.LoadBalancer {
	t.Helper()
	host := scene.GatewayAddress(t, s.Cluster, s.ns, "web")
	var lb simclient.LoadBalancer
	wait(t, s.Cluster, "the load balancer as expected", func() string {
		lb = s.LoadBalancer(t, host)
		var have []string
		for _, l := range lb.Listeners {
			have = append(have, fmt.Sprintf("%s %d", l.Protocol, l.Port))
		}
		slices.Sort(have)
		tgs := s.TargetGroups(lb)
		for _, tg := range tgs {
			if tg.TargetType != s.targets {
				return tg.Name + " has targets of type " + tg.TargetType
			}
		}
		return differs("type, scheme, state, listeners, number of groups", []any{lb.Type, lb.Scheme, lb.State, have, len(tgs)}, []any{"application", "internet-facing", "active", listeners, groups})
	})
	s.WaitHealthy(t, lb)
	return s.LoadBalancer(t, host)
}

// rules waits until the first listener has rules with these texts, in this order; TG stands for any target group.
func (s *site) rules(t *testing.T, lb simclient.LoadBalancer, port int32, want ...string) []simclient.Rule {
	t.Helper()
	var rules []simclient.Rule
	wait(t, s.Cluster, "the rules", func() string {
		rules = nil
		now := s.LoadBalancer(t, lb.Name)
		var have []string
		for _, l := range now.Listeners {
			for _, r := range l.Rules {
				if l.Port != port || r.Priority == "default" {
					continue
				}
				text := r.Text
				for _, tg := range s.TargetGroups(now) {
					text = strings.ReplaceAll(text, tg.Name, "TG")
				}
				have, rules = append(have, text), append(rules, r)
			}
		}
		return differs("rules", strings.Join(have, "\n"), strings.Join(want, "\n"))
	})
	return rules
}

// shows waits until a route has conditions with these texts.
func (s *site) shows(t *testing.T, resource, name string, conditions ...string) {
	t.Helper()
	wait(t, s.Cluster, "the conditions of "+name, func() string {
		have := scene.RouteConditions(t, s.Cluster, resource, s.ns, name)
		for _, c := range conditions {
			if !strings.Contains(have, c+",") {
				return fmt.Sprintf("%s, want %s", have, c)
			}
		}
		return ""
	})
}

const toWeb = "backendRefs: [{name: web, port: 80}]"

func TestGatewayServesARouteAndBackendsOfOtherNamespacesByGrant(t *testing.T) {
	t.Parallel()
	attribute := `, listenerConfigurations: [{protocolPort: "HTTP:80", listenerAttributes: [{key: routing.http.response.access_control_max_age.header_value, value: "30"}]}]`
	onEachTargetType(t, "g1", facing+attribute, []string{onHTTP, "name: other, protocol: HTTP, port: 8080"}, func(t *testing.T, s *site) {
		other := s.ns + "-other"
		s.Apply(t, scene.Namespace(other, 0)+scene.Backend(other, "api", 1))
		s.route(t, "web", "parentRefs: [{name: web, sectionName: http}]", toWeb)
		s.route(t, "api", "parentRefs: [{name: web, sectionName: other}]", "backendRefs: [{name: api, namespace: "+other+", port: 80}]")
		lb := s.balancer(t, 1, "HTTP 80", "HTTP 8080")
		if r := s.WaitGet(t, url(lb, "/"), "", 200, "web"); r.Header.Get("Access-Control-Max-Age") != "30" {
			t.Errorf("headers %v", r.Header)
		}
		elsewhere := "http://" + lb.DNSName + ":8080/"
		s.WaitGet(t, elsewhere, "", 500, "")
		s.shows(t, "httproute", "api", "Accepted=True Accepted", "ResolvedRefs=False RefNotPermitted")
		s.Apply(t, scene.Grant(other, "HTTPRoute", s.ns))
		s.WaitGet(t, elsewhere, "", 200, "api")
		s.balancer(t, 2, "HTTP 80", "HTTP 8080")
		s.shows(t, "httproute", "api", "Accepted=True Accepted", "ResolvedRefs=True ResolvedRefs")
		s.Kubectl(t, "delete", "referencegrant", "-n", other, "services")
		s.WaitGet(t, elsewhere, "", 500, "")
		s.shows(t, "httproute", "api", "Accepted=True Accepted", "ResolvedRefs=False RefNotPermitted")
		s.WaitGet(t, url(lb, "/"), "", 200, "web")
	})
}

func TestGatewayOrdersMatchesAndWeighsBackends(t *testing.T) {
	t.Parallel()
	onEachTargetType(t, "g2", facing, []string{onHTTP}, func(t *testing.T, s *site) {
		s.route(t, "web", "",
			`matches: [{path: {type: PathPrefix, value: /q}, queryParams: [{name: a, value: "1"}, {name: b, value: "2"}]}], `+toWeb,
			`matches: [{path: {type: PathPrefix, value: /prefix}, method: GET, headers: [{name: first, value: "1"}, {name: second, value: "2"}]}], `+toWeb,
			`matches: [{path: {type: Exact, value: /exact}}], backendRefs: [{name: web, port: 80, weight: 50}]`)
		lb := s.balancer(t, 1, "HTTP 80")
		rules := s.rules(t, lb, 80,
			"if path-pattern is /exact, forward to TG",
			"if path-pattern is /prefix or /prefix/* and http-header first is 1 and http-header second is 2 and http-request-method is GET, forward to TG",
			"if path-pattern is /q or /q/* and query-string is a=1 and query-string is b=2, forward to TG")
		if w := rules[0].Actions[0].Forward.TargetGroups[0].Weight; w == nil || *w != 50 {
			t.Errorf("the first rule forwards %+v", rules[0].Actions[0].Forward)
		}
		s.WaitGet(t, url(lb, "/exact"), "", 200, "web")
		s.WaitGet(t, url(lb, "/prefix/x"), "", 200, "web", "first: 1", "second: 2")
		s.WaitGet(t, url(lb, "/q?a=1&b=2"), "", 200, "web")
		s.WaitGet(t, url(lb, "/prefix/x"), "", 404, "", "first: 1")
		s.WaitGet(t, url(lb, "/q?a=1"), "", 404, "")
	})
}

func TestGatewayAttachesARouteToTheListenersWithItsHostname(t *testing.T) {
	longtest.Long(t, "a variant: TestGatewayServesARouteAndBackendsOfOtherNamespacesByGrant shows the way through the cluster, and golden cases the rest")
	t.Parallel()
	onEachTargetType(t, "g3", facing, []string{onHTTP, "name: named, protocol: HTTP, port: 8080, hostname: example.com"}, func(t *testing.T, s *site) {
		s.route(t, "web", "hostnames: [test.com]", toWeb)
		lb := s.balancer(t, 1, "HTTP 80", "HTTP 8080")
		s.WaitGet(t, url(lb, "/"), "test.com", 200, "web")
		s.WaitGet(t, "http://"+lb.DNSName+":8080/", "test.com", 404, "")
		s.shows(t, "httproute", "web", "Accepted=True Accepted")
		wait(t, s.Cluster, "the listeners", func() string {
			return differs("routes, Accepted, Programmed", scene.Query(t, s.Cluster, "get", "gateway", "-n", s.ns, "web", "-o",
				`jsonpath={range .status.listeners[*]}{.name} {.attachedRoutes} {.conditions[?(@.type=="Accepted")].status} {.conditions[?(@.type=="Programmed")].status}; {end}`),
				"http 1 True True; named 0 True True;")
		})
	})
}

func TestGatewayRedirects(t *testing.T) {
	longtest.Long(t, "a variant: TestGatewayServesARouteAndBackendsOfOtherNamespacesByGrant shows the way through the cluster, and golden cases the rest")
	t.Parallel()
	onEachTargetType(t, "g4", facing, []string{onHTTP}, func(t *testing.T, s *site) {
		match := func(path, redirect string) string {
			return "matches: [{path: {type: PathPrefix, value: " + path + "}}], filters: [{type: RequestRedirect, requestRedirect: {" + redirect + "}}]"
		}
		s.route(t, "web", "",
			match("/old-path", "scheme: https, hostname: example.com, port: 80, statusCode: 301, path: {type: ReplaceFullPath, replaceFullPath: /new-path}"),
			match("/api", "scheme: https, hostname: api.example.com, port: 80, statusCode: 302, path: {type: ReplacePrefixMatch, replacePrefixMatch: /v2}"),
			match("/secure", "scheme: https, hostname: secure.example.com, port: 8443, statusCode: 302"))
		lb := s.balancer(t, 0, "HTTP 80")
		for path, want := range map[string]string{
			"/old-path":     "301 https://example.com:80/new-path",
			"/api/v1/users": "302 https://api.example.com:80/v2/v1/users",
			"/secure":       "302 https://secure.example.com:8443/secure",
		} {
			status := 302
			if strings.HasPrefix(want, "301") {
				status = 301
			}
			if r := s.WaitGet(t, url(lb, path), "", status, ""); fmt.Sprint(r.Status, " ", r.Header.Get("Location")) != want {
				t.Errorf("%s: %d %s, want %s", path, r.Status, r.Header.Get("Location"), want)
			}
		}
	})
}

func TestGatewayAdmitsSourceAddressesByRuleConfiguration(t *testing.T) {
	longtest.Long(t, "a variant: TestGatewayServesARouteAndBackendsOfOtherNamespacesByGrant shows the way through the cluster, and golden cases the rest")
	t.Parallel()
	onEachTargetType(t, "g5", facing, []string{onHTTP}, func(t *testing.T, s *site) {
		s.Apply(t, scene.RuleConfiguration(s.ns, "all", "conditions: [{field: source-ip, sourceIPConfig: {values: [10.0.0.0/8]}}]")+
			scene.RuleConfiguration(s.ns, "second", "conditions: [{field: source-ip, matchIndexes: [1], sourceIPConfig: {values: [203.0.113.0/24]}}]"))
		use := func(name, matches string) string {
			return "filters: [{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: ListenerRuleConfiguration, name: " + name + "}}], " + toWeb + ", matches: [" + matches + "]"
		}
		s.route(t, "web", "", use("all", "{path: {type: Exact, value: /inside}}"), use("second", "{path: {type: Exact, value: /open1}}, {path: {type: Exact, value: /open}}"))
		lb := s.balancer(t, 1, "HTTP 80")
		s.rules(t, lb, 80,
			"if path-pattern is /inside and source-ip is 10.0.0.0/8, forward to TG",
			"if path-pattern is /open1, forward to TG",
			"if path-pattern is /open and source-ip is 203.0.113.0/24, forward to TG")
		s.WaitGet(t, url(lb, "/inside"), "", 404, "")
		s.WaitGet(t, url(lb, "/open1"), "", 200, "web")
		s.WaitGet(t, url(lb, "/open"), "", 200, "web") // clients of the playground are of that range
	})
}

func TestGatewayRewritesHostAndPath(t *testing.T) {
	longtest.Long(t, "a variant: TestGatewayServesARouteAndBackendsOfOtherNamespacesByGrant shows the way through the cluster, and golden cases the rest")
	t.Parallel()
	onEachTargetType(t, "g6", facing, []string{onHTTP}, func(t *testing.T, s *site) {
		s.route(t, "web", "", "filters: [{type: URLRewrite, urlRewrite: {hostname: foo.com, path: {type: ReplaceFullPath, replaceFullPath: /my/cool/path}}}], "+toWeb)
		lb := s.balancer(t, 1, "HTTP 80")
		s.rules(t, lb, 80, "if path-pattern is /*, url-rewrite ^([^?]*) to /my/cool/path, host-header-rewrite .* to foo.com, forward to TG")
		if r := s.WaitGet(t, url(lb, "/x?a=1"), "", 200, "web"); r.Pod.Host != "foo.com" || r.Pod.Path != "/my/cool/path" {
			t.Errorf("the pod saw %s %s", r.Pod.Host, r.Pod.Path)
		}
	}, "ip")
}

func TestGatewayServesHTTPSByACertificateOfItsConfiguration(t *testing.T) {
	t.Parallel()
	onEachTargetType(t, "g7", secured, []string{onHTTPS}, func(t *testing.T, s *site) {
		s.route(t, "web", "", toWeb)
		lb := s.balancer(t, 1, "HTTPS 443")
		if l := lb.Listeners[0]; !slices.Equal(l.Certificates, []string{wildcard}) || l.SSLPolicy != "ELBSecurityPolicy-2016-08" {
			t.Errorf("certificates %v, policy %s", l.Certificates, l.SSLPolicy)
		}
		served(t, s.Cluster, lb, "www.example.com")
	})
}

func TestGatewayServesHTTPAndHTTPSByRoutesOfTheirOwn(t *testing.T) {
	longtest.Long(t, "a variant: TestGatewayServesARouteAndBackendsOfOtherNamespacesByGrant shows the way through the cluster, and golden cases the rest")
	t.Parallel()
	onEachTargetType(t, "g11", secured, []string{onHTTP, onHTTPS}, func(t *testing.T, s *site) {
		s.Apply(t, scene.Backend(s.ns, "api", 1))
		s.route(t, "plain", "parentRefs: [{name: web, sectionName: http}]", "backendRefs: [{name: api, port: 80}]")
		s.route(t, "secure", "parentRefs: [{name: web, sectionName: https}]", toWeb)
		lb := s.balancer(t, 2, "HTTP 80", "HTTPS 443")
		s.WaitGet(t, url(lb, "/"), "www.example.com", 200, "api")
		served(t, s.Cluster, lb, "www.example.com")
	})
}

func TestGatewayOrdersTypesOfPaths(t *testing.T) {
	longtest.Long(t, "a variant: TestGatewayServesARouteAndBackendsOfOtherNamespacesByGrant shows the way through the cluster, and golden cases the rest")
	t.Parallel()
	onEachTargetType(t, "g15", facing, []string{onHTTP}, func(t *testing.T, s *site) {
		path := func(kind, value string) string {
			return "matches: [{path: {type: " + kind + ", value: \"" + value + "\"}}], " + toWeb
		}
		s.route(t, "web", "", path("RegularExpression", "/r/[a-z]+"), path("PathPrefix", "/prefix"), path("Exact", "/exact"))
		lb := s.balancer(t, 1, "HTTP 80")
		rules := s.rules(t, lb, 80,
			"if path-pattern is /exact, forward to TG", "if path-pattern is /prefix or /prefix/*, forward to TG", "if path-pattern is ~/r/[a-z]+, forward to TG")
		if r := rules[2].Conditions[0].Regex; !slices.Equal(r, []string{"/r/[a-z]+"}) {
			t.Errorf("regular expressions %v", r)
		}
		s.WaitGet(t, url(lb, "/r/abc"), "", 200, "web")
		s.WaitGet(t, url(lb, "/exact/x"), "", 404, "")
	}, "ip")
}

func TestGatewayChangesTargetGroupsInPlaceByTheDefaultOfItsConfiguration(t *testing.T) {
	longtest.Long(t, "a variant: TestGatewayServesARouteAndBackendsOfOtherNamespacesByGrant shows the way through the cluster, and golden cases the rest")
	t.Parallel()
	onEachTargetType(t, "g16", facing, []string{onHTTP}, func(t *testing.T, s *site) {
		s.Apply(t, scene.Backend(s.ns, "api", 1)+scene.TargetGroups(s.ns, "api", "targetReference: {name: api}, defaultConfiguration: {healthCheckConfig: {healthCheckPath: /status/201}}"))
		s.route(t, "web", "", toWeb, "matches: [{path: {type: PathPrefix, value: /api}}], backendRefs: [{name: api, port: 80}]")
		lb := s.balancer(t, 2, "HTTP 80")
		before := healthPaths(t, s.Cluster, lb, "/health", "/status/201")
		scene.Change(t, s.Cluster, s.groups("/status/200"))
		if after := healthPaths(t, s.Cluster, lb, "/status/200", "/status/201"); !slices.Equal(before, after) {
			t.Errorf("target groups were replaced: %v, then %v", before, after)
		}
		s.WaitGet(t, url(lb, "/"), "", 200, "web")
		s.WaitGet(t, url(lb, "/api"), "", 200, "api")
	})
}

// healthPaths waits until the health checks of a load balancer's target groups have the paths, and returns the target groups' ARNs.
func healthPaths(t *testing.T, c *harness.Cluster, lb simclient.LoadBalancer, want ...string) (arns []string) {
	t.Helper()
	wait(t, c, "the health checks", func() string {
		var have []string
		arns = nil
		for _, tg := range c.TargetGroups(c.LoadBalancer(t, lb.Name)) {
			have, arns = append(have, strings.Fields(tg.HealthCheck)[1]), append(arns, tg.ARN)
		}
		slices.Sort(have)
		slices.Sort(arns)
		return differs("paths", have, want)
	})
	return arns
}
