package acceptance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

const (
	onHTTP  = "name: http, protocol: HTTP, port: 80"
	onHTTPS = "name: https, protocol: HTTPS, port: 443"
	// facing is the configuration of a load balancer that the world reaches; TargetGroupConfiguration "targets" is about
	// all its groups.
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

// onEachTargetType runs a case on Gateways of its own, with pods and with nodes as targets.
func onEachTargetType(t *testing.T, name, configuration string, listeners []string, f func(*testing.T, *site)) {
	eachTargetType(t, func(t *testing.T, targets string) {
		s := &site{Cluster: cluster(t), ns: name + "-" + targets, targets: targets, configuration: configuration,
			listeners: listeners}
		s.Apply(t, scene.Namespace(s.ns, 1)+s.groups()+scene.Gateway(s.ns, "web", "alb", configuration, listeners...))
		f(t, s)
	})
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
func (s *site) groups() string {
	return scene.TargetGroups(s.ns, "targets", fmt.Sprintf("defaultConfiguration: {targetType: %s, healthCheckConfig: "+
		"{healthCheckPath: /health}}", s.targets))
}

// route applies an HTTPRoute of the Gateway. rules are in a line of YAML each; more are further fields.
func (s *site) route(t *testing.T, name, more string, rules ...string) {
	t.Helper()
	if !strings.Contains(more, "parentRefs") {
		more = strings.TrimSuffix("parentRefs: [{name: web}], "+more, ", ")
	}
	s.Apply(t, scene.Route("HTTPRoute", s.ns, name, more+", rules: [{"+strings.Join(rules, "}, {")+"}]"))
}

// balancer waits until the Gateway is programmed, its targets are healthy and it has the listeners and so many target
// groups.
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
		return differs("type, scheme, state, listeners, number of groups", []any{lb.Type, lb.Scheme, lb.State, have,
			len(tgs)}, []any{"application", "internet-facing", "active", listeners, groups})
	})
	s.WaitHealthy(t, lb)
	return s.LoadBalancer(t, host)
}

// rules waits until the listener of port 80 has rules with these texts, in this order; TG stands for any target group.
func (s *site) rules(t *testing.T, lb simclient.LoadBalancer, want ...string) []simclient.Rule {
	t.Helper()
	var rules []simclient.Rule
	wait(t, s.Cluster, "the rules", func() string {
		rules = nil
		now := s.LoadBalancer(t, lb.Name)
		var have []string
		for _, l := range now.Listeners {
			for _, r := range l.Rules {
				if l.Port != 80 || r.Priority == "default" {
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

// TestGatewayServesARouteAndBackendsOfOtherNamespacesByGrant shows that an HTTPRoute serves real
// requests from pods and nodes, and that a ReferenceGrant admits and withdraws a backend.
func TestGatewayServesARouteAndBackendsOfOtherNamespacesByGrant(t *testing.T) {
	t.Parallel()
	attribute :=
		`, listenerConfigurations: [{protocolPort: "HTTP:80", listenerAttributes: [{key: routing.http.response.access_control_max_age.header_value, value: "30"}]}]`
	onEachTargetType(t, "g1", facing+attribute, []string{onHTTP, "name: other, protocol: HTTP, port: 8080"},
		func(t *testing.T, s *site) {
			other := s.ns + "-other"
			s.Apply(t, scene.Namespace(other, 0)+scene.Backend(other, "api", 1))
			s.route(t, "web", "parentRefs: [{name: web, sectionName: http}]", toWeb)
			s.route(t, "api", "parentRefs: [{name: web, sectionName: other}]", "backendRefs: [{name: api, namespace: "+other+
				", port: 80}]")
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

// TestGatewayOrdersMatchesAndWeighsBackends shows that the ALB of a Gateway answers requests by
// query, header, method and path as its HTTPRoute matches them.
func TestGatewayOrdersMatchesAndWeighsBackends(t *testing.T) {
	t.Parallel()
	onEachTargetType(t, "g2", facing, []string{onHTTP}, func(t *testing.T, s *site) {
		s.route(t, "web", "",
			`matches: [{path: {type: PathPrefix, value: /q}, queryParams: [{name: a, value: "1"}, {name: b, value: "2"}]}], `+
				toWeb,
			`matches: [{path: {type: PathPrefix, value: /prefix}, method: GET, headers: [{name: first, value: "1"}, {name: second, value: "2"}]}], `+toWeb,
			`matches: [{path: {type: Exact, value: /exact}}], backendRefs: [{name: web, port: 80, weight: 50}]`)
		lb := s.balancer(t, 1, "HTTP 80")
		rules := s.rules(t, lb,
			"if path-pattern is /exact, forward to TG",
			"if path-pattern is /prefix or /prefix/* and http-header first is 1 and http-header second is 2 and "+
				"http-request-method is GET, forward to TG",
			"if path-pattern is /q or /q/* and query-string is a=1 and query-string is b=2, forward to TG")
		if w := rules[0].Actions[0].Forward.TargetGroups[0].Weight; w == nil || *w != 50 {
			t.Errorf("the first rule forwards %+v", rules[0].Actions[0].Forward)
		}
		s.WaitGet(t, url(lb, "/exact"), "", 200, "web")
		s.WaitAnswer(t, harness.Request{Target: url(lb, "/prefix/x"), Headers: []string{"first: 1", "second: 2"}}, 200, "web")
		s.WaitGet(t, url(lb, "/q?a=1&b=2"), "", 200, "web")
		s.WaitAnswer(t, harness.Request{Target: url(lb, "/prefix/x"), Headers: []string{"first: 1"}}, 404, "")
		s.WaitGet(t, url(lb, "/q?a=1"), "", 404, "")
	})
}

// TestGatewayServesHTTPSByACertificateOfItsConfiguration shows that clients get the certificate
// that the LoadBalancerConfiguration of a Gateway names.
func TestGatewayServesHTTPSByACertificateOfItsConfiguration(t *testing.T) {
	t.Parallel()
	onEachTargetType(t, "g7", secured, []string{onHTTPS}, func(t *testing.T, s *site) {
		s.route(t, "web", "", toWeb)
		lb := s.balancer(t, 1, "HTTPS 443")
		if l := lb.Listeners[0]; !slices.Equal(l.Certificates, []string{wildcard}) ||
			l.SSLPolicy != "ELBSecurityPolicy-2016-08" {
			t.Errorf("certificates %v, policy %s", l.Certificates, l.SSLPolicy)
		}
		served(t, s.Cluster, lb, "www.example.com")
	})
}
