// Package pki is the certificate authority of a simulated account: it makes keys of ACM's algorithms and signs
// certificates for servers. What ACM answers about a certificate, and when it issues one, is in awssim/account. It
// imports only the standard library.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net"
	"slices"
	"sync"
	"time"
)

// Authority is a small certificate authority. Its key is random and lives in memory only: a machine that trusts the
// authority trusts this process alone. The zero value is ready; it may be used concurrently.
type Authority struct {
	mu     sync.Mutex
	key    crypto.Signer // RSA, so that clients without ECDSA can verify what it signs
	cert   *x509.Certificate
	serial int64
	// keys are the RSA keys of certificates, one for each size: making one costs a good part of a second.
	keys map[string]crypto.Signer
}

// Algorithms of keys, as ACM's API names them.
const (
	RSA2048       = "RSA_2048"
	ECPrime256v1  = "EC_prime256v1"
	authorityBits = 2048
)

// makers make a key of each algorithm that ACM has.
var makers = map[string]func() (crypto.Signer, error){
	"RSA_1024":     makeRSA(1024),
	RSA2048:        makeRSA(2048),
	"RSA_3072":     makeRSA(3072),
	"RSA_4096":     makeRSA(4096),
	ECPrime256v1:   makeECDSA(elliptic.P256()),
	"EC_secp384r1": makeECDSA(elliptic.P384()),
	"EC_secp521r1": makeECDSA(elliptic.P521()),
}

// KeyAlgorithms are the algorithms of keys that ACM has, in ascending order.
func KeyAlgorithms() []string { return slices.Sorted(maps.Keys(makers)) }

func makeRSA(bits int) func() (crypto.Signer, error) {
	return func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, bits) }
}

func makeECDSA(curve elliptic.Curve) func() (crypto.Signer, error) {
	return func() (crypto.Signer, error) { return ecdsa.GenerateKey(curve, rand.Reader) }
}

// What is signed is valid at any time that a simulated clock may show as well as at the true time, by which TLS clients
// verify.
var (
	validFrom  = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	validUntil = time.Date(2099, 12, 31, 0, 0, 0, 0, time.UTC)
)

func (a *Authority) ready() error {
	if a.cert != nil {
		return nil
	}
	key, err := rsa.GenerateKey(rand.Reader, authorityBits)
	if err != nil {
		return fmt.Errorf("make the authority's key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject: pkix.Name{CommonName: "AWS simulator certificate authority", Organization: []string{
			"AWS simulator"}},
		NotBefore:             validFrom,
		NotAfter:              validUntil,
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return fmt.Errorf("sign the authority's certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("read the authority's certificate: %w", err)
	}
	a.key, a.cert, a.serial = key, cert, 1
	return nil
}

// PEM returns the authority's certificate, for clients that must trust its certificates.
func (a *Authority) PEM() ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.ready(); err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), nil
}

// Pool is a certificate pool that holds only the authority.
func (a *Authority) Pool() (*x509.CertPool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.ready(); err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool, nil
}

// Issue makes a server certificate for the names (DNS names, wildcards, or IP addresses); the first is the common name.
// Algorithm is that of its key, as ACM names it. Certificates with RSA keys of one size share the key.
func (a *Authority) Issue(names []string, algorithm string) (*tls.Certificate, error) {
	if len(names) == 0 {
		return nil, fmt.Errorf("issue a certificate: no name given")
	}
	makeKey, ok := makers[algorithm]
	if !ok {
		return nil, fmt.Errorf("issue a certificate for %s: unknown key algorithm %q", names[0], algorithm)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.ready(); err != nil {
		return nil, err
	}
	key := a.keys[algorithm]
	if key == nil {
		var err error
		if key, err = makeKey(); err != nil {
			return nil, fmt.Errorf("make a key for %s: %w", names[0], err)
		}
		if _, costly := key.(*rsa.PrivateKey); costly {
			if a.keys == nil {
				a.keys = map[string]crypto.Signer{}
			}
			a.keys[algorithm] = key
		}
	}
	a.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial),
		Subject:      pkix.Name{CommonName: names[0]},
		NotBefore:    validFrom,
		NotAfter:     validUntil,
		KeyUsage:     keyUsage(key),
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate for %s: %w", names[0], err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read the certificate for %s: %w", names[0], err)
	}
	return &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

// keyUsage admits the key exchanges of TLS that a key can do: without encipherment, clients of RSA key exchange refuse
// a certificate.
func keyUsage(key crypto.Signer) x509.KeyUsage {
	if _, ok := key.(*rsa.PrivateKey); ok {
		return x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	}
	return x509.KeyUsageDigitalSignature
}
