package dataplane_test

import (
	"bufio"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// quiet drops what servers log.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// tlsListener is a TLS listener with a certificate of its own.
func tlsListener(t *testing.T, port int32, to string) topology.Listener {
	l := listener(port, "TLS", forward(to))
	l.Certificates = []topology.Certificate{certificate(t, "outer")}
	return l
}

func TestTargetsBehindTLSListenersSeeTheClientIfItIsPreserved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.server("10.0.1.5", 8080, greet("a"))
	w.group("a", "TCP", "10.0.1.5").Attributes = map[string]string{"preserve_client_ip.enabled": "true"}
	lb := w.balancer("web", stack.Network, tlsListener(t, 443, "a"))
	w.update()
	w.await("10.0.1.5", "healthy")
	c, err := w.network.DialTCPFrom(t.Context(), netip.MustParseAddrPort("203.0.113.7:51234"),
		netip.AddrPortFrom(lb.Zones[0].Public, 443))
	if err != nil {
		t.Fatal(err)
	}
	secure := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	defer func() { _ = secure.Close() }()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if line, err := bufio.NewReader(secure).ReadString('\n'); line != "a 203.0.113.7:51234\n" {
		t.Errorf("%q, %v", line, err)
	}
}

func TestProxyProtocolHeaderPrecedesTLSStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	inner := certificate(t, "inner")
	tell := func(secure bool) func(net.Conn) {
		return func(c net.Conn) {
			head := make([]byte, 100)
			if _, err := io.ReadFull(c, head); err != nil {
				return
			}
			if secure {
				c = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{inner.TLS}})
			}
			_, _ = fmt.Fprintf(c, "%s\n", hex.EncodeToString(head[12:28]))
			_, _ = io.Copy(io.Discard, c)
		}
	}
	w.server("10.0.1.5", 8080, tell(false))
	w.server("10.0.1.6", 8080, tell(true))
	header := map[string]string{"proxy_protocol_v2.enabled": "true"}
	w.group("plain", "TCP", "10.0.1.5").Attributes = header
	w.group("secure", "TLS", "10.0.1.6").Attributes = header
	lb := w.balancer("web", stack.Network, tlsListener(t, 443, "plain"), tlsListener(t, 444, "secure"))
	lb.Attributes = map[string]string{"load_balancing.cross_zone.enabled": "true"}
	w.update()
	w.await("10.0.1.5", "healthy")
	w.await("10.0.1.6", "healthy")
	for port, want := range map[uint16]string{443: "21110054cb0071070a000001c82201bb",
		444: "21110054cb0071070a000001c82201bc"} {
		c, err := w.network.DialTCPFrom(t.Context(), netip.MustParseAddrPort("203.0.113.7:51234"),
			netip.AddrPortFrom(lb.Zones[0].Public, port))
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		secure := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
		if line, err := bufio.NewReader(secure).ReadString('\n'); line != want+"\n" {
			t.Errorf("port %d: %q, %v, want %s", port, line, err, want)
		}
		_ = secure.Close()
	}
}

func TestALPNPoliciesChooseInTheServersOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.server("10.0.1.5", 8080, greet("a"))
	w.group("a", "TCP", "10.0.1.5")
	w.balancer("web", stack.Network, tlsListener(t, 443, "a"))
	w.update()
	w.await("10.0.1.5", "healthy")
	for _, tc := range []struct{ policy, offer, want string }{
		{"HTTP1Only", "h2 http/1.0 http/1.1", "http/1.1"}, {"HTTP1Only", "h2 http/1.0", "http/1.0"}, {"HTTP1Only", "h2", ""},
		{"HTTP2Only", "http/1.1 h2", "h2"}, {"HTTP2Only", "http/1.1", ""},
		{"HTTP2Optional", "h2 http/1.1", "http/1.1"}, {"HTTP2Optional", "h2 http/1.0", "http/1.0"},
		{"HTTP2Optional", "h2", "h2"},
		{"HTTP2Preferred", "http/1.1 h2", "h2"}, {"HTTP2Preferred", "http/1.0 http/1.1", "http/1.1"},
		{"HTTP2Preferred", "", ""},
		{"None", "h2 http/1.1", ""}, {"", "h2", ""},
	} {
		w.topo.LoadBalancers[0].Listeners[0].ALPN = tc.policy
		w.update()
		c := tls.Client(w.dialRaw("web", 443), &tls.Config{InsecureSkipVerify: true, NextProtos: strings.Fields(tc.offer)})
		if err := c.Handshake(); err != nil || c.ConnectionState().NegotiatedProtocol != tc.want {
			t.Errorf("%s, client offers %q: %q, %v, want %q", tc.policy, tc.offer, c.ConnectionState().NegotiatedProtocol,
				err, tc.want)
		}
		_ = c.Close()
	}
}

func TestANewTLSListenerConnectsToItsTargetsAndSendsNothing(t *testing.T) {
	t.Parallel()
	w, c := stepped(t)
	heard := make(chan string, 10)
	w.server("10.0.1.5", 8080, func(c net.Conn) {
		n, _ := io.Copy(io.Discard, c)
		heard <- fmt.Sprintf("%d bytes from %s", n, c.RemoteAddr().(*net.TCPAddr).IP)
	})
	w.group("a", "TCP", "10.0.1.5")
	lb := w.balancer("web", stack.Network, listener(80, "TCP", forward("a")))
	lb.Zones = lb.Zones[:1]
	w.update()
	c.Advance(0)
	w.await("10.0.1.5", "healthy")
	if got := <-heard; got != "0 bytes from 10.0.0.1" {
		t.Errorf("the check: %s", got)
	}
	lb.Listeners = append(lb.Listeners, tlsListener(t, 443, "a"))
	w.update() // time stands still, so that there is no further check
	select {
	case got := <-heard:
		if got != "0 bytes from 10.0.0.1" {
			t.Errorf("the trial: %s", got)
		}
	case <-time.After(2 * time.Minute):
		t.Error("the target was not tried")
	}
}

func TestAnUnhealthyTargetsFlowsAreResetIfTheGroupTerminatesThem(t *testing.T) {
	t.Parallel()
	for _, cut := range []bool{true, false} {
		w := newWorld(t)
		up := w.pod("10.0.1.5", 9000, echoHandler("check"))
		w.server("10.0.1.5", 8080, greet("a"))
		g := w.group("a", "TCP", "10.0.1.5")
		g.HealthCheck.Protocol, g.HealthCheck.Port = "HTTP", "9000"
		g.Attributes = map[string]string{"target_health_state.unhealthy.connection_termination.enabled": fmt.Sprint(cut)}
		w.balancer("web", stack.Network, listener(80, "TCP", forward("a")))
		w.update()
		w.await("10.0.1.5", "healthy")
		c := w.dialRaw("web", 80)
		in := bufio.NewReader(c)
		if line, err := in.ReadString('\n'); err != nil || line[0] != 'a' {
			t.Fatalf("%q, %v", line, err)
		}
		up()
		w.await("10.0.1.5", "unhealthy")
		if !cut {
			_, _ = io.WriteString(c, "still there\n")
		}
		if line, err := in.ReadString('\n'); cut != errors.Is(err, syscall.ECONNRESET) || !cut && line != "still there\n" {
			t.Errorf("termination %v: %q, %v", cut, line, err)
		}
	}
}

func TestATargetThatIsRegisteredAgainWhileItDrainsResumes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.server("10.0.1.5", 8080, greet("a"))
	w.group("a", "TCP", "10.0.1.5")
	w.balancer("web", stack.Network, listener(80, "TCP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	c := w.dialRaw("web", 80)
	in := bufio.NewReader(c)
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	draining := func(is bool) {
		targets := []topology.Target{w.topo.TargetGroups[0].Targets[0]}
		targets[0].Draining = is
		w.topo.TargetGroups[0].Targets = targets
		w.mu.Lock()
		clear(w.health)
		w.mu.Unlock()
		w.update()
	}
	draining(true)
	fresh, err := w.tryRaw("web", 80)
	if err == nil {
		_, err = bufio.NewReader(fresh).ReadString('\n')
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a new flow while the only target drains: %v", err)
	}
	draining(false)
	w.await("10.0.1.5", "healthy")
	if line, err := bufio.NewReader(w.dialRaw("web", 80)).ReadString('\n'); err != nil || line[0] != 'a' {
		t.Errorf("a new flow after it resumed: %q, %v", line, err)
	}
	_, _ = io.WriteString(c, "still there\n")
	if line, err := in.ReadString('\n'); line != "still there\n" {
		t.Errorf("the flow from before: %q, %v", line, err)
	}
}
