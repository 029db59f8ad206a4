// Package secretdata reads the parts of Secrets that load balancers need: certificates with their keys, as ACM
// imports them, and the credentials of clients of OpenID providers. It also has the texts that say why a Secret
// cannot be used. Its caller knows which object names a Secret, and whether that is permitted.
package secretdata

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// certificate is what a version of a Secret holds.
type certificate struct {
	pair                *stack.KeyPair
	names               []string
	notBefore, notAfter time.Time
	err                 error // why it cannot be used, at any time
}

// TLS returns the certificate in a Secret, and its names, the common name first as ACM takes it for the domain. now is
// the clock for the validity of the certificate; nil = it is not checked. A nil p remembers nothing.
func (p *Pairs) TLS(s *corev1.Secret, now func() time.Time) (*stack.KeyPair, []string, error) {
	c := p.read(s)
	if c.err != nil {
		return nil, nil, c.err
	}
	if now != nil {
		switch at := now(); {
		case at.After(c.notAfter):
			return nil, nil, fmt.Errorf("its certificate expired on %s", c.notAfter.UTC().Format(time.DateTime))
		case at.Before(c.notBefore):
			return nil, nil, fmt.Errorf("its certificate is not valid before %s", c.notBefore.UTC().Format(time.DateTime))
		}
	}
	return c.pair, c.names, nil
}

// read reads a Secret.
func read(s *corev1.Secret) certificate {
	pair, leaf, err := readPair(s)
	if err != nil {
		return certificate{err: err}
	}
	return certificate{pair: pair, names: namesOf(leaf), notBefore: leaf.NotBefore, notAfter: leaf.NotAfter}
}

// namesOf are the names of a certificate, the common name first as ACM takes it for the domain.
func namesOf(leaf *x509.Certificate) []string {
	names := slices.Clone(leaf.DNSNames)
	slices.Sort(names)
	if cn := leaf.Subject.CommonName; cn != "" && (len(names) == 0 || slices.Contains(names, cn)) {
		names = append([]string{cn}, slices.DeleteFunc(names, func(n string) bool { return n == cn })...)
	}
	return slices.Compact(names)
}

// Maximum sizes of a certificate without its chain, and of a private key, in PEM (ACM API reference,
// ImportCertificate).
const (
	maxBody = 32_768
	maxKey  = 5_120
)

// readPair reads a Secret of type kubernetes.io/tls, and validates all but the validity in time.
func readPair(s *corev1.Secret) (*stack.KeyPair, *x509.Certificate, error) {
	if s.Type != corev1.SecretTypeTLS {
		return nil, nil, fmt.Errorf("it is of type %s, not %s", cmp.Or(string(s.Type), "Opaque"), corev1.SecretTypeTLS)
	}
	var leaf *x509.Certificate
	var own, chain bytes.Buffer
	sum := sha256.New()
	for rest := s.Data[corev1.TLSCertKey]; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, nil, fmt.Errorf("%s holds a %s", corev1.TLSCertKey, block.Type)
		}
		to := &chain
		if leaf == nil {
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", corev1.TLSCertKey, err)
			}
			leaf, to = c, &own
		}
		sum.Write(block.Bytes) // never fails
		if err := pem.Encode(to, &pem.Block{Type: block.Type, Bytes: block.Bytes}); err != nil {
			return nil, nil, err
		}
	}
	if leaf == nil {
		return nil, nil, fmt.Errorf("%s holds no certificate in PEM", corev1.TLSCertKey)
	}
	if own.Len() > maxBody { // thousands of names, each of which is compared with the hosts of others
		return nil, nil, fmt.Errorf("its certificate has %d bytes in PEM, and ACM accepts %d", own.Len(), maxBody)
	}
	if len(namesOf(leaf)) == 0 {
		return nil, nil, errors.New("its certificate names no host")
	}
	algorithm := algorithmOf(leaf.PublicKey)
	if algorithm == "" {
		return nil, nil, errors.New("ACM does not support the type or size of its key")
	}
	if err := matches(s.Data[corev1.TLSPrivateKeyKey], leaf); err != nil {
		return nil, nil, err
	}
	return &stack.KeyPair{
		Certificate: own.String(), Chain: chain.String(), Key: stack.NewSecret(string(s.Data[corev1.TLSPrivateKeyKey]), ""),
		Algorithm: algorithm, Hash: hex.EncodeToString(sum.Sum(nil)[:16]), Serial: leaf.SerialNumber.Text(16),
	}, leaf, nil
}

// matches returns an error if a private key is not that of a certificate. Its errors contain nothing of the key.
func matches(key []byte, leaf *x509.Certificate) error {
	if len(key) > maxKey { // to verify a longer one takes seconds
		return fmt.Errorf("%s has %d bytes, and ACM accepts %d", corev1.TLSPrivateKeyKey, len(key), maxKey)
	}
	block, rest := pem.Decode(key)
	for block != nil && block.Type == "EC PARAMETERS" { // as openssl writes it before the key
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		return fmt.Errorf("%s holds no key in PEM", corev1.TLSPrivateKeyKey)
	}
	var parsed any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		parsed, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	signer, ok := parsed.(crypto.Signer)
	if err != nil || !ok {
		return fmt.Errorf("%s holds no unencrypted private key", corev1.TLSPrivateKeyKey)
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(leaf.PublicKey) {
		return fmt.Errorf("%s is not the key of the certificate in %s", corev1.TLSPrivateKeyKey, corev1.TLSCertKey)
	}
	return nil
}

// algorithmOf is ACM's name of a key (user guide, "Prerequisites for importing ACM certificates"); empty if ACM does
// not support it.
func algorithmOf(public any) string {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return map[int]string{1024: "RSA_1024", 2048: "RSA_2048", 3072: "RSA_3072", 4096: "RSA_4096"}[k.N.BitLen()]
	case *ecdsa.PublicKey:
		return map[int]string{256: "EC_prime256v1", 384: "EC_secp384r1", 521: "EC_secp521r1"}[k.Params().BitSize]
	}
	return ""
}

// mostPairs is how many Secrets Pairs remembers at least, and half of how many it remembers at most.
const mostPairs = 1000

// Pairs remembers what Secrets hold. To verify a private key takes a millisecond, and each pass over a load balancer
// reads the same Secrets. It is safe for concurrent use; its zero value is ready.
type Pairs struct {
	mu sync.Mutex
	// used is full at mostPairs, and then replaces former. What is read of former is used again; the rest is forgotten.
	used, former map[content]certificate
}

// content is the hash of a certificate and of its key, as a Secret has them.
type content struct{ certificate, key [sha256.Size]byte }

// read reads a Secret, unless what it holds is remembered.
func (p *Pairs) read(s *corev1.Secret) certificate {
	if p == nil || s.Type != corev1.SecretTypeTLS {
		return read(s)
	}
	has := content{sha256.Sum256(s.Data[corev1.TLSCertKey]), sha256.Sum256(s.Data[corev1.TLSPrivateKeyKey])}
	c, known := p.recall(has)
	if !known {
		c = read(s)
		p.keep(has, c)
	}
	return c
}

// recall returns what a Secret holds, if it is remembered.
func (p *Pairs) recall(has content) (certificate, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, known := p.used[has]
	if known {
		return c, true
	}
	if c, known = p.former[has]; known {
		p.add(has, c)
	}
	return c, known
}

func (p *Pairs) keep(has content, c certificate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(has, c)
}

// add adds what a Secret holds. p.mu is held.
func (p *Pairs) add(has content, c certificate) {
	if p.used == nil || len(p.used) >= mostPairs {
		p.used, p.former = map[content]certificate{}, p.used
	}
	p.used[has] = c
}
