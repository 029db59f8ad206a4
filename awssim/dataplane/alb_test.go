package dataplane_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"math"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const base = "http://web-1.us-west-2.elb.amazonaws.com"

func TestAnALBForwardsByRuleAndSendsTheTargetTheClientsAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pod("10.0.1.5", 8080, echoHandler("a"))
	w.pod("10.0.1.6", 8080, echoHandler("b"))
	w.group("a", "HTTP", "10.0.1.5")
	w.group("b", "HTTP", "10.0.1.6")
	w.balancer("web", stack.Application, listener(80, "HTTP", notFound(),
		onPath(2, "/*", forward("b")), onPath(1, "/api/*", forward("a"))))
	w.update()
	w.await("10.0.1.5", "healthy")
	w.await("10.0.1.6", "healthy")
	c := w.client()

	a := w.get(c, base+"/api/x%2Fy?q=1&q=%20", setHost("app.example.com"), setHeader("X-Forwarded-For", "192.0.2.1"),
		setHeader("X-Forwarded-Proto", "gopher"))
	e := a.echo(t)
	if e.Pod != "a" || e.Path != "/api/x%2Fy?q=1&q=%20" || e.Host != "app.example.com" || e.Proto != "HTTP/1.1" {
		t.Errorf("echo %+v", e)
	}
	if !strings.HasPrefix(e.Remote, "10.0.0.1:") && !strings.HasPrefix(e.Remote, "10.0.1.1:") {
		t.Errorf("the target sees %s, want an address of the load balancer", e.Remote)
	}
	for name, want := range map[string]string{
		"X-Forwarded-For": "192.0.2.1, 203.0.113.1", "X-Forwarded-Proto": "http", "X-Forwarded-Port": "80", "Connection": "",
	} {
		if got := e.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if id := e.Header.Get("X-Amzn-Trace-Id"); !regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$`).MatchString(id) {
		t.Errorf("trace id %q", id)
	}
	if a.Header.Get("Server") != "" || a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", a.Header)
	}
	if got := w.get(c, base+"/other").echo(t).Pod; got != "b" {
		t.Errorf("/other went to %s", got)
	}
	if got := w.get(c, base+"//double//slash").echo(t).Path; got != "//double//slash" {
		t.Errorf("path became %s", got)
	}
	stats := w.plane.Stats()
	if n := stats.Rules["rule-1"]; n != 1 {
		t.Errorf("rule-1 took %d requests", n)
	}
	if n := stats.LoadBalancers[w.topo.LoadBalancers[0].ARN]["HTTPCode_Target_2XX_Count"]; n != 3 {
		t.Errorf("%d answers with 2xx", n)
	}
}

func TestBodiesGoBothWays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pod("10.0.1.5", 8080, echoHandler("a"))
	w.group("a", "HTTP", "10.0.1.5")
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	body := strings.Repeat("0123456789", 100_000)
	for _, chunked := range []bool{false, true} {
		a := w.do(w.client(), "POST", base+"/up", func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(body))
			if !chunked {
				r.ContentLength = int64(len(body))
			}
		})
		if got := a.echo(t).Body; got != body {
			t.Errorf("chunked %v: %d bytes of %d came back", chunked, len(got), len(body))
		}
	}
}

func TestAnALBAnswersItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pod("10.0.1.5", 8080, echoHandler("a"))
	w.group("empty", "HTTP")
	w.group("refusing", "HTTP", "10.0.1.5").Targets[0].Port = 9999
	w.group("h2", "HTTP", "10.0.1.5").ProtocolVersion = "HTTP2"
	redirect := []stack.Action{{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Protocol: "HTTPS", Port: "443",
		StatusCode: "HTTP_301"}}}
	teapot := []stack.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
		StatusCode: "418", ContentType: "application/json", MessageBody: "{}"}}}
	bad := onPath(7, "/bad", forward("empty"))
	bad.Transforms = []stack.Transform{{Type: "url-rewrite", Rewrites: []stack.Rewrite{{Regex: ".*", Replace: "x"}}}}
	l := listener(80, "HTTP", notFound(),
		onPath(1, "/redirect/*", redirect), onPath(2, "/teapot", teapot), onPath(3, "/empty", forward("empty")),
		onPath(4, "/refused", forward("refusing")), onPath(5, "/zero", weighted(map[string]int32{"empty": 0})),
		onPath(6, "/h2", forward("h2")), bad)
	l.Attributes = map[string]string{"routing.http.response.x_frame_options.header_value": "DENY"}
	w.balancer("web", stack.Application, l)
	w.update()
	c := w.client()
	for _, tc := range []struct {
		method, path string
		status       int
		contentType  string
		body         string
		change       func(*http.Request)
	}{
		{"GET", "/", 404, "text/plain", "", nil},
		{"GET", "/teapot", 418, "application/json", "{}", nil},
		{"HEAD", "/teapot", 418, "application/json", "", nil},
		{"GET", "/redirect/a?x=1", 301, "text/html", "<html>\r\n<head><title>301 Moved Permanently</title></head>", nil},
		{"GET", "/empty", 503, "text/html", "503 Service Temporarily Unavailable", nil},
		{"GET", "/zero", 503, "text/html", "503 Service Temporarily Unavailable", nil},
		{"GET", "/refused", 502, "text/html", "502 Bad Gateway", nil},
		{"POST", "/refused", 502, "text/html", "502 Bad Gateway", nil},
		{"GET", "/h2", 464, "text/html", "464", nil},
		{"GET", "/bad", 500, "text/html", "500 Internal Server Error", nil},
		{"TRACE", "/", 405, "text/html", "405 Not Allowed", nil},
		{"GET", "/" + strings.Repeat("x", 17<<10), 414, "text/html", "414", nil},
		{"GET", "/big", 400, "text/html", "400 Bad Request", setHeader("X-Big", strings.Repeat("x", 17<<10))},
		{"GET", "/xff", 463, "text/html", "463", setHeader("X-Forwarded-For", strings.Repeat("192.0.2.1, ", 31)+"192.0.2.1")},
	} {
		change := tc.change
		if change == nil {
			change = func(*http.Request) {}
		}
		a := w.do(c, tc.method, base+tc.path, change)
		name := tc.method + " " + tc.path[:min(len(tc.path), 20)]
		if a.StatusCode != tc.status || a.Header.Get("Content-Type") != tc.contentType ||
			!strings.Contains(a.body, tc.body) || tc.body == "" && tc.method == "HEAD" && a.body != "" {
			t.Errorf("%s: %d %q %q, want %d %q %q", name, a.StatusCode, a.Header.Get("Content-Type"), a.body, tc.status,
				tc.contentType, tc.body)
		}
		if a.Header.Get("Server") != "awselb/2.0" || a.Header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: headers %v", name, a.Header)
		}
	}
	if got := w.get(c, base+"/redirect/a?x=1", setHost("shop.example.com")).Header.Get("Location"); got !=
		"https://shop.example.com:443/redirect/a?x=1" {
		t.Errorf("Location %s", got)
	}
	if n := w.plane.Stats().LoadBalancers[w.topo.LoadBalancers[0].ARN]["HTTPCode_ELB_502_Count"]; n != 2 {
		t.Errorf("%d times 502", n)
	}
}

func TestNonsenseGetsTheLoadBalancersErrorPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.balancer("web", stack.Application, listener(80, "HTTP", notFound()))
	w.update()
	for request, want := range map[string]int{
		"GET / HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n":                   400,
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n":                    400,
		"GET / HTTP/2.0\r\nHost: a\r\n\r\n":                               505,
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n":   501,
		"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n":                       405,
		"GET /" + strings.Repeat("x", 20<<10):                             414,
		"GET / HTTP/1.1\r\n\r\n":                                          400,
		"nonsense\r\n\r\n":                                                400,
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":                                505,
		"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 100<<10): 400,
	} {
		c := w.dialRaw("web", 80)
		_, _ = io.WriteString(c, request)
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Errorf("%.20q: %v", request, err)
			continue
		}
		_ = res.Body.Close()
		if res.StatusCode != want || res.Header.Get("Server") != "awselb/2.0" {
			t.Errorf("%.20q: %d, headers %v, want %d", request, res.StatusCode, res.Header, want)
		}
	}
}

func TestWeightsHoldWithinThreeSigma(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, name := range []string{"blue", "green"} {
		ip := fmt.Sprintf("10.0.1.%d", 5+i)
		w.pod(ip, 8080, echoHandler(name))
		w.group(name, "HTTP", ip)
	}
	w.balancer("web", stack.Application, listener(80, "HTTP", weighted(map[string]int32{"blue": 80, "green": 20})))
	w.update()
	w.await("10.0.1.5", "healthy")
	w.await("10.0.1.6", "healthy")
	c := w.client()
	const n, p = 2000, 0.2
	green := 0
	for range n {
		if w.get(c, base+"/").echo(t).Pod == "green" {
			green++
		}
	}
	if sigma := math.Sqrt(n * p * (1 - p)); math.Abs(float64(green)-n*p) > 3*sigma {
		t.Errorf("%d of %d requests went to green, want %v ± %.0f", green, n, n*p, 3*sigma)
	}
	w.topo.TargetGroups[1].Targets = nil
	w.update()
	unavailable := 0
	for range 500 {
		if w.get(c, base+"/").StatusCode == http.StatusServiceUnavailable {
			unavailable++
		}
	}
	if unavailable < 50 || unavailable > 160 {
		t.Errorf("%d of 500 requests got 503, want about 100: a group without targets keeps its share", unavailable)
	}
}

func TestRoundRobinVisitsEveryTarget(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ips []string
	for i := range 3 {
		ips = append(ips, fmt.Sprintf("10.0.1.%d", 5+i))
		w.pod(ips[i], 8080, echoHandler(ips[i]))
	}
	w.group("a", "HTTP", ips...)
	lb := w.balancer("web", stack.Application, listener(80, "HTTP", forward("a")))
	w.update()
	for _, ip := range ips {
		w.await(ip, "healthy")
	}
	seen := map[string]int{}
	c := w.client() // always at the same node
	c.Transport.(*http.Transport).DialContext = w.from("10.0.9.9")
	for range 300 {
		seen[w.get(c, fmt.Sprintf("http://%s/", lb.Zones[0].Private)).echo(t).Pod]++
	}
	for _, ip := range ips {
		if seen[ip] != 100 {
			t.Errorf("visits %v, want 100 each", seen)
			break
		}
	}
}

func TestTLSWithTheCertificateOfTheServerName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pod("10.0.1.5", 8080, echoHandler("a"))
	w.group("a", "HTTP", "10.0.1.5")
	l := listener(443, "HTTPS", forward("a"))
	l.Certificates = []topology.Certificate{certificate(t, "default.example.com"), certificate(t, "app.example.com"),
		certificate(t, "*.wild.example.com")}
	l.SSLPolicy = "ELBSecurityPolicy-TLS13-1-2-2021-06"
	w.balancer("web", stack.Application, l)
	w.update()
	w.await("10.0.1.5", "healthy")
	for name, want := range map[string]string{
		"app.example.com": "app.example.com", "APP.example.com": "app.example.com",
		"x.wild.example.com":   "*.wild.example.com",
		"a.b.wild.example.com": "default.example.com", "other.org": "default.example.com", "": "default.example.com",
	} {
		c := tls.Client(w.dialRaw("web", 443), &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: []string{
			"h2", "http/1.1"}})
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		s := c.ConnectionState()
		if got := s.PeerCertificates[0].DNSNames[0]; got != want || s.NegotiatedProtocol != "h2" ||
			s.Version != tls.VersionTLS13 {
			t.Errorf("server name %q: certificate %s, want %s; protocol %s, %s", name, got, want, s.NegotiatedProtocol,
				tls.VersionName(s.Version))
		}
		_ = c.Close()
	}
	old := tls.Client(w.dialRaw("web", 443), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10,
		MaxVersion: tls.VersionTLS11})
	if old.Handshake() == nil {
		t.Error("TLS 1.1 was accepted against the security policy")
	}

	a := w.get(w.client(), "https://web-1.us-west-2.elb.amazonaws.com/x", setHost("app.example.com"))
	e := a.echo(t)
	if a.ProtoMajor != 2 || e.Proto != "HTTP/1.1" || e.Header.Get("X-Forwarded-Proto") != "https" ||
		e.Header.Get("X-Forwarded-Port") != "443" || e.Host != "app.example.com" {
		t.Errorf("HTTP/%d, echo %+v", a.ProtoMajor, e)
	}

	plain := w.dialRaw("web", 443)
	_, _ = io.WriteString(plain, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(plain), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusBadRequest || !strings.Contains(string(body),
		"The plain HTTP request was sent to HTTPS port") {
		t.Errorf("plain HTTP: %d %s", res.StatusCode, body)
	}
}

func TestHTTP2TargetsGetHTTP2WithTrailers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pod("10.0.1.5", 8080, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/grpc")
		rw.Header().Set("Trailer", "Grpc-Status")
		_, _ = io.Copy(rw, r.Body)
		if r.URL.Path == "/AWS.ALB/healthcheck" {
			rw.Header().Set("Grpc-Status", "12")
		} else {
			rw.Header().Set("Grpc-Status", "0")
		}
		rw.Header().Set(http.TrailerPrefix+"Seen-Proto", r.Proto)
		rw.Header().Set(http.TrailerPrefix+"Seen-Te", r.Header.Get("Te"))
	}))
	g := w.group("grpc", "HTTP", "10.0.1.5")
	g.ProtocolVersion, g.HealthCheck.Path, g.HealthCheck.Matcher = "GRPC", "/AWS.ALB/healthcheck", "12"
	l := listener(443, "HTTPS", forward("grpc"))
	l.Certificates = []topology.Certificate{certificate(t, "a.b")}
	w.balancer("web", stack.Application, l)
	w.update()
	w.await("10.0.1.5", "healthy")
	a := w.do(w.client(), "POST", "https://web-1.us-west-2.elb.amazonaws.com/pkg.Service/Method",
		setHeader("Content-Type", "application/grpc"), setHeader("Te", "trailers"), func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader("hello"))
		})
	if a.Trailer.Get("Seen-Te") != "trailers" {
		t.Errorf("TE is %q", a.Trailer.Get("Seen-Te"))
	}
	if a.StatusCode != http.StatusOK || a.body != "hello" || a.Trailer.Get("Grpc-Status") != "0" ||
		a.Trailer.Get("Seen-Proto") != "HTTP/2.0" {
		t.Errorf("%d %q trailers %v", a.StatusCode, a.body, a.Trailer)
	}
	if a := w.get(w.client(), "https://web-1.us-west-2.elb.amazonaws.com/pkg.Service/Method"); a.StatusCode != 464 {
		t.Errorf("GET of a gRPC method: %d, want 464", a.StatusCode)
	}
}
