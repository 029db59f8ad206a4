package controller

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"path/filepath"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/k8s-lbc/lbc/internal/controller/config"
)

// metricsPage is the server of /metrics; nil if there is none.
func metricsPage(c *config.Config, rc *rest.Config, hc *http.Client) (metricsserver.Server, error) {
	options := metricsserver.Options{BindAddress: c.MetricsAddr}
	if c.MetricsSecure {
		if c.MetricsCertDir != "" { // controller-runtime would use a self-signed certificate
			if _, err := tls.LoadX509KeyPair(filepath.Join(c.MetricsCertDir, "tls.crt"), filepath.Join(c.MetricsCertDir,
				"tls.key")); err != nil {
				return nil, fmt.Errorf("reading the certificate of metrics (--metrics-cert-dir): %w", err)
			}
		}
		options.SecureServing, options.CertDir = true, c.MetricsCertDir
		options.TLSOpts = []func(*tls.Config){func(t *tls.Config) {
			t.MinVersion, t.NextProtos = tls.VersionTLS12, []string{"http/1.1"}
		}}
		options.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	limited := rest.CopyConfig(rc) // anyone who reaches the port can cause a review
	limited.QPS, limited.Burst, limited.RateLimiter = 5, 10, nil
	page, err := metricsserver.NewServer(options, limited, hc)
	if err != nil {
		return nil, fmt.Errorf("serving metrics (--metrics-bind-addr): %w", err)
	}
	return page, nil
}
