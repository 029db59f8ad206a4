package probes

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

func get(t *testing.T, p *Probes, path string) (status int, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

// TestReadinessFailsForBlockersAndShowsDegraded goes through a start.
func TestReadinessFailsForBlockersAndShowsDegraded(t *testing.T) {
	t.Parallel()
	c := &impairment.Conditions{}
	p := New(c)
	for _, path := range []string{"/healthz", "/healthz/health-ping"} {
		if status, body := get(t, p, path); status != 200 || body != "ok" {
			t.Errorf("%s at the start: %d %s", path, status, body)
		}
	}
	c.Set(impairment.Condition{Reason: impairment.VPC, Text: "no VPC", Remedy: "name it", Blocks: true})
	c.Set(impairment.Condition{Reason: impairment.Definitions, Text: "no kind", Remedy: "apply it"})
	if p.Ready() != 0 {
		t.Error("ready at the start")
	}
	status, body := get(t, p, "/readyz")
	want := "[+]api-server ok\n[-]aws failed: no VPC; name it\n[+]cluster-name ok\n[!]definitions degraded: no kind; " +
		"apply it\n[+]leader ok\n[+]rights ok\n[-]started failed: the controllers have not started " +
		"yet\n[+]webhook-certificate ok\n[+]webhooks ok\nreadyz check failed\n"
	if d := cmp.Diff(want, body); d != "" || status != 500 {
		t.Errorf("%d %s", status, d)
	}
	for path, want := range map[string]string{"/readyz/aws": "no VPC; name it", "/readyz/definitions": "no kind; apply it",
		"/readyz/started": "the controllers have not started yet"} {
		if status, body := get(t, p, path); status != 500 || strings.TrimSpace(body) != want {
			t.Errorf("%s: %d %q", path, status, body)
		}
	}
	if status, _ := get(t, p, "/readyz/caches"); status != 404 {
		t.Errorf("a check that is not there yet answers %d", status)
	}

	c.Heal(impairment.VPC)
	failing := errors.New("informer caches have not synced yet")
	p.Add("caches", func(*http.Request) error { return failing })
	p.Started()
	if status, body := get(t, p, "/readyz"); status != 500 ||
		!strings.Contains(body, "[-]caches failed: informer caches have not synced yet\n") ||
		!strings.Contains(body, "[+]started ok\n") {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := get(t, p, "/readyz?exclude=caches"); status != 200 {
		t.Errorf("without the check that fails: %d", status)
	}
	if p.Ready() != 0 {
		t.Error("ready though a check fails")
	}
	failing = nil
	if status, body := get(t, p, "/readyz"); status != 200 || body != "ok" || p.Ready() != 1 {
		t.Errorf("%d %s, ready %d", status, body, p.Ready())
	}
	if status, body := get(t, p, "/readyz?verbose"); status != 200 ||
		!strings.Contains(body, "[!]definitions degraded: no kind; apply it\n") ||
		!strings.HasSuffix(body, "readyz check passed\n") {
		t.Errorf("%d %s", status, body)
	}
}

// TestAnAddressThatIsTakenIsAnErrorAtOnce listens twice at one address.
func TestAnAddressThatIsTakenIsAnErrorAtOnce(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(nil)
	defer srv.Close()
	p := New(&impairment.Conditions{})
	if _, err := p.Serve(t.Context(), srv.Listener.Addr().String()); err == nil || !strings.Contains(err.Error(),
		"--health-probe-bind-addr") {
		t.Errorf("error %v", err)
	}
	if serve, err := p.Serve(t.Context(), "0"); err != nil || serve(t.Context()) != nil {
		t.Errorf("no address: %v", err)
	}
	serve, err := p.Serve(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := serve(ctx); err != nil {
		t.Error(err)
	}
}
