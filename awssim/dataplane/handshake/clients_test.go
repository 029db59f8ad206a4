package handshake

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

// chainOf issues certificates, each by the one before; the last one's key may be another kind.
func chainOf(t *testing.T, now time.Time, length int, leaf func(*x509.Certificate), key any) []*x509.Certificate {
	t.Helper()
	var out []*x509.Certificate
	var signer *ecdsa.PrivateKey
	for i := range length {
		own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{
			CommonName: string(rune('a' + i))},
			NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IsCA: i < length-1, BasicConstraintsValid: true}
		public := any(own.Public())
		if i == length-1 {
			if leaf != nil {
				leaf(template)
			}
			if key != nil {
				public = key
			}
		}
		parent := template
		if i > 0 {
			parent = out[0]
		} else {
			signer = own
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		out = append([]*x509.Certificate{c}, out...)
		signer = own
	}
	return out
}

func TestClientCertificatesAreRefusedForTheReasonsThatLogsName(t *testing.T) {
	t.Parallel()
	now := time.Now()
	edKey, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		length  int
		leaf    func(*x509.Certificate)
		key     any
		auth    topology.ClientAuth
		foreign bool
		want    string
	}{
		"good":        {length: 2},
		"three above": {length: 4},
		"too deep":    {length: 5, want: "ClientCertMaxChainDepthExceeded"},
		"expired": {length: 2, leaf: func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Minute) },
			want: "ClientCertExpired"},
		"expired, fine": {length: 2, leaf: func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Minute) },
			auth: topology.ClientAuth{IgnoreExpiry: true}},
		"not yet": {length: 2, leaf: func(c *x509.Certificate) { c.NotBefore = now.Add(time.Minute) },
			want: "ClientCertNotYetValid"},
		"for servers": {length: 2, leaf: func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}, want: "ClientCertPurposeInvalid"},
		"for clients": {length: 2, leaf: func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}},
		"of a stranger": {length: 2, foreign: true, want: "ClientCertUntrusted"},
		"revoked": {length: 2, auth: topology.ClientAuth{Revoked: func(c *x509.Certificate) bool {
			return c.SerialNumber.Int64() == 2
		}}, want: "ClientCertCrlHit"},
		"other key": {length: 2, key: edKey, want: "ClientCertTypeUnsupported"},
		"large": {length: 2, leaf: func(c *x509.Certificate) { c.DNSNames = manyNames() },
			want: "ClientCertMaxSizeExceeded"},
	} {
		chain := chainOf(t, now, tc.length, tc.leaf, tc.key)
		tc.auth.Authorities = chain[len(chain)-1:]
		if tc.foreign {
			tc.auth.Authorities = chainOf(t, now, 1, nil, nil)
		}
		got := ""
		if err := verifyClient(&tc.auth, chain, now); err != nil {
			got = err.Reason
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	if err := verifyClient(&topology.ClientAuth{}, nil, now); err == nil || err.Reason != "ClientCertInvalid" {
		t.Errorf("no certificate: %v", err)
	}
}

func manyNames() []string {
	names := make([]string, 700)
	for i := range names {
		names[i] = "a-rather-long-name-of-a-host.example.com"
	}
	return names
}
