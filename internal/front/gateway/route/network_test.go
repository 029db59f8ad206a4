package route

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const aroundNetwork = `
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: nlb
  listeners:
  - {name: tcp, protocol: TCP, port: 5432}
  - {name: udp, protocol: UDP, port: 5353}
  - {name: both-tcp, protocol: TCP, port: 53}
  - {name: both-udp, protocol: UDP, port: 53}
  - {name: ends, protocol: TLS, port: 443, tls: {mode: Terminate}}
  - {name: ends-here, protocol: TLS, port: 444, tls: {mode: Terminate, certificateRefs: [{name: cert}]}}
  - {name: passes, protocol: TLS, port: 445, tls: {mode: Passthrough}}
---
kind: Service
metadata: {name: db}
spec: {ports: [{port: 5432, targetPort: 5432}], type: LoadBalancer}
---
kind: Service
metadata: {name: dns}
spec: {ports: [{port: 53, targetPort: 53, protocol: UDP}]}
---
kind: Gateway
metadata: {name: ready}
status: {conditions: [{type: Programmed, status: "True", message: "arn:aws:elasticloadbalancing:us-west-2:1:loadbalancer/app/x/1"}]}
---
kind: Gateway
metadata: {name: waiting}
status: {conditions: [{type: Programmed, status: "Unknown", message: "Waiting for load balancer to be active."}]}
---
kind: Gateway
metadata: {name: foreign}
status: {conditions: [{type: Programmed, status: "True", message: "Programmed"}]}
`

func networkRoute(kind, name, section, refs string) string {
	return fmt.Sprintf("\n---\nkind: %s\nmetadata: {name: %s}\nspec: {parentRefs: [{name: gw, sectionName: "+
		"%s}], rules: [%s]}", kind, name, section, refs)
}

func backs(refs string) string { return "{backendRefs: [" + refs + "]}" }

// listenersText shows ports with their forwards and the protocols of target groups.
func listenersText(d Decided) string {
	var out []string
	for _, l := range d.Member.Listeners {
		text := fmt.Sprint(l.Port, " ", l.Protocol, " →")
		for _, a := range l.Default {
			for _, b := range a.Backends {
				text += fmt.Sprintf(" %s:%s:%s=%d", b.TargetGroup.ServiceName, b.TargetGroup.TargetType,
					b.TargetGroup.Protocol, *b.Weight)
			}
		}
		out = append(out, text)
	}
	return strings.Join(out, "\n")
}

func TestRoutesOfNetworkLoadBalancers(t *testing.T) {
	t.Parallel()
	const db = "{name: db, port: 5432}"
	for name, test := range map[string]struct{ route, want, refused, unresolved string }{
		"TCP": {networkRoute("TCPRoute", "r", "tcp", backs(db)), "5432 TCP → db:ip:TCP=1", "", ""},
		"weights over all rules": {networkRoute("TCPRoute", "r", "tcp", backs("{name: db, port: 5432, weight: 2000}")+
			", "+backs("{name: dns, port: 53, weight: 1000}")), "5432 TCP → db:ip:TCP=999 dns:ip:TCP=500", "", ""},
		"UDP": {networkRoute("UDPRoute", "r", "udp", backs("{name: dns, port: 53}")),
			"5353 UDP → dns:ip:UDP=1", "", ""},
		"TCP beside UDP": {networkRoute("UDPRoute", "r", "both-udp", backs("{name: dns, port: 53}")),
			"53 TCP_UDP → dns:ip:TCP_UDP=1", "", ""},
		"TLS that ends": {networkRoute("TLSRoute", "r", "ends", backs(db)), "443 TLS → db:ip:TLS=1", "", ""},
		"TLS that ends with a Secret": {networkRoute("TLSRoute", "r", "ends-here", backs(db)), "444 TLS → db:ip:TCP=1", "",
			""},
		"TLS that passes":      {networkRoute("TLSRoute", "r", "passes", backs(db)), "445 TCP → db:ip:TCP=1", "", ""},
		"TCP where TLS passes": {networkRoute("TCPRoute", "r", "passes", backs(db)), "445 TCP → db:ip:TCP=1", "", ""},
		"a chained Gateway": {
			networkRoute("TCPRoute", "r", "tcp", backs("{kind: Gateway, group: gateway.networking.k8s.io, name: "+
				"ready, port: 443}")), "5432 TCP → ready:alb:TCP=1", "", ""},
		"one that is not ready": {
			networkRoute("TCPRoute", "r", "tcp", backs("{kind: Gateway, group: gateway.networking.k8s.io, name: "+
				"waiting, port: 443}, "+db)), "5432 TCP → db:ip:TCP=1", "",
			"BackendNotFound: Gateway (shop:waiting) is not usable yet, LB ARN is not provisioned)"},
		"one that does not exist": {
			networkRoute("TCPRoute", "r", "tcp", backs("{kind: Gateway, group: gateway.networking.k8s.io, name: "+
				"gone, port: 443}")), "5432 TCP →", "", "BackendNotFound: Gateway shop/gone does not exist"},
		"one of others": {
			networkRoute("TCPRoute", "r", "tcp", backs("{kind: Gateway, group: gateway.networking.k8s.io, name: "+
				"foreign, port: 443}")), "5432 TCP →", "",
			`BackendNotFound: Gateway (shop:foreign) has no application load balancer: its condition Programmed says "Programmed"`},
		"no port": {networkRoute("TCPRoute", "r", "tcp", backs("{kind: Gateway, name: ready}")),
			"5432 TCP →", "UnsupportedValue: Port is required", ""},
		"no weight": {networkRoute("TCPRoute", "r", "tcp", backs("{name: db, port: 5432, weight: 0}")),
			"5432 TCP →", "", ""},
	} {
		d := Translate(input(t, rule.Standard, decode(t, aroundNetwork+test.route)))[0]
		if diff := cmp.Diff(test.want, listenersText(d)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if got := problemText(d.Refused); got != test.refused {
			t.Errorf("%s: refused %q", name, got)
		}
		if got := problemText(d.Unresolved); got != test.unresolved {
			t.Errorf("%s: unresolved %q", name, got)
		}
		if d.Serves != !strings.HasSuffix(test.want, "→") {
			t.Errorf("%s: serves %t", name, d.Serves)
		}
	}
}

// TestRouteOfInvalidListenerIsTold has listeners of which the second is not valid.
func TestRouteOfInvalidListenerIsTold(t *testing.T) {
	t.Parallel()
	around := strings.Replace(aroundNetwork, "- {name: udp, protocol: UDP, port: 5353}",
		"- {name: bad, protocol: TLS, port: 5432, tls: {mode: Passthrough}}", 1)
	for parents, want := range map[string]bool{"bad": true, "tcp": false, "tcp}, {name: gw, port: 5432": false} {
		d := Translate(input(t, rule.Standard, decode(t, around+networkRoute("TCPRoute", "r", parents,
			backs("{name: db, port: 5432}")))))[0]
		told := slices.ContainsFunc(d.Found, func(f diag.Diagnostic) bool {
			return f.Code == diag.RouteNotAttached && f.Path == "spec.parentRefs[0]" && strings.HasPrefix(f.Text,
				"listener bad of Gateway shop/gw is not valid, so the route serves no requests through it: port 5432 has a ")
		})
		if told != want {
			t.Errorf("%s: %v", parents, d.Found)
		}
	}
}

// TestTargetsOfOtherProtocolAreRefusedWhereTheyAreWritten has a protocol of targets that fits one of two listeners, and
// an application load balancer behind UDP.
func TestTargetsOfOtherProtocolAreRefusedWhereTheyAreWritten(t *testing.T) {
	t.Parallel()
	const chained = "{kind: Gateway, group: gateway.networking.k8s.io, name: ready, port: 443}"
	const db = "{name: db, port: 5432}"
	of := func(protocol string) string {
		return "\n---\nkind: TargetGroupConfiguration\nmetadata: {name: own}\nspec: {targetReference: {name: db}, " +
			"defaultConfiguration: {protocol: " + protocol + "}}"
	}
	for name, c := range map[string]struct{ route, want, refused string }{
		"TLS": {of("TLS") + networkRoute("TCPRoute", "r", "tcp}, {name: gw, sectionName: ends", backs(db)),
			"443 TLS → db:ip:TLS=1\n5432 TCP →", "TargetGroupConfiguration shop/own, spec.defaultConfiguration.protocol: a " +
				"listener of protocol TCP cannot forward to targets of protocol TLS"},
		"UDP": {of("UDP") + networkRoute("TCPRoute", "r", "tcp", backs(db)), "5432 TCP →",
			"a listener of protocol TCP cannot forward to targets of protocol UDP"},
		"both": {of("TCP_UDP") + networkRoute("TCPRoute", "r", "tcp", backs(db)), "5432 TCP → db:ip:TCP_UDP=1", ""},
		"load balancer": {networkRoute("UDPRoute", "r", "udp", backs(chained)), "5353 UDP →",
			"a listener of protocol UDP cannot forward to targets of protocol TCP"},
	} {
		d := Translate(input(t, rule.Standard, decode(t, aroundNetwork+c.route)))[0]
		told := problemText(d.Refused) + problemText(d.Partly)
		if diff := cmp.Diff(c.want, listenersText(d)); diff != "" || !strings.Contains(told, c.refused) || c.refused == "" &&
			told != "" {
			t.Errorf("%s: %s, told %q", name, diff, told)
		}
	}
}

// TestTheOldestRouteServesAPort has two routes; the other one is accepted, with a note.
func TestTheOldestRouteServesAPort(t *testing.T) {
	t.Parallel()
	young := networkRoute("TCPRoute", "a", "tcp", backs("{name: db, port: 5432}"))
	old := strings.Replace(networkRoute("TCPRoute", "b", "tcp", backs("{name: db, port: 5432}")), "{name: b}",
		`{name: b, creationTimestamp: "2020-01-01T00:00:00Z"}`, 1)
	young = strings.Replace(young, "{name: a}", `{name: a, creationTimestamp: "2021-01-01T00:00:00Z"}`, 1)
	in := input(t, rule.Standard, decode(t, aroundNetwork+young+old))
	in.Stickiness = map[int32]*stack.Stickiness{5432: {Enabled: true}}
	decided := Translate(in)
	if got := listenersText(decided[0]); got != "5432 TCP → db:ip:TCP=1" ||
		decided[0].Member.Listeners[0].Default[0].Stickiness == nil {
		t.Error(got)
	}
	d := decided[1]
	if got := listenersText(d); got != "5432 TCP →" || d.Serves || d.Refused != nil || len(d.Found) != 1 ||
		!strings.Contains(d.Found[0].Text, "port 5432 is served by TCPRoute shop/b") {
		t.Error(got, d.Serves, d.Refused, d.Found)
	}
	s, _ := built(t, in)
	if len(s.Listeners) != 1 || s.Listeners[0].Port != 5432 {
		t.Errorf("listeners of ports without routes are built: %+v", s.Listeners)
	}
}

// TestTLSRouteComesFirstWhereTLSPasses has an older TCPRoute at the port, as one without sectionName is. Earlier
// versions attached only the TLSRoute.
func TestTLSRouteComesFirstWhereTLSPasses(t *testing.T) {
	t.Parallel()
	old := networkRoute("TCPRoute", "a", "passes", backs("{name: db, port: 5432}"))
	old = strings.Replace(old, "{name: a}", `{name: a, creationTimestamp: "2020-01-01T00:00:00Z"}`, 1)
	young := strings.Replace(networkRoute("TLSRoute", "b", "passes", backs("{name: db, port: 5432}")), "{name: b}",
		`{name: b, creationTimestamp: "2021-01-01T00:00:00Z"}`, 1)
	decided := Translate(input(t, rule.Standard, decode(t, aroundNetwork+old+young)))
	if got := listenersText(decided[1]); got != "445 TCP → db:ip:TCP=1" {
		t.Error(got)
	}
	d := decided[0]
	if d.Refused != nil || len(d.Found) != 1 || !strings.Contains(d.Found[0].Text,
		"port 445 is served by TLSRoute shop/b, which comes first where TLS passes through") {
		t.Error(d.Refused, d.Found)
	}
}

func TestHostnamesOfATLSRouteAreNoted(t *testing.T) {
	t.Parallel()
	text := strings.Replace(networkRoute("TLSRoute", "r", "passes", backs("{name: db, port: 5432}")), "rules:",
		"hostnames: [a.test], rules:", 1)
	d := Translate(input(t, rule.Standard, decode(t, aroundNetwork+text)))[0]
	if len(d.Found) != 1 || !strings.Contains(d.Found[0].Text, "does not route by the name") || d.Refused != nil {
		t.Error(d.Found, d.Refused)
	}
}

// TestAnALBBehindANetworkLoadBalancerIsATargetWithoutBinding has the example of chapter 5.1 of the contract, and the
// health check of 9.1.
func TestAnALBBehindANetworkLoadBalancerIsATargetWithoutBinding(t *testing.T) {
	t.Parallel()
	const more = `
---
kind: TargetGroupConfiguration
metadata: {name: c}
spec: {targetReference: {kind: Gateway, name: ready}, defaultConfiguration: {healthCheckConfig: {healthCheckProtocol: HTTPS}}}`
	s, _ := built(
		t, input(t, rule.Standard, decode(t, aroundNetwork+networkRoute("TCPRoute", "r", "tcp",
			backs("{kind: Gateway, name: ready, port: 443}"))+more)))
	if len(s.Bindings) != 0 || len(s.TargetGroups) != 1 {
		t.Fatalf("%+v %+v", s.TargetGroups, s.Bindings)
	}
	g := s.TargetGroups[0]
	want := stack.HealthCheck{Protocol: "HTTPS", Port: "traffic-port", Path: "/", Matcher: "200-399", IntervalSeconds: 15,
		TimeoutSeconds: 5, HealthyThreshold: 3, UnhealthyThreshold: 3}
	if g.HealthCheck != want || g.Port != 443 || g.ID != "shop/gw:shop-r:TCPRoute-shop-ready:443" ||
		!strings.HasSuffix(g.Balancer.Literal, "/app/x/1") {
		t.Errorf("%+v", g)
	}
}

// TestATLSRouteWithoutABackendResetsConnections has a target group without targets; the existing controller has no
// listener, and a TCPRoute has none either.
func TestATLSRouteWithoutABackendResetsConnections(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		construction     rule.Construction
		route            string
		listeners, group int
	}{
		"a Service that does not exist": {rule.Standard, networkRoute("TLSRoute", "r", "passes",
			backs("{name: gone, port: 443}")), 1, 1},
		"an unknown kind": {rule.Standard, networkRoute("TLSRoute", "r", "ends-here",
			backs("{kind: Nonsense, name: x, port: 443}")), 1, 1},
		"no weight": {rule.Standard, networkRoute("TLSRoute", "r", "passes",
			backs("{name: db, port: 5432, weight: 0}")), 1, 1},
		"no port": {rule.Standard, networkRoute("TLSRoute", "r", "passes", backs("{name: db}")), 0, 0},
		"as the existing controller": {rule.Compatible, networkRoute("TLSRoute", "r", "passes",
			backs("{name: gone, port: 443}")), 0, 0},
		"a TCPRoute": {rule.Standard, networkRoute("TCPRoute", "r", "tcp",
			backs("{name: gone, port: 443}")), 0, 0},
	} {
		s, _ := built(t, input(t, test.construction, decode(t, aroundNetwork+test.route)))
		if len(s.Listeners) != test.listeners || len(s.TargetGroups) != test.group || len(s.Bindings) != 0 {
			t.Errorf("%s: %+v %+v %+v", name, s.Listeners, s.TargetGroups, s.Bindings)
		}
	}
}
