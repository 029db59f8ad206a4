package controller

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"
	certutil "k8s.io/client-go/util/cert"

	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/lib/await"
)

// reviewingServer is an API server that knows tokens "prometheus" and "tenant", and permits the former to get /metrics.
func reviewingServer(t *testing.T) *rest.Config {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.Method + " " + r.URL.Path {
		case "POST /apis/authentication.k8s.io/v1/tokenreviews":
			var review authenticationv1.TokenReview
			if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
				t.Error(err)
			}
			review.Status.User.Username = review.Spec.Token
			review.Status.Authenticated = review.Spec.Token == "prometheus" || review.Spec.Token == "tenant"
			_ = json.NewEncoder(w).Encode(review)
		case "POST /apis/authorization.k8s.io/v1/subjectaccessreviews":
			var review authorizationv1.SubjectAccessReview
			if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
				t.Error(err)
			}
			a := review.Spec.NonResourceAttributes
			review.Status.Allowed = review.Spec.User == "prometheus" && a != nil && a.Path == "/metrics" && a.Verb == "get"
			_ = json.NewEncoder(w).Encode(review)
		default:
			t.Errorf("%s %s", r.Method, r.URL.Path)
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return &rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
}

// servedPage serves the metrics of a configuration and returns their address.
func servedPage(t *testing.T, c *config.Config) string {
	t.Helper()
	c.MetricsAddr = "127.0.0.1:0"
	page, err := metricsPage(c, reviewingServer(t), http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- page.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	bound := page.(interface{ GetBindAddr() string })
	await.Until(t, "the page to listen", func() bool { return bound.GetBindAddr() != "" })
	return bound.GetBindAddr()
}

// read returns the status and the body of a response to a client with a token and a certificate pool; nil: every
// certificate is trusted.
func read(t *testing.T, url, token string, pool *x509.CertPool) (int, string) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, InsecureSkipVerify: pool == nil}}
	defer transport.CloseIdleConnections()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := (&http.Client{Transport: transport}).Do(q)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestSecureMetricsAskTheAPIServer(t *testing.T) {
	t.Parallel()
	at := servedPage(t, &config.Config{MetricsSecure: true})
	for token, want := range map[string]int{"": 401, "stranger": 500, "tenant": 403, "prometheus": 200} {
		if status, body := read(t, "https://"+at+"/metrics", token, nil); status != want ||
			strings.Contains(body, "go_goroutines") != (want == 200) {
			t.Errorf("token %q: %d %.200s", token, status, body)
		}
	}
	if status, body := read(t, "http://"+at+"/metrics", "prometheus", nil); status == 200 ||
		strings.Contains(body, "go_goroutines") {
		t.Errorf("without TLS: %d", status)
	}
}

func TestMetricsArePlainByDefault(t *testing.T) {
	t.Parallel()
	if status, body := read(t, "http://"+servedPage(t, &config.Config{})+"/metrics", "", nil); status != 200 ||
		!strings.Contains(body, "go_goroutines") {
		t.Errorf("%d %.200s", status, body)
	}
}

func TestSecureMetricsHaveTheGivenCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := &config.Config{MetricsSecure: true, MetricsCertDir: dir, MetricsAddr: "127.0.0.1:0"}
	if _, err := metricsPage(c, &rest.Config{}, http.DefaultClient); err == nil || !strings.Contains(err.Error(), "--metrics-cert-dir") {
		t.Errorf("without a certificate: %v", err)
	}
	cert, key, err := certutil.GenerateSelfSignedCertKey("127.0.0.1", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"tls.crt": cert, "tls.key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	if status, body := read(t, "https://"+servedPage(t, c)+"/metrics", "prometheus", pool); status != 200 {
		t.Errorf("%d %.200s", status, body)
	}
}
