package dataplane

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"time"
)

// policyVersions maps the beginning of a security policy's name to its TLS versions; the first that fits counts.
var policyVersions = []struct {
	prefix   string
	min, max uint16
}{
	{"ELBSecurityPolicy-TLS13-1-3-", tls.VersionTLS13, tls.VersionTLS13},
	{"ELBSecurityPolicy-TLS13-1-2-", tls.VersionTLS12, tls.VersionTLS13},
	{"ELBSecurityPolicy-TLS13-1-1-", tls.VersionTLS11, tls.VersionTLS13},
	{"ELBSecurityPolicy-TLS13-1-0-", tls.VersionTLS10, tls.VersionTLS13},
	{"ELBSecurityPolicy-TLS-1-2-", tls.VersionTLS12, tls.VersionTLS12},
	{"ELBSecurityPolicy-TLS-1-1-", tls.VersionTLS11, tls.VersionTLS12},
	{"ELBSecurityPolicy-FS-1-2-", tls.VersionTLS12, tls.VersionTLS12},
	{"ELBSecurityPolicy-FS-1-1-", tls.VersionTLS11, tls.VersionTLS12},
	{"", tls.VersionTLS10, tls.VersionTLS12}, // ELBSecurityPolicy-2016-08 and its like
}

func versionsOf(policy string) (minimum, maximum uint16) {
	for _, p := range policyVersions {
		if strings.HasPrefix(policy, p.prefix) {
			return p.min, p.max
		}
	}
	return tls.VersionTLS10, tls.VersionTLS12
}

// alpnProtocols are the protocols of an NLB's ALPN policy in the order of its preference.
var alpnProtocols = map[string][]string{
	"HTTP1Only":      {"http/1.1", "http/1.0"},
	"HTTP2Only":      {"h2"},
	"HTTP2Optional":  {"http/1.1", "http/1.0", "h2"},
	"HTTP2Preferred": {"h2", "http/1.1", "http/1.0"},
}

// tlsConfig serves each handshake by the view of its moment.
func (f *front) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS10, // the security policy of the moment says what really holds
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			v := f.view.Load()
			c := &tls.Config{GetCertificate: v.certs().choose}
			c.MinVersion, c.MaxVersion = versionsOf(v.listener.SSLPolicy)
			switch {
			case v.listener.Protocol == "TLS":
				c.NextProtos = overlap(alpnProtocols[v.listener.ALPN], hello.SupportedProtos)
			case v.settings.http2:
				c.NextProtos = []string{"h2", "http/1.1"}
			default:
				c.NextProtos = []string{"http/1.1"}
			}
			return c, nil
		},
	}
}

// overlap keeps of the server's protocols what the client offers: without any, a load balancer goes on without ALPN where
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

// certificates choose by server name.
type certificates struct {
	all   []*tls.Certificate // [0] is the default
	names []map[string]bool  // of each, in lower case
}

func newCertificates(list []Certificate) *certificates {
	c := &certificates{}
	for i := range list {
		cert := list[i].TLS
		names := map[string]bool{}
		if leaf := leafOf(&cert); leaf != nil {
			cert.Leaf = leaf
			for _, n := range leaf.DNSNames {
				names[strings.ToLower(n)] = true
			}
			if len(leaf.DNSNames) == 0 && leaf.Subject.CommonName != "" {
				names[strings.ToLower(leaf.Subject.CommonName)] = true
			}
		}
		c.all = append(c.all, &cert)
		c.names = append(c.names, names)
	}
	return c
}

func leafOf(c *tls.Certificate) *x509.Certificate {
	if c.Leaf != nil || len(c.Certificate) == 0 {
		return c.Leaf
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		return nil
	}
	return leaf
}

// choose prefers, among the certificates that cover the server name, one that the client can use, unexpired, ECDSA, and valid
// for longer. No server name or no match gives the default certificate.
func (c *certificates) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if len(c.all) == 0 {
		return nil, errNoCertificate
	}
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	wildcard := ""
	if _, parent, ok := strings.Cut(name, "."); ok {
		wildcard = "*." + parent
	}
	var best *tls.Certificate
	for i, cert := range c.all {
		if name == "" || !c.names[i][name] && !c.names[i][wildcard] {
			continue
		}
		if best == nil || preference(cert, best, hello) > 0 {
			best = cert
		}
	}
	if best == nil {
		best = c.all[0]
	}
	return best, nil
}

func preference(a, b *tls.Certificate, hello *tls.ClientHelloInfo) int {
	now := time.Now()
	for _, better := range []func(*tls.Certificate) bool{
		func(c *tls.Certificate) bool { return hello.SupportsCertificate(c) == nil },
		func(c *tls.Certificate) bool { _, ok := c.Leaf.PublicKey.(*ecdsa.PublicKey); return ok },
		func(c *tls.Certificate) bool { return now.Before(c.Leaf.NotAfter) && now.After(c.Leaf.NotBefore) },
	} {
		if x, y := better(a), better(b); x != y {
			if x {
				return 1
			}
			return -1
		}
	}
	return cmp.Compare(a.Leaf.NotAfter.Unix(), b.Leaf.NotAfter.Unix())
}

// targetTLS is how a load balancer speaks to targets: their certificates are never verified and no server name is sent.
func targetTLS() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10}
}

// http2Only makes a transport speak HTTP/2 from the first byte, with or without TLS.
func http2Only() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true)
	return p
}
