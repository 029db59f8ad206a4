package handshake

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/awssim/sslpolicy"
)

func TestOfSeveralCertificatesForANameTheBestIsShown(t *testing.T) {
	t.Parallel()
	now := time.Now()
	keyOf := func(bits int) crypto.Signer {
		var key crypto.Signer
		var err error
		switch bits {
		case 256:
			key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		case 384:
			key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		default:
			key, err = rsa.GenerateKey(rand.Reader, bits)
		}
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	keys := map[int]crypto.Signer{256: keyOf(256), 384: keyOf(384), 1024: keyOf(1024), 2048: keyOf(2048)}
	certificate := func(bits int, hash x509.SignatureAlgorithm, until time.Duration,
		names ...string) topology.Certificate {
		key := keys[bits]
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
			NotBefore: now.Add(-2 * time.Hour), NotAfter: now.Add(until), SignatureAlgorithm: hash}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		return topology.Certificate{TLS: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}
	}
	const name, hour = "a.example.com", time.Hour
	other := certificate(2048, x509.SHA256WithRSA, hour, "default.example.com")
	wide := certificate(2048, x509.SHA256WithRSA, hour, "*.example.com")
	plain := certificate(2048, x509.SHA256WithRSA, hour, name)
	short := certificate(1024, x509.SHA256WithRSA, 2*hour, name)
	strong := certificate(1024, x509.SHA384WithRSA, hour, name)
	longer := certificate(2048, x509.SHA256WithRSA, 3*hour, name)
	expired := certificate(2048, x509.SHA512WithRSA, -hour, name)
	curved := certificate(256, x509.ECDSAWithSHA256, hour, name)
	for what, tc := range map[string]struct {
		list    []topology.Certificate
		want    int
		onlyRSA bool
		ask     string
	}{
		"ECDSA before RSA":             {[]topology.Certificate{other, plain, curved}, 2, false, name},
		"RSA for who knows no ECDSA":   {[]topology.Certificate{other, plain, curved}, 1, true, name},
		"one that is not expired":      {[]topology.Certificate{other, expired, plain}, 2, false, name},
		"the stronger hash":            {[]topology.Certificate{other, plain, strong}, 2, false, name},
		"the longer key":               {[]topology.Certificate{other, short, plain}, 2, false, name},
		"the one that is valid longer": {[]topology.Certificate{other, plain, longer}, 2, false, name},
		"a wildcard as good as a name": {[]topology.Certificate{other, wide}, 1, false, name},
		"a wildcard of one label":      {[]topology.Certificate{other, wide}, 0, false, "a.b.example.com"},
		"none fits":                    {[]topology.Certificate{other, plain}, 0, false, "x.org"},
		"no name":                      {[]topology.Certificate{other, plain}, 0, false, ""},
		"the name of the default":      {[]topology.Certificate{other, plain}, 0, false, "DEFAULT.example.com."},
	} {
		hello := &tls.ClientHelloInfo{
			ServerName: tc.ask, SupportedVersions: []uint16{tls.VersionTLS12}, SupportedCurves: []tls.CurveID{tls.CurveP256},
			SupportedPoints:  []uint8{0},
			SignatureSchemes: []tls.SignatureScheme{tls.PKCS1WithSHA256, tls.ECDSAWithP256AndSHA256, tls.PSSWithSHA256},
			CipherSuites:     []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
		}
		if tc.onlyRSA {
			hello.CipherSuites = hello.CipherSuites[:1]
		}
		got, err := newCertificates(tc.list).choose(hello)
		if err != nil || got != tc.want {
			t.Errorf("%s: certificate %d, %v, want %d", what, got, err, tc.want)
		}
	}
}

func TestCipherSuitesAreTakenInThePolicysOrder(t *testing.T) {
	t.Parallel()
	curves := []tls.CurveID{tls.X25519}
	for name, tc := range map[string]struct {
		policy string
		client []uint16
		curves []tls.CurveID
		want   []uint16
	}{
		"the first of each kind of certificate": {"ELBSecurityPolicy-FS-1-2-2019-08",
			[]uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
				tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}, curves,
			[]uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256}},
		"without a curve no ephemeral keys": {"ELBSecurityPolicy-2016-08",
			[]uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_CBC_SHA}, nil,
			[]uint16{tls.TLS_RSA_WITH_AES_256_CBC_SHA}},
	} {
		c := &tls.Config{}
		applyPolicy(c, tc.policy)
		if _, ok := sslpolicy.Named(tc.policy); !ok {
			t.Fatalf("%s: there is no %s", name, tc.policy)
		}
		got := preferred(c, &tls.ClientHelloInfo{CipherSuites: tc.client, SupportedCurves: tc.curves})
		if len(got) != len(tc.want) {
			t.Fatalf("%s: %x, want %x", name, got, tc.want)
		}
		for i := range got {
			if got[i] != tc.want[i] {
				t.Errorf("%s: %s, want %s", name, tls.CipherSuiteName(got[i]), tls.CipherSuiteName(tc.want[i]))
			}
		}
	}
}
