package load

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/await"
)

// dial connects as usual.
var dial = new(net.Dialer).DialContext

func TestRequestsThatFailAreCountedByTheirText(t *testing.T) {
	t.Parallel()
	answers := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if answers++; answers%2 == 0 { // one client calls
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	clients := Start(t.Context())
	clients.Add(1, time.Millisecond, func() Client { return Requests(dial, server.URL, Kept) })
	await.Until(t, "ten requests", func() bool { return clients.Requests() >= 10 })
	r := clients.Stop()
	if r.Requests < 10 || r.Failed != r.Requests/2 || r.How["503 Service Unavailable"] != r.Failed || r.First.IsZero() ||
		r.Last.Before(r.First) {
		t.Error(r)
	}
}

func TestFailuresOfManyTextsAreAllCountedAndFewTextsKept(t *testing.T) {
	t.Parallel()
	clients := Start(t.Context())
	defer clients.Stop()
	const n = 3 * maxTexts
	for i := range n {
		clients.count(fmt.Errorf("failure %d", i))
	}
	r := clients.Stop()
	sum := 0
	for _, m := range r.How {
		sum += m
	}
	if r.Failed != n || sum != n || len(r.How) != maxTexts+1 {
		t.Errorf("%d texts for %d failures: %s", len(r.How), sum, r)
	}
}

func TestConnectionFailuresAreCountedByCause(t *testing.T) {
	t.Parallel()
	clients := Start(t.Context())
	for port := range 5 {
		refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{Port: port}, Err: os.NewSyscallError("connect",
			syscall.ECONNREFUSED)}
		clients.count(fmt.Errorf("a datagram was not sent: %w", refused))
	}
	if r := clients.Stop(); r.How["dial: connect: connection refused"] != 5 {
		t.Error(r)
	}
}

func TestTheEndOfAConnectionIsAFailureWhereItIsHeldOnly(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
	}))
	defer server.Close()
	for on, fails := range map[Connections]bool{Fresh: false, Kept: false, Held: true} {
		c := Requests(dial, server.URL, on)
		first, second := c.Call(t.Context()), c.Call(t.Context())
		if c.Close(); first != nil || (second != nil) != fails {
			t.Errorf("connections %d: %v, then %v", on, first, second)
		}
	}
}

func TestAFlowWithoutAnswersFails(t *testing.T) {
	t.Parallel()
	echo, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		b := make([]byte, 100)
		for {
			n, from, err := echo.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = echo.WriteTo(b[:n], from)
		}
	}()
	c := Datagrams(dial, echo.LocalAddr().String(), 2*beat)
	if err := c.Call(t.Context()); err != nil {
		t.Errorf("with answers: %v", err)
	}
	if err := echo.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Call(t.Context()); err == nil {
		t.Error("a flow that nothing answers succeeds")
	}
}

func TestARefusedHandshakeNamesTheStatus(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := WebSockets(dial, u, beat).Call(t.Context()); err == nil || !strings.Contains(err.Error(),
		`"HTTP/1.1 404 Not Found"`) {
		t.Errorf("%v", err)
	}
}
