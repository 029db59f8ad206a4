package webhook

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"
)

// ServerOptions tell where to listen and with which certificate.
type ServerOptions struct {
	Host string // empty: all addresses
	Port int
	// Files hold the certificate and its key; they are read again when they change. Not used with Certificate.
	Files Files
	// Certificate, if not nil, gives the certificate of each connection.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// ClientCA is a file of the authorities that clients must have a certificate of; empty: clients need none.
	ClientCA string
}

// Files are where a certificate is mounted. Empty fields stand for what existing installations use.
type Files struct{ Dir, Cert, Key string }

// Complete fills in what is empty: <temporary directory>/k8s-webhook-server/serving-certs, tls.crt and tls.key.
func (f Files) Complete() Files {
	if f.Dir == "" {
		f.Dir = filepath.Join(os.TempDir(), "k8s-webhook-server", "serving-certs")
	}
	if f.Cert == "" {
		f.Cert = "tls.crt"
	}
	if f.Key == "" {
		f.Key = "tls.key"
	}
	return f
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

// ciphers of TLS 1.2; those of 1.3 are not chosen.
var ciphers = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// NewServer makes the server; handlers are still to be registered. It fails if the file of client authorities cannot be used.
func NewServer(o ServerOptions) (ctrlwebhook.Server, error) {
	var clients *x509.CertPool
	if o.ClientCA != "" {
		pem, err := os.ReadFile(o.ClientCA)
		if err != nil {
			return nil, fmt.Errorf("reading the authorities of webhook clients (--kube-ca-pem-filepath): %w", err)
		}
		if clients = x509.NewCertPool(); !clients.AppendCertsFromPEM(pem) {
			return nil, errors.New("Unable to append CA PEM to pool: " + o.ClientCA + " (--kube-ca-pem-filepath) holds no certificate")
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
