package dataplane_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// withTLS adds an HTTPS listener to the only load balancer.
func (w *world) withTLS(byDefault []stack.Action, rules ...stack.Rule) {
	l := listener(443, "HTTPS", byDefault, rules...)
	l.Certificates = []topology.Certificate{certificate(w, "a.b")}
	w.topo.LoadBalancers[0].Listeners = append(w.topo.LoadBalancers[0].Listeners, l)
}

func TestAnHTTP2ConnectionIsGoneAfterTenThousandRequests(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("ten thousand requests")
	}
	w := newWorld(t)
	w.balancer("web", stack.Application)
	w.withTLS(notFound())
	w.update()
	var dials int
	var mu sync.Mutex
	c := w.client()
	tr := c.Transport.(*http.Transport)
	tr.TLSClientConfig.VerifyConnection = func(tls.ConnectionState) error {
		mu.Lock()
		defer mu.Unlock()
		dials++
		return nil
	}
	if a := w.get(c, secureBase+"/"); a.ProtoMajor != 2 {
		t.Fatalf("HTTP/%d", a.ProtoMajor)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 500 {
				res, err := c.Get(secureBase + "/")
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
		})
	}
	all.Wait()
	w.get(c, secureBase+"/")
	if dials != 2 {
		t.Errorf("10,002 requests took %d connections, want 2", dials)
	}
}

func TestProtocolVersionsThatDoNotFitAre464(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pod("10.0.1.5", 8080, echoHandler("a"))
	for _, version := range []string{"HTTP1", "HTTP2", "GRPC"} {
		g := w.group(strings.ToLower(version), "HTTP", "10.0.1.5")
		g.ProtocolVersion = version
	}
	w.group("empty", "HTTP").ProtocolVersion = "GRPC"
	rules := []stack.Rule{onPath(1, "/http1", forward("http1")), onPath(2, "/http2", forward("http2")),
		onPath(3, "/grpc", forward("grpc")), onPath(4, "/empty", forward("empty"))}
	w.balancer("web", stack.Application, listener(80, "HTTP", notFound(), rules...))
	w.withTLS(notFound(), rules...)
	w.update()
	w.await("10.0.1.5", "healthy")
	grpc := setHeader("Content-Type", "application/grpc+proto")
	for _, tc := range []struct {
		base, method, path string
		change             func(*http.Request)
		want               int
	}{
		{base, "GET", "/http1", nil, 200}, {base, "GET", "/http2", nil, 464}, {base, "POST", "/grpc", grpc, 464},
		{base, "POST", "/http1", grpc, 464},
		{secureBase, "GET", "/http1", nil, 200}, {secureBase, "GET", "/http2", nil, 200},
		{secureBase, "GET", "/grpc", nil, 464},
		{secureBase, "POST", "/grpc", grpc, 200}, {secureBase, "POST", "/http1", grpc, 464},
		{secureBase, "POST", "/empty", nil, 503},
	} {
		if tc.change == nil {
			tc.change = func(*http.Request) {}
		}
		if got := w.do(w.client(), tc.method, tc.base+tc.path, tc.change).StatusCode; got != tc.want {
			t.Errorf("%s %s%s: %d, want %d", tc.method, tc.base, tc.path, got, tc.want)
		}
	}
	a := w.do(w.client(), "POST", secureBase+"/empty", grpc)
	if a.StatusCode != http.StatusOK || a.Header.Get("Grpc-Status") != "14" || a.Header.Get("Content-Type") !=
		"application/grpc" || a.body != "" {
		t.Errorf("gRPC without targets: %d %v %q", a.StatusCode, a.Header, a.body)
	}
	if n := w.plane.Stats().LoadBalancers[w.topo.LoadBalancers[0].ARN]["GrpcRequestCount"]; n != 1 {
		t.Errorf("%d gRPC requests", n)
	}
}

func TestAnHTTP2ConnectionMayHave128StreamsAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.balancer("web", stack.Application)
	w.withTLS(notFound())
	w.update()
	c := tls.Client(w.dialRaw("web", 443), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	_, _ = io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	head := make([]byte, 9) // of the first frame, which holds the settings (RFC 9113 §6.5)
	if _, err := io.ReadFull(c, head); err != nil || head[3] != 4 {
		t.Fatalf("%x, %v", head, err)
	}
	settings := make([]byte, int(head[1])<<8|int(head[2]))
	if _, err := io.ReadFull(c, settings); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(settings, []byte{0, 3, 0, 0, 0, 128}) {
		t.Errorf("settings %x", settings)
	}
}

func TestAnHTTP2ConnectionEndsAfterItsLifetime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.balancer("web", stack.Application).Attributes = map[string]string{"client_keep_alive.seconds": "1"}
	w.withTLS(notFound())
	w.update()
	c := w.client()
	connections := func() int64 { return w.count("NewConnectionCount") }
	w.get(c, secureBase+"/")
	w.within("the connection is replaced", func() bool {
		if a := w.get(c, secureBase+"/"); a.StatusCode != http.StatusNotFound {
			t.Fatalf("%d", a.StatusCode)
		}
		return connections() == 2
	})
}

func TestRulesSeeTheAuthorityOfHTTP2AsHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pod("10.0.1.5", 8080, echoHandler("a"))
	w.group("a", "HTTP", "10.0.1.5")
	rule := onPath(1, "/x", forward("a"))
	rule.Conditions = append(rule.Conditions, stack.Condition{Field: stack.HostHeader, Values: []string{
		"app.example.com"}})
	w.balancer("web", stack.Application)
	w.withTLS(notFound(), rule)
	w.update()
	w.await("10.0.1.5", "healthy")
	for host, want := range map[string]int{"APP.example.com": 200, "APP.example.com:443": 200, "app.example.com:8443": 404,
		"other.example.com": 404} {
		if a := w.get(w.client(), secureBase+"/x", setHost(host)); a.StatusCode != want || a.ProtoMajor != 2 {
			t.Errorf("%s: HTTP/%d %d, want %d", host, a.ProtoMajor, a.StatusCode, want)
		}
	}
}

func TestHTTP2IsOfferedUnlessItIsSwitchedOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.balancer("web", stack.Application)
	w.withTLS(notFound())
	for enabled, want := range map[string]string{"true": "h2", "false": "http/1.1"} {
		w.topo.LoadBalancers[0].Attributes = map[string]string{"routing.http2.enabled": enabled}
		w.update()
		c := tls.Client(w.dialRaw("web", 443), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		if got := c.ConnectionState().NegotiatedProtocol; got != want {
			t.Errorf("enabled %s: %s", enabled, got)
		}
		_ = c.Close()
	}
}

func TestChecksLookLikeAWSs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seen := make(chan *http.Request, 100)
	note := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case seen <- r:
		default:
		}
	})
	w.pod("10.0.1.5", 8080, note)
	w.pod("10.0.1.5", 80, note)
	for port, want := range map[string]string{stack.TrafficPort: "10.0.1.5:8080", "80": "10.0.1.5"} {
		g := w.group("g"+port, "HTTP", "10.0.1.5")
		g.HealthCheck.Port, g.HealthCheck.Path = port, "/healthz?x=1"
		w.topo.LoadBalancers = nil
		w.balancer("web", stack.Application, listener(80, "HTTP", forward("g"+port)))
		w.update()
		w.await("10.0.1.5", "healthy")
		for deadline := 0; ; deadline++ {
			r := <-seen
			if r.Host != want && deadline < 50 {
				continue // a check of the group before
			}
			if r.Host != want || r.Method != http.MethodGet || r.RequestURI != "/healthz?x=1" ||
				r.UserAgent() != "ELB-HealthChecker/2.0" || r.Header.Get("Connection") != "close" || r.Proto != "HTTP/1.1" {
				t.Errorf("%s %s %s from %s to %s, want host %s", r.Method, r.RequestURI, r.Proto, fmt.Sprint(r.Header),
					r.Host, want)
			}
			break
		}
	}
}

// frames speaks HTTP/2 frame by frame, for what no HTTP library sends.
type frames struct {
	t testing.TB
	*http2.Framer
	block bytes.Buffer
	enc   *hpack.Encoder
}

func (w *world) frames() *frames {
	w.Helper()
	c := tls.Client(w.dialRaw("web", 443), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		w.Fatal(err)
	}
	f := &frames{t: w.TB, Framer: http2.NewFramer(c, c)}
	f.enc = hpack.NewEncoder(&f.block)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if err := f.WriteSettings(); err != nil {
		w.Fatal(err)
	}
	return f
}

// send begins a stream with pairs of names and values.
func (f *frames) send(stream uint32, end bool, pairs ...string) {
	f.t.Helper()
	f.block.Reset()
	for i := 0; i < len(pairs); i += 2 {
		if err := f.enc.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]}); err != nil {
			f.t.Fatal(err)
		}
	}
	if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: f.block.Bytes(), EndStream: end,
		EndHeaders: true}); err != nil {
		f.t.Fatal(err)
	}
}

// answer is the status of a stream's answer, and whether the stream was reset.
func (f *frames) answer() (status string, reset bool) {
	f.t.Helper()
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			f.t.Fatal(err)
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			status = frame.PseudoValue("status")
			if frame.StreamEnded() {
				return status, false
			}
		case *http2.DataFrame:
			if frame.StreamEnded() {
				return status, false
			}
		case *http2.RSTStreamFrame:
			return status, true
		}
	}
}

func TestAMethodThatIsNoTokenIsABadRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.balancer("web", stack.Application)
	w.withTLS(notFound())
	w.update()
	f := w.frames()
	f.send(1, true, ":method", "GET IT", ":scheme", "https", ":path", "/", ":authority", "a.b")
	if status, _ := f.answer(); status != "400" {
		t.Errorf("status %s, want 400", status)
	}
}

// TestAGeneratedAnswerReadsASmallBody: RST_STREAM right behind an answer makes older clients fail.
func TestAGeneratedAnswerReadsASmallBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.balancer("web", stack.Application)
	w.withTLS(notFound())
	w.update()
	f := w.frames()
	f.send(1, false, ":method", "POST", ":scheme", "https", ":path", "/", ":authority", "a.b")
	if err := f.WriteData(1, true, []byte("a small body")); err != nil {
		t.Fatal(err)
	}
	if status, reset := f.answer(); status != "404" || reset {
		t.Errorf("status %s, reset %v", status, reset)
	}
	f.send(3, true, ":method", "GET", ":scheme", "https", ":path", "/", ":authority", "a.b")
	if status, reset := f.answer(); status != "404" || reset { // nothing of the first stream comes late
		t.Errorf("next: status %s, reset %v", status, reset)
	}
}

func TestAnUnknownProtocolInALPNEndsNoHandshake(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.balancer("web", stack.Application)
	w.withTLS(notFound())
	w.update()
	c := tls.Client(w.dialRaw("web", 443), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.0"}})
	if err := c.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p := c.ConnectionState().NegotiatedProtocol; p != "" {
		t.Errorf("protocol %q", p)
	}
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if all, err := io.ReadAll(c); err != nil || !bytes.HasPrefix(all, []byte("HTTP/1.1 404 ")) {
		t.Errorf("%q, %v", all, err)
	}
}

func TestFieldsThatHTTP2ForbidsGetTheLoadBalancersErrorPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.balancer("web", stack.Application)
	w.withTLS(notFound())
	w.update()
	for _, tc := range []struct{ name, value, want string }{
		{"te", "gzip", "400"}, {"connection", "close", "400"}, {"transfer-encoding", "chunked", "400"},
		{"upgrade", "websocket", "400"},
		{"keep-alive", "1", "400"}, {"te", "trailers", "404"}, {"awssim-refusal", "1", "404"},
	} {
		f := w.frames()
		f.send(1, true, ":method", "GET", ":scheme", "https", ":path", "/", ":authority", "a.b", tc.name, tc.value)
		for {
			frame, err := f.ReadFrame()
			if err != nil {
				t.Fatal(err)
			}
			head, ok := frame.(*http2.MetaHeadersFrame)
			if !ok {
				continue
			}
			server := ""
			for _, field := range head.Fields {
				if field.Name == "server" {
					server = field.Value
				}
			}
			if status := head.PseudoValue("status"); status != tc.want || server != "awselb/2.0" {
				t.Errorf("%s: %s: status %s of %q, want %s", tc.name, tc.value, status, server, tc.want)
			}
			break
		}
	}
}

func TestNoContinueIsSentOverHTTP2(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.balancer("web", stack.Application)
	w.withTLS(notFound())
	w.update()
	f := w.frames()
	f.send(1, false, ":method", "POST", ":scheme", "https", ":path", "/", ":authority", "a.b", "expect", "100-continue")
	if err := f.WriteData(1, true, []byte("a small body")); err != nil {
		t.Fatal(err)
	}
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if head, ok := frame.(*http2.MetaHeadersFrame); ok {
			if status := head.PseudoValue("status"); status != "404" {
				t.Errorf("the first head has status %s, want that of the answer, 404", status)
			}
			return
		}
	}
}

func TestABrokenHeaderBlockEndsTheHTTP2Connection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.balancer("web", stack.Application)
	w.withTLS(notFound())
	w.update()
	for name, tc := range map[string]struct {
		send func(f *frames) error
		want http2.ErrCode
	}{
		"index that no table has": {func(f *frames) error {
			return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0xff, 0x00}, EndHeaders: true})
		}, http2.ErrCodeCompression},
		"another frame within a block": {func(f *frames) error {
			if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82}}); err != nil {
				return err
			}
			return f.WritePing(false, [8]byte{})
		}, http2.ErrCodeProtocol},
	} {
		f := w.frames()
		if err := tc.send(f); err != nil {
			t.Fatal(err)
		}
		for {
			frame, err := f.ReadFrame()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if away, ok := frame.(*http2.GoAwayFrame); ok {
				if away.ErrCode != tc.want {
					t.Errorf("%s: %v, want %v", name, away.ErrCode, tc.want)
				}
				break
			}
		}
	}
}
