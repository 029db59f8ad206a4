package dataplane_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// plainWeb is a world with one ALB on port 80 that forwards everything to one pod.
func plainWeb(t *testing.T, pod http.Handler, attributes map[string]string) *world {
	t.Helper()
	w := newWorld(t)
	w.pod("10.0.1.5", 8080, pod)
	w.group("a", "HTTP", "10.0.1.5")
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a"))).Attributes = attributes
	w.update()
	w.await("10.0.1.5", "healthy")
	return w
}

// raw is a client that sends exactly the given text.
type raw struct {
	*world
	net.Conn
	in *bufio.Reader
}

func (w *world) raw() *raw {
	w.Helper()
	c := w.dialRaw("web", 80)
	return &raw{w, c, bufio.NewReader(c)}
}

func (r *raw) send(text string) {
	r.Helper()
	if _, err := io.WriteString(r.Conn, text); err != nil {
		r.Fatal(err)
	}
}

// receive reads an answer to a request of a method.
func (r *raw) receive(method string) answer {
	r.Helper()
	res, err := http.ReadResponse(r.in, &http.Request{Method: method})
	if err != nil {
		r.Fatalf("no answer: %v", err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.Fatal(err)
	}
	return answer{res, string(body)}
}

// ended reports whether the load balancer closed the connection.
func (r *raw) ended() bool {
	_, err := r.in.ReadByte()
	return err == io.EOF
}

func TestGeneratedAnswersAreByteForByteAWSs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.group("empty", "HTTP")
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("empty")))
	w.update()
	c := w.raw()
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	a := c.receive("GET")
	const body = "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n" +
		"<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n</body>\r\n</html>\r\n"
	if a.body != body || a.Status != "503 Service Temporarily Unavailable" {
		t.Errorf("%s\n%q", a.Status, a.body)
	}
	for name, want := range map[string]string{"Server": "awselb/2.0", "Content-Type": "text/html",
		"Connection": "keep-alive", "Content-Length": fmt.Sprint(len(body))} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	c.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
	if a := c.receive("HEAD"); a.StatusCode != http.StatusServiceUnavailable || a.ContentLength != int64(len(body)) {
		t.Errorf("HEAD: %d, length %d", a.StatusCode, a.ContentLength)
	}
	c.send("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: " + strings.Repeat("1.1.1.1, ", 30) + "1.1.1.1\r\n\r\n")
	if a := c.receive("GET"); a.Status != "463 " {
		t.Errorf("a status without words is %q", a.Status)
	}
	c.send("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n")
	if a := c.receive("TRACE"); a.Status != "405 Not Allowed" {
		t.Errorf("TRACE: %q", a.Status)
	}
	c.send("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n")
	if a := c.receive("GET"); a.StatusCode != http.StatusBadRequest || !a.Close || !c.ended() {
		t.Errorf("a bad request: %d, headers %v", a.StatusCode, a.Header)
	}
}

func TestRequestsOnOneConnectionKeepTheirOrderAndBodies(t *testing.T) {
	t.Parallel()
	w := plainWeb(t, echoHandler("a"), nil)
	c := w.raw()
	c.send("\r\nPOST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\noneGET /2?a=%zz HTTP/1.1\r\nHost: a\r\n\r\n" +
		"POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nthr\r\n2;x\r\nee\r\n0\r\nT: v\r\n\r\n" +
		"GET http://b.example.com/4 HTTP/1.1\r\nHost: a\r\n\r\n")
	for _, want := range []echo{{Path: "/1", Host: "a", Body: "one"}, {Path: "/2?a=%zz", Host: "a"},
		{Path: "/3", Host: "a", Body: "three"}, {Path: "/4", Host: "b.example.com"}} {
		if got := c.receive("GET").echo(t); got.Path != want.Path || got.Body != want.Body || got.Host != want.Host {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	for _, piece := range strings.SplitAfter("GET /slowly HTTP/1.1\r\nHost: a\r\n\r\n", "") {
		c.send(piece)
	}
	if got := c.receive("GET").echo(t).Path; got != "/slowly" {
		t.Errorf("byte by byte: %s", got)
	}
}

func TestOptionsOfTheServerItselfAreForwarded(t *testing.T) {
	t.Parallel()
	w := plainWeb(t, echoHandler("a"), nil)
	c := w.raw()
	c.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nGET /after?a=%zz HTTP/1.1\r\nHost: a\r\n\r\n")
	for _, want := range []echo{{Method: "OPTIONS", Path: "*"}, {Method: "GET", Path: "/after?a=%zz"}} {
		if got := c.receive(want.Method).echo(t); got.Method != want.Method || got.Path != want.Path {
			t.Errorf("the target got %s %s, want %s %s", got.Method, got.Path, want.Method, want.Path)
		}
	}
}

func TestDesyncMitigationModesActOnTheWire(t *testing.T) {
	t.Parallel()
	both := "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
	for mode, want := range map[string]struct {
		status int
		closes bool
	}{"monitor": {200, false}, "defensive": {200, true}, "strictest": {400, true}} {
		w := plainWeb(t, echoHandler("a"), map[string]string{"routing.http.desync_mitigation_mode": mode})
		c := w.raw()
		c.send(both)
		a := c.receive("POST")
		if a.StatusCode != want.status || a.Close != want.closes || want.status == 200 && a.echo(t).Body != "hi" {
			t.Errorf("%s: %d, close %v, %s", mode, a.StatusCode, a.Close, a.body)
		}
		if n := w.plane.Stats().
			LoadBalancers[w.topo.LoadBalancers[0].ARN]["DesyncMitigationMode_NonCompliant_Request_Count"]; n != 1 {
			t.Errorf("%s: counted %d", mode, n)
		}
		c = w.raw()
		c.send("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n")
		if a := c.receive("GET"); mode != "strictest" && a.StatusCode != http.StatusBadRequest || a.Header.Get("Server") ==
			"awselb/2.0" && mode != "strictest" {
			t.Errorf("%s: a space in the URI: %d from %q, want the target's refusal", mode, a.StatusCode, a.Header.Get("Server"))
		}
		c = w.raw()
		c.send("GET /a\x01b HTTP/1.1\r\nHost: a\r\n\r\n")
		if a := c.receive("GET"); mode != "strictest" && a.echo(t).Path != "/a%01b" {
			t.Errorf("%s: a control character: %d %s", mode, a.StatusCode, a.body)
		}
	}
}

func TestWhatIdlesIsEndedAsItDeserves(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		say  string
		want int // 0: closed without a word
	}{
		"nothing":      {"", 0},
		"half a head":  {"GET / HTTP/1.1\r\nHost:", 408},
		"half a body":  {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345", 408},
		"half a chunk": {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12", 408},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := plainWeb(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
			}),
				map[string]string{"idle_timeout.timeout_seconds": "1"}).raw()
			c.send(tc.say)
			if tc.want == 0 {
				if !c.ended() {
					t.Error("the connection did not end in silence")
				}
				return
			}
			if a := c.receive("GET"); a.StatusCode != tc.want || !a.Close || !strings.Contains(a.body, "408 Request") {
				t.Errorf("%d %v %q, want %d", a.StatusCode, a.Header, a.body, tc.want)
			}
		})
	}
}

func TestAnALBSendsContinueItselfAndForwardsNoExpectation(t *testing.T) {
	t.Parallel()
	w := plainWeb(t, echoHandler("a"), nil)
	c := w.raw()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
	if line, err := c.in.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	_, _ = c.in.ReadString('\n')
	c.send("hi")
	if e := c.receive("POST").echo(t); e.Body != "hi" || e.Header.Get("Expect") != "" {
		t.Errorf("%+v", e)
	}
}

func TestContinueIsSentBeforeAnyTargetIsContacted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.balancer("web", stack.Application, listener(80, "HTTP", notFound()))
	w.update()
	c := w.raw()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
	for _, want := range []string{"HTTP/1.1 100 Continue\r\n", "\r\n", "HTTP/1.1 404 Not Found\r\n"} {
		if line, err := c.in.ReadString('\n'); line != want {
			t.Fatalf("%q, %v, want %q", line, err, want)
		}
	}
}

func TestCompliantRequestsAreNotCountedAsOthersAre(t *testing.T) {
	t.Parallel()
	w := plainWeb(t, echoHandler("a"), nil)
	c := w.raw()
	for range 2 {
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		c.receive("GET")
	}
	c.send("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
	c.receive("GET")
	if n := w.count("DesyncMitigationMode_NonCompliant_Request_Count"); n != 1 {
		t.Errorf("%d requests are counted as not compliant", n)
	}
}

func TestAbsoluteURLsMayLackAPath(t *testing.T) {
	t.Parallel()
	w := plainWeb(t, echoHandler("a"), nil)
	c := w.raw()
	for url, want := range map[string]string{"http://b.example.com": "/", "http://b.example.com?x=y": "/?x=y",
		"http://b.example.com/?": "/?", "http://b.example.com:80/c": "/c"} {
		c.send("GET " + url + " HTTP/1.1\r\nHost: a\r\n\r\n")
		if e := c.receive("GET").echo(t); e.Path != want || e.Host != "b.example.com" {
			t.Errorf("%s: %s of %s", url, e.Path, e.Host)
		}
	}
}

func TestThirtyAddressesInXForwardedForAreTaken(t *testing.T) {
	t.Parallel()
	w := plainWeb(t, echoHandler("a"), nil)
	c := w.raw()
	for n, want := range map[int]int{30: http.StatusOK, 31: 463} {
		c.send("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: " + strings.Repeat("192.0.2.1, ",
			n-2) + "192.0.2.1\r\n\r\n")
		if a := c.receive("GET"); a.StatusCode != want {
			t.Errorf("%d addresses: %s", n, a.Status)
		}
	}
}

func TestHTTP10IsForwardedAs11AndAnsweredWithClose(t *testing.T) {
	t.Parallel()
	w := plainWeb(t, echoHandler("a"), nil)
	c := w.raw()
	c.send("GET /old HTTP/1.0\r\n\r\n")
	a := c.receive("GET")
	if e := a.echo(t); e.Proto != "HTTP/1.1" || e.Host != w.topo.LoadBalancers[0].DNSName || !a.Close || !c.ended() {
		t.Errorf("%+v, %v", e, a.Header)
	}
}

func TestTheHostHeaderNamesThePortOnlyWhereItIsNotTheDefault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pod("10.0.1.5", 8080, echoHandler("a"))
	w.group("a", "HTTP", "10.0.1.5")
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a")), listener(443, "HTTP", forward("a")),
		listener(8443, "HTTP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	for _, tc := range []struct {
		port                  int32
		host, changed, intact string
	}{
		{80, "www.example.com", "www.example.com", "www.example.com"},
		{80, "www.example.com:80", "www.example.com", "www.example.com:80"},
		{80, "WWW.Example.com", "www.example.com", "WWW.Example.com"},
		{443, "www.example.com", "www.example.com", "www.example.com"},
		{443, "www.example.com:443", "www.example.com", "www.example.com:443"},
		{8443, "www.example.com", "www.example.com:8443", "www.example.com"},
		{8443, "www.example.com:1", "www.example.com:1", "www.example.com:1"},
		{8443, "[2001:db8::1]", "[2001:db8::1]:8443", "[2001:db8::1]"},
	} {
		for preserve, want := range map[string]string{"false": tc.changed, "true": tc.intact} {
			w.topo.LoadBalancers[0].Attributes = map[string]string{"routing.http.preserve_host_header.enabled": preserve}
			w.update()
			if got := w.get(w.client(), fmt.Sprintf("%s:%d/", base, tc.port), setHost(tc.host)).echo(t).Host; got != want {
				t.Errorf("Host %s at port %d, preserved %s: %s, want %s", tc.host, tc.port, preserve, got, want)
			}
		}
	}
}

func TestAConnectionEndsAfterItsLifetime(t *testing.T) {
	t.Parallel()
	w := plainWeb(t, echoHandler("a"), map[string]string{"client_keep_alive.seconds": "1"})
	c := w.raw()
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if a := c.receive("GET"); a.Close {
		t.Error("it ended at once")
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if a := c.receive("GET"); a.Close {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it lives on")
		}
	}
}

func TestARefusedUpgradeLeavesTheConnectionToRequests(t *testing.T) {
	t.Parallel()
	w := plainWeb(t, echoHandler("a"), nil)
	c := w.raw()
	for range 2 {
		c.send("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		if a := c.receive("GET"); a.StatusCode != http.StatusOK || a.Close {
			t.Fatalf("%d, close %v", a.StatusCode, a.Close)
		}
	}
	c.send("GET /then HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n")
	if a := c.receive("GET"); a.StatusCode != http.StatusBadRequest {
		t.Errorf("requests are no longer inspected: %d", a.StatusCode)
	}
}

func TestResponseAttributesOfAListenerHoldForEveryAnswer(t *testing.T) {
	t.Parallel()
	w := plainWeb(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("X-Frame-Options", "ALLOWALL")
		rw.Header().Set("Server", "pod")
	}), nil)
	attributes := map[string]string{"routing.http.response.server.enabled": "false"}
	headers := map[string]string{
		"strict_transport_security":        "Strict-Transport-Security",
		"access_control_allow_origin":      "Access-Control-Allow-Origin",
		"access_control_allow_methods":     "Access-Control-Allow-Methods",
		"access_control_allow_headers":     "Access-Control-Allow-Headers",
		"access_control_allow_credentials": "Access-Control-Allow-Credentials",
		"access_control_expose_headers":    "Access-Control-Expose-Headers",
		"access_control_max_age":           "Access-Control-Max-Age", "content_security_policy": "Content-Security-Policy",
		"x_content_type_options": "X-Content-Type-Options", "x_frame_options": "X-Frame-Options",
	}
	for key := range headers {
		attributes["routing.http.response."+key+".header_value"] = "v-" + key
	}
	l := &w.topo.LoadBalancers[0].Listeners[0]
	l.Attributes, l.Rules = attributes, []stack.Rule{onPath(1, "/none", notFound())}
	w.update()
	for path, server := range map[string]string{"/": "pod", "/none": ""} {
		a := w.get(w.client(), base+path)
		for key, name := range headers {
			if got := a.Header[name]; len(got) != 1 || got[0] != "v-"+key {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if got := a.Header.Get("Server"); got != server {
			t.Errorf("%s: Server %q, want %q", path, got, server)
		}
	}
}

func TestInvalidHeaderNamesAreDroppedOrCounted(t *testing.T) {
	t.Parallel()
	w := plainWeb(t, echoHandler("a"), nil)
	count := func(name string) int64 { return w.plane.Stats().LoadBalancers[w.topo.LoadBalancers[0].ARN][name] }
	request := "GET / HTTP/1.1\r\nHost: a\r\nx_y: 1\r\nx.z: 2\r\n\r\n"
	c := w.raw()
	c.send(request)
	if e := c.receive("GET").echo(t); len(e.Header["X_y"]) != 1 || count("ForwardedInvalidHeaderRequestCount") != 1 {
		t.Errorf("%v", e.Header)
	}
	w.topo.LoadBalancers[0].Attributes = map[string]string{"routing.http.drop_invalid_header_fields.enabled": "true"}
	w.update()
	c.send(request)
	if e := c.receive("GET").echo(t); len(e.Header["X_y"]) != 0 || count("DroppedInvalidHeaderRequestCount") != 1 {
		t.Errorf("%v", e.Header)
	}
	c.send("GET / HTTP/1.1\r\nHost: a\r\nno token: 1\r\nA: b\r\n\r\n")
	if e := c.receive("GET").echo(t); e.Header.Get("A") != "b" || count("DroppedInvalidHeaderRequestCount") != 2 {
		t.Errorf("%v", e.Header)
	}
}

func TestADrainedTargetsRequestsEndWithItsDelay(t *testing.T) {
	t.Parallel()
	arrived := make(chan bool)
	w := plainWeb(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			arrived <- true
			<-r.Context().Done()
		}
	}), nil)
	c := w.raw()
	c.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	<-arrived
	g := &w.topo.TargetGroups[0]
	g.Attributes = map[string]string{"deregistration_delay.timeout_seconds": "0"}
	g.Targets[0].Draining = true
	w.update()
	g.Targets = nil
	w.update()
	if a := c.receive("GET"); a.StatusCode != http.StatusBadGateway {
		t.Errorf("%d, want 502", a.StatusCode)
	}
}
