package attachment

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

func read[T any](t *testing.T, text string) *T {
	t.Helper()
	var v T
	if err := yaml.UnmarshalStrict([]byte(text), &v); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return &v
}

func gateway(t *testing.T, listeners string) *gatewayv1.Gateway {
	t.Helper()
	return read[gatewayv1.Gateway](t, "{metadata: {name: gw, namespace: infra}, spec: {gatewayClassName: c, listeners: ["+
		listeners+"]}}")
}

// text is what is decided about listeners: "name: valid" or "name: Reason".
func (ls *Listeners) text() string {
	var out []string
	for _, l := range ls.All {
		decision := "valid"
		if l.Problem != nil {
			decision = l.Problem.Reason
		}
		out = append(out, string(l.Name)+": "+decision)
	}
	return strings.Join(out, ", ")
}

func noNamespaces(string, ...string) (labels.Set, bool) { return nil, false }

func TestListenersAreValidatedInTheOrderOfTheContract(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		family    Family
		listeners string
		want      string
	}{
		{"protocols of an ALB", Application, "{name: a, port: 80, protocol: HTTP}, {name: b, port: 443, protocol: HTTPS}, " +
			"{name: c, port: 53, protocol: UDP}", "a: valid, b: valid, c: UnsupportedProtocol"},
		{"protocols of an NLB", Network, "{name: a, port: 80, protocol: HTTP}, {name: b, port: 1, protocol: TCP}, {name: " +
			"c, port: 2, protocol: UDP}, {name: d, port: 3, protocol: TLS}",
			"a: UnsupportedProtocol, b: valid, c: valid, d: valid"},
		{"a protocol of another implementation", Application, "{name: a, port: 80, protocol: example.com/x}",
			"a: UnsupportedProtocol"},
		{"the first protocol decides", Auto, "{name: x, port: 1, protocol: example.com/x}, {name: a, port: 80, protocol: " +
			"TCP}, {name: b, port: 81, protocol: HTTP}", "x: UnsupportedProtocol, a: valid, b: UnsupportedProtocol"},
		{"none decides", Auto, "{name: x, port: 1, protocol: example.com/x}", "x: UnsupportedProtocol"},
		{"ports", Application, "{name: a, port: 0, protocol: HTTP}, {name: b, port: 65535, protocol: HTTP}, {name: c, " +
			"port: 65536, protocol: HTTP}", "a: PortUnavailable, b: valid, c: PortUnavailable"},
		{"kinds before ports", Application, "{name: a, port: 0, protocol: HTTP, allowedRoutes: {kinds: [{kind: TCPRoute}]}}",
			"a: InvalidRouteKinds"},
		{"a kind of another group", Application, "{name: a, port: 80, protocol: HTTP, allowedRoutes: {kinds: [{group: " +
			"example.com, kind: HTTPRoute}]}}", "a: InvalidRouteKinds"},
		{"two protocols on a port", Application, "{name: a, port: 80, protocol: HTTP, hostname: a.com}, {name: b, port: " +
			"80, protocol: HTTPS, hostname: b.com}", "a: valid, b: ProtocolConflict"},
		{"a protocol of the other family on a port", Application,
			"{name: a, port: 80, protocol: HTTP, hostname: a.com}, {name: b, port: 80, protocol: TCP}, {name: c, port: 81, " +
				"protocol: TCP}, {name: x, port: 80, protocol: example.com/x}",
			"a: valid, b: ProtocolConflict, c: UnsupportedProtocol, x: UnsupportedProtocol"},
		{"TCP and UDP on a port", Network, "{name: a, port: 53, protocol: TCP}, {name: b, port: 53, protocol: UDP}, {name: " +
			"c, port: 53, protocol: TLS}", "a: valid, b: valid, c: ProtocolConflict"},
		{"hostnames", Application, "{name: a, port: 80, protocol: HTTP, hostname: a.com}, {name: b, port: 80, protocol: " +
			"HTTP, hostname: b.com}, {name: c, port: 80, protocol: HTTP, hostname: a.com}",
			"a: valid, b: valid, c: HostnameConflict"},
		{"a hostname conflict decides over one of protocols", Application,
			"{name: a, port: 80, protocol: HTTP, hostname: a.com}, {name: b, port: 80, protocol: HTTPS, hostname: a.com}",
			"a: valid, b: HostnameConflict"},
		{"no hostname twice", Application, "{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: HTTP}",
			"a: valid, b: HostnameConflict"},
		{"a loser of protocols still takes its hostname", Application,
			"{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: HTTPS, hostname: b.com}, {name: c, port: 80, " +
				"protocol: HTTP, hostname: b.com}", "a: valid, b: ProtocolConflict, c: HostnameConflict"},
		{"an address as hostname", Application, "{name: a, port: 80, protocol: HTTP, hostname: 192.0.2.1}",
			"a: UnsupportedValue"},
		{"a mode that HTTPS does not have", Application,
			"{name: a, port: 443, protocol: HTTPS, tls: {mode: Passthrough}}", "a: UnsupportedValue"},
		{"a mode without TLS", Network, "{name: a, port: 53, protocol: UDP, tls: {mode: Passthrough}}", "a: valid"},
		{"a selector that does not parse", Application, "{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: " +
			"{from: Selector, selector: {matchExpressions: [{key: a, operator: Near}]}}}}", "a: UnsupportedValue"},
		{"no selector", Application, "{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector}}}",
			"a: UnsupportedValue"},
		{"filters", Application, "{name: a, port: 80, protocol: HTTP, filters: {requests: [{type: ExtensionRef, " +
			"extensionRef: {group: example.com, kind: Login, name: x}}]}}", "a: UnsupportedValue"},
		{"two modes of TLS", Network, "{name: a, port: 443, protocol: TLS, hostname: a.com, tls: {mode: Passthrough}}, " +
			"{name: b, port: 443, protocol: TLS, hostname: b.com, tls: {mode: Terminate}}, {name: c, port: 444, protocol: TLS}",
			"a: ProtocolConflict, b: ProtocolConflict, c: valid"},
		{"two modes of TLS for one hostname", Network, "{name: a, port: 443, protocol: TLS, hostname: a.com, tls: {mode: " +
			"Passthrough}}, {name: b, port: 443, protocol: TLS, hostname: a.com, tls: {mode: Terminate}}",
			"a: valid, b: HostnameConflict"},
		{"a protocol of the other family on a port in use", Application,
			"{name: a, port: 80, protocol: HTTP, hostname: a.com}, {name: b, port: 80, protocol: TCP}, {name: c, port: 81, " +
				"protocol: TCP}, {name: d, port: 80, protocol: example.com/x}",
			"a: valid, b: ProtocolConflict, c: UnsupportedProtocol, d: UnsupportedProtocol"},
		{"a protocol twice that the port does not have", Application,
			"{name: a, port: 80, protocol: HTTP, hostname: a.com}, {name: b, port: 80, protocol: TCP}, {name: c, port: 80, " +
				"protocol: TCP}", "a: valid, b: ProtocolConflict, c: ProtocolConflict"},
		{"a kind of the other family at a protocol of the other family", Application,
			"{name: a, port: 443, protocol: TLS, allowedRoutes: {kinds: [{kind: HTTPRoute}]}}", "a: InvalidRouteKinds"},
		{"TCPRoutes where TLS passes through", Network, "{name: a, port: 443, protocol: TLS, tls: {mode: Passthrough}, " +
			"allowedRoutes: {kinds: [{kind: TCPRoute}, {kind: TLSRoute}]}}", "a: InvalidRouteKinds"},
		{"only TCPRoutes where TLS passes through", Network,
			"{name: a, port: 443, protocol: TLS, tls: {mode: Passthrough}, allowedRoutes: {kinds: [{kind: TCPRoute}]}}",
			"a: valid"},
		{"one mode of TLS", Network, "{name: a, port: 443, protocol: TLS, hostname: a.com, tls: {mode: Passthrough}}, " +
			"{name: b, port: 443, protocol: TLS, hostname: b.com, tls: {mode: Passthrough}}", "a: valid, b: valid"},
	} {
		if got := Judge(gateway(t, c.listeners), nil, c.family, noNamespaces, nil).text(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestSupportedKindsAreThoseAskedForThatTheListenerCanHave(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		family   Family
		listener string
		want     string
	}{
		{Application, "protocol: HTTP", "HTTPRoute"},
		{Application, "protocol: HTTPS", "HTTPRoute GRPCRoute"},
		{Application, "protocol: TCP", ""},
		{Application, "protocol: example.com/x", ""},
		{Network, "protocol: TCP", "TCPRoute"},
		{Network, "protocol: UDP", "UDPRoute"},
		{Network, "protocol: TLS", "TLSRoute TCPRoute"},
		{Network, "protocol: TLS, tls: {mode: Passthrough}", "TLSRoute TCPRoute"},
		{Network, "protocol: TLS, tls: {mode: Passthrough}, allowedRoutes: {kinds: [{kind: TCPRoute}]}", "TCPRoute"},
		{Network, "protocol: TLS, tls: {mode: Passthrough}, allowedRoutes: {kinds: [{kind: UDPRoute}]}", ""},
		{Application, "protocol: HTTP, allowedRoutes: {kinds: [{kind: HTTPRoute}, {kind: HTTPRoute}, {kind: Nonsense}]}",
			"HTTPRoute"},
		{Application, "protocol: HTTP, allowedRoutes: {kinds: [{kind: Nonsense}]}", ""},
		{Network, "protocol: TLS, tls: {mode: Passthrough}, allowedRoutes: {kinds: [{kind: TCPRoute}, {kind: TLSRoute}]}",
			"TLSRoute"},
		{Network, "protocol: TLS, allowedRoutes: {kinds: [{kind: TCPRoute}, {kind: TLSRoute}]}", "TCPRoute TLSRoute"},
	} {
		ls := Judge(gateway(t, "{name: a, port: 80, "+c.listener+"}"), nil, c.family, noNamespaces, nil)
		var got []string
		for _, k := range ls.All[0].SupportedKinds {
			got = append(got, string(k.Kind))
			if *k.Group != gatewayv1.GroupName {
				t.Errorf("%s: group %s", c.listener, *k.Group)
			}
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%s: %q, want %q", c.listener, g, c.want)
		}
		if ls.All[0].SupportedKinds == nil {
			t.Errorf("%s: supported kinds are null", c.listener)
		}
	}
}

func set(t *testing.T, namespace, name string, age time.Duration, listeners string) *gatewayv1.ListenerSet {
	t.Helper()
	s := read[gatewayv1.ListenerSet](t, fmt.Sprintf("{metadata: {name: %s, namespace: %s}, spec: {parentRef: {name: gw, "+
		"namespace: infra}, listeners: [%s]}}", name, namespace, listeners))
	s.CreationTimestamp = metav1.NewTime(time.Unix(1e9, 0).Add(-age))
	return s
}

func TestOlderListenerSetWinsConflict(t *testing.T) {
	t.Parallel()
	teams := func(name string, _ ...string) (labels.Set, bool) { return labels.Set{"team": name}, name != "gone" }
	sets := []*gatewayv1.ListenerSet{
		set(t, "b", "young", time.Minute, "{name: yo, port: 80, protocol: HTTP, hostname: set.com}, {name: z, port: 80, "+
			"protocol: HTTP, hostname: gw.com}"),
		set(t, "a", "old", time.Hour, "{name: o, port: 80, protocol: HTTP, hostname: set.com}"),
		set(t, "infra", "same", time.Minute, "{name: s, port: 80, protocol: HTTP, hostname: same.com}"),
		set(t, "gone", "lost", time.Minute, "{name: l, port: 80, protocol: HTTP, hostname: lost.com}"),
	}
	other := set(t, "a", "other", time.Hour, "{name: n, port: 80, protocol: HTTP}")
	other.Spec.ParentRef.Name = "another"
	sets = append(sets, other)
	for _, c := range []struct{ allowed, want, rejected string }{
		{"", "own: valid", "a/old b/young gone/lost infra/same"},
		{"allowedListeners: {namespaces: {from: None}}", "own: valid", "a/old b/young gone/lost infra/same"},
		{"allowedListeners: {namespaces: {from: Same}}", "own: valid, s: valid", "a/old b/young gone/lost"},
		{"allowedListeners: {namespaces: {from: All}}", "own: valid, o: valid, yo: HostnameConflict, z: HostnameConflict, " +
			"l: valid, s: valid", ""},
		{"allowedListeners: {namespaces: {from: Selector, selector: {matchLabels: {team: b}}}}",
			"own: valid, yo: valid, z: HostnameConflict", "a/old gone/lost infra/same"},
		{"allowedListeners: {namespaces: {from: Selector, selector: {matchExpressions: [{key: team, operator: Wrong}]}}}",
			"own: valid", "a/old b/young gone/lost infra/same"},
		{"allowedListeners: {namespaces: {from: Selector}}", "own: valid", "a/old b/young gone/lost infra/same"},
	} {
		g := gateway(t, "{name: own, port: 80, protocol: HTTP, hostname: gw.com}")
		if c.allowed != "" {
			g.Spec.AllowedListeners = read[gatewayv1.GatewaySpec](t, "{"+c.allowed+"}").AllowedListeners
		}
		for range 5 {
			rand.Shuffle(len(sets), func(i, j int) { sets[i], sets[j] = sets[j], sets[i] })
			ls := Judge(g, sets, Application, teams, nil)
			var rejected []string
			for _, s := range ls.Rejected {
				rejected = append(rejected, s.Namespace+"/"+s.Name)
			}
			if got := ls.text(); got != c.want || strings.Join(rejected, " ") != c.rejected {
				t.Errorf("%s: %s, want %s; rejected %v, want %s", c.allowed, got, c.want, rejected, c.rejected)
			}
		}
	}
}

// TestInvalidAdmissionKeepsAdmittedListenerSets has sets that a Gateway admitted before its spec.allowedListeners
// became invalid, by memory and by status, and one that names the Gateway since.
func TestInvalidAdmissionKeepsAdmittedListenerSets(t *testing.T) {
	t.Parallel()
	g := gateway(t, "{name: own, port: 80, protocol: HTTP, hostname: gw.com}")
	remembered := set(t, "a", "remembered", time.Hour, "{name: r, port: 81, protocol: HTTP}")
	shown := set(t, "b", "shown", time.Minute, "{name: s, port: 82, protocol: HTTP}")
	shown.Status.Conditions = []metav1.Condition{{Type: "Accepted", Status: metav1.ConditionTrue}}
	elsewhere := set(t, "b", "elsewhere", time.Second, "{name: e, port: 83, protocol: HTTP}")
	elsewhere.Generation, elsewhere.Status = 1, shown.Status
	last := func(p Parent, name gatewayv1.SectionName) (l gatewayv1.Listener, ok bool) {
		return l, p.Name == "remembered" && name == "r"
	}
	for _, invalid := range []string{"from: Selector", "from: Odd",
		"from: Selector, selector: {matchExpressions: [{key: team, operator: Near}]}"} {
		g.Spec.AllowedListeners = read[gatewayv1.GatewaySpec](t, "{allowedListeners: {namespaces: {"+invalid+"}}}").
			AllowedListeners
		sets := []*gatewayv1.ListenerSet{remembered, shown, elsewhere}
		const want = "own: valid, r: valid, s: valid"
		if got := Judge(g, sets, Application, noNamespaces, last).text(); got != want {
			t.Errorf("%s: %s, want %s", invalid, got, want)
		}
	}
}

// TestGatewayDecidesModeOfPort has a set whose listeners differ in their mode: the one
// of the Gateway's mode wins.
func TestGatewayDecidesModeOfPort(t *testing.T) {
	t.Parallel()
	g := gateway(t, "{name: own, port: 443, protocol: TLS, hostname: a.com, tls: {mode: Passthrough}}")
	g.Spec.AllowedListeners = read[gatewayv1.GatewaySpec](t, "{allowedListeners: {namespaces: {from: Same}}}").
		AllowedListeners
	sets := []*gatewayv1.ListenerSet{set(t, "infra", "s", time.Hour,
		"{name: b, port: 443, protocol: TLS, hostname: b.com, tls: {mode: Terminate}}, {name: c, port: 443, protocol: TLS, "+
			"hostname: c.com, tls: {mode: Passthrough}}")}
	if got, want := Judge(g, sets, Network, noNamespaces, nil).text(), "own: valid, b: ProtocolConflict, c: valid"; got !=
		want {
		t.Errorf("%s, want %s", got, want)
	}
}

// attach writes the decisions about a route: per parentRef "listener(hostnames)" or the reason.
func attach(ls *Listeners, r Route) string {
	var out []string
	for _, d := range ls.Attach(r) {
		text := fmt.Sprintf("%d:", d.ParentRef)
		if d.Problem != nil {
			text += " " + d.Problem.Reason
		}
		for _, a := range d.Attached {
			var hosts []string
			for _, h := range a.Hostnames {
				hosts = append(hosts, h.Name)
			}
			text += fmt.Sprintf(" %s(%s)", ls.All[a.Listener].Name, strings.Join(hosts, " "))
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func TestRoutesAttachToTheListenersThatTheyNameAndThatAdmitThem(t *testing.T) {
	t.Parallel()
	teams := func(name string, _ ...string) (labels.Set, bool) { return labels.Set{"team": name}, true }
	const listeners = `{name: any, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}},
		{name: host, port: 80, protocol: HTTP, hostname: a.com, allowedRoutes: {namespaces: {from: All}}},
		{name: wild, port: 8080, protocol: HTTP, hostname: "*.b.com", allowedRoutes: {namespaces: {from: All}}},
		{name: same, port: 81, protocol: HTTP},
		{name: none, port: 82, protocol: HTTP, allowedRoutes: {namespaces: {from: None}}},
		{name: team, port: 83, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {team: shop}}}}},
		{name: grpc, port: 443, protocol: HTTPS, allowedRoutes: {namespaces: {from: All}, kinds: [{kind: GRPCRoute}]}},
		{name: taken, port: 443, protocol: HTTP, hostname: taken.com, allowedRoutes: {namespaces: {from: All}}}`
	for _, c := range []struct{ name, route, want string }{
		{"a listener by name", "{parents: [{name: gw, namespace: infra, sectionName: any}]}", "0: any()"},
		{"all listeners", "{parents: [{name: gw, namespace: infra}]}",
			"0: any() host(a.com) wild(*.b.com) team() taken(taken.com)"},
		{"a port", "{parents: [{name: gw, namespace: infra, port: 80}]}", "0: any() host(a.com)"},
		{"a port that the named listener does not have",
			"{parents: [{name: gw, namespace: infra, sectionName: any, port: 81}]}", "0: NoMatchingParent"},
		{"no such listener", "{parents: [{name: gw, namespace: infra, sectionName: nothing}]}", "0: NoMatchingParent"},
		{"another Gateway", "{parents: [{name: gw}, {name: other, namespace: infra}, {group: example.com, name: gw, " +
			"namespace: infra}, {kind: Service, group: '', name: gw, namespace: infra}]}", ""},
		{"another namespace", "{parents: [{name: gw, namespace: infra, sectionName: same}]}", "0: NotAllowedByListeners"},
		{"the same namespace", "{namespace: infra, parents: [{name: gw, sectionName: same}, {name: gw, sectionName: none}]}",
			"0: same(), 1: NotAllowedByListeners"},
		{"a selector", "{namespace: other, parents: [{name: gw, namespace: infra, sectionName: team}]}",
			"0: NotAllowedByListeners"},
		{"a kind", "{parents: [{name: gw, namespace: infra, sectionName: grpc}]}", "0: NotAllowedByListeners"},
		{"the other kind", "{kind: GRPCRoute, parents: [{name: gw, namespace: infra}]}", "0: grpc()"},
		{"hostnames", "{parents: [{name: gw, namespace: infra}], hostnames: [a.com, x.b.com, c.org]}",
			"0: any(a.com c.org x.b.com) host(a.com) wild(x.b.com) team(a.com c.org x.b.com)"},
		{"no hostname in common", "{parents: [{name: gw, namespace: infra, sectionName: host}], hostnames: [b.com]}",
			"0: NoMatchingListenerHostname"},
		{"two parentRefs on one port keep their own hostnames",
			"{parents: [{name: gw, namespace: infra, sectionName: host}, {name: gw, namespace: infra, sectionName: any}], " +
				"hostnames: [a.com, b.org]}", "0: host(a.com), 1: any(a.com b.org)"},
		{"a listener that is not valid", "{parents: [{name: gw, namespace: infra, sectionName: taken}]}",
			"0: taken(taken.com)"},
		{"wildcards", "{parents: [{name: gw, namespace: infra, sectionName: wild}], hostnames: ['*.b.com', '*.x.b.com', " +
			"b.com, '*.com']}", "0: wild(*.b.com *.x.b.com)"},
		{"an address", "{parents: [{name: gw, namespace: infra, sectionName: any}], hostnames: [192.0.2.1]}",
			"0: NoMatchingListenerHostname"},
	} {
		r := read[Route](t, c.route)
		if r.Kind == "" {
			r.Kind = "HTTPRoute"
		}
		if r.Namespace == "" {
			r.Namespace = "shop"
		}
		if got := attach(Judge(gateway(t, listeners), nil, Application, teams, nil), *r); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestRoutesOfAGatewayDoNotAttachToItsListenerSets(t *testing.T) {
	t.Parallel()
	g := gateway(t, "{name: own, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}")
	g.Spec.AllowedListeners = read[gatewayv1.GatewaySpec](t, "{allowedListeners: {namespaces: {from: All}}}").
		AllowedListeners
	ls := Judge(g, []*gatewayv1.ListenerSet{set(t, "shop", "more", 0, "{name: more, port: 81, protocol: HTTP}")},
		Application, noNamespaces, nil)
	listenerSet := gatewayv1.Kind("ListenerSet")
	of := func(refs ...gatewayv1.ParentReference) string {
		return attach(ls, Route{Kind: "HTTPRoute", Namespace: "shop", Name: "r", Parents: refs})
	}
	infra := gatewayv1.Namespace("infra")
	if got := of(gatewayv1.ParentReference{Name: "gw", Namespace: &infra}, gatewayv1.ParentReference{Kind: &listenerSet,
		Name: "more"}); got != "0: own(), 1: more()" {
		t.Error(got)
	}
	more := gatewayv1.SectionName("more")
	if got := of(gatewayv1.ParentReference{Name: "gw", Namespace: &infra, SectionName: &more}); got !=
		"0: NoMatchingParent" {
		t.Error(got)
	}
}

func TestARouteCountsOnceAtAListener(t *testing.T) {
	t.Parallel()
	ls := Judge(gateway(t, "{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: HTTP}"), nil, Application,
		noNamespaces, nil)
	a := gatewayv1.SectionName("a")
	ls.Attach(Route{Kind: "HTTPRoute", Namespace: "infra", Parents: []gatewayv1.ParentReference{
		{Name: "gw", SectionName: &a}, {Name: "gw"}}})
	ls.Attach(Route{Kind: "HTTPRoute", Namespace: "infra", Parents: []gatewayv1.ParentReference{{Name: "gw"}}})
	if got := []int32{ls.All[0].Routes, ls.All[1].Routes}; got[0] != 2 || got[1] != 2 {
		t.Errorf("%v routes, want 2 at each, also at the listener that is not valid", got)
	}
}

func TestMoreSpecificHostnameIsTheRoutes(t *testing.T) {
	t.Parallel()
	hosts, ok := intersection("very.specific.com", []gatewayv1.Hostname{"*.com", "*.specific.com"})
	if diff := cmp.Diff([]Hostname{{"very.specific.com", "*.specific.com"}}, hosts); diff != "" || !ok {
		t.Error(diff)
	}
}
