package controller

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/scrape"
)

// clientReviews are reviews of clients of metrics by the API server.
type clientReviews struct {
	authentication *authenticationclient.AuthenticationV1Client
	authorization  *authorizationclient.AuthorizationV1Client
}

// newClientReviews limits the rate of reviews, since anyone who reaches the port can cause one.
func newClientReviews(rc *rest.Config, hc *http.Client) (clientReviews, error) {
	limited := rest.CopyConfig(rc)
	limited.QPS, limited.Burst, limited.RateLimiter = 5, 10, nil
	authentication, authenticationErr := authenticationclient.NewForConfigAndClient(limited, hc)
	authorization, authorizationErr := authorizationclient.NewForConfigAndClient(limited, hc)
	return clientReviews{authentication, authorization}, errors.Join(authenticationErr, authorizationErr)
}

// ReviewToken implements scrape.Reviews.
func (c clientReviews) ReviewToken(ctx context.Context, r *authenticationv1.TokenReview) (*authenticationv1.TokenReview,
	error) {
	return c.authentication.TokenReviews().Create(ctx, r, metav1.CreateOptions{})
}

// ReviewAccess implements scrape.Reviews.
func (c clientReviews) ReviewAccess(ctx context.Context, r *authorizationv1.SubjectAccessReview) (
	*authorizationv1.SubjectAccessReview, error) {
	return c.authorization.SubjectAccessReviews().Create(ctx, r, metav1.CreateOptions{})
}

// metricsPage is the server of /metrics; nil if there is none.
func metricsPage(c *config.Config, reviews scrape.Reviews, log logr.Logger) (metricsserver.Server, error) {
	options := metricsserver.Options{BindAddress: c.MetricsAddr}
	if c.MetricsSecure {
		if c.MetricsCertDir != "" { // controller-runtime would use a self-signed certificate
			if _, err := tls.LoadX509KeyPair(filepath.Join(c.MetricsCertDir, "tls.crt"), filepath.Join(c.MetricsCertDir,
				"tls.key")); err != nil {
				return nil, fmt.Errorf("reading the certificate of metrics (--metrics-cert-dir): %w", err)
			}
		}
		guard := scrape.NewGuard(reviews, time.Now, log.WithName("metrics"))
		options.SecureServing, options.CertDir = true, c.MetricsCertDir
		options.TLSOpts = []func(*tls.Config){func(t *tls.Config) {
			t.MinVersion, t.NextProtos = tls.VersionTLS12, []string{"http/1.1"}
		}}
		options.FilterProvider = func(*rest.Config, *http.Client) (metricsserver.Filter, error) {
			return func(_ logr.Logger, page http.Handler) (http.Handler, error) { return guard.Protect(page), nil }, nil
		}
	}
	page, err := metricsserver.NewServer(options, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("serving metrics (--metrics-bind-addr): %w", err)
	}
	return page, nil
}
