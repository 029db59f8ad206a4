package handshake

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

var errNoCertificate = errors.New("the listener has no certificate")

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

// choose prefers, among the certificates that cover the server name, one that the client can use, ECDSA, unexpired,
// with a stronger hash, a longer key, and valid for longer. It returns its index. No server name or no match gives the
// default certificate.
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
