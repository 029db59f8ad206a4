package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// authority is the certificate of an authority, or of a client, in PEM.
func authority(t testing.TB, name string, is bool) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: is,
		BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// configMap is a ConfigMap in the form that decode reads.
func configMap(t testing.TB, name, key, value string) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return "ConfigMap " + name + " {data: {" + key + ": " + string(text) + "}}\n"
}

// withBucket is the configuration with a bucket for trust stores.
func withBucket() Config {
	c := defaults()
	c.TrustStores = true
	return c
}

const (
	toCA      = "{group: '', kind: ConfigMap, name: ca}"
	toMissing = "{group: '', kind: ConfigMap, name: missing}"
)

// frontend is a Gateway with an HTTP listener, two HTTPS listeners on port 443 and one on 8443, and what
// spec.tls.frontend says.
func frontend(text string) string {
	return "Gateway shop/web {spec: {gatewayClassName: alb, tls: {frontend: {" + text +
		"}}, listeners: [{name: plain, port: 80, protocol: HTTP}, " +
		"{name: a, port: 443, protocol: HTTPS, hostname: a.com}, {name: b, port: 443, protocol: HTTPS, hostname: b.com}, " +
		"{name: c, port: 8443, protocol: HTTPS, hostname: c.com}]}}\n"
}

// statusAfter is the status of the listeners of a Gateway with a load balancer that serves, in short, and of the
// Gateway.
func statusAfter(t testing.TB, cfg Config, text string) (listeners map[string]string, gateway string) {
	t.Helper()
	objs := decode(t, classes+text)
	v := objects.FromObjects(objs)
	l := Load(v, cfg, albKey())
	_, d := Translate(v, cfg, l, false)
	w := worldOf(objs)
	w.apply(t, d.Statuses(active()))
	listeners = map[string]string{}
	for _, s := range w.gateway().Listeners {
		listeners[string(s.Name)] = short(s.Conditions)
	}
	return listeners, short(w.gateway().Conditions)
}

func TestFrontendTLSBecomesMutualAuthenticationOfEachHTTPSPort(t *testing.T) {
	t.Parallel()
	objs := configMap(t, "shop/ca", "ca.crt", authority(t, "one", true)) + configMap(t, "shop/more", "ca.crt", "# two\n"+
		authority(t, "two", true)+authority(t, "three", true))
	id := naming.TrustStoreID([]string{"shop/ca"})
	both := naming.TrustStoreID([]string{"shop/ca", "shop/more"})
	for _, c := range []struct {
		name, frontend string
		want, other    stack.MutualAuthentication // of port 443 and of 8443
		stores         int
	}{
		{"the default", "default: {validation: {caCertificateRefs: [" + toCA + "]}}", stack.MutualAuthentication{
			Mode: "verify", TrustStore: id}, stack.MutualAuthentication{Mode: "verify", TrustStore: id}, 1},
		{"a port of its own", "default: {validation: {caCertificateRefs: [" + toCA +
			"]}}, perPort: [{port: 8443, tls: {validation: {caCertificateRefs: [" + toCA +
			", {group: '', kind: ConfigMap, name: more}]}}}]",
			stack.MutualAuthentication{Mode: "verify", TrustStore: id}, stack.MutualAuthentication{
				Mode: "verify", TrustStore: both}, 2},
		{"a port without", "default: {validation: {caCertificateRefs: [" + toCA + "]}}, perPort: [{port: 8443, tls: {}}]",
			stack.MutualAuthentication{Mode: "verify", TrustStore: id}, stack.MutualAuthentication{}, 1},
		{"fallback of a port", "default: {}, perPort: [{port: 443, tls: {validation: {mode: AllowInsecureFallback, " +
			"caCertificateRefs: [" + toCA + "]}}}]", stack.MutualAuthentication{Mode: "passthrough"},
			stack.MutualAuthentication{}, 0},
		{"fallback", "default: {validation: {mode: AllowInsecureFallback, caCertificateRefs: [" + toCA + "]}}",
			stack.MutualAuthentication{Mode: "passthrough"}, stack.MutualAuthentication{Mode: "passthrough"}, 0},
		{"nothing", "default: {}", stack.MutualAuthentication{}, stack.MutualAuthentication{}, 0},
	} {
		m, _ := translatedBy(t, withBucket(), albKey(), objs+frontend(c.frontend))
		if len(m.Listeners) != 3 || m.Listeners[0].Mutual.Set || m.Listeners[1].Mutual.Value != c.want ||
			m.Listeners[2].Mutual.Value != c.other || len(m.TrustStores) != c.stores {
			t.Errorf("%s: %+v, %d trust stores", c.name, m.Listeners, len(m.TrustStores))
		}
		for _, s := range m.TrustStores {
			if n := strings.Count(s.Bundle, "-----BEGIN CERTIFICATE"); strings.Contains(s.Bundle, "#") || s.Hash == "" ||
				n != map[string]int{id: 1, both: 3}[s.ID] {
				t.Errorf("%s: %+v", c.name, s)
			}
		}
		_, status := statusAfter(t, withBucket(), objs+frontend(c.frontend))
		if insecure := strings.Contains(status, "InsecureFrontendValidationMode=True/ConfigurationChanged"); insecure !=
			strings.Contains(c.name, "fallback") {
			t.Errorf("%s: %s", c.name, status)
		}
	}
}

func TestTheConditionOfInsecureFallbackGoesWithIt(t *testing.T) {
	t.Parallel()
	objs := decode(t, classes+configMap(t, "shop/ca", "ca.crt", authority(t, "one", true))+
		"Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: a, port: 443, protocol: HTTPS, hostname: "+
		"a.com}]}, status: {conditions: [{type: InsecureFrontendValidationMode, status: 'True', reason: "+
		"ConfigurationChanged, message: x, lastTransitionTime: '2026-01-01T00:00:00Z'}]}}")
	v := objects.FromObjects(objs)
	_, d := Translate(v, withBucket(), Load(v, withBucket(), albKey()), false)
	w := worldOf(objs)
	w.apply(t, d.Statuses(active()))
	if got := short(w.gateway().Conditions); strings.Contains(got, "Insecure") {
		t.Error(got)
	}
}

func TestInvalidAuthorityRefusesHTTPSListenersOfItsPortOnly(t *testing.T) {
	t.Parallel()
	ca := configMap(t, "shop/ca", "ca.crt", authority(t, "one", true))
	good := "Accepted=True/Accepted Conflicted=False/NoConflicts Programmed=True/Programmed ResolvedRefs=True/ResolvedRefs"
	refused := func(reason string) string {
		return "Accepted=False/NoValidCACertificate Conflicted=False/NoConflicts Programmed=False/NoValidCACertificate " +
			"ResolvedRefs=False/" + reason
	}
	grant := "ReferenceGrant other/g {spec: {from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: " +
		"shop}], to: [{group: '', kind: ConfigMap, name: theirs}]}}\n"
	theirs := configMap(t, "other/theirs", "ca.crt", authority(t, "theirs", true))
	for _, c := range []struct{ name, objects, refs, want string }{
		{"a ConfigMap", ca, toCA, good},
		{"that does not exist", ca, toMissing, refused("InvalidCACertificateRef")},
		{"another kind", ca, "{group: '', kind: Service, name: ca}", refused("InvalidCACertificateKind")},
		{"another group", ca, "{group: example.com, kind: ConfigMap, name: ca}", refused("InvalidCACertificateKind")},
		{"another key", configMap(t, "shop/ca", "tls.crt", authority(t, "one", true)), toCA,
			refused("InvalidCACertificateRef")},
		{"no PEM", configMap(t, "shop/ca", "ca.crt", "none"), toCA, refused("InvalidCACertificateRef")},
		{"no certificate", configMap(t, "shop/ca", "ca.crt",
			string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}))), toCA,
			refused("InvalidCACertificateRef")},
		{"a key", configMap(t, "shop/ca", "ca.crt",
			string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}))), toCA,
			refused("InvalidCACertificateRef")},
		{"a client's", configMap(t, "shop/ca", "ca.crt", authority(t, "one", false)), toCA,
			refused("InvalidCACertificateRef")},
		{"too many", configMap(t, "shop/ca", "ca.crt", strings.Repeat(authority(t, "one", true), 26)), toCA,
			refused("InvalidCACertificateRef")},
		{"another namespace", theirs, "{group: '', kind: ConfigMap, namespace: other, name: theirs}",
			refused("RefNotPermitted")},
		{"another namespace, granted", theirs + grant, "{group: '', kind: ConfigMap, namespace: other, name: theirs}", good},
		{"one of two", ca, toMissing + ", " + toCA, "Accepted=True/Accepted Conflicted=False/NoConflicts " +
			"Programmed=True/Programmed ResolvedRefs=False/InvalidCACertificateRef"},
	} {
		text := c.objects + configMap(t, "shop/fine", "ca.crt", authority(t, "fine", true)) +
			frontend("default: {validation: {caCertificateRefs: ["+c.refs+
				"]}}, perPort: [{port: 8443, tls: {validation: {caCertificateRefs: [{group: '', kind: ConfigMap, name: fine}]}}}]")
		got, _ := statusAfter(t, withBucket(), text)
		if got["a"] != c.want || got["b"] != c.want || got["plain"] != good || got["c"] != good {
			t.Errorf("%s: %v", c.name, got)
		}
		m, _ := translatedBy(t, withBucket(), albKey(), text)
		if found := strings.Contains(findings(m.Diagnostics), string(diag.InvalidCACertificate)+
			" spec.tls.frontend.default.validation"); found != (c.want != good) {
			t.Errorf("%s: %s", c.name, findings(m.Diagnostics))
		}
		served := 2
		if strings.Contains(c.want, "Accepted=True") {
			served = 3
		}
		if len(m.Listeners) != served || m.Former {
			t.Errorf("%s: %d listeners are served", c.name, len(m.Listeners))
		}
	}
}

func TestWithoutABucketAListenerThatVerifiesClientsIsNotServed(t *testing.T) {
	t.Parallel()
	text := configMap(t, "shop/ca", "ca.crt", authority(t, "one", true)) +
		frontend("default: {validation: {caCertificateRefs: ["+toCA+
			"]}}, perPort: [{port: 8443, tls: {validation: {mode: AllowInsecureFallback, caCertificateRefs: ["+toCA+"]}}}]")
	m, _ := translated(t, albKey(), text)
	if len(m.Listeners) != 2 || m.Listeners[1].Port != 8443 || !strings.Contains(findings(m.Diagnostics),
		"UnsupportedFeature spec.tls.frontend.default.validation") {
		t.Errorf("%+v, %s", m.Listeners, findings(m.Diagnostics))
	}
	if got, _ := statusAfter(t, defaults(), text); !strings.Contains(got["a"], "Accepted=False/UnsupportedValue") ||
		!strings.Contains(got["c"], "Accepted=True") {
		t.Errorf("%v", got)
	}
}

func TestAConfigurationThatNamesATrustStoreGoesBeforeFrontendTLS(t *testing.T) {
	t.Parallel()
	m, _ := translatedBy(t, withBucket(), albKey(), strings.Replace(frontend("default: {validation: {caCertificateRefs: ["+
		toMissing+"]}}"), "gatewayClassName: alb,",
		"gatewayClassName: alb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: "+
			"LoadBalancerConfiguration, name: own}},", 1)+
		"LoadBalancerConfiguration shop/own {spec: {listenerConfigurations: [{protocolPort: 'HTTPS:443', "+
		"mutualAuthentication: {mode: verify, trustStore: mine}}]}}\n")
	if len(m.Listeners) != 2 || m.Listeners[1].Mutual.Value.TrustStore != "mine" || len(m.TrustStores) > 0 {
		t.Errorf("%+v", m.Listeners)
	}
}

// unread is a snapshot of which ConfigMaps cannot be read.
type unread struct{ objects.Snapshot }

func (unread) Why(kind objects.Kind, _, _ string) error {
	if kind == objects.ConfigMap {
		return objects.UnreadError{Err: errors.New("the API server did not answer")}
	}
	return nil
}

func TestUnreadableConfigMapLeavesListenerAndTrustStore(t *testing.T) {
	t.Parallel()
	s := objects.Snapshot{}
	for _, o := range decode(t, classes+frontend("default: {validation: {caCertificateRefs: ["+toCA+"]}}")) {
		s.Put(o)
	}
	v := objects.New(unread{s})
	lb, _ := Translate(v, withBucket(), Load(v, withBucket(), albKey()), false)
	m := lb.Members[0]
	if len(m.Listeners) != 3 || m.Listeners[1].Mutual.Value.TrustStore != naming.TrustStoreID([]string{"shop/ca"}) ||
		len(m.TrustStores) != 1 || m.TrustStores[0].Bundle != "" {
		t.Errorf("%+v, %+v", m.Listeners, m.TrustStores)
	}
	if got := findings(m.Diagnostics); !strings.Contains(got, string(diag.CACertificateUnread)) {
		t.Error(got)
	}
	v = objects.New(s) // the service account has the right
	lb, _ = Translate(v, withBucket(), Load(v, withBucket(), albKey()), false)
	if got := findings(lb.Members[0].Diagnostics); strings.Contains(got, string(diag.CACertificateUnread)) {
		t.Errorf("after the remedy: %s", got)
	}
}

// TestAListenerWithOneOfSeveralAuthoritiesIsProgrammed has the text of the Gateway API: only where all references are
// invalid, the listener is not accepted. Its Secret is none of these references.
func TestAListenerWithOneOfSeveralAuthoritiesIsProgrammed(t *testing.T) {
	t.Parallel()
	ca := configMap(t, "shop/ca", "ca.crt", authority(t, "one", true))
	text := ca + frontend("default: {validation: {caCertificateRefs: ["+toCA+", "+toMissing+"]}}")
	listeners, _ := statusAfter(t, withBucket(), text)
	if got := listeners["a"]; !strings.Contains(got, "ResolvedRefs=False/InvalidCACertificateRef") ||
		!strings.Contains(got, "Accepted=True") || !strings.Contains(got, "Programmed=True") {
		t.Error(got)
	}
	secret := strings.Replace(text, "hostname: a.com}",
		"hostname: a.com, tls: {certificateRefs: [{group: example.com, kind: Vault, name: x}]}}", 1)
	listeners, _ = statusAfter(t, withBucket(), secret)
	if got := listeners["a"]; !strings.Contains(got, "ResolvedRefs=False/InvalidCertificateRef") ||
		!strings.Contains(got, "Programmed=False") {
		t.Errorf("without a certificate: %s", got)
	}
}

func TestMorePortsThatVerifyClientsThanAWSAdmitsAreNoted(t *testing.T) {
	t.Parallel()
	ca := configMap(t, "shop/ca", "ca.crt", authority(t, "one", true))
	const listeners = "{name: d, port: 9443, protocol: HTTPS, hostname: d.com}, "
	three := strings.Replace(frontend("default: {validation: {caCertificateRefs: ["+toCA+"]}}"), "listeners: [",
		"listeners: ["+listeners, 1)
	for name, c := range map[string]struct {
		text string
		want bool
	}{
		"two": {frontend("default: {validation: {caCertificateRefs: [" + toCA + "]}}"), false}, "three": {three, true},
		"three that let clients in": {strings.Replace(three, "validation: {", "validation: {mode: AllowInsecureFallback, ",
			1), false},
	} {
		m, _ := translatedBy(t, withBucket(), albKey(), ca+c.text)
		noted := false
		for _, d := range m.Diagnostics {
			noted = noted || d.Code == diag.VerifyingListeners && strings.HasPrefix(d.Text, "3 ports verify client certificates") &&
				d.Path == "spec.tls.frontend"
		}
		if noted != c.want {
			t.Errorf("%s: %v", name, m.Diagnostics)
		}
	}
}
