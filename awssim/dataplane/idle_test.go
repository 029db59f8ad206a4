package dataplane_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/dataplane"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/lib/await"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// stepped is a world whose time stands still, and its clock.
func stepped(t *testing.T) (*world, *clock.Stepped) {
	c := clock.NewStepped(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	return newWorld(t, func(o *dataplane.Options) { o.Clock, o.HealthInterval = c, 24*time.Hour }), c
}

// within waits for a condition that other goroutines bring about.
func (w *world) within(what string, ok func() bool) {
	w.Helper()
	await.Until(w, what, ok)
}

// count is a counter of the first load balancer.
func (w *world) count(name string) int64 {
	return w.plane.Stats().LoadBalancers[w.topo.LoadBalancers[0].ARN][name]
}

func TestAnIdleTCPFlowIsForgottenInSilenceAndResetWhenItSpeaks(t *testing.T) {
	t.Parallel()
	w, c := stepped(t)
	spoken := make(chan error, 1)
	speak := make(chan struct{})
	w.server("10.0.1.5", 8080, func(c net.Conn) {
		if _, err := c.Read(make([]byte, 1)); err != nil {
			return // a health check
		}
		_, _ = io.WriteString(c, "a\n")
		<-speak
		_, _ = io.WriteString(c, "late\n")
		_, err := c.Read(make([]byte, 1))
		select {
		case spoken <- err:
		default:
		}
	})
	w.group("a", "TCP", "10.0.1.5")
	l := listener(80, "TCP", forward("a"))
	l.Attributes = map[string]string{"tcp.idle_timeout.seconds": "60"}
	w.balancer("web", stack.Network, l)
	w.update()
	c.Advance(0)
	w.await("10.0.1.5", "healthy")
	conn := w.dialRaw("web", 80)
	_, _ = io.WriteString(conn, "?")
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line != "a\n" {
		t.Fatalf("%q, %v", line, err)
	}
	w.within("the flow is carried", func() bool {
		return w.count("ActiveFlowCount_TCP") == 1 && len(w.plane.Flows()) == 1
	})
	c.Advance(59 * time.Second)
	if n := w.count("ActiveFlowCount_TCP"); n != 1 {
		t.Fatalf("%d active flows before the time-out", n)
	}
	c.Advance(time.Second)
	if n := w.count("ActiveFlowCount_TCP"); n != 0 || len(w.plane.Flows()) != 0 {
		t.Errorf("%d active flows after the time-out, %v", n, w.plane.Flows())
	}
	_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := conn.Read(make([]byte, 1)); !isTimeout(err) {
		t.Errorf("the client gets %v at the time-out, want silence", err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(conn, "hello\n")
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client that speaks gets %v, want a reset", err)
	}
	close(speak)
	if err := <-spoken; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the target that speaks gets %v, want a reset", err)
	}
	if n := w.count("TCP_ELB_Reset_Count"); n != 2 {
		t.Errorf("%d resets by the load balancer, want 2", n)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func TestAnIdleTLSFlowIsClosedAfterItsFixedTime(t *testing.T) {
	t.Parallel()
	w, c := stepped(t)
	w.server("10.0.1.5", 8080, greet("a"))
	w.group("a", "TCP", "10.0.1.5")
	l := listener(443, "TLS", forward("a"))
	l.Certificates = []topology.Certificate{certificate(t, "outer")}
	l.Attributes = map[string]string{"tcp.idle_timeout.seconds": "60"} // AWS would refuse it
	w.balancer("web", stack.Network, l)
	w.update()
	c.Advance(0)
	w.await("10.0.1.5", "healthy")
	conn := tls.Client(w.dialRaw("web", 443), &tls.Config{InsecureSkipVerify: true})
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || line[0] != 'a' {
		t.Fatalf("%q, %v", line, err)
	}
	c.Advance(349 * time.Second)
	if n := w.count("ActiveFlowCount_TLS"); n != 1 {
		t.Fatalf("%d active flows before the time-out", n)
	}
	c.Advance(time.Second)
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("the client reads %v, want the end", err)
	}
}

func TestUDPFlowEndsAfterTwoMinutes(t *testing.T) {
	t.Parallel()
	w, c := stepped(t)
	w.datagrams("10.0.1.5", 8080, "a")
	w.group("a", "UDP", "10.0.1.5")
	lb := w.balancer("web", stack.Network, listener(53, "UDP", forward("a")))
	w.update()
	c.Advance(0)
	w.await("10.0.1.5", "healthy")
	client := w.udp("203.0.113.7:4000", netip.AddrPortFrom(lb.Zones[0].Public, 53))
	for i, step := range []time.Duration{119 * time.Second, 119 * time.Second, 120 * time.Second, 0} {
		if got := ask(t, client, "q"); got != "a got q from 203.0.113.7:4000" {
			t.Errorf("answer %d: %q", i, got)
		}
		if n, want := w.count("NewFlowCount_UDP"), int64(1+i/3); n != want {
			t.Errorf("%d flows so far, want %d", n, want)
		}
		c.Advance(step)
		if step == 120*time.Second {
			w.within("the flow ends", func() bool { return w.count("ActiveFlowCount_UDP") == 0 })
		}
	}
}

// datagrams answers datagrams at an address with its name, the text and the sender; its TCP port is open for health
// checks.
func (w *world) datagrams(ip string, port uint16, name string) {
	w.Helper()
	w.server(ip, port, func(net.Conn) {})
	socket, err := w.network.ListenUDP(netip.MustParseAddr(ip), port)
	if err != nil {
		w.Fatal(err)
	}
	w.pods.Go(func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := socket.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = socket.WriteTo([]byte(name+" got "+string(buf[:n])+" from "+from.String()), from)
		}
	})
	w.Cleanup(func() { _ = socket.Close() })
}

// udp is a client's socket on the virtual network.
func (w *world) udp(from string, to netip.AddrPort) net.Conn {
	w.Helper()
	c, err := w.network.DialUDPFrom(w.Context(), netip.MustParseAddrPort(from), to)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = c.Close() })
	return c
}

// ask sends a datagram and reads the answer.
func ask(t testing.TB, c net.Conn, q string) string {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(c, q)
	buf := make([]byte, 1500)
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}
