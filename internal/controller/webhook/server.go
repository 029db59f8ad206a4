package webhook

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/k8s-lbc/lbc/internal/lib/renewal"
)

// ServerOptions are the address and the certificate of the server.
type ServerOptions struct {
	Host string // empty: all addresses
	Port int
	// Files hold the certificate and its key; they are read again when they change. Ignored if Certificate is set.
	Files Files
	// Certificate, if not nil, returns the certificate of a connection.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// ClientCA is a file with the certificate authorities of clients; empty: clients need no certificate.
	ClientCA string
}

// Files are the places of a mounted certificate. Empty fields stand for those of existing installations.
type Files struct{ Dir, Cert, Key string }

// Complete fills in empty fields: <temporary directory>/k8s-webhook-server/serving-certs, tls.crt and tls.key.
func (f Files) Complete() Files {
	return Files{Dir: cmp.Or(f.Dir, filepath.Join(os.TempDir(), "k8s-webhook-server", "serving-certs")),
		Cert: cmp.Or(f.Cert, "tls.crt"), Key: cmp.Or(f.Key, "tls.key")}
}

// Exist reports whether both files are there.
func (f Files) Exist() bool {
	f = f.Complete()
	for _, name := range []string{f.Cert, f.Key} {
		if _, err := os.Stat(filepath.Join(f.Dir, name)); err != nil {
			return false
		}
	}
	return true
}

// Validity is from when until when the certificate is valid; zero = it cannot be read.
func (f Files) Validity() (from, until time.Time) {
	f = f.Complete()
	text, err := os.ReadFile(filepath.Join(f.Dir, f.Cert))
	if err != nil {
		return time.Time{}, time.Time{}
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return time.Time{}, time.Time{}
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}, time.Time{}
	}
	return c.NotBefore, c.NotAfter
}

// lastDay is how long before its end a certificate with a long lifetime is overdue.
const lastDay = 24 * time.Hour

// Overdue is from when on a certificate of the webhooks should have been renewed.
func Overdue(from, until time.Time) time.Time {
	return renewal.Late(from, until, renewal.Share, lastDay)
}

// ciphers of TLS 1.2. TLS 1.3 has no choice of ciphers.
var ciphers = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// NewServer makes the server without handlers. It fails if the file of client authorities is invalid.
func NewServer(o ServerOptions) (ctrlwebhook.Server, error) {
	var clients *x509.CertPool
	if o.ClientCA != "" {
		pem, err := os.ReadFile(o.ClientCA)
		if err != nil {
			return nil, fmt.Errorf("reading the authorities of webhook clients (--kube-ca-pem-filepath): %w", err)
		}
		if clients = x509.NewCertPool(); !clients.AppendCertsFromPEM(pem) {
			return nil, errors.New("Unable to append CA PEM to pool: " + o.ClientCA +
				" (--kube-ca-pem-filepath) holds no certificate")
		}
	}
	f := o.Files.Complete()
	return ctrlwebhook.NewServer(ctrlwebhook.Options{
		Host: o.Host, Port: o.Port, CertDir: f.Dir, CertName: f.Cert, KeyName: f.Key,
		TLSOpts: []func(*tls.Config){func(c *tls.Config) {
			c.MinVersion, c.CipherSuites, c.GetCertificate = tls.VersionTLS12, ciphers, o.Certificate
			if clients != nil {
				c.ClientCAs, c.ClientAuth = clients, tls.RequireAndVerifyClientCert
			}
		}},
	}), nil
}
