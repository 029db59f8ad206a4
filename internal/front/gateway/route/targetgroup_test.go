package route

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// groupOf is the target group of the only backend of a route, with a TargetGroupConfiguration of Service web.
func groupOf(t *testing.T, around, route, properties string) (*intent.TargetGroup, Decided) {
	t.Helper()
	text := around + "\n---\n" + route
	if properties != "" {
		text += "\n---\nkind: TargetGroupConfiguration\nmetadata: {name: c}\nspec: {targetReference: {name: web}, " +
			"defaultConfiguration: {" + properties + "}}"
	}
	d := Translate(input(t, rule.Standard, decode(t, text)))[0]
	var actions []intent.Action
	if len(d.Member.Routes) > 0 {
		actions = d.Member.Routes[0].Actions
	} else if len(d.Member.Listeners) > 0 {
		actions = d.Member.Listeners[0].Default
	}
	if len(actions) == 0 || len(actions[0].Backends) == 0 {
		return nil, d
	}
	return actions[0].Backends[0].TargetGroup, d
}

const httpRoute = "kind: HTTPRoute\nmetadata: {name: r}\nspec: {parentRefs: [{name: gw, sectionName: " +
	"http}], rules: [{" + toWeb + "}]}"

// TestFieldsOfTargetGroups has the fields of chapters 2.4, 6.2 and 6.3 of the contract, for an application load
// balancer.
func TestFieldsOfTargetGroups(t *testing.T) {
	t.Parallel()
	base := intent.TargetGroup{
		ID: "shop/gw:shop-r:HTTPRoute-shop-web:8080", ServiceNamespace: "shop", ServiceName: "web", ServiceUID: "u-web",
		ServicePort: "80",
		TargetType:  "ip", Port: 8080, TargetPort: "8080", Protocol: "HTTP", ProtocolVersion: "HTTP1",
		HealthCheck: stack.HealthCheck{Protocol: "HTTP", Port: "traffic-port", Path: "/", Matcher: "200-399",
			IntervalSeconds: 15, TimeoutSeconds: 5, HealthyThreshold: 3, UnhealthyThreshold: 3},
	}
	for name, test := range map[string]struct {
		properties string
		change     func(*intent.TargetGroup)
	}{
		"none": {"", func(*intent.TargetGroup) {}},
		"name": {"targetGroupName: mine", func(g *intent.TargetGroup) {
			g.Name = "mine"
			g.NameSource = intent.At(diag.Object{Kind: "TargetGroupConfiguration", Namespace: "shop", Name: "c"},
				"spec.defaultConfiguration.targetGroupName")
		}},
		"protocol": {"protocol: HTTPS", func(g *intent.TargetGroup) {
			g.Protocol, g.HealthCheck.Protocol = "HTTPS", "HTTPS"
		}},
		"attributes": {"targetGroupAttributes: [{key: a, value: b}]", func(g *intent.TargetGroup) {
			g.SetAttributes(map[string]intent.Field[string]{"a": intent.Of("b", intent.At(diag.Object{
				Kind: "TargetGroupConfiguration", Namespace: "shop", Name: "c"},
				"spec.defaultConfiguration.targetGroupAttributes[a]"))})
		}},
		"tags":          {"tags: {a: b}", func(g *intent.TargetGroup) { g.Tags = map[string]string{"a": "b"} }},
		"multi-cluster": {"enableMultiCluster: true", func(g *intent.TargetGroup) { g.MultiCluster = true }},
		"control port":  {"targetControlPort: 9000", func(g *intent.TargetGroup) { g.ControlPort = 9000 }},
		"health check": {"healthCheckConfig: {healthCheckPath: /up, healthCheckPort: \"9\", healthCheckProtocol: HTTPS, " +
			"healthCheckInterval: 20, healthCheckTimeout: 6, healthyThresholdCount: 4, unhealthyThresholdCount: 2, matcher: " +
			"{httpCode: \"200\", grpcCode: \"1\"}}",
			func(g *intent.TargetGroup) {
				g.HealthCheck = stack.HealthCheck{Protocol: "HTTPS", Port: "9", Path: "/up", Matcher: "200", IntervalSeconds: 20,
					TimeoutSeconds: 6, HealthyThreshold: 4, UnhealthyThreshold: 2}
			}},
		"health check port by name": {"healthCheckConfig: {healthCheckPort: h2}", func(g *intent.TargetGroup) {
			g.HealthCheck.Port = "8082"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, d := groupOf(t, around, httpRoute, test.properties)
			if g == nil {
				t.Fatal(d.Unresolved, d.Partly)
			}
			want := base
			test.change(&want)
			want.Object, want.Source = g.Object, g.Source
			if test.properties != "" {
				want.Configuration = "c"
			}
			if diff := cmp.Diff(&want, g); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestInvalidTargetGroupConfigurationsSetTheRouteAside has mistakes for which the last valid version of the route goes
// on.
func TestInvalidTargetGroupConfigurationsSetTheRouteAside(t *testing.T) {
	t.Parallel()
	for properties, want := range map[string]string{
		"targetGroupName: " + strings.Repeat("n", 33): "has 33 characters: the name of a target group has at most 32",
		"protocol: TCP": "protocol TCP: a target group of an application load balancer " +
			"has protocol HTTP or HTTPS",
		"targetType: instance":                            "your service must be of type 'NodePort' or 'LoadBalancer'",
		"healthCheckConfig: {healthCheckPort: none}":      `has no port "none"`,
		"healthCheckConfig: {healthCheckPort: \"70000\"}": "from 1 to 65535",
		"healthCheckConfig: {healthCheckProtocol: TCP}":   "health check protocol TCP: the load balancer has HTTP, HTTPS",
	} {
		_, d := groupOf(t, around, httpRoute, properties)
		if len(d.Member.Diagnostics) != 1 || !strings.Contains(d.Member.Diagnostics[0].Text, want) || d.Partly == nil &&
			d.Refused == nil {
			t.Errorf("%s: %v, %v", properties, d.Member.Diagnostics, d.Partly)
		}
	}
	nodes := strings.Replace(around, "targetPort: 8080}", "targetPort: 8080, nodePort: 31380}", 1)
	if _, d := groupOf(t, nodes, httpRoute, "targetType: instance, nodeSelector: {matchExpressions: [{key: c, "+
		"operator: Near}]}"); len(d.Member.Diagnostics) != 1 || !strings.Contains(d.Member.Diagnostics[0].Text,
		"nodeSelector does not parse") {
		t.Error(d.Member.Diagnostics)
	}
	if _, d := groupOf(t, around, httpRoute, "protocol: TCP"); !strings.HasPrefix(d.Member.Diagnostics[0].Text,
		"TargetGroupConfiguration shop/c, spec.defaultConfiguration.protocol: ") {
		t.Error(d.Member.Diagnostics[0].Text)
	}
}

func TestHealthChecksByDefault(t *testing.T) {
	t.Parallel()
	web := "\n---\nkind: Service\nmetadata: {name: web}\nspec: {type: LoadBalancer, externalTrafficPolicy: Local, " +
		"healthCheckNodePort: 31000, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}"
	tcp := strings.TrimPrefix(networkRoute("TCPRoute", "r", "tcp", backs("{name: web, port: 80}")), "\n---\n")
	for name, test := range map[string]struct {
		around, route, properties string
		want                      stack.HealthCheck
	}{
		"gRPC": {around, grpc(", sectionName: https"), "", stack.HealthCheck{
			Protocol: "HTTP", Port: "traffic-port", Path: "/AWS.ALB/healthcheck", Matcher: "12", IntervalSeconds: 15,
			TimeoutSeconds: 5, HealthyThreshold: 3, UnhealthyThreshold: 3}},
		"network, ip": {aroundNetwork + web, tcp, "", stack.HealthCheck{Protocol: "TCP", Port: "traffic-port",
			IntervalSeconds: 15, TimeoutSeconds: 5, HealthyThreshold: 3, UnhealthyThreshold: 3}},
		"network, local": {aroundNetwork + web, tcp, "targetType: instance", stack.HealthCheck{
			Protocol: "HTTP", Port: "31000", Path: "/healthz", Matcher: "200-399", IntervalSeconds: 10, TimeoutSeconds: 6,
			HealthyThreshold: 2, UnhealthyThreshold: 2}},
		"network, HTTP by hand": {aroundNetwork + web, tcp, "healthCheckConfig: {healthCheckProtocol: HTTP}",
			stack.HealthCheck{Protocol: "HTTP", Port: "traffic-port", Path: "/", Matcher: "200-399", IntervalSeconds: 15,
				TimeoutSeconds: 5, HealthyThreshold: 3, UnhealthyThreshold: 3}},
		"network, port by name": {aroundNetwork + web, tcp, "healthCheckConfig: {healthCheckPort: \"7\"}", stack.HealthCheck{
			Protocol: "TCP", Port: "7", IntervalSeconds: 15, TimeoutSeconds: 5, HealthyThreshold: 3, UnhealthyThreshold: 3}},
	} {
		g, d := groupOf(t, test.around, test.route, test.properties)
		if g == nil {
			t.Errorf("%s: %v %v", name, d.Refused, d.Unresolved)
			continue
		}
		if diff := cmp.Diff(test.want, g.HealthCheck); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestIdentitiesAndPortsOfTargetGroups has the target ports of chapter 5.1: identities have them as the Service does,
// whatever the target type.
func TestIdentitiesAndPortsOfTargetGroups(t *testing.T) {
	t.Parallel()
	route := func(port string) string { return strings.Replace(httpRoute, "port: 80}", "port: "+port+"}", 1) }
	g, _ := groupOf(t, around, route("81"), "")
	if g.ID != "shop/gw:shop-r:HTTPRoute-shop-web:named" || g.Port != 1 || g.TargetPort != "named" {
		t.Errorf("%+v", g)
	}
	nodes := strings.Replace(around, "{name: http, port: 80, targetPort: 8080}",
		"{name: http, port: 80, targetPort: 8080, nodePort: 31380}", 1)
	g, _ = groupOf(t, nodes, httpRoute, "targetType: instance, nodeSelector: {matchLabels: {a: b}, matchExpressions: "+
		"[{key: c, operator: In, values: [d, e]}, {key: f, operator: Exists}]}")
	if g.ID != "shop/gw:shop-r:HTTPRoute-shop-web:8080" || g.Port != 31380 || g.TargetPort != "31380" ||
		g.NodeLabels["a"] != "b" ||
		!cmp.Equal(g.NodeExpressions, []stack.NodeExpression{{Key: "c", Operator: "In", Values: []string{"d", "e"}},
			{Key: "f", Operator: "Exists"}}) {
		t.Errorf("%+v", g)
	}
}

func TestWebSocketOverTLSIsSentOverTLSInStandardConstruction(t *testing.T) {
	t.Parallel()
	text := around + "\n---\n" + strings.Replace(httpRoute, "port: 80}", "port: 84}", 1)
	for c, want := range map[rule.Construction]string{rule.Standard: "HTTPS", rule.Compatible: "HTTP"} {
		g := Translate(input(t, c, decode(t, text)))[0].Member.Routes[0].Actions[0].Backends[0].TargetGroup
		if g.Protocol != want || g.HealthCheck.Protocol != want || g.ProtocolVersion != "HTTP1" {
			t.Errorf("%s: %+v", c, g)
		}
	}
}

// TestAppProtocolsOverTLSAreNoted has Service ports that declare TLS while their targets get HTTP.
func TestAppProtocolsOverTLSAreNoted(t *testing.T) {
	t.Parallel()
	const standard, compatible = rule.Standard, rule.Compatible
	for name, test := range map[string]struct {
		protocol, properties string
		noted                []rule.Construction
	}{
		"HTTPS":                 {"https", "", []rule.Construction{standard, compatible}},
		"HTTPS with a protocol": {"https", "protocol: HTTP", nil},
		"HTTPS over TLS":        {"https", "protocol: HTTPS", nil},
		"WebSocket over TLS":    {"kubernetes.io/wss", "", []rule.Construction{compatible}},
		"WebSocket":             {"kubernetes.io/ws", "", nil},
	} {
		text := strings.Replace(around, "kubernetes.io/wss", test.protocol, 1) + "\n---\n" + strings.Replace(httpRoute,
			"port: 80}", "port: 84}", 1) + "\n---\nkind: TargetGroupConfiguration\nmetadata: {name: c}\nspec: " +
			"{targetReference: {name: web}, defaultConfiguration: {" + test.properties + "}}"
		for _, c := range []rule.Construction{standard, compatible} {
			found := Translate(input(t, c, decode(t, text)))[0].Found
			if noted := len(found) == 1 && strings.HasPrefix(found[0].Text, "appProtocol "+test.protocol+
				" of port 84 of Service shop/web has no effect"); noted != slices.Contains(test.noted, c) || !noted &&
				len(found) > 0 {
				t.Errorf("%s, %s: noted %t, %v", name, c, noted, found)
			}
		}
	}
}

func TestAServiceOfBothFamiliesHasIPv4AddressesToo(t *testing.T) {
	t.Parallel()
	for families, want := range map[string][2]bool{"[IPv4]": {}, "[IPv6]": {true, false}, "[IPv4, IPv6]": {true, true},
		"[IPv6, IPv4]": {true, true}} {
		g, _ := groupOf(t, strings.Replace(around, "spec:\n  ports:", "spec:\n  ipFamilies: "+families+"\n  ports:", 1),
			httpRoute, "")
		if g == nil || [2]bool{g.IPv6, g.IPv4} != want {
			t.Errorf("%s: %+v", families, g)
		}
	}
}

func TestTheAddressTypeOfATargetGroupIsThatOfItsService(t *testing.T) {
	t.Parallel()
	for properties, note := range map[string]bool{"ipAddressType: ipv6": true, "ipAddressType: ipv4": false} {
		g, d := groupOf(t, around, httpRoute, properties)
		noted := len(d.Found) == 1 && d.Found[0].Path == "spec.defaultConfiguration.ipAddressType" &&
			strings.HasPrefix(d.Found[0].Text, "ipAddressType has no effect")
		if g == nil || g.IPv6 || noted != note || len(d.Member.Diagnostics) > 0 {
			t.Errorf("%s: %+v %v %v", properties, g, d.Found, d.Member.Diagnostics)
		}
	}
}

// TestTargetsOfAUDPPortAreCheckedWhereTheyAnswerOverTCP has the wart of chapter 6.3 of the contract: all checks come
// over TCP.
func TestTargetsOfAUDPPortAreCheckedWhereTheyAnswerOverTCP(t *testing.T) {
	t.Parallel()
	const dns = "{name: dns, port: 53, protocol: UDP}"
	for name, test := range map[string]struct {
		route, ports, properties string
		standard, compatible     string // ports of health checks; with an asterisk if they are noted
	}{
		"UDP only": {"udp", dns, "", "traffic-port*", "traffic-port*"},
		"TCP beside it": {"udp", dns + ", {name: tcp, port: 53, protocol: TCP}", "", "traffic-port",
			"traffic-port"},
		"TCP at the same target": {
			"udp", "{name: dns, port: 53, targetPort: 5353, protocol: UDP}, {name: tcp, port: 54, targetPort: 5353}", "",
			"traffic-port", "traffic-port"},
		"one TCP port": {"udp", dns + ", {name: health, port: 80, targetPort: 8080}", "", "8080",
			"traffic-port*"},
		"one TCP port, named": {"udp", dns + ", {name: health, port: 80, targetPort: http}", "", "traffic-port*",
			"traffic-port*"},
		"two TCP ports": {"udp", dns + ", {name: a, port: 80}, {name: b, port: 81}", "", "traffic-port*",
			"traffic-port*"},
		"one TCP port of nodes": {
			"udp", "{name: dns, port: 53, protocol: UDP, nodePort: 30053}, {name: health, port: 80, nodePort: 30080}",
			"targetType: instance", "30080", "traffic-port*"},
		"a port by hand": {"udp", dns, "healthCheckConfig: {healthCheckPort: \"8080\"}", "8080", "8080"},
		"the traffic port by hand": {"udp", dns + ", {name: health, port: 80}",
			"healthCheckConfig: {healthCheckPort: traffic-port}", "traffic-port*", "traffic-port*"},
		"HTTP by hand": {"udp", dns, "healthCheckConfig: {healthCheckProtocol: HTTP}", "traffic-port*",
			"traffic-port*"},
		"a UDP port behind both": {"both-udp", dns, "", "traffic-port*", "traffic-port*"},
		"the health check node port": {
			"udp", "{name: dns, port: 53, protocol: UDP, nodePort: 30053}], externalTrafficPolicy: Local, " +
				"healthCheckNodePort: 31000, ipFamilies: [IPv4", "targetType: instance", "31000", "31000"},
	} {
		for construction, want := range map[rule.Construction]string{rule.Standard: test.standard,
			rule.Compatible: test.compatible} {
			text := aroundNetwork + "\n---\nkind: Service\nmetadata: {name: web}\nspec: {type: LoadBalancer, ports: [" +
				test.ports + "]}" + networkRoute("UDPRoute", "r", test.route, backs("{name: web, port: 53}"))
			if test.properties != "" {
				text += "\n---\nkind: TargetGroupConfiguration\nmetadata: {name: c}\nspec: {targetReference: {name: web}, " +
					"defaultConfiguration: {" + test.properties + "}}"
			}
			d := Translate(input(t, construction, decode(t, text)))[0]
			got := d.Member.Listeners[0].Default[0].Backends[0].TargetGroup.HealthCheck.Port
			for _, f := range d.Found {
				if f.Code == diag.UnansweredHealthCheck && strings.Contains(f.Text, "Service shop/web has only UDP on port 53") &&
					f.Path == "spec.rules[0].backendRefs[0]" {
					got += "*"
				}
			}
			if got != want || len(d.Member.Diagnostics) > 0 {
				t.Errorf("%s, %s: %s, want %s; %v", name, construction, got, want, d.Found)
			}
		}
	}
}
