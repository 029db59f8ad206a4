package dataplane_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/lib/await"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// authority signs certificates of clients.
type authority struct {
	testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue signs a certificate; a nil authority signs itself.
func issue(t testing.TB, by *authority, name string, change func(*x509.Certificate)) *authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0x0A0B), Subject: pkix.Name{CommonName: name, Organization: []string{"Example"}},
		NotBefore: time.Now().Add(-time.Hour).UTC().Truncate(time.Second), NotAfter: time.Now().Add(time.Hour).UTC().Truncate(
			time.Second),
	}
	if change != nil {
		change(template)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{t, cert, key}
}

func isCA(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
}

func (a *authority) pair(chain ...*authority) *tls.Certificate {
	c := &tls.Certificate{Certificate: [][]byte{a.cert.Raw}, PrivateKey: a.key}
	for _, above := range chain {
		c.Certificate = append(c.Certificate, above.cert.Raw)
	}
	return c
}

// secureWeb is a world with one HTTPS listener that authenticates its clients.
func secureWeb(t *testing.T, auth topology.ClientAuth) *world {
	t.Helper()
	w := newWorld(t)
	w.pod("10.0.1.5", 8080, echoHandler("a"))
	w.group("a", "HTTP", "10.0.1.5")
	l := listener(443, "HTTPS", forward("a"))
	l.Certificates = []topology.Certificate{certificate(t, "a.b")}
	l.SSLPolicy = "ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06"
	l.Clients = auth
	w.balancer("web", stack.Application, l)
	w.update()
	w.await("10.0.1.5", "healthy")
	return w
}

const secureBase = "https://web-1.us-west-2.elb.amazonaws.com"

// withCertificate makes a client show a certificate, whatever authorities the server names.
func (w *world) withCertificate(c *tls.Certificate) *http.Client {
	client := w.client()
	client.Transport.(*http.Transport).TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (
		*tls.Certificate, error) {
		if c == nil {
			return new(tls.Certificate), nil
		}
		return c, nil
	}
	return client
}

func TestVerifiedClientsAreDescribedToTheTarget(t *testing.T) {
	t.Parallel()
	root := issue(t, nil, "root", isCA)
	leaf := issue(t, root, "client", nil)
	w := secureWeb(t, topology.ClientAuth{Mode: "verify", Authorities: []*x509.Certificate{root.cert}})
	forged := func(r *http.Request) { r.Header.Set("X-Amzn-Mtls-Clientcert-Subject", "CN=admin") }
	h := w.get(w.withCertificate(leaf.pair()), secureBase+"/", forged).echo(t).Header
	for name, want := range map[string]string{
		"X-Amzn-Mtls-Clientcert-Serial-Number": "0A0B", "X-Amzn-Mtls-Clientcert-Issuer": "CN=root,O=Example",
		"X-Amzn-Mtls-Clientcert-Subject": "CN=client,O=Example",
		"X-Amzn-Mtls-Clientcert-Validity": "NotBefore=" + leaf.cert.NotBefore.Format(time.RFC3339) + ";NotAfter=" +
			leaf.cert.NotAfter.Format(time.RFC3339),
		"X-Amzn-Mtls-Clientcert": "",
	} {
		if got := strings.Join(h[name], "|"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	checkPEM(t, h.Get("X-Amzn-Mtls-Clientcert-Leaf"), leaf)
	w.topo.LoadBalancers[0].Listeners[0].Attributes = map[string]string{
		"routing.http.request.x_amzn_mtls_clientcert_subject.header_name": "X-Client"}
	w.update()
	if h := w.get(w.withCertificate(leaf.pair()), secureBase+"/").echo(t).Header; h.Get("X-Client") !=
		"CN=client,O=Example" || h.Get("X-Amzn-Mtls-Clientcert-Subject") != "" {
		t.Errorf("renamed: %v", h)
	}
	if _, err := w.withCertificate(nil).Get(secureBase + "/"); err == nil {
		t.Error("a client without certificate was let in")
	}
	await.Equal(t, "failed handshakes", func() int64 { // the client sees the failure first
		return w.plane.Stats().LoadBalancers[w.topo.LoadBalancers[0].ARN]["ClientTLSNegotiationErrorCount"]
	}, 1)
}

// checkPEM compares a header with certificates.
func checkPEM(t *testing.T, header string, want ...*authority) {
	t.Helper()
	if strings.ContainsAny(header, " \n") || !strings.Contains(header, "-----BEGIN%20CERTIFICATE-----%0A") {
		t.Errorf("encoded as %.60q", header)
	}
	text, err := url.PathUnescape(header)
	if err != nil {
		t.Fatal(err)
	}
	rest := []byte(text)
	for _, a := range want {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || string(block.Bytes) != string(a.cert.Raw) {
			t.Fatalf("%q is not the certificate of %s", text, a.cert.Subject)
		}
	}
	if len(rest) > 0 {
		t.Errorf("%q follows", rest)
	}
}

func TestPassedThroughClientsAreNotVerified(t *testing.T) {
	t.Parallel()
	w := secureWeb(t, topology.ClientAuth{Mode: "passthrough"})
	other := issue(t, nil, "other", isCA)
	stranger := issue(t, other, "stranger", nil)
	h := w.get(w.withCertificate(stranger.pair(other)), secureBase+"/").echo(t).Header
	checkPEM(t, h.Get("X-Amzn-Mtls-Clientcert"), stranger, other)
	if h.Get("X-Amzn-Mtls-Clientcert-Leaf") != "" {
		t.Errorf("%v", h)
	}
	if h := w.get(w.withCertificate(nil), secureBase+"/").echo(t).Header; h.Get("X-Amzn-Mtls-Clientcert") != "" {
		t.Errorf("without a certificate: %v", h)
	}
}

func TestEarlierSessionsAreResumedWithTheirClientCertificate(t *testing.T) {
	t.Parallel()
	root := issue(t, nil, "root", isCA)
	w := secureWeb(t, topology.ClientAuth{Mode: "verify", Authorities: []*x509.Certificate{root.cert}})
	config := &tls.Config{InsecureSkipVerify: true, ServerName: "a.b", ClientSessionCache: tls.NewLRUClientSessionCache(1),
		Certificates: []tls.Certificate{*issue(t, root, "client", nil).pair()}}
	for _, want := range []bool{false, true} {
		c := tls.Client(w.dialRaw("web", 443), config)
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		answer, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.ConnectionState().DidResume; got != want || !strings.Contains(string(answer), "CN=client") {
			t.Errorf("resumed: %v, want %v; %s", got, want, answer)
		}
	}
}

func TestSecurityPoliciesChooseCipherSuites(t *testing.T) {
	t.Parallel()
	w := secureWeb(t, topology.ClientAuth{})
	for _, tc := range []struct {
		policy string
		suite  uint16
		curve  tls.CurveID
		want   bool
	}{
		{"ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06", tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.X25519, true},
		{"ELBSecurityPolicy-TLS13-1-2-Res-2021-06", tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.X25519, false},
		{"ELBSecurityPolicy-TLS13-1-2-Res-2021-06", tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.X25519, true},
		{"ELBSecurityPolicy-TLS13-1-2-Res-2021-06", tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.X25519, false},
		{"ELBSecurityPolicy-FS-1-2-Res-2019-08", tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, tls.CurveP256, true},
		{"ELBSecurityPolicy-TLS13-1-2-2021-06", 0, tls.X25519MLKEM768, false},
		{"ELBSecurityPolicy-TLS13-1-2-PQ-2025-09", 0, tls.X25519MLKEM768, true},
	} {
		w.topo.LoadBalancers[0].Listeners[0].SSLPolicy = tc.policy
		w.update()
		config := &tls.Config{InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tc.curve}}
		if tc.suite != 0 {
			config.CipherSuites, config.MaxVersion = []uint16{tc.suite}, tls.VersionTLS12
		}
		c := tls.Client(w.dialRaw("web", 443), config)
		err := c.Handshake()
		if s := c.ConnectionState(); (err == nil) != tc.want || err == nil && tc.suite != 0 && s.CipherSuite != tc.suite {
			t.Errorf("%s with %s and %s: %v", tc.policy, tls.CipherSuiteName(tc.suite), tc.curve, err)
		}
		_ = c.Close()
	}
}
