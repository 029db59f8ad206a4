package gateway

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/lib/servingcert"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// listenersText writes the listeners of a load balancer: protocol, port, transports.
func listenersText(all []intent.Listener) string {
	var out []string
	for _, l := range all {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s:%d %s", l.Protocol, l.Port,
			strings.Join(l.TransportProtocols, "+"))))
	}
	return strings.Join(out, ", ")
}

func TestAPortHasOneListenerOfTheEffectiveProtocol(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, class, listeners, want string
		key                          stack.Key
	}{
		{"several on one port", "alb", "{name: b, port: 8080, protocol: HTTP}, {name: a, port: 80, protocol: HTTP}, {name: " +
			"c, port: 80, protocol: HTTP, hostname: c.com}", "HTTP:80, HTTP:8080", albKey()},
		{"the losers of conflicts are left out", "alb", "{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, " +
			"protocol: HTTPS, hostname: b.com}, {name: c, port: 70000, protocol: HTTP}, {name: d, port: 53, protocol: UDP}",
			"HTTP:80", albKey()},
		{"TCP and UDP", "nlb", "{name: a, port: 53, protocol: TCP}, {name: b, port: 53, protocol: UDP}",
			"TCP_UDP:53 tcp+udp", nlbKey()},
		{"UDP", "nlb", "{name: b, port: 53, protocol: UDP}", "UDP:53 udp", nlbKey()},
		{"TLS in both modes", "nlb", "{name: a, port: 443, protocol: TLS, tls: {mode: Passthrough}}, {name: b, port: 444, " +
			"protocol: TLS, tls: {mode: Terminate}}", "TCP:443, TLS:444", nlbKey()},
		{"two modes on one port", "nlb", "{name: a, port: 443, protocol: TLS, hostname: a.com, tls: {mode: Passthrough}}, " +
			"{name: b, port: 443, protocol: TLS, hostname: b.com, tls: {mode: Terminate}}, {name: c, port: 80, protocol: TCP}",
			"TCP:80", nlbKey()},
		{"allowed routes that are null", "alb", "{name: a, port: 80, protocol: HTTP, allowedRoutes: null}",
			"HTTP:80", albKey()},
		{"a selector that does not parse", "alb", "{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: " +
			"Selector, selector: {matchExpressions: [{key: a, operator: Nonsense}]}}}}, {name: b, port: 81, " +
			"protocol: HTTP}", "HTTP:81",
			albKey()},
	} {
		m, _ := translated(t, c.key, "Gateway shop/web {spec: {gatewayClassName: "+c.class+", listeners: ["+c.listeners+"]}}")
		if got := listenersText(m.Listeners); got != c.want || m.Former {
			t.Errorf("%s: %s, want %s; former %v", c.name, got, c.want, m.Former)
		}
	}
}

func TestAGatewayWithoutAValidListenerStaysAsItWas(t *testing.T) {
	t.Parallel()
	m, _ := translated(t, albKey(), "Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: a, port: 53, "+
		"protocol: UDP}]}}")
	if !m.Former || len(m.Listeners) > 0 {
		t.Errorf("held %v, listeners %s", m.Former, listenersText(m.Listeners))
	}
}

func TestListenersOfListenerSetsAreThoseOfTheLoadBalancerToo(t *testing.T) {
	t.Parallel()
	sets := ""
	for i := range 20 {
		sets += fmt.Sprintf("ListenerSet shop/set%02d {spec: {parentRef: {name: web}, listeners: [{name: a, port: %d, "+
			"protocol: HTTP}, {name: b, port: 80, protocol: HTTP, hostname: h%d.com}]}}\n", i, 9000+i, i)
	}
	m, d := translated(t, albKey(), sets+"Gateway shop/web {spec: {gatewayClassName: alb, allowedListeners: "+
		"{namespaces: {from: Same}}, listeners: [{name: a, port: 80, protocol: HTTP}]}}")
	if len(m.Listeners) != 21 || d.attachedSets() != 20 {
		t.Errorf("%d listeners of %d sets", len(m.Listeners), d.attachedSets())
	}
	if got := m.Listeners[1].Source.Place(); got != "spec.listeners[0] of ListenerSet shop/set00" {
		t.Error(got)
	}
	m, d = translated(t, albKey(), sets+"Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: a, port: "+
		"80, protocol: HTTP}]}}")
	if len(m.Listeners) != 1 || len(d.listeners.Rejected) != 20 {
		t.Errorf("%d listeners, %d sets rejected", len(m.Listeners), len(d.listeners.Rejected))
	}
}

func TestSixtyFourListenersAreAsManyPorts(t *testing.T) {
	t.Parallel()
	var all []string
	for i := range 64 {
		all = append(all, fmt.Sprintf("{name: l%d, port: %d, protocol: HTTP}", i, 8000+i))
	}
	m, _ := translated(t, albKey(), "Gateway shop/web {spec: {gatewayClassName: alb, listeners: ["+
		strings.Join(all, ", ")+"]}}")
	if len(m.Listeners) != 64 {
		t.Errorf("%d listeners", len(m.Listeners))
	}
}

func TestAListenerConfigurationIsThatOfItsProtocolAndPort(t *testing.T) {
	t.Parallel()
	m, _ := translated(t, albKey(), configured("alb", "{name: a, port: 443, protocol: HTTPS}, {name: b, port: 8443, "+
		"protocol: HTTPS, hostname: b.com}",
		`listenerConfigurations: [{protocolPort: 'HTTPS:443', defaultCertificate: "arn:a", certificates: ["arn:b", "arn:a", ""], sslPolicy: policy, listenerAttributes: [{key: k, value: v}],
		mutualAuthentication: {mode: verify, trustStore: store, ignoreClientCertificateExpiry: true, advertiseTrustStoreCaNames: 'on'}}]`))
	l := m.Listeners[0]
	if !cmp.Equal(l.Certificates.Value, []string{"arn:a", "arn:b"}) || l.SSLPolicy.Value != "policy" ||
		l.Attributes["k"].Value != "v" ||
		l.Mutual.Value != (stack.MutualAuthentication{Mode: "verify", TrustStore: "store", IgnoreExpiry: true,
			AdvertiseNames: true}) {
		t.Errorf("%+v", l)
	}
	if got, want := l.SSLPolicy.Source.Place(),
		"spec.listenerConfigurations[HTTPS:443].sslPolicy of LoadBalancerConfiguration shop/own"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if l = m.Listeners[1]; l.Certificates.Set || l.SSLPolicy.Set || !cmp.Equal(l.DiscoverHosts, []string{"b.com"}) {
		t.Errorf("%+v", l)
	}
	m, _ = translated(t, nlbKey(), configured("nlb", "{name: a, port: 443, protocol: TLS}, {name: b, port: 53, "+
		"protocol: UDP}",
		"listenerConfigurations: [{protocolPort: 'TLS:443', alpnPolicy: HTTP2Only, listenerAttributes: [{key: k, value: "+
			"v}]}, {protocolPort: 'UDP:53', quicEnabled: true}]"))
	if m.Listeners[1].ALPN.Value != "HTTP2Only" || m.Listeners[1].Attributes != nil || m.Listeners[0].Protocol != "QUIC" {
		t.Errorf("%+v", m.Listeners)
	}
	if got := findings(m.Diagnostics); !strings.Contains(got, "TLS listeners have no attributes") {
		t.Error(got)
	}
}

func TestListenersAreQUICWhereTheConfigurationDeclaresIt(t *testing.T) {
	t.Parallel()
	for protocol, listeners := range map[string]string{
		"UDP":     "{name: a, port: 53, protocol: UDP}",
		"TCP_UDP": "{name: a, port: 53, protocol: UDP}, {name: b, port: 53, protocol: TCP}",
	} {
		for value, want := range map[string]string{"true": map[string]string{"UDP": "QUIC", "TCP_UDP": "TCP_QUIC"}[protocol],
			"false": protocol} {
			m, _ := translated(t, nlbKey(), configured("nlb", listeners, "listenerConfigurations: [{protocolPort: '"+protocol+
				":53', quicEnabled: "+value+"}]"))
			if len(m.Diagnostics) > 0 || m.Listeners[0].Protocol != want {
				t.Errorf("%s, %s: %+v", protocol, value, m)
			}
		}
	}
}

func TestCertificatesAreDiscoveredForHostnames(t *testing.T) {
	t.Parallel()
	m, _ := translated(t, albKey(), `
Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: a, port: 443, protocol: HTTPS}, {name: b, port: 443, protocol: HTTPS, hostname: '*.b.com'}, {name: c, port: 80, protocol: HTTP, hostname: plain.com}]}}
HTTPRoute shop/one {spec: {parentRefs: [{name: web, sectionName: a}], hostnames: [x.com, y.com]}}
HTTPRoute shop/two {spec: {parentRefs: [{name: web, sectionName: b}], hostnames: [w.b.com, z.com]}}
HTTPRoute shop/three {spec: {parentRefs: [{name: web, sectionName: c}]}}
HTTPRoute shop/other {spec: {parentRefs: [{name: other}], hostnames: [other.com]}}`)
	if got := m.Listeners[1].DiscoverHosts; !cmp.Equal(got, []string{"*.b.com", "w.b.com", "x.com", "y.com"}) {
		t.Error(got)
	}
	if got := m.Listeners[0].DiscoverHosts; got != nil {
		t.Error(got)
	}
}

// keyPair is a certificate with its key for the Secrets of all tests, valid in 2026.
var keyPair = sync.OnceValues(func() (string, string) {
	b, _, err := servingcert.Renew(servingcert.Bundle{}, servingcert.Policy{Hosts: []string{"a.com"},
		Lifetime: 365 * 24 * time.Hour}, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(b.Cert), base64.StdEncoding.EncodeToString(b.Key)
})

func secret(name string) string {
	certificate, key := keyPair()
	return "Secret " + name + " {type: kubernetes.io/tls, data: {tls.crt: " + certificate + ", tls.key: " + key + "}}\n"
}

func TestCertificatesOfListenersAreCheckedAndImported(t *testing.T) {
	t.Parallel()
	const grant = "ReferenceGrant infra/g {spec: {from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: " +
		"shop}], to: [{group: '', kind: Secret, name: tls}]}}\n"
	for _, c := range []struct {
		name, refs, objects string
		reason              string // of ResolvedRefs
		owned               string
		served              bool
	}{
		{"a Secret", "{name: tls}", secret("shop/tls"), "", "imported/shop/tls", true},
		{"a Secret of another namespace with a grant", "{name: tls, namespace: infra}", secret("infra/tls") + grant, "",
			"imported/infra/tls", true},
		{"without a grant", "{name: tls, namespace: infra}", secret("infra/tls"), "RefNotPermitted", "", false},
		{"without a grant or a Secret", "{name: tls, namespace: infra}", "", "RefNotPermitted", "", false},
		{"with a grant for another name", "{name: other, namespace: infra}", secret("infra/other") + grant,
			"RefNotPermitted", "", false},
		{"a Secret that does not exist", "{name: gone}", "", "InvalidCertificateRef", "imported/shop/gone", true},
		{"a Secret without a certificate", "{name: bad}",
			"Secret shop/bad {type: kubernetes.io/tls, data: {tls.crt: eA==, tls.key: eA==}}", "InvalidCertificateRef",
			"imported/shop/bad", true},
		{"another kind", "{name: tls, kind: ConfigMap}", "", "InvalidCertificateRef", "", false},
		{"another group", "{name: tls, group: example.com}", "", "InvalidCertificateRef", "", false},
		{"a name that no Secret has", "{name: " + strings.Repeat("x", 254) + "}", "", "InvalidCertificateRef", "", false},
		{"the name of a path", "{name: '../tls'}", "", "InvalidCertificateRef", "", false},
		{"a good one beside a bad one", "{name: tls, kind: ConfigMap}, {name: tls}", secret("shop/tls"),
			"InvalidCertificateRef", "imported/shop/tls", true},
	} {
		m, d := translated(t, albKey(), "Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: p, port: 80, "+
			"protocol: HTTP}, {name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: ["+c.refs+"]}}]}}\n"+c.objects)
		reason := ""
		if p := d.refs[1]; p != nil {
			reason = p.Reason
		}
		served := len(m.Listeners) == 2
		owned := ""
		if served {
			owned = strings.Join(m.Listeners[1].Owned, " ")
		}
		if reason != c.reason || served != c.served || owned != c.owned {
			t.Errorf("%s: reason %q, served %v, owned %q", c.name, reason, served, owned)
		}
		if (reason == "") != (len(m.Diagnostics) == 0) || slices.ContainsFunc(m.Certificates,
			func(k intent.Certificate) bool { return k.Broken != (k.Import == nil) }) {
			t.Errorf("%s: %s; %+v", c.name, findings(m.Diagnostics), m.Certificates)
		}
		if strings.Contains(findings(m.Diagnostics), "infra/tls") {
			t.Errorf("%s: whether the Secret exists is said: %s", c.name, findings(m.Diagnostics))
		}
	}
}

func TestCertificatesThatTheConfigurationNamesWinOverSecrets(t *testing.T) {
	t.Parallel()
	for _, refs := range []string{"{name: tls}", "{name: gone}", "{name: tls, kind: ConfigMap}"} {
		m, d := translated(t, albKey(), configured("alb", "{name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: ["+
			refs+"]}}", "listenerConfigurations: [{protocolPort: 'HTTPS:443', defaultCertificate: 'arn:a'}]")+secret("shop/tls"))
		if len(m.Listeners) != 1 || len(m.Listeners[0].Owned) > 0 || len(m.Certificates) > 0 ||
			!m.Listeners[0].Certificates.Set {
			t.Errorf("%s: %+v", refs, m.Listeners)
		}
		if (d.refs[0] == nil) != (refs == "{name: tls}") {
			t.Errorf("%s: %v", refs, d.refs[0])
		}
		if told := strings.Contains(findings(m.Diagnostics), "names the certificates of port 443, so this setting has no "+
			"effect"); told != (refs == "{name: tls}") {
			t.Errorf("%s: told %s", refs, findings(m.Diagnostics))
		}
	}
}

func TestSecretsOfListenerSetsNeedGrantsForListenerSets(t *testing.T) {
	t.Parallel()
	const objects = "Gateway shop/web {spec: {gatewayClassName: alb, allowedListeners: {namespaces: {from: All}}, " +
		"listeners: [{name: a, port: 80, protocol: HTTP}]}}\n" +
		"ListenerSet team/set {spec: {parentRef: {name: web, namespace: shop}, listeners: [{name: a, port: 443, protocol: " +
		"HTTPS, tls: {certificateRefs: [{name: tls, namespace: infra}]}}]}}\n"
	for kind, permitted := range map[string]bool{"Gateway": false, "ListenerSet": true} {
		m, d := translated(t, albKey(), objects+secret("infra/tls")+
			"ReferenceGrant infra/g {spec: {from: [{group: gateway.networking.k8s.io, kind: "+kind+
			", namespace: team}], to: [{group: '', kind: Secret}]}}")
		if (d.refs[1] == nil) != permitted || (len(m.Listeners) == 2) != permitted {
			t.Errorf("a grant for %s: %v, %s", kind, d.refs[1], listenersText(m.Listeners))
		}
	}
}

func TestAnExpiredCertificateIsNotImported(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	cfg.Now = func() time.Time { return time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC) }
	m, _ := translatedBy(t, cfg, albKey(), "Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: a, port: "+
		"443, protocol: HTTPS, tls: {certificateRefs: [{name: tls}]}}]}}\n"+secret("shop/tls"))
	if !m.Certificates[0].Broken || !strings.Contains(findings(m.Diagnostics), "certificate expired on") {
		t.Error(findings(m.Diagnostics))
	}
}

// TestACauseThatSeveralListenersShareIsOneFinding has three listeners that name one Secret and two that name another
// one, of which none is there.
func TestACauseThatSeveralListenersShareIsOneFinding(t *testing.T) {
	t.Parallel()
	m, d := translated(t, albKey(), `Gateway shop/web {spec: {gatewayClassName: alb, listeners: [
		{name: a, port: 443, protocol: HTTPS, hostname: a.com, tls: {certificateRefs: [{name: one}]}},
		{name: b, port: 443, protocol: HTTPS, hostname: b.com, tls: {certificateRefs: [{name: one}, {name: two}]}},
		{name: c, port: 8443, protocol: HTTPS, tls: {certificateRefs: [{name: one}]}},
		{name: d, port: 9443, protocol: HTTPS, tls: {certificateRefs: [{name: one, namespace: other}, {name: one, namespace: other}, {name: two, namespace: other}]}}]}}`)
	var got []string
	for _, f := range m.Diagnostics {
		got = append(got, string(f.Code)+" "+f.Path)
	}
	want := []string{
		"SecretNotFound spec.listeners[0].tls.certificateRefs[0]", "SecretNotFound spec.listeners[1].tls.certificateRefs[1]",
		"SecretRefused spec.listeners[3].tls.certificateRefs[0]", "SecretRefused spec.listeners[3].tls.certificateRefs[2]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for i := range 4 {
		if d.refs[i] == nil {
			t.Errorf("listener %d shows no problem", i)
		}
	}
}
