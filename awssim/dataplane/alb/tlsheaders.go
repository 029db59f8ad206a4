package alb

import (
	"net/http"

	"github.com/k8s-lbc/lbc/awssim/accesslog"
	"github.com/k8s-lbc/lbc/awssim/dataplane/handshake"
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

// tlsHeaders sets the headers about the client's TLS that attributes demand. They replace headers of the client with
// the same names.
func (x *exchange) tlsHeaders(h http.Header) {
	name := x.snapshot.Listener.RequestHeader
	if x.snapshot.Settings.TLSHeaders {
		h[name(headerTLSVersion)] = []string{handshake.VersionName(x.conn.tls.Version)}
		h[name(headerTLSCipher)] = []string{handshake.CipherName(x.conn.tls.CipherSuite)}
	}
	mode := x.snapshot.Listener.Clients.Mode
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
		h[name(headerCert)] = []string{handshake.URLEncodedPEM(chain)}
		return
	}
	leaf := chain[0]
	h[name(headerSerial)] = []string{handshake.SerialNumber(leaf)}
	h[name(headerIssuer)] = []string{leaf.Issuer.String()}
	h[name(headerSubject)] = []string{leaf.Subject.String()}
	h[name(headerValidity)] = []string{accesslog.Validity(leaf.NotBefore, leaf.NotAfter)}
	h[name(headerLeaf)] = []string{handshake.URLEncodedPEM(chain[:1])}
}
