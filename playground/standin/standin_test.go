package standin

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var identity = Identity{Namespace: "shop", Pod: "web-1", Node: "node-a", Service: "web"}

func TestTheEchoReturnsWhatItReceivedAndItsIdentity(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPut, "http://shop.example.com/any/de%2Fep?x=1", nil)
	r.Header = http.Header{"X-Forwarded-For": {"203.0.113.1"}}
	w := httptest.NewRecorder()
	Handler(identity).ServeHTTP(w, r)
	var got Answer
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := Answer{
		Path: "/any/de%2Fep", Query: "x=1", Host: "shop.example.com", Method: "PUT", Proto: "HTTP/1.1",
		Headers:   http.Header{"X-Forwarded-For": {"203.0.113.1"}},
		Namespace: "shop", Service: "web", Pod: "web-1", Node: "node-a", RemoteAddr: "192.0.2.1:1234",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestSpecialPathsAnswerAsHealthChecksNeed(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/health":     {200, "OK"},
		"/status/500": {500, ""},
		"/status/204": {204, ""},
		"/status/abc": {400, "write a status"},
		"/status/999": {400, "write a status"},
		"/statusx":    {200, `"service": "web"`},
	} {
		w := httptest.NewRecorder()
		Handler(identity).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want.status || !strings.Contains(w.Body.String(), want.body) {
			t.Errorf("%s: got %d %q, want %d %q", path, w.Code, w.Body, want.status, want.body)
		}
	}
}

func TestShutdownLetsARequestInFlightFinishAndRefusesNewOnes(t *testing.T) {
	t.Parallel()
	l := listen(t)
	entered := make(chan struct{})
	s := serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		Handler(identity).ServeHTTP(w, r)
	}))
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nX-Delay: 300ms\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-entered // a request that was not read yet would be dropped, by any server
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s.Shutdown(ctx)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("status %d", resp.StatusCode)
	}
	if _, err := l.Accept(); err == nil {
		t.Error("still listening")
	}
}

func TestTheTCPServerSendsThePodsNameAndEchoes(t *testing.T) {
	t.Parallel()
	l := listen(t)
	s := ServeTCP(l, identity)
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	if line, err := r.ReadString('\n'); err != nil || line != "web-1\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := r.ReadString('\n'); err != nil || line != "hello\n" {
		t.Fatalf("%q, %v", line, err)
	}
	s.Shutdown(context.Background())
	if _, err := r.ReadString('\n'); err == nil {
		t.Error("connection outlived the server")
	}
}

func TestTheUDPServerAnswersWithThePodsName(t *testing.T) {
	t.Parallel()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := ServeUDP(c, identity)
	defer s.Shutdown(context.Background())
	conn, err := net.Dial("udp", c.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("?")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, err := conn.Read(buf)
	if err != nil || string(buf[:n]) != "web-1" {
		t.Errorf("%q, %v", buf[:n], err)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}
