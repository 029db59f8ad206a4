package config

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"
)

// Webhooks are the address and the certificate of the admission webhooks, which are served if CertSecret is set or the
// files exist.
type Webhooks struct {
	Host string // empty: all addresses
	Port int
	// Names of files; empty fields stand for those of existing installations.
	CertDir, CertFile, KeyFile string
	// ClientCA is a file with the certificate authorities of clients; empty: clients need no certificate.
	ClientCA string
	// CertSecret is the Secret, in the namespace of the leader's Lease, in which the controller keeps a certificate that
	// it issues.
	CertSecret string
	// CertLifetime of such a certificate.
	CertLifetime time.Duration
	// Configurations is the name of the webhook configurations whose caBundle is its authority.
	Configurations string
	// DisableClassAnnotation and DisableGroupAnnotation refuse new use of these annotations.
	DisableClassAnnotation, DisableGroupAnnotation bool
}

// FilesGiven reports whether a flag names files of a certificate.
func (w Webhooks) FilesGiven() bool { return w.CertDir+w.CertFile+w.KeyFile != "" }

// shortestCertLifetime leaves time for renewal: the Secret is read every few seconds, and clocks differ.
const shortestCertLifetime = 10 * time.Second

func bindWebhooks(fs *pflag.FlagSet, c *Config) {
	w := &c.Webhooks
	fs.IntVar(&w.Port, "webhook-bind-port", 9443, "port of the admission webhooks")
	fs.StringVar(&w.Host, "webhook-bind-host", "", "address of the admission webhooks; empty = all")
	fs.StringVar(&w.CertDir, "webhook-cert-dir", "", "directory of the webhooks' certificate; empty: "+
		"k8s-webhook-server/serving-certs in the directory for temporary files. If the directory has no certificate files, "+
		"the controller serves no webhook")
	fs.StringVar(&w.CertFile, "webhook-cert-file", "", "certificate file name (default tls.crt)")
	fs.StringVar(&w.KeyFile, "webhook-key-file", "", "key file name (default tls.key)")
	fs.StringVar(&w.ClientCA, "kube-ca-pem-filepath", "",
		"file with the certificate authorities of allowed webhook clients")
	fs.StringVar(&w.CertSecret, "webhook-cert-secret", "",
		"Secret for a certificate that the controller issues, renews and publishes itself; this certificate replaces the "+
			"certificate files")
	fs.DurationVar(&w.CertLifetime, "webhook-cert-lifetime", 90*24*time.Hour,
		"lifetime of the certificate of --webhook-cert-secret; the controller renews it after two thirds")
	fs.StringVar(&w.Configurations, "webhook-configurations", "aws-load-balancer-webhook",
		"name of the webhook configurations in which the controller sets caBundle to the authority of --webhook-cert-secret")
}

// validate returns the first setting that is not admissible.
func (w Webhooks) validate() error {
	switch {
	case w.Port < 1 || w.Port > 65535:
		return fmt.Errorf("invalid value %d for --webhook-bind-port: must be from 1 to 65535", w.Port)
	case w.CertSecret != "" && w.FilesGiven():
		return errors.New("--webhook-cert-secret and files of a certificate (--webhook-cert-dir, --webhook-cert-file, " +
			"--webhook-key-file) cannot both be given")
	case w.CertLifetime < shortestCertLifetime:
		return fmt.Errorf("invalid value %s for --webhook-cert-lifetime: must be %s or more", w.CertLifetime,
			shortestCertLifetime)
	}
	return nil
}
