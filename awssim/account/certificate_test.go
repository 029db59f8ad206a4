package account

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account/pki"
)

func TestCertificatesVerifyAgainstTheAuthorityForAllTheirNames(t *testing.T) {
	t.Parallel()
	var trust Trust
	trust.AddCertificate(&Certificate{ARN: "arn:c", Domain: "www.example.com", AlternativeNames: []string{
		"www.example.com", "*.example.com"}})
	pair, err := trust.TLSCertificate("arn:c")
	if err != nil {
		t.Fatal(err)
	}
	text, err := trust.Authority().PEM()
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatal("the authority's PEM is unreadable")
	}
	for name, ok := range map[string]bool{"www.example.com": true, "api.example.com": true, "example.com": false} {
		for _, at := range []time.Time{time.Unix(1_000_000_000, 0), time.Now()} {
			_, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: pool, CurrentTime: at})
			if (err == nil) != ok {
				t.Errorf("%s at %s: %v", name, at, err)
			}
		}
	}
	again, err := trust.TLSCertificate("arn:c")
	if err != nil || again != pair {
		t.Errorf("the certificate changed: %v", err)
	}
	if _, err := trust.TLSCertificate("arn:other"); err == nil || !strings.Contains(err.Error(),
		"certificate arn:other does not exist") {
		t.Errorf("unknown certificate: %v", err)
	}
}

func TestACertificateHasAKeyOfTheAlgorithmThatItClaims(t *testing.T) {
	t.Parallel()
	var trust Trust
	for algorithm, want := range map[string]string{
		"": "RSA 2048", "RSA_2048": "RSA 2048", "RSA_3072": "RSA 3072", "EC_prime256v1": "ECDSA P-256",
		"EC_secp384r1": "ECDSA P-384", "EC_secp521r1": "ECDSA P-521",
	} {
		arn := "arn:" + algorithm
		trust.AddCertificate(&Certificate{ARN: arn, Domain: "www.example.com", KeyAlgorithm: algorithm})
		pair, err := trust.TLSCertificate(arn)
		if err != nil {
			t.Error(err)
			continue
		}
		got := ""
		switch key := pair.Leaf.PublicKey.(type) {
		case *rsa.PublicKey:
			got = fmt.Sprintf("RSA %d", key.N.BitLen())
		case *ecdsa.PublicKey:
			got = "ECDSA " + key.Params().Name
		}
		if got != want {
			t.Errorf("%q: %s, want %s", algorithm, got, want)
		}
		if algorithm := pair.Leaf.SignatureAlgorithm; algorithm != x509.SHA256WithRSA {
			t.Errorf("%s is signed with %s, which clients without ECDSA cannot verify", want, algorithm)
		}
	}
	trust.AddCertificate(&Certificate{ARN: "arn:x", Domain: "www.example.com", KeyAlgorithm: "RSA_512"})
	if _, err := trust.TLSCertificate("arn:x"); err == nil || !strings.Contains(err.Error(),
		`unknown key algorithm "RSA_512"`) {
		t.Errorf("unknown algorithm: %v", err)
	}
}

func TestTheAuthoritySignsAddressesToo(t *testing.T) {
	t.Parallel()
	var authority pki.Authority
	pair, err := authority.Issue([]string{"127.0.0.1", "localhost"}, pki.ECPrime256v1)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := authority.Pool()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: "127.0.0.1", Roots: pool}); err != nil {
		t.Error(err)
	}
	if _, err := authority.Issue(nil, pki.ECPrime256v1); err == nil {
		t.Error("a certificate without names was issued")
	}
	if _, err := tls.X509KeyPair(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}),
		nil); err == nil {
		t.Error("a pair without a key was accepted")
	}
}
