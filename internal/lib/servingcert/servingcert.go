// Package servingcert issues and renews the certificate of the admission webhooks: a private authority and a serving
// certificate that it signs. The caller stores the Bundle, publishes its CA and provides the clock. It imports the
// standard library only.
package servingcert

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"time"
)

// Bundle is what is stored, all PEM. CA holds the newest authority first and then older ones whose certificates may
// still be in use; CAKey is the key of the newest one.
type Bundle struct {
	CA, CAKey, Cert, Key []byte
}

// Policy are the lifetimes and hosts of certificates.
type Policy struct {
	// Lifetime of a serving certificate. It is renewed when two thirds of it are over. The lifetime of an authority is ten
	// times as long, and it is replaced at two thirds, too.
	Lifetime time.Duration
	// Settle is how long a new authority is published before a certificate of it replaces a valid one, so that API servers
	// and other replicas receive the authority first.
	Settle time.Duration
	// Published is since when the caller has seen the newest authority of the bundle published; zero = it has not.
	Published time.Time
	// Hosts are the names and addresses that clients use, at least one.
	Hosts []string
}

const (
	authorityName = "aws-load-balancer-controller-ca"
	// authorityLives is the lifetime of an authority in lifetimes of a serving certificate.
	authorityLives = 10
	// early is how long before its issue a certificate is valid, for clocks that differ; at most its lifetime.
	early = time.Hour
)

// Renew returns b with new certificates in place of those that are missing, invalid, due or for other hosts, and
// whether there are any. A valid certificate is not replaced by one of a new authority before that was published for
// Settle; Renew must be called again then.
func Renew(b Bundle, p Policy, now time.Time) (Bundle, bool, error) {
	if len(p.Hosts) == 0 {
		return b, false, errors.New("no host to make a certificate for: the webhook configurations name none")
	}
	changed := false
	authorities := b.authorities(now)
	settled := !p.Published.IsZero() && now.Sub(p.Published) >= p.Settle
	if _, err := b.signer(authorities); err != nil || due(authorities[0], now) {
		fresh, key, err := authority(p, now)
		if err != nil {
			return b, false, fmt.Errorf("making a certificate authority: %w", err)
		}
		authorities = append([]*x509.Certificate{fresh}, authorities...)
		b.CA, b.CAKey, changed, settled = encode(authorities...), key, true, false
	} else if ca := encode(authorities...); !bytes.Equal(ca, b.CA) {
		b.CA, changed = ca, true // an expired one goes
	}
	newest := authorities[0]
	leaf, err := b.leaf()
	valid := err == nil && now.Before(leaf.NotAfter) && verifies(leaf, authorities, now) && covers(leaf, p.Hosts)
	current := valid && leaf.CheckSignatureFrom(newest) == nil && !due(leaf, now)
	if current || valid && !settled {
		return b, changed, nil
	}
	signer, err := b.signer(authorities)
	if err != nil {
		return b, false, err
	}
	if b.Cert, b.Key, err = serving(p, newest, signer, now); err != nil {
		return b, false, fmt.Errorf("making a serving certificate: %w", err)
	}
	return b, true, nil
}

// mostTrusted limits the authorities of With. A bundle that is lost in a loop adds one each time. The newest and the
// oldest ones stay: servers show a certificate of the bundle, or one that they have shown for long.
const mostTrusted = 16

// With returns the authorities of the bundle, and after them those of former ones that have not expired. Clients trust
// both until each server shows a certificate of the bundle.
func (b Bundle) With(former []byte, now time.Time) []byte {
	all := b.authorities(now)
	if len(all) == 0 {
		return b.CA
	}
	for _, a := range (Bundle{CA: former}).authorities(now) {
		if !slices.ContainsFunc(all, a.Equal) {
			all = append(all, a)
		}
	}
	if n := len(all); n > mostTrusted {
		all = slices.Delete(all, mostTrusted/2, n-mostTrusted/2)
	}
	return encode(all...)
}

// PublishedIn reports whether clients that trust ca trust the newest authority of the bundle.
func (b Bundle) PublishedIn(ca []byte, now time.Time) bool {
	all := b.authorities(now)
	return len(all) > 0 && slices.ContainsFunc((Bundle{CA: ca}).authorities(now), all[0].Equal)
}

// Newest identifies the newest authority of the bundle; empty = there is none.
func (b Bundle) Newest(now time.Time) string {
	all := b.authorities(now)
	if len(all) == 0 {
		return ""
	}
	return string(all[0].Raw)
}

// Trusted reports whether clients that trust ca accept a serving certificate at a time.
func Trusted(leaf *x509.Certificate, ca []byte, now time.Time) bool {
	return verifies(leaf, (Bundle{CA: ca}).authorities(now), now)
}

// Invalid returns why the serving certificate cannot be served to clients that trust the bundle; nil = it can.
func (b Bundle) Invalid(now time.Time) error {
	leaf, err := b.leaf()
	switch {
	case err != nil:
		return err
	case !now.Before(leaf.NotAfter):
		return fmt.Errorf("the serving certificate has expired on %s", leaf.NotAfter.UTC().Format(time.RFC3339))
	case !verifies(leaf, b.authorities(now), now):
		return errors.New("the serving certificate is not of the authorities beside it")
	}
	return nil
}

// Certificate returns the serving certificate for a TLS server.
func (b Bundle) Certificate() (*tls.Certificate, error) {
	c, err := tls.X509KeyPair(b.Cert, b.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the serving certificate: %w", err)
	}
	return &c, nil
}

// authorities are those that have not expired, newest first.
func (b Bundle) authorities(now time.Time) []*x509.Certificate {
	var all []*x509.Certificate
	for rest := b.CA; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return all
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && c.IsCA && now.Before(c.NotAfter) {
			all = append(all, c)
		}
	}
}

// signer is the key of the newest authority.
func (b Bundle) signer(authorities []*x509.Certificate) (crypto.Signer, error) {
	block, _ := pem.Decode(b.CAKey)
	if block == nil || len(authorities) == 0 {
		return nil, errors.New("there is no certificate authority")
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading the key of the certificate authority: %w", err)
	}
	key, ok := k.(*ecdsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(authorities[0].PublicKey) {
		return nil, errors.New("the key is not that of the newest certificate authority")
	}
	return key, nil
}

func (b Bundle) leaf() (*x509.Certificate, error) {
	c, err := b.Certificate()
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(c.Certificate[0])
}

func verifies(leaf *x509.Certificate, authorities []*x509.Certificate, now time.Time) bool {
	pool := x509.NewCertPool()
	for _, a := range authorities {
		pool.AddCert(a)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: now})
	return err == nil
}

func covers(leaf *x509.Certificate, hosts []string) bool {
	return !slices.ContainsFunc(hosts, func(h string) bool { return leaf.VerifyHostname(h) != nil })
}

// due reports whether two thirds of a certificate's lifetime are over.
func due(c *x509.Certificate, now time.Time) bool {
	from := issued(c)
	return !now.Before(from.Add(c.NotAfter.Sub(from) * 2 / 3))
}

// issued is when a certificate was issued, which is slack after the beginning of its validity.
func issued(c *x509.Certificate) time.Time {
	return c.NotBefore.Add(slack(c.NotAfter.Sub(c.NotBefore) / 2))
}

// slack is how long before its issue a certificate of that lifetime is valid.
func slack(lifetime time.Duration) time.Duration { return min(early, lifetime) }

func authority(p Policy, now time.Time) (c *x509.Certificate, keyPEM []byte, err error) {
	key, keyPEM, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	t, err := template(authorityName, p.Lifetime*authorityLives, now)
	if err != nil {
		return nil, nil, err
	}
	t.IsCA, t.BasicConstraintsValid = true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	c, err = x509.ParseCertificate(der)
	return c, keyPEM, err
}

func serving(p Policy, ca *x509.Certificate, signer crypto.Signer, now time.Time) (certPEM, keyPEM []byte, err error) {
	key, keyPEM, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	t, err := template(p.Hosts[0], p.Lifetime, now)
	if err != nil {
		return nil, nil, err
	}
	t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, h := range p.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	if t.NotAfter.After(ca.NotAfter) {
		t.NotAfter = ca.NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, t, ca, key.Public(), signer)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), keyPEM, nil
}

func template(name string, lifetime time.Duration, now time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	if len(name) > 64 { // the longest common name
		name = name[:64]
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-slack(lifetime)),
		NotAfter: now.Add(lifetime),
	}, nil
}

func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func encode(certs ...*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, c := range certs {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return b.Bytes()
}
