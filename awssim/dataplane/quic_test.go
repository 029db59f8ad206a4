package dataplane_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// named makes connection ids of a QUIC server: one octet, the server id, and some more.
type named string

func (id named) GenerateConnectionID() (quic.ConnectionID, error) {
	b := make([]byte, id.ConnectionIDLen())
	if _, err := rand.Read(b); err != nil {
		return quic.ConnectionID{}, err
	}
	_, err := hex.Decode(b[1:9], []byte(id[2:]))
	return quic.ConnectionIDFromBytes(b), err
}

func (named) ConnectionIDLen() int { return 12 }

// quicServer answers each stream with its name and what it was sent; its TCP port greets.
func (w *world) quicServer(ip, name, id string) {
	w.Helper()
	w.server(ip, 8080, greet(name))
	socket, err := w.network.ListenUDP(netip.MustParseAddr(ip), 8080)
	if err != nil {
		w.Fatal(err)
	}
	tr := &quic.Transport{Conn: socket, ConnectionIDGenerator: named(id)}
	l, err := tr.Listen(&tls.Config{Certificates: []tls.Certificate{certificate(w, "quic").TLS}, NextProtos: []string{
		"echo"}}, nil)
	if err != nil {
		w.Fatal(err)
	}
	w.pods.Go(func() {
		for {
			c, err := l.Accept(context.Background())
			if err != nil {
				return
			}
			w.pods.Go(func() {
				for {
					s, err := c.AcceptStream(context.Background())
					if err != nil {
						return
					}
					q, _ := io.ReadAll(s)
					_, _ = fmt.Fprintf(s, "%s got %s", name, q)
					_ = s.Close()
				}
			})
		}
	})
	w.Cleanup(func() {
		_ = l.Close()
		_ = tr.Close()
		_ = socket.Close()
	})
}

// quicClient is a QUIC connection from an address on the virtual network.
func (w *world) quicClient(from string, to netip.AddrPort) (*quic.Conn, *quic.Transport) {
	w.Helper()
	at := netip.MustParseAddrPort(from)
	w.network.AddAddress(at.Addr())
	tr := w.quicSocket(at)
	ctx, cancel := context.WithTimeout(w.Context(), 20*time.Second)
	defer cancel()
	c, err := tr.Dial(ctx, net.UDPAddrFromAddrPort(to), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{
		"echo"}}, nil)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = c.CloseWithError(0, "") })
	return c, tr
}

func (w *world) quicSocket(at netip.AddrPort) *quic.Transport {
	w.Helper()
	socket, err := w.network.ListenUDP(at.Addr(), at.Port())
	if err != nil {
		w.Fatal(err)
	}
	tr := &quic.Transport{Conn: socket}
	w.Cleanup(func() {
		_ = tr.Close()
		_ = socket.Close()
	})
	return tr
}

func (w *world) quicAsk(c *quic.Conn, q string) string {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 20*time.Second)
	defer cancel()
	s, err := c.OpenStreamSync(ctx)
	if err != nil {
		w.Fatal(err)
	}
	_ = s.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(s, q)
	_ = s.Close()
	a, err := io.ReadAll(s)
	if err != nil {
		w.Fatal(err)
	}
	return string(a)
}

var quicIDs = []string{"0x0123456789abcdef", "0xfedcba9876543210", "0x00000000000000ff"}

// quicWorld is three QUIC servers behind an NLB.
func quicWorld(t *testing.T, protocol string) (*world, netip.AddrPort) {
	w := newWorld(t)
	targets := []string{"10.0.1.5", "10.0.1.6", "10.0.1.7"}
	for i, ip := range targets {
		w.quicServer(ip, string(rune('a'+i)), quicIDs[i])
	}
	g := w.group("q", protocol, targets...)
	g.HealthCheck.Protocol = "TCP"
	for i := range g.Targets {
		g.Targets[i].QUICServerID = quicIDs[i]
	}
	lb := w.balancer("web", stack.Network, listener(443, protocol, forward("q")))
	lb.Attributes = map[string]string{"load_balancing.cross_zone.enabled": "true"}
	w.update()
	for _, ip := range targets {
		w.await(ip, "healthy")
	}
	return w, netip.AddrPortFrom(lb.Zones[0].Public, 443)
}

func TestQUICConnectionsStayWithTheirServerWhenTheClientMoves(t *testing.T) {
	t.Parallel()
	w, to := quicWorld(t, "QUIC")
	for i := range 6 {
		c, _ := w.quicClient(fmt.Sprintf("203.0.113.%d:5000", 10+i), to)
		before := w.quicAsk(c, "one")
		moved := netip.MustParseAddr(fmt.Sprintf("203.0.113.%d", 100+i))
		w.network.AddAddress(moved)
		path, err := c.AddPath(w.quicSocket(netip.AddrPortFrom(moved, 6000)))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		if err := path.Probe(ctx); err != nil {
			t.Fatalf("the new path does not lead to the server: %v", err)
		}
		cancel()
		if err := path.Switch(); err != nil {
			t.Fatal(err)
		}
		if after := w.quicAsk(c, "one"); after != before {
			t.Errorf("after the move %q, before %q", after, before)
		}
	}
	if n := w.count("NewFlowCount_QUIC"); n < 12 {
		t.Errorf("%d flows, want at least 12", n)
	}
	if n := w.count("ProcessedBytes_QUIC"); n == 0 {
		t.Error("no bytes counted")
	}
}

func TestQUICPacketsWithAnUnknownServerIDAreDroppedAndCounted(t *testing.T) {
	t.Parallel()
	w, to := quicWorld(t, "QUIC")
	c := w.udp("203.0.113.7:4000", to)
	for _, p := range [][]byte{
		{0xc0, 0x6b, 0x33, 0x43, 0xcf, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0}, // initial of version 2
		{0x80, 0, 0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 1}, // version negotiation
		{0xc0, 0, 0, 0, 1, 21}, {0xc0}, {}, {0x40, 1, 2, 3, 4, 5, 6}, // cut short
		append([]byte{0x40, 1}, make([]byte, 30)...),        // short header, server id 0
		{0xe0, 0, 0, 0, 1, 9, 1, 9, 9, 9, 9, 9, 9, 9, 9, 0}, // handshake of an unknown server
	} {
		if _, err := c.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	w.within("two are counted", func() bool { return w.count("QUIC_Unknown_Server_ID_Packet_Drop_Count") == 2 })
	if n := w.count("NewFlowCount"); n != 0 {
		t.Errorf("%d flows were opened", n)
	}
}

func TestDrainingQUICServersKeepTheirConnectionsAndGetNoNewOnes(t *testing.T) {
	t.Parallel()
	w, to := quicWorld(t, "QUIC")
	c, socket := w.quicClient("203.0.113.7:5000", to)
	had := w.quicAsk(c, "x")[:1]
	for i := range w.topo.TargetGroups[0].Targets {
		w.topo.TargetGroups[0].Targets[i].Draining = string(rune('a'+i)) == had
	}
	w.update()
	if got := w.quicAsk(c, "y"); got != had+" got y" {
		t.Errorf("%q, want it from %s", got, had)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	again, err := socket.Dial(ctx, net.UDPAddrFromAddrPort(to), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{
		"echo"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.CloseWithError(0, "") }()
	if got := w.quicAsk(again, "z"); got[:1] == had {
		t.Errorf("a new connection of the same client went to the draining server %s", had)
	}
	for i := range 6 {
		other, _ := w.quicClient(fmt.Sprintf("203.0.113.%d:5000", 10+i), to)
		if got := w.quicAsk(other, "z"); got[:1] == had {
			t.Errorf("a new connection went to the draining server %s", had)
		}
	}
}

func TestATCPQUICListenerServesBothOnOnePort(t *testing.T) {
	t.Parallel()
	w, to := quicWorld(t, "TCP_QUIC")
	c, _ := w.quicClient("203.0.113.7:5000", to)
	if got := w.quicAsk(c, "x"); got[1:] != " got x" {
		t.Errorf("%q", got)
	}
	conn, err := w.network.DialTCPFrom(t.Context(), netip.MustParseAddrPort("203.0.113.7:5000"), to)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line[1:] != " 203.0.113.7:5000\n" {
		t.Errorf("%q, %v", line, err)
	}
	loop, err := w.plane.DialContext(t.Context(), "udp", "web-1.us-west-2.elb.amazonaws.com:443")
	if err != nil {
		t.Fatal(err)
	}
	_ = loop.Close()
}
