package dataplane_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// stubborn is a target that passes its checks and does something else with any other connection.
func (w *world) stubborn(ip string, f func(c net.Conn, request *http.Request)) {
	w.Helper()
	w.server(ip, 8080, func(c net.Conn) {
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		if req.UserAgent() == "ELB-HealthChecker/2.0" {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			return
		}
		f(c, req)
	})
}

func TestWhatTargetsDoWrongHasItsStatus(t *testing.T) {
	t.Parallel()
	send := func(text string) func(net.Conn, *http.Request) {
		return func(c net.Conn, _ *http.Request) { _, _ = io.WriteString(c, text) }
	}
	hold := func(text string) func(net.Conn, *http.Request) {
		return func(c net.Conn, _ *http.Request) {
			_, _ = io.WriteString(c, text)
			_, _ = io.Copy(io.Discard, c) // until the load balancer gives up
		}
	}
	for name, tc := range map[string]struct {
		target func(net.Conn, *http.Request)
		want   int
	}{
		"closes without an answer": {send(""), 502},
		"resets": {func(c net.Conn, _ *http.Request) {
			_ = c.(interface{ SetLinger(int) error }).SetLinger(0)
		}, 502},
		"does not speak HTTP": {send("SSH-2.0-OpenSSH_9.9\r\n\r\n"), 502},
		"sends headers of 33 KB": {send("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 33<<10) +
			"\r\nContent-Length: 0\r\n\r\n"), 502},
		"sends headers of 31 KB": {send("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 31<<10) +
			"\r\nContent-Length: 0\r\n\r\n"), 200},
		"announces more than it sends and closes": {send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), 502},
		"announces more than it sends":            {hold("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), 504},
		"stays silent":                            {hold(""), 504},
		"stops within its headers":                {hold("HTTP/1.1 200 OK\r\nContent-Le"), 504},
		"switches protocols unasked": {
			send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"), 502},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.stubborn("10.0.1.5", tc.target)
			w.group("a", "HTTP", "10.0.1.5")
			w.balancer("web", stack.Application, listener(80, "HTTP", forward("a"))).Attributes = map[string]string{
				"idle_timeout.timeout_seconds": "1"}
			w.update()
			w.await("10.0.1.5", "healthy")
			a := w.do(w.client(), "POST", base+"/")
			if a.StatusCode != tc.want {
				t.Errorf("%d %q, want %d", a.StatusCode, a.body, tc.want)
			}
			if tc.want > 500 && w.count(fmt.Sprintf("HTTPCode_ELB_%d_Count", tc.want)) != 1 {
				t.Error("it is not counted")
			}
		})
	}
}

func TestTargetsThatCannotBeConnectedInTimeAreAnsweredWith504(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *dataplane.Options) {
		o.ConnectTimeout, o.HealthTimeout = time.Second, 50*time.Millisecond
	})
	w.server("10.0.1.6", 8080, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }) // never answers
	w.group("absent", "HTTP", "10.0.1.5")                                          // the address does not exist
	w.group("mute", "HTTPS", "10.0.1.6").HealthCheck.Protocol = "TCP"
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("absent"), onPath(1, "/mute", forward("mute"))))
	w.update()
	w.await("10.0.1.6", "healthy")
	for _, path := range []string{"/", "/mute"} {
		if a := w.get(w.client(), base+path); a.StatusCode != http.StatusGatewayTimeout {
			t.Errorf("%s: %d, want 504", path, a.StatusCode)
		}
	}
	groups := w.plane.Stats().TargetGroups
	if groups[groupARN("absent")]["TargetConnectionErrorCount"] != 1 ||
		groups[groupARN("mute")]["TargetTLSNegotiationErrorCount"] != 1 {
		t.Errorf("%v", groups)
	}
}

func TestTargetsWithoutTLSAreAnsweredWith502(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.server("10.0.1.7", 8080, func(c net.Conn) {
		_, _ = io.WriteString(c, "I do not speak TLS\r\n")
		_, _ = io.Copy(io.Discard, c)
	})
	w.group("plain", "HTTPS", "10.0.1.7").HealthCheck.Protocol = "TCP"
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("plain")))
	w.update()
	w.await("10.0.1.7", "healthy")
	if a := w.get(w.client(), base+"/"); a.StatusCode != http.StatusBadGateway {
		t.Errorf("%d, want 502", a.StatusCode)
	}
	if groups := w.plane.Stats().TargetGroups; groups[groupARN("plain")]["TargetTLSNegotiationErrorCount"] != 1 {
		t.Errorf("%v", groups)
	}
}

func TestRequestsThatAreTooLargeAreRefused(t *testing.T) {
	t.Parallel()
	w := plainWeb(t, echoHandler("a"), nil)
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "X-%d: %s\r\n", i, strings.Repeat("x", 1000))
		}
		return b.String()
	}
	for name, tc := range map[string]struct {
		request string
		want    int
	}{
		"a URI of 15 KB":    {"GET /" + strings.Repeat("x", 15<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n", 200},
		"a URI of 17 KB":    {"GET /" + strings.Repeat("x", 17<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
		"a header of 15 KB": {"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 15<<10) + "\r\n\r\n", 200},
		"a header of 17 KB": {"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 17<<10) + "\r\n\r\n", 400},
		"headers of 60 KB":  {"GET / HTTP/1.1\r\nHost: a\r\n" + many(60) + "\r\n", 200},
		"headers of 70 KB":  {"GET / HTTP/1.1\r\nHost: a\r\n" + many(70) + "\r\n", 400},
		"headers of 200 KB": {"GET / HTTP/1.1\r\nHost: a\r\n" + many(200) + "\r\n", 400},
	} {
		c := w.raw()
		_, _ = io.WriteString(c.Conn, tc.request) // the answer may come before all of it is read
		if a := c.receive("GET"); a.StatusCode != tc.want {
			t.Errorf("%s: %d, want %d", name, a.StatusCode, tc.want)
		}
	}
}

func TestARedirectThatBecomesTooLongIs507(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	redirect := []stack.Action{
		{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Query: "from=#{query}&again=#{query}",
			StatusCode: "HTTP_302"}}}
	w.balancer("web", stack.Application, listener(80, "HTTP", redirect))
	w.update()
	for n, want := range map[int]int{1000: 302, 7000: 507} {
		a := w.get(w.client(), base+"/?"+strings.Repeat("x", n))
		if a.StatusCode != want || !strings.Contains(a.body, fmt.Sprint(want)) {
			t.Errorf("a query of %d bytes: %d %q, want %d", n, a.StatusCode, a.body, want)
		}
	}
	if n := w.count("HTTP_Redirect_Url_Limit_Exceeded_Count"); n != 1 {
		t.Errorf("counted %d", n)
	}
}

func TestAClientThatEndsWithinItsBodyIsAnsweredWith400(t *testing.T) {
	t.Parallel()
	w := plainWeb(t, echoHandler("a"), nil)
	c := w.raw()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if a := c.receive("POST"); a.StatusCode != http.StatusBadRequest || !a.Close {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
}

func TestAGroupOfUnusedTargetsIsUnavailable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pod("10.0.1.5", 8080, echoHandler("a"))
	w.group("a", "HTTP", "10.0.1.5").Targets[0].Unused = true
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a")))
	w.update()
	if a := w.get(w.client(), base+"/"); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%d", a.StatusCode)
	}
}

func TestARequestIsSentAgainWhenTheKeptConnectionIsGoneIfItMayBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.server("10.0.1.5", 8080, func(c net.Conn) { // one answer a connection, without saying so, and then a reset
		in := bufio.NewReader(c)
		for n := 0; ; n++ {
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			if n > 0 {
				_ = c.(interface{ SetLinger(int) error }).SetLinger(0)
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	w.group("a", "HTTP", "10.0.1.5")
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	c := w.client()
	for i := range 6 {
		if a := w.get(c, base+"/"); a.StatusCode != http.StatusOK {
			t.Errorf("GET %d: %d", i, a.StatusCode)
		}
	}
	post := func() int {
		return w.do(c, "POST", base+"/", func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("x")), 1
		}).StatusCode
	}
	if got := post(); got != http.StatusBadGateway {
		t.Errorf("POST on a connection that is gone: %d, want 502", got)
	}
	if got := post(); got != http.StatusOK {
		t.Errorf("POST on a new connection: %d", got)
	}
}

func TestHTTPSTargetsGetNoServerName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cert := certificate(t, "self-signed")
	names := make(chan string, 100)
	address := netip.MustParseAddr("10.0.1.5")
	w.network.AddAddress(address)
	l, err := w.network.ListenTCP(address, 8080)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{cert.TLS}, NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			select {
			case names <- fmt.Sprintf("%q %v", h.ServerName, h.SupportedProtos):
			default:
			}
			return nil, nil
		}}
	s := &http.Server{Handler: echoHandler("a"), TLSConfig: config}
	w.pods.Go(func() { _ = s.ServeTLS(l, "", "") })
	t.Cleanup(func() { _ = s.Close() })
	g := w.group("a", "HTTPS", "10.0.1.5")
	g.ProtocolVersion = "HTTP2"
	w.balancer("web", stack.Application)
	w.withTLS(forward("a"))
	w.update()
	w.await("10.0.1.5", "healthy")
	if e := w.get(w.client(), secureBase+"/").echo(t); e.Proto != "HTTP/2.0" {
		t.Errorf("the target gets %s, want HTTP/2 agreed by ALPN", e.Proto)
	}
	for len(names) > 0 {
		if got := <-names; got != `"" [h2]` {
			t.Errorf("server name and protocols %s", got)
		}
	}
}

func TestRequestsOfHTTP2ThatAreTooLargeAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pod("10.0.1.5", 8080, echoHandler("a"))
	w.group("a", "HTTP", "10.0.1.5")
	w.balancer("web", stack.Application)
	w.withTLS(forward("a"))
	w.update()
	w.await("10.0.1.5", "healthy")
	for name, tc := range map[string]struct {
		path          string
		headers, long int
		want          int
	}{
		"a URI of 15 KB":    {"/" + strings.Repeat("x", 15<<10), 0, 0, 200},
		"a URI of 17 KB":    {"/" + strings.Repeat("x", 17<<10), 0, 0, 414},
		"a header of 17 KB": {"/", 1, 17 << 10, 400},
		"headers of 60 KB":  {"/", 60, 1000, 200},
		"headers of 70 KB":  {"/", 70, 1000, 400},
	} {
		a := w.get(w.client(), secureBase+tc.path, func(r *http.Request) {
			for i := range tc.headers {
				r.Header.Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", tc.long))
			}
		})
		if a.StatusCode != tc.want || a.Proto != "HTTP/2.0" {
			t.Errorf("%s: %d over %s, want %d", name, a.StatusCode, a.Proto, tc.want)
		}
	}
}
