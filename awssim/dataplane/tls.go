package dataplane

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"slices"
	"strings"
	"time"

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

// newTLSConfig makes the configuration of a listener, once, since it holds the keys of session tickets; each handshake is served by the
// view of its moment.
func (f *front) newTLSConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS10, // the security policy of the moment says what really holds
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			v := f.view.Load()
			conn, _ := hello.Conn.(*clientConn)
			if conn != nil {
				conn.asked, conn.offered = hello.ServerName, hello.SupportedProtos
			}
			c := &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
				i, err := v.certs().choose(hello)
				if err != nil {
					return nil, err
				}
				if conn != nil {
					conn.chosen = v.listener.Certificates[i].ARN
				}
				return v.certs().all[i], nil
			}}
			applyPolicy(c, v.listener.SSLPolicy)
			c.CipherSuites = preferred(c, hello)
			v.authenticateClients(c, conn)
			switch {
			case v.listener.Protocol == "TLS":
				c.NextProtos = overlap(alpnProtocols[v.listener.ALPN], hello.SupportedProtos)
			case v.settings.HTTP2:
				c.NextProtos = overlap([]string{"h2", "http/1.1"}, hello.SupportedProtos)
			default:
				c.NextProtos = overlap([]string{"http/1.1"}, hello.SupportedProtos)
			}
			return c, nil
		},
	}
}

// applyPolicy sets versions, the cipher suites that crypto/tls has, and key exchanges. Those of TLS 1.3 cannot be chosen.
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

// preferred keeps, of a policy's cipher suites that a client offers, the first for each kind of certificate: the order is the
// policy's, while crypto/tls has one of its own. That of TLS 1.3 stays.
func preferred(c *tls.Config, hello *tls.ClientHelloInfo) []uint16 {
	curves := slices.ContainsFunc(c.CurvePreferences, func(id tls.CurveID) bool { return slices.Contains(hello.SupportedCurves, id) })
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
		return c.CipherSuites // none fits: crypto/tls says so
	}
	return out
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

func newCertificates(list []topology.Certificate) *certificates {
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

// choose prefers, among the certificates that cover the server name, one that the client can use, ECDSA, unexpired, with a stronger hash,
// a longer key, and valid for longer. It returns its index. No server name or no match gives the default certificate.
func (c *certificates) choose(hello *tls.ClientHelloInfo) (int, error) {
	if len(c.all) == 0 {
		return 0, errNoCertificate
	}
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	wildcard := ""
	if _, parent, ok := strings.Cut(name, "."); ok {
		wildcard = "*." + parent
	}
	best := -1
	for i, cert := range c.all {
		if name == "" || !c.names[i][name] && !c.names[i][wildcard] {
			continue
		}
		if best < 0 || preference(cert, c.all[best], hello) > 0 {
			best = i
		}
	}
	return max(best, 0), nil
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
	return cmp.Or(
		cmp.Compare(hashBits(a.Leaf), hashBits(b.Leaf)), cmp.Compare(keyBits(a.Leaf), keyBits(b.Leaf)),
		cmp.Compare(a.Leaf.NotAfter.Unix(), b.Leaf.NotAfter.Unix()),
	)
}

// signatureBits are the lengths of hashes in signatures.
var signatureBits = map[x509.SignatureAlgorithm]int{
	x509.SHA256WithRSA: 256, x509.ECDSAWithSHA256: 256, x509.SHA256WithRSAPSS: 256,
	x509.SHA384WithRSA: 384, x509.ECDSAWithSHA384: 384, x509.SHA384WithRSAPSS: 384,
	x509.SHA512WithRSA: 512, x509.ECDSAWithSHA512: 512, x509.SHA512WithRSAPSS: 512,
}

// hashBits is the length of the hash that a certificate is signed with; 0: an old or unknown one.
func hashBits(c *x509.Certificate) int {
	return signatureBits[c.SignatureAlgorithm]
}

// keyBits is the length of a certificate's key.
func keyBits(c *x509.Certificate) int {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen()
	case *ecdsa.PublicKey:
		return key.Curve.Params().BitSize
	}
	return 0
}

// targetTLS is how a load balancer speaks to targets: their certificates are never verified and no server name is sent.
func targetTLS() *tls.Config {
	c := &tls.Config{InsecureSkipVerify: true}
	applyPolicy(c, "ELBSecurityPolicy-TLS13-1-0-2021-06")
	return c
}

// http2Only makes a transport speak HTTP/2 from the first byte, with or without TLS.
func http2Only() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true)
	return p
}
