package dataplane_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// all reads what comes until the load balancer ends the connection.
func (r *raw) all() string {
	r.Helper()
	text, err := io.ReadAll(r.in)
	if err != nil {
		r.Errorf("the connection ends with %v after %q", err, text)
	}
	return string(text)
}

// A request of HTTP/0.9 is one line: its answer must not wait for headers that never come.
func TestARequestOfHTTP09IsForwardedAndAnsweredWithTheBodyAlone(t *testing.T) {
	t.Parallel()
	w := plainWeb(t, echoHandler("a"), nil)
	for name, said := range map[string]string{
		"alone":                       "GET /old?x=%20y\r\n",
		"after an empty line":         "\r\nGET /old?x=%20y\r\n",
		"with a line feed":            "GET /old?x=%20y\n",
		"with what it does not have":  "GET /old?x=%20y\r\nHost: other\r\n\r\n",
		"with a request that is late": "GET /old?x=%20y\r\n" + "GET /second HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		c := w.raw()
		c.send(said)
		text := c.all()
		var e echo
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Errorf("%s: %q: %v", name, text, err)
			continue
		}
		if e.Path != "/old?x=%20y" || e.Proto != "HTTP/1.1" || e.Host != w.topo.LoadBalancers[0].DNSName ||
			e.Header.Get("X-Forwarded-Proto") != "http" {
			t.Errorf("%s: the target got %+v", name, e)
		}
	}
}

func TestALongAnswerToHTTP09IsWhole(t *testing.T) {
	t.Parallel()
	want := strings.Repeat("\r\n\r\n0123456789", 100_000)
	w := plainWeb(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" { // of health checks
			rw.Header().Set("X-Long", strings.Repeat("x", 20_000)) // more than one write of the server
			_, _ = io.WriteString(rw, want)
		}
	}), nil)
	c := w.raw()
	c.send("GET /long\r\n")
	if got := c.all(); got != want {
		t.Errorf("%d bytes, want %d: %.80q", len(got), len(want), got)
	}
}

func TestALoadBalancersOwnAnswerToHTTP09IsABodyAndLogged(t *testing.T) {
	t.Parallel()
	option, lines := withLogs(t)
	w := newWorld(t, option)
	w.balancer("web", stack.Application, listener(80, "HTTP", notFound(), onPath(1, "/teapot", []stack.Action{
		{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{StatusCode: "418", ContentType: "text/plain",
			MessageBody: "short and stout"}},
	}))).Attributes = bucket("access_logs")
	w.update()
	c := w.raw()
	c.send("GET /teapot\r\n")
	if got := c.all(); got != "short and stout" {
		t.Errorf("got %q", got)
	}
	w.plane.Close()
	var logged []string
	for _, line := range lines("123456789012_") {
		f := fieldsOf(line)
		logged = append(logged, strings.Join([]string{f[12], f[8], f[11]}, ", "))
	}
	if want := "GET http://" + w.topo.LoadBalancers[0].DNSName + ":80/teapot HTTP/0.9, 418, 15"; !slices.Equal(logged,
		[]string{want}) {
		t.Errorf("logged %q, want %q", logged, want)
	}
}

// What is neither HTTP/0.9 nor names a version is refused by its first line, too, whatever follows.
func TestALineWithoutAVersionIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	w := plainWeb(t, echoHandler("a"), nil)
	for _, said := range []string{"POST /\r\n", "GET\r\n", "GET old\r\n", "HELO a\r\n", "hello\r\n"} {
		c := w.raw()
		c.send(said)
		if a := c.receive("GET"); a.Status != "400 Bad Request" || !a.Close || !c.ended() {
			t.Errorf("%q: %s, %v", said, a.Status, a.Header)
		}
	}
}
