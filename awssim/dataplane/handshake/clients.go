package handshake

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

const (
	maxChainDepth     = 4        // certificates from a client's leaf to an authority
	maxClientCertSize = 16 << 10 // bytes of one certificate
)

// CertificateError is why a client's certificate is refused; the reason is that of connection logs.
type CertificateError struct {
	Reason string
	err    error
}

// Error implements error.
func (e *CertificateError) Error() string {
	return fmt.Sprintf("client certificate: %s: %v", e.Reason, e.err)
}

// Unwrap gives the cause.
func (e *CertificateError) Unwrap() error { return e.err }

// authenticateClients makes a handshake ask for the client's certificate as the listener does.
func authenticateClients(c *tls.Config, auth *topology.ClientAuth, to *Client) {
	switch auth.Mode {
	case "passthrough":
		c.ClientAuth = tls.RequestClientCert
	case "verify":
		c.ClientAuth = tls.RequireAnyClientCert
		if auth.Advertise {
			c.ClientCAs = poolOf(auth.Authorities)
		}
		c.VerifyConnection = func(s tls.ConnectionState) error {
			if err := verifyClient(auth, s.PeerCertificates, time.Now()); err != nil {
				to.Refused = err
				return err
			}
			return nil
		}
	}
}

func poolOf(certificates []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range certificates {
		pool.AddCert(c)
	}
	return pool
}

// verifyClient checks a client's certificates, leaf first, against the trust store.
func verifyClient(a *topology.ClientAuth, chain []*x509.Certificate, now time.Time) *CertificateError {
	refuse := func(reason, format string, args ...any) *CertificateError {
		return &CertificateError{reason, fmt.Errorf(format, args...)}
	}
	if len(chain) == 0 {
		return refuse("ClientCertInvalid", "none was given")
	}
	leaf := chain[0]
	for _, c := range chain {
		if len(c.Raw) > maxClientCertSize {
			return refuse("ClientCertMaxSizeExceeded", "%d bytes", len(c.Raw))
		}
	}
	switch key := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < 2048 {
			return refuse("ClientCertTypeUnsupported", "RSA key of %d bits", key.N.BitLen())
		}
	case *ecdsa.PublicKey:
	default:
		return refuse("ClientCertTypeUnsupported", "key of type %T", key)
	}
	switch {
	case a.IgnoreExpiry:
		now = leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) / 2)
	case now.Before(leaf.NotBefore):
		return refuse("ClientCertNotYetValid", "valid from %s", leaf.NotBefore)
	case now.After(leaf.NotAfter):
		return refuse("ClientCertExpired", "expired %s", leaf.NotAfter)
	}
	if len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) > 0 &&
		!slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) && !slices.Contains(leaf.ExtKeyUsage,
		x509.ExtKeyUsageAny) {
		return refuse("ClientCertPurposeInvalid", "not for the authentication of clients")
	}
	paths, err := leaf.Verify(x509.VerifyOptions{
		Roots: poolOf(a.Authorities), Intermediates: poolOf(chain[1:]), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{
			x509.ExtKeyUsageAny},
	})
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return &CertificateError{"ClientCertExpired", err}
	case errors.As(err, &invalid):
		return &CertificateError{"ClientCertInvalid", err}
	default:
		return &CertificateError{"ClientCertUntrusted", err}
	}
	var last *CertificateError
	for _, path := range paths {
		if last = permits(a, path); last == nil {
			return nil
		}
	}
	return last
}

// permits checks one path from a leaf to an authority.
func permits(a *topology.ClientAuth, path []*x509.Certificate) *CertificateError {
	if len(path) > maxChainDepth {
		return &CertificateError{"ClientCertMaxChainDepthExceeded",
			fmt.Errorf("%d certificates to an authority, at most %d may be", len(path), maxChainDepth)}
	}
	for _, c := range path {
		if a.Revoked != nil && a.Revoked(c) {
			return &CertificateError{"ClientCertCrlHit", fmt.Errorf("certificate %X is revoked", c.SerialNumber)}
		}
	}
	return nil
}

// SerialNumber is a certificate's number as headers and logs write it: whole bytes in upper-case hexadecimal.
func SerialNumber(c *x509.Certificate) string { return fmt.Sprintf("%X", c.SerialNumber.Bytes()) }

// URLEncodedPEM is certificates in PEM, URL-encoded but for + = and /.
func URLEncodedPEM(chain []*x509.Certificate) string {
	var text strings.Builder
	for _, c := range chain {
		text.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(text.String()) {
		switch {
		case '0' <= c && c <= '9', 'a' <= c|0x20 && c|0x20 <= 'z', strings.IndexByte("+=/-._~", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}
