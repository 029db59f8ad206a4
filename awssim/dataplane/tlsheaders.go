package dataplane

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/accesslog"
)

// Headers about the client's TLS; listener attributes may change their names.
const (
	headerTLSVersion = "X-Amzn-Tls-Version"
	headerTLSCipher  = "X-Amzn-Tls-Cipher-Suite"
	headerCert       = "X-Amzn-Mtls-Clientcert"
	headerSerial     = "X-Amzn-Mtls-Clientcert-Serial-Number"
	headerIssuer     = "X-Amzn-Mtls-Clientcert-Issuer"
	headerSubject    = "X-Amzn-Mtls-Clientcert-Subject"
	headerValidity   = "X-Amzn-Mtls-Clientcert-Validity"
	headerLeaf       = "X-Amzn-Mtls-Clientcert-Leaf"
)

// TLSHeaders sets the headers about the client's TLS that attributes ask for. What a client sends under the same names never
// counts.
func (x *exchange) tlsHeaders(h http.Header) {
	name := x.view.listener.RequestHeader
	if x.view.settings.TLSHeaders {
		h[name(headerTLSVersion)] = []string{versionName(x.conn.tls.Version)}
		h[name(headerTLSCipher)] = []string{cipherName(x.conn.tls.CipherSuite)}
	}
	mode := x.view.listener.Clients.Mode
	if mode != "verify" && mode != "passthrough" {
		return
	}
	for _, header := range []string{headerCert, headerSerial, headerIssuer, headerSubject, headerValidity, headerLeaf} {
		delete(h, name(header))
	}
	chain := x.conn.tls.PeerCertificates
	if len(chain) == 0 {
		return
	}
	if mode == "passthrough" {
		h[name(headerCert)] = []string{encodedPEM(chain)}
		return
	}
	leaf := chain[0]
	h[name(headerSerial)] = []string{serialOf(leaf)}
	h[name(headerIssuer)] = []string{leaf.Issuer.String()}
	h[name(headerSubject)] = []string{leaf.Subject.String()}
	h[name(headerValidity)] = []string{accesslog.Validity(leaf.NotBefore, leaf.NotAfter)}
	h[name(headerLeaf)] = []string{encodedPEM(chain[:1])}
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
		case '0' <= c && c <= '9', 'a' <= c|0x20 && c|0x20 <= 'z', strings.IndexByte("+=/-._~", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}
