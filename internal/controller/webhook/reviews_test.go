package webhook

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/await"
)

// reviewServer serves all paths with limits that tests can wait for.
func reviewServer(t *testing.T, r *reviews) *httptest.Server {
	t.Helper()
	var refused []string
	o := options(nil, nil, nil, &refused)
	o.reviews = r
	mux := http.NewServeMux()
	for path, h := range Handlers(o) {
		mux.Handle(path, h)
	}
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// partOf sends the headers of a request of a size and a part of its body.
func partOf(t *testing.T, s *httptest.Server, size int, part string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", PodPath, size,
		part); err != nil {
		t.Fatal(err)
	}
	return c
}

func statusOf(t *testing.T, c net.Conn) int {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	return r.StatusCode
}

func TestSlowReviewIsGivenUp(t *testing.T) {
	t.Parallel()
	r := newReviews()
	r.timeout = 50 * time.Millisecond
	if got := statusOf(t, partOf(t, reviewServer(t, r), 1000, "{")); got != http.StatusBadRequest {
		t.Error(got)
	}
}

func TestLargeReviewsAreFewAtOnce(t *testing.T) {
	t.Parallel()
	r := newReviews()
	s := reviewServer(t, r)
	for range cap(r.large) {
		partOf(t, s, maxReview, strings.Repeat(" ", smallReview))
	}
	await.Equal(t, "slow clients with a turn", func() int { return len(r.large) }, cap(r.large))
	small := `{"request":{"uid":"1","operation":"DELETE"}}`
	if got := statusOf(t, partOf(t, s, len(small), small)); got != http.StatusOK {
		t.Errorf("a small one: %d", got)
	}
	ask := httptest.NewRequestWithContext(t.Context(), http.MethodPost, PodPath,
		strings.NewReader(strings.Repeat(" ", smallReview)))
	impatient := &reviews{large: r.large, timeout: time.Millisecond}
	//nolint:errorlint // it is not wrapped
	if _, done, err := impatient.read(httptest.NewRecorder(), ask); err != errBusy {
		t.Errorf("one more large one: %v", err)
	} else {
		done()
	}
}

func TestReviewsReadFromTheAPIServerInTurns(t *testing.T) {
	t.Parallel()
	r := newReviews()
	var turns []func()
	for range cap(r.live) {
		done, err := r.reading(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		turns = append(turns, done)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.reading(gone); err == nil {
		t.Error("one more has a turn")
	}
	turns[0]()
	if _, err := r.reading(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestMalformedReviewsAreRefused(t *testing.T) {
	t.Parallel()
	s := reviewServer(t, newReviews())
	for name, c := range map[string]struct {
		body string
		want int
		text string
	}{
		"empty":         {"", 400, "not an AdmissionReview"},
		"no request":    {`{"kind":"AdmissionReview"}`, 400, "not an AdmissionReview"},
		"deeply nested": {`{"request":` + strings.Repeat(`[`, 1<<20), 400, "not an AdmissionReview"},
		"too large":     {strings.Repeat(" ", maxReview+1), 400, "not an AdmissionReview"},
		"nested object": {`{"request":{"operation":"CREATE","object":` + strings.Repeat(`[`, 9000) +
			strings.Repeat(`]`, 9000) + `}}`, 200, "the object cannot be read"},
		"of another kind": {`{"request":{"operation":"CREATE","object":{"kind":"Secret","spec":7}}}`, 200,
			"the object cannot be read"},
		"without object": {`{"request":{"operation":"CREATE"}}`, 200, "the object cannot be read"},
		"unknown action": {`{"request":{"operation":"CONNECT"}}`, 200, `"allowed":true`},
		"forged userInfo": {
			`{"request":{"operation":"CREATE","userInfo":{"username":"system:admin","groups":["system:masters"]},"object":{"metadata":{"namespace":"x"}}}}`, 200, `"allowed":true`},
		"another's object": {
			`{"request":{"operation":"CREATE","namespace":"mine","object":{"metadata":{"namespace":"victim","name":"x"}}}}`, 200,
			`"allowed":true`},
	} {
		for _, path := range []string{PodPath, IngressPath, BindingPath, ServicePath, BalancerTagsPath} {
			r, err := s.Client().Post(s.URL+path, "application/json", strings.NewReader(c.body))
			if err != nil {
				if c.want != 200 { // the server closed the connection before it had read all
					continue
				}
				t.Fatal(name, err)
			}
			text, _ := io.ReadAll(r.Body)
			_ = r.Body.Close()
			if r.StatusCode != c.want || c.text != `"allowed":true` && !strings.Contains(string(text), c.text) {
				t.Errorf("%s at %s: %d %.200s", name, path, r.StatusCode, text)
			}
		}
	}
}
