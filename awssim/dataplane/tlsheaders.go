package dataplane

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/accesslog"
)

// requestHeader is a header that tells the target about the client's TLS; a listener attribute may rename it.
type requestHeader string

const (
	headerTLSVersion requestHeader = "X-Amzn-Tls-Version"
	headerTLSCipher  requestHeader = "X-Amzn-Tls-Cipher-Suite"
	headerCert       requestHeader = "X-Amzn-Mtls-Clientcert"
	headerSerial     requestHeader = "X-Amzn-Mtls-Clientcert-Serial-Number"
	headerIssuer     requestHeader = "X-Amzn-Mtls-Clientcert-Issuer"
	headerSubject    requestHeader = "X-Amzn-Mtls-Clientcert-Subject"
	headerValidity   requestHeader = "X-Amzn-Mtls-Clientcert-Validity"
	headerLeaf       requestHeader = "X-Amzn-Mtls-Clientcert-Leaf"
)

// in is the header's name at a listener.
func (h requestHeader) in(a attributes) string {
	key := "routing.http.request." + strings.ReplaceAll(strings.ToLower(string(h)), "-", "_") + ".header_name"
	return http.CanonicalHeaderKey(a.text(key, string(h)))
}

// tlsHeaders tells the target about the client's TLS, as far as the load balancer is asked to. What a client sends under the
// same names never counts.
func (x *exchange) tlsHeaders(h http.Header) {
	a := attributes(x.view.listener.Attributes)
	if x.view.settings.tlsHeaders {
		h[headerTLSVersion.in(a)] = []string{versionName(x.conn.tls.Version)}
		h[headerTLSCipher.in(a)] = []string{cipherName(x.conn.tls.CipherSuite)}
	}
	mode := x.view.listener.Clients.Mode
	if mode != "verify" && mode != "passthrough" {
		return
	}
	for _, name := range []requestHeader{headerCert, headerSerial, headerIssuer, headerSubject, headerValidity, headerLeaf} {
		delete(h, name.in(a))
	}
	chain := x.conn.tls.PeerCertificates
	if len(chain) == 0 {
		return
	}
	if mode == "passthrough" {
		h[headerCert.in(a)] = []string{encodedPEM(chain)}
		return
	}
	leaf := chain[0]
	h[headerSerial.in(a)] = []string{serialOf(leaf)}
	h[headerIssuer.in(a)] = []string{leaf.Issuer.String()}
	h[headerSubject.in(a)] = []string{leaf.Subject.String()}
	h[headerValidity.in(a)] = []string{accesslog.Validity(leaf.NotBefore, leaf.NotAfter)}
	h[headerLeaf.in(a)] = []string{encodedPEM(chain[:1])}
}

// encodedPEM is certificates in PEM, URL-encoded but for + = and /.
func encodedPEM(chain []*x509.Certificate) string {
	var text strings.Builder
	for _, c := range chain {
		text.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(text.String()) {
		switch {
		case isDigit(c), 'a' <= c|0x20 && c|0x20 <= 'z', strings.IndexByte("+=/-._~", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}
