package attachment

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// contested judges a Gateway with ListenerSets, and has routes contend for hostnames.
func contested(t *testing.T, listeners string, sets []*gatewayv1.ListenerSet, routes ...Route) *Listeners {
	t.Helper()
	return heldBy(t, nil, listeners, sets, routes...)
}

// heldBy is contested with the hostnames that namespaces had before.
func heldBy(t *testing.T, held Held, listeners string, sets []*gatewayv1.ListenerSet, routes ...Route) *Listeners {
	t.Helper()
	g := gateway(t, listeners)
	g.Spec.AllowedListeners = read[gatewayv1.GatewaySpec](t, "{allowedListeners: {namespaces: {from: All}}}").
		AllowedListeners
	ls := Judge(g, sets, Auto, func(string, ...string) (labels.Set, bool) { return nil, true }, nil)
	var all []Contender
	for _, r := range routes {
		all = append(all, Contender{Route: r, Created: time.Unix(1e9-1800, 0), Decisions: ls.Attach(r)})
	}
	ls.Contest(all, Terms{Decides: func(ns string) bool { return ns == "ops" }, Isolated: ls.Family == Application,
		Remedy: func(string) string { return "use another" }, Held: held})
	return ls
}

const openTo = ", allowedRoutes: {namespaces: {from: All}}"

func TestListenerSetChangesNoProtocolOfOthers(t *testing.T) {
	t.Parallel()
	const own, theirs = "{name: own, port: 53, protocol: TCP}", "{name: udp, port: 53, protocol: UDP}"
	for namespace, want := range map[string]string{"mal": "own: valid, udp: ProtocolConflict",
		"infra": "own: valid, udp: valid", "ops": "own: valid, udp: valid"} {
		if got := contested(t, own, []*gatewayv1.ListenerSet{set(t, namespace, "s", time.Hour, theirs)}).text(); got != want {
			t.Errorf("%s: %s, want %s", namespace, got, want)
		}
	}
}

func TestTLSListenerOfSetTakesNoHostname(t *testing.T) {
	t.Parallel()
	const own = "{name: own, port: 443, protocol: TLS" + openTo + "}"
	team := *read[Route](t, "{kind: TLSRoute, namespace: team, name: r, parents: [{name: gw, namespace: infra}], "+
		"hostnames: [t.com]}")
	for age, want := range map[time.Duration]string{time.Minute: "own: valid, l: HostnameConflict",
		30 * time.Minute: "own: valid, l: HostnameConflict", time.Hour: "own: valid, l: HostnameConflict"} {
		if got := contested(t, own, []*gatewayv1.ListenerSet{set(t, "mal", "s", age, "{name: l, port: 443, protocol: TLS, "+
			"hostname: t.com}")}, team).text(); got != want {
			t.Errorf("%s: %s, want %s", age, got, want)
		}
	}
}

func TestCertificateOfSetIsForItsHostnames(t *testing.T) {
	t.Parallel()
	const own = "{name: own, port: 443, protocol: HTTPS, hostname: g.org" + openTo +
		"}, {name: any, port: 443, protocol: HTTPS" + openTo + "}"
	team := *read[Route](t, "{kind: HTTPRoute, namespace: team, name: r, parents: [{name: gw, namespace: infra, "+
		"sectionName: any}], hostnames: [t.com, '*.w.com']}")
	for _, c := range []struct {
		namespace, hostname string
		age                 time.Duration
		foreign, own        []string
	}{
		{"mal", "m.com", 0, []string{"t.com", "T.com", "*.com", "a.w.com", "*.w.com", "*.a.w.com", "g.org", "*.org", "*om",
			"*t.com", "*x.m.com"},
			[]string{"m.com", "w.com", "a.t.com", "*.t.com"}},
		{"mal", "*.com", 0, []string{"t.com", "*.com", "*.w.com"}, []string{"m.com"}},
		{"mal", "m.com", time.Hour, []string{"g.org", "*.org"}, []string{"t.com", "*.com"}},
		{"team", "m.com", 0, []string{"g.org"}, []string{"t.com", "*.w.com"}},
		{"ops", "m.com", 0, nil, []string{"t.com", "g.org", "*om"}},
	} {
		ls := contested(t, own, []*gatewayv1.ListenerSet{set(t, c.namespace, "s", c.age, "{name: l, port: 443, protocol: "+
			"HTTPS, hostname: '"+c.hostname+"'}")}, team)
		for _, name := range c.foreign {
			if _, ok := ls.Foreign(2, name); !ok {
				t.Errorf("%s %s: a certificate for %s is accepted", c.namespace, c.hostname, name)
			}
		}
		for _, name := range c.own {
			if whose, ok := ls.Foreign(2, name); ok {
				t.Errorf("%s %s: a certificate for %s is refused: %s", c.namespace, c.hostname, name, whose)
			}
		}
	}
}

func TestCertificateOfAnOldSetTakesNoHeldName(t *testing.T) {
	t.Parallel()
	team := *read[Route](t, "{kind: HTTPRoute, namespace: team, name: r, parents: [{name: gw, namespace: infra}], "+
		"hostnames: [t.com]}")
	names := NamesOf([]string{"t.com"})
	teams, mals := Holder{Port: 443, Namespace: "team"}, Holder{Port: 443, Set: "mal", Certificates: true}
	for name, c := range map[string]struct {
		held    Held
		age     time.Duration
		refused bool
	}{
		"not known":                     {nil, time.Hour, false},
		"held by the route":             {Held{teams: names}, time.Hour, true},
		"held by both":                  {Held{teams: names, mals: names}, time.Hour, false},
		"held by a younger set":         {Held{mals: names}, 0, false},
		"held by nobody, a younger set": {Held{}, 0, true},
		"held by nobody, the older set": {Held{}, time.Hour, false},
		"another owner's certificate": {Held{teams: names, {Port: 443, Set: "b", Certificates: true}: names}, time.Hour,
			true},
	} {
		ls := heldBy(t, c.held, "{name: own, port: 443, protocol: HTTPS"+openTo+"}", []*gatewayv1.ListenerSet{set(t, "mal", "s",
			c.age, "{name: l, port: 443, protocol: HTTPS, hostname: m.com}")}, team)
		whose, refused := ls.Foreign(1, "t.com")
		if refused != c.refused {
			t.Errorf("%s: refused %t, %q", name, refused, whose)
		}
		if ls.Holds()[mals]["t.com"] == refused {
			t.Errorf("%s: %v is remembered", name, ls.Holds())
		}
	}
}
