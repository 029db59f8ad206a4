package sdkhttp

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// closer fails as the SDK's bodies do when they are read after having been closed.
type closer struct {
	io.Reader
	closed bool
}

func (c *closer) Read(p []byte) (int, error) {
	if c.closed {
		return 0, errors.New("read after close")
	}
	return c.Reader.Read(p)
}

func (c *closer) Close() error { c.closed = true; return nil }

// early closes the request's body before the request is sent, which is the SDK's race at its worst.
type early struct{ body *closer }

func (e early) Do(r *http.Request) (*http.Response, error) {
	_ = e.body.Close()
	return http.DefaultTransport.RoundTrip(r)
}

func TestAClosedBodyOfTheCallerDoesNotHarmTheRequest(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	t.Cleanup(s.Close)
	body := &closer{Reader: strings.NewReader("Action=DescribeRules")}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = int64(len("Action=DescribeRules"))
	resp, err := Client(early{body}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil || string(got) != "Action=DescribeRules" {
		t.Errorf("%q, %v", got, err)
	}
}
