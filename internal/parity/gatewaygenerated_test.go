package parity

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/parity/recorded"
)

// TestSwapOfGeneratedGatewaysAndBackPlansNothing makes Gateways by chance. What the existing controller
// holds for them is adopted with an empty plan, and what we make of them is what it holds.
func TestSwapOfGeneratedGatewaysAndBackPlansNothing(t *testing.T) {
	t.Parallel()
	d := readDifferences(t)
	for seed := range uint64(64) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			r := generateGateways(t, rand.New(rand.NewPCG(seed, 2)), seed%3 == 2)
			flags := flagsOf(int(seed))
			made := newLab(t, flags...)
			r.constructed("compatible")
			made.settle(r)
			want := made.modelPicture(stateOf(t, made, r.typed(t, made.names()), false))
			d.compare(t, r.Name, want, made.picture())
			wouldLeave(t, made, want)
			taken := newLab(t, flags...)
			taken.attachDefault = seed%2 == 0
			r.gateways(func(m tree, _ bool) { delete(m, "annotations") })
			r.adopted()
			taken.put(r, stateOf(t, taken, r.typed(t, taken.names()), seed%4 < 2))
			for _, step := range stepsOf(taken, r) {
				t.Error("would be changed:", step)
			}
		})
	}
}

// generateGateways makes a Gateway with several listeners, up to four routes and configurations of each kind.
func generateGateways(t *testing.T, r *rand.Rand, network bool) *cluster {
	t.Helper()
	raw, err := os.ReadFile(gatewayManifests + "/common.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{Case: recorded.Case{Name: "gateway/generated", Namespace: "shop"}}
	c.add(t, raw)
	g := gatewayGenerator{r}
	spec, balancer := tree{"gatewayClassName": "alb"}, g.balancer(network)
	if network {
		spec["gatewayClassName"] = "nlb"
	}
	if len(balancer) > 0 {
		spec["infrastructure"] = tree{"parametersRef": tree{"group": "gateway.k8s.aws", "kind": "LoadBalancerConfiguration",
			"name": "own"}}
		c.Objects = append(c.Objects, gatewayObject("gateway.k8s.aws/v1", "LoadBalancerConfiguration", "own", balancer))
	}
	if network {
		g.networkRoutes(c, spec)
	} else {
		g.applicationRoutes(c, spec)
	}
	c.Objects = append(c.Objects, gatewayObject("gateway.networking.k8s.io/v1", "Gateway",
		g.one("web", "web-gateway", "a-b.c"), spec))
	gateway := c.Objects[len(c.Objects)-1]
	for _, o := range c.Objects {
		if strings.HasSuffix(fmt.Sprint(o["kind"]), "Route") {
			for _, p := range sub(o, "spec")["parentRefs"].([]any) {
				p.(tree)["name"] = sub(gateway, "metadata")["name"]
			}
		}
	}
	for _, service := range []string{"web", "api", "db"} {
		if g.chance(2) {
			c.Objects = append(c.Objects, gatewayObject("gateway.k8s.aws/v1", "TargetGroupConfiguration", service,
				g.targetGroups(service, network)))
		}
	}
	return c
}

func gatewayObject(version, kind, name string, spec tree) tree {
	return tree{"apiVersion": version, "kind": kind, "metadata": tree{"namespace": "shop", "name": name}, "spec": spec}
}

type gatewayGenerator struct{ *rand.Rand }

func (g gatewayGenerator) one(of ...string) string { return of[g.IntN(len(of))] }
func (g gatewayGenerator) chance(n int) bool       { return g.IntN(n) == 0 }

func (g gatewayGenerator) balancer(network bool) tree {
	out := tree{}
	if g.chance(2) {
		out["scheme"] = g.one("internal", "internet-facing")
	}
	if g.chance(2) {
		out["tags"] = tree{"team": g.one("shop", "pay"), "env": "test"}
	}
	switch g.IntN(4) {
	case 0:
		out["sourceRanges"] = []any{"203.0.113.0/24", "198.51.100.0/24"}
	case 1:
		out["securityGroups"] = []any{"fx-b", "fx-a"}
		out["manageBackendSecurityGroupRules"] = g.chance(2)
	case 2:
		out["enableICMP"] = true
		if network {
			out["disableSecurityGroup"] = true
			delete(out, "enableICMP")
		}
	}
	if !network && g.chance(4) { // UDP would need prefixes for source NAT
		out["ipAddressType"] = "dualstack"
	}
	if g.chance(4) {
		out["loadBalancerName"] = "front-door"
	}
	if !network && g.chance(2) {
		out["loadBalancerAttributes"] = []any{tree{"key": "idle_timeout.timeout_seconds", "value": "120"}}
		out["listenerConfigurations"] = []any{
			tree{"protocolPort": "HTTPS:443", "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
				"defaultCertificate": "${cert:app}"}}
	}
	return out
}

func (g gatewayGenerator) targetGroups(service string, network bool) tree {
	props := tree{}
	if g.chance(2) {
		props["targetType"] = g.one("ip", "instance")
	}
	if g.chance(2) {
		props["tags"] = tree{"service": service}
	}
	if g.chance(2) {
		props["targetGroupAttributes"] = []any{tree{"key": "deregistration_delay.timeout_seconds", "value": "30"}}
	}
	if g.chance(2) {
		props["healthCheckConfig"] = tree{"healthCheckInterval": 20, "healthyThresholdCount": 4,
			"healthCheckPort": g.one("traffic-port", "8081")}
		if !network {
			sub(props, "healthCheckConfig")["healthCheckPath"] = "/healthz"
		}
	}
	if !network && g.chance(3) {
		props["protocol"] = g.one("HTTP", "HTTPS")
	}
	out := tree{"targetReference": tree{"name": service}, "defaultConfiguration": props}
	if g.chance(2) {
		out["routeConfigurations"] = []any{tree{"routeIdentifier": tree{"kind": g.one("HTTPRoute", "TCPRoute")},
			"targetGroupProps": tree{"tags": tree{"kind": "one"}}}}
	}
	return out
}

func (g gatewayGenerator) applicationRoutes(c *cluster, spec tree) {
	hosts := []string{"app.example.com", "*.example.com", "www.example.com", "api.example.org", "a.wild.example.com"}
	var listeners []any
	for i := range 1 + g.IntN(3) {
		l := tree{"name": fmt.Sprintf("l%d", i), "protocol": "HTTP", "port": []int{80, 8080, 80}[i]}
		if g.chance(2) {
			l["hostname"] = hosts[g.IntN(len(hosts))]
		}
		listeners = append(listeners, l)
	}
	if g.chance(2) {
		listeners = append(listeners, tree{"name": "secure", "protocol": "HTTPS", "port": 443, "hostname": "app.example.com",
			"tls": tree{}})
	}
	spec["listeners"] = listeners
	// a port without a route would be a difference
	c.Objects = append(c.Objects, gatewayObject("gateway.networking.k8s.io/v1", "HTTPRoute", "everywhere", tree{
		"parentRefs": []any{tree{}}, "rules": []any{tree{"backendRefs": g.backends()}}}))
	for i := range g.IntN(4) {
		parent := tree{}
		if g.chance(3) {
			parent["sectionName"] = "l0"
		}
		route := tree{"parentRefs": []any{parent}}
		if g.chance(3) {
			route["hostnames"] = []any{hosts[g.IntN(len(hosts))], "nowhere.test"}
		}
		var rules []any
		for range 1 + g.IntN(3) {
			rules = append(rules, g.rule())
		}
		route["rules"] = rules
		o := gatewayObject("gateway.networking.k8s.io/v1", "HTTPRoute", fmt.Sprintf("r%d", i), route)
		sub(o, "metadata")["creationTimestamp"] = fmt.Sprintf("2026-01-0%dT00:00:00Z", 1+g.IntN(3))
		c.Objects = append(c.Objects, o)
	}
}

func (g gatewayGenerator) rule() tree {
	path := tree{"type": g.one("PathPrefix", "PathPrefix", "Exact", "RegularExpression"),
		"value": g.one("/", "/a", "/a/b", "/shop/")}
	match := tree{"path": path}
	if g.chance(3) {
		match["method"] = g.one("GET", "POST")
	}
	switch g.IntN(4) {
	case 0:
		match["headers"] = []any{tree{"name": "X-Kind", "type": g.one("Exact", "RegularExpression"),
			"value": g.one("one", "t*o")}}
	case 1:
		match["queryParams"] = []any{tree{"name": "kind", "value": g.one("one", "tw?")}}
	}
	out := tree{"matches": []any{match}}
	prefix := path["type"] == "PathPrefix"
	switch g.IntN(4) {
	case 0:
		redirect := tree{"hostname": "new.example.com", "statusCode": 301}
		if prefix && g.chance(2) {
			redirect["path"] = tree{"type": "ReplacePrefixMatch", "replacePrefixMatch": g.one("/", "/v2")}
		}
		out["filters"] = []any{tree{"type": "RequestRedirect", "requestRedirect": redirect}}
		return out
	case 1:
		rewrite := tree{"hostname": "in.example.com"}
		if prefix {
			rewrite["path"] = tree{"type": "ReplacePrefixMatch", "replacePrefixMatch": g.one("", "/", "/x", "/x/")}
		}
		out["filters"] = []any{tree{"type": "URLRewrite", "urlRewrite": rewrite}}
	}
	out["backendRefs"] = g.backends()
	return out
}

// backends are some of the Services' ports, each once; one may be missing.
func (g gatewayGenerator) backends() []any {
	all := []tree{{"name": "web", "port": 80}, {"name": "web", "port": 9000}, {"name": "api", "port": 80},
		{"name": "missing", "port": 80}}
	g.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var out []any
	for _, b := range all[:1+g.IntN(3)] {
		if g.chance(2) {
			b["weight"] = 1 + g.IntN(999)
		}
		out = append(out, b)
	}
	return out
}

func (g gatewayGenerator) networkRoutes(c *cluster, spec tree) {
	var listeners []any
	for i := range 1 + g.IntN(3) {
		kind := g.one("TCP", "UDP")
		name := fmt.Sprintf("l%d", i)
		listeners = append(listeners, tree{"name": name, "protocol": kind, "port": 5000 + i})
		var rules []any
		for _, b := range g.networkBackends(kind) {
			rules = append(rules, tree{"backendRefs": []any{b}})
		}
		c.Objects = append(c.Objects, gatewayObject("gateway.networking.k8s.io/v1", kind+"Route", "r"+name,
			tree{"parentRefs": []any{tree{"sectionName": name}}, "rules": rules[:1]}))
		if g.chance(2) {
			late := gatewayObject("gateway.networking.k8s.io/v1", kind+"Route", "late"+name,
				tree{"parentRefs": []any{tree{"sectionName": name}}, "rules": rules[:1]})
			sub(late, "metadata")["creationTimestamp"] = "2026-02-01T00:00:00Z"
			c.Objects = append(c.Objects, late)
		}
	}
	spec["listeners"] = listeners
}

func (g gatewayGenerator) networkBackends(kind string) []tree {
	all := []tree{{"name": "db", "port": 5432}, {"name": "near", "port": 5432}, {"name": "web", "port": 80}}
	if kind == "UDP" {
		return []tree{{"name": "db", "port": 54}}
	}
	g.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	if g.chance(2) {
		all[0]["weight"] = g.IntN(900) + 1
	}
	return all
}
