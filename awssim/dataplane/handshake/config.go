// Package handshake is how clients and load balancers agree on TLS: which certificate and cipher suite a client gets,
// whether its own certificate is accepted, and what the first packet of QUIC names. It opens no socket and writes no
// log. It may import awssim/dataplane/topology and awssim/sslpolicy.
package handshake

import (
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/awssim/sslpolicy"
)

// alpnProtocols are the protocols of an NLB's ALPN policy in the order of its preference.
var alpnProtocols = map[string][]string{
	"HTTP1Only":      {"http/1.1", "http/1.0"},
	"HTTP2Only":      {"h2"},
	"HTTP2Optional":  {"http/1.1", "http/1.0", "h2"},
	"HTTP2Preferred": {"h2", "http/1.1", "http/1.0"},
}

// Server is the server's side of a listener's TLS handshakes at one moment; it is immutable.
type Server struct {
	listener     *topology.Listener
	http2        bool // the load balancer serves HTTP/2
	certificates *certificates
}

// NewServer makes the server's side of a listener's handshakes.
func NewServer(l *topology.Listener, http2 bool) *Server {
	return &Server{listener: l, http2: http2, certificates: newCertificates(l.Certificates)}
}

// Client is what a handshake finds about the client.
type Client struct {
	ServerName  string   // that the client asks for
	Protocols   []string // that the client offers by ALPN
	Certificate string   // ARN of the certificate that it was shown
	Refused     *CertificateError
}

// Config makes the configuration of a listener. There is one for its life, since it holds the keys of session tickets.
// Each handshake is served by the handshakes of its moment and notes what it finds at the client of its connection.
func Config(current func() *Server, clientOf func(net.Conn) *Client) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS10, // the security policy of the moment decides
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			return current().configFor(hello, clientOf(hello.Conn)), nil
		},
	}
}

// configFor is the configuration for one handshake.
func (h *Server) configFor(hello *tls.ClientHelloInfo, to *Client) *tls.Config {
	to.ServerName, to.Protocols = hello.ServerName, hello.SupportedProtos
	c := &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		i, err := h.certificates.choose(hello)
		if err != nil {
			return nil, err
		}
		to.Certificate = h.listener.Certificates[i].ARN
		return h.certificates.all[i], nil
	}}
	applyPolicy(c, h.listener.SSLPolicy)
	c.CipherSuites = preferred(c, hello)
	authenticateClients(c, &h.listener.Clients, to)
	switch {
	case h.listener.Protocol == "TLS":
		c.NextProtos = overlap(alpnProtocols[h.listener.ALPN], hello.SupportedProtos)
	case h.http2:
		c.NextProtos = overlap([]string{"h2", "http/1.1"}, hello.SupportedProtos)
	default:
		c.NextProtos = overlap([]string{"http/1.1"}, hello.SupportedProtos)
	}
	return c
}

// applyPolicy sets versions, the cipher suites that crypto/tls has, and key exchanges. Those of TLS 1.3 cannot be
// chosen.
func applyPolicy(c *tls.Config, name string) {
	policy, ok := sslpolicy.Named(name)
	if !ok {
		policy, _ = sslpolicy.Named(sslpolicy.Default)
	}
	c.MinVersion, c.MaxVersion = policy.Low, policy.High
	c.CipherSuites = []uint16{} // not nil, which would be all
	for _, cipher := range policy.Ciphers {
		if id, ok := cipherSuites[cipher]; ok {
			c.CipherSuites = append(c.CipherSuites, id)
		}
	}
	if policy.PostQuantum {
		c.CurvePreferences = []tls.CurveID{tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024}
	}
	c.CurvePreferences = append(c.CurvePreferences, tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521)
}

// preferred keeps, of a policy's cipher suites that a client offers, the first for each kind of certificate: the order
// is the policy's, while crypto/tls has one of its own. That of TLS 1.3 stays.
func preferred(c *tls.Config, hello *tls.ClientHelloInfo) []uint16 {
	curves := slices.ContainsFunc(c.CurvePreferences, func(id tls.CurveID) bool {
		return slices.Contains(hello.SupportedCurves, id)
	})
	var out []uint16
	found := map[string]bool{}
	for _, id := range c.CipherSuites {
		name := tls.CipherSuiteName(id)
		kind := "RSA"
		if strings.Contains(name, "_ECDSA_") {
			kind = "ECDSA"
		}
		if found[kind] || !slices.Contains(hello.CipherSuites, id) || strings.Contains(name, "_ECDHE_") && !curves {
			continue
		}
		found[kind] = true
		out = append(out, id)
	}
	if out == nil {
		return c.CipherSuites // none fits: crypto/tls ends the handshake
	}
	return out
}

// overlap keeps the server's protocols that the client offers: without any, a load balancer goes on without ALPN where
// crypto/tls would refuse the handshake.
func overlap(server, client []string) []string {
	var out []string
	for _, s := range server {
		for _, c := range client {
			if s == c {
				out = append(out, s)
			}
		}
	}
	return out
}

// TargetConfig is the configuration towards targets: their certificates are never verified and no server name is sent.
func TargetConfig() *tls.Config {
	c := &tls.Config{InsecureSkipVerify: true}
	applyPolicy(c, "ELBSecurityPolicy-TLS13-1-0-2021-06")
	return c
}

// HTTP2Only makes a transport speak HTTP/2 from the first byte, with or without TLS.
func HTTP2Only() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true)
	return p
}
