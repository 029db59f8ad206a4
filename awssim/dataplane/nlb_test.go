package dataplane_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// server accepts connections at an address and serves each with f.
func (w *world) server(ip string, port uint16, f func(net.Conn)) {
	w.Helper()
	address := netip.MustParseAddr(ip)
	w.network.AddAddress(address)
	l, err := w.network.ListenTCP(address, port)
	if err != nil {
		w.Fatal(err)
	}
	w.pods.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.pods.Go(func() {
				defer func() { _ = c.Close() }()
				_ = c.SetDeadline(time.Now().Add(time.Minute))
				f(c)
			})
		}
	})
	w.Cleanup(func() { _ = l.Close() })
}

// greet writes its name and the client's address and then echoes until the client's end.
func greet(name string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = fmt.Fprintf(c, "%s %s\n", name, c.RemoteAddr())
		n, _ := io.Copy(c, c)
		_, _ = fmt.Fprintf(c, "bye %d\n", n)
	}
}

func TestAnNLBCarriesBytesAndHalfCloses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.server("10.0.1.5", 8080, greet("a"))
	w.group("a", "TCP", "10.0.1.5")
	w.balancer("web", stack.Network, listener(5432, "TCP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	c := w.dialRaw("web", 5432)
	_, _ = io.WriteString(c, "hello")
	_ = c.(*net.TCPConn).CloseWrite()
	got, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(got), "a 10.0.0.1:") || !strings.HasSuffix(string(got), "hellobye 5\n") {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := w.plane.DialContext(t.Context(), "tcp", "web-1.us-west-2.elb.amazonaws.com:81"); !errors.Is(err,
		syscall.ECONNREFUSED) {
		t.Errorf("a port without listener: %v", err)
	}
}

func TestClientAddressesArePreservedByTheTargetGroupsAttribute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.server("10.0.1.5", 8080, greet("a"))
	w.group("a", "TCP", "10.0.1.5").Attributes = map[string]string{"preserve_client_ip.enabled": "true"}
	w.balancer("web", stack.Network, listener(80, "TCP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	c := w.dialRaw("web", 80)
	line, _ := bufio.NewReader(c).ReadString('\n')
	want := fmt.Sprintf("a 203.0.113.1:%d\n", c.LocalAddr().(*net.TCPAddr).Port)
	if line != want {
		t.Errorf("the target sees %q, want %q", line, want)
	}
}

func TestWithoutTargetsAConnectionIsReset(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.group("a", "TCP")
	w.balancer("web", stack.Network, listener(80, "TCP", forward("a")))
	w.update()
	c, err := w.plane.DialContext(t.Context(), "tcp", "web-1.us-west-2.elb.amazonaws.com:80")
	if err == nil { // the reset may come before the dialer is done
		_, err = io.ReadAll(c)
		_ = c.Close()
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v, want a reset", err)
	}
}

func TestFlowsSpreadOverTargetsOfTheNodesZoneUnlessCrossZone(t *testing.T) {
	t.Parallel()
	for _, cross := range []bool{false, true} {
		w := newWorld(t)
		w.server("10.0.1.5", 8080, greet("a"))
		w.server("10.0.2.5", 8080, greet("b"))
		w.group("a", "TCP", "10.0.1.5", "10.0.2.5")
		lb := w.balancer(fmt.Sprint("web", cross), stack.Network, listener(80, "TCP", forward("a")))
		lb.Attributes = map[string]string{"load_balancing.cross_zone.enabled": fmt.Sprint(cross)}
		w.update()
		w.await("10.0.1.5", "healthy")
		w.await("10.0.2.5", "healthy")
		seen := map[string]int{}
		for range 60 {
			c, err := w.network.DialTCP(t.Context(), netip.MustParseAddr("10.0.9.9"),
				netip.AddrPortFrom(lb.Zones[1].Private, 80))
			if err != nil {
				t.Fatal(err)
			}
			line, _ := bufio.NewReader(c).ReadString('\n')
			seen[line[:1]]++
			_ = c.Close()
		}
		if seen["b"] == 0 || (seen["a"] > 0) != cross {
			t.Errorf("cross-zone %v: %v", cross, seen)
		}
	}
}

func TestATLSListenerEndsTLSAndMaySpeakItToTargetsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	inner := certificate(t, "inner")
	w.server("10.0.1.5", 8080, greet("plain"))
	w.server("10.0.1.6", 8080, func(c net.Conn) {
		greet("secure")(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{inner.TLS}, NextProtos: []string{"h2"}}))
	})
	w.group("plain", "TCP", "10.0.1.5")
	w.group("secure", "TLS", "10.0.1.6")
	for i, name := range []string{"plain", "secure"} {
		l := listener(443+int32(i), "TLS", forward(name))
		l.Certificates = []topology.Certificate{certificate(t, "outer")}
		l.ALPN = "HTTP2Preferred"
		if i == 0 {
			w.balancer("web", stack.Network, l)
		} else {
			w.topo.LoadBalancers[0].Listeners = append(w.topo.LoadBalancers[0].Listeners, l)
		}
	}
	w.update()
	w.await("10.0.1.5", "healthy")
	w.await("10.0.1.6", "healthy")
	for i, name := range []string{"plain", "secure"} {
		c := tls.Client(w.dialRaw("web", 443+int32(i)), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		line, err := bufio.NewReader(c).ReadString('\n')
		s := c.ConnectionState()
		if err != nil || !strings.HasPrefix(line, name+" ") || s.PeerCertificates[0].DNSNames[0] != "outer" ||
			s.NegotiatedProtocol != "h2" {
			t.Errorf("%s: %q, %v, protocol %q", name, line, err, s.NegotiatedProtocol)
		}
		_ = c.Close()
	}
	other := tls.Client(w.dialRaw("web", 443), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"smtp"}})
	if err := other.Handshake(); err != nil || other.ConnectionState().NegotiatedProtocol != "" {
		t.Errorf("without a common protocol: %v", err)
	}
}

func TestTheProxyProtocolHeaderComesFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.server("10.0.1.5", 8080, func(c net.Conn) {
		head := make([]byte, 100)
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		_, _ = fmt.Fprintf(c, "%s\n", hex.EncodeToString(head[:28]))
	})
	g := w.group("a", "TCP", "10.0.1.5")
	g.Attributes = map[string]string{"proxy_protocol_v2.enabled": "true"}
	lb := w.balancer("web", stack.Network, listener(80, "TCP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	c, err := w.network.DialTCPFrom(t.Context(), netip.MustParseAddrPort("203.0.113.7:51234"),
		netip.AddrPortFrom(lb.Zones[0].Public, 80))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	line, _ := bufio.NewReader(c).ReadString('\n')
	if want := "0d0a0d0a000d0a515549540a21110054cb0071070a000001c8220050\n"; line != want {
		t.Errorf("header %s, want %s", line, want)
	}
}

func TestDatagramsFindATargetAndTheirWayBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pod := netip.MustParseAddr("10.0.1.5")
	w.server("10.0.1.5", 8080, func(net.Conn) {}) // for the health check
	socket, err := w.network.ListenUDP(pod, 8080)
	if err != nil {
		t.Fatal(err)
	}
	w.pods.Go(func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := socket.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = socket.WriteTo([]byte(fmt.Sprintf("a got %s from %s", buf[:n], from.(*net.UDPAddr).IP)), from)
		}
	})
	t.Cleanup(func() { _ = socket.Close() })
	w.group("a", "UDP", "10.0.1.5")
	w.balancer("web", stack.Network, listener(53, "UDP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	c, err := w.plane.DialContext(t.Context(), "udp", "web-1.us-west-2.elb.amazonaws.com:53")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	for _, q := range []string{"one", "two"} {
		_, _ = io.WriteString(c, q)
		buf := make([]byte, 100)
		n, err := c.Read(buf)
		if want := "a got " + q + " from 203.0.113.1"; err != nil || string(buf[:n]) != want {
			t.Fatalf("%q, %v, want %q", buf[:n], err, want)
		}
	}
	if n := w.plane.Stats().LoadBalancers[w.topo.LoadBalancers[0].ARN]["NewFlowCount_UDP"]; n != 1 {
		t.Errorf("%d flows", n)
	}
}

func TestDeregistrationKeepsFlowsUnlessTerminationIsEnabled(t *testing.T) {
	t.Parallel()
	for _, cut := range []bool{false, true} {
		w := newWorld(t)
		w.server("10.0.1.5", 8080, greet("a"))
		w.server("10.0.1.6", 8080, greet("b"))
		w.group("a", "TCP", "10.0.1.5", "10.0.1.6").Attributes = map[string]string{
			"deregistration_delay.connection_termination.enabled": fmt.Sprint(cut)}
		w.balancer("web", stack.Network, listener(80, "TCP", forward("a"))).Attributes = map[string]string{
			"load_balancing.cross_zone.enabled": "true"}
		w.topo.TargetGroups[0].Targets[1].Unused = true
		w.update()
		w.await("10.0.1.5", "healthy")
		c := w.dialRaw("web", 80)
		in := bufio.NewReader(c)
		if line, err := in.ReadString('\n'); err != nil || line[0] != 'a' {
			t.Fatalf("%q, %v", line, err)
		}
		w.topo.TargetGroups[0].Targets[0].Draining = true
		w.topo.TargetGroups[0].Targets[1].Unused = false
		w.update()
		if line, err := bufio.NewReader(w.dialRaw("web", 80)).ReadString('\n'); err != nil || line[0] != 'b' {
			t.Errorf("a new flow went to %q, %v", line, err)
		}
		w.topo.TargetGroups[0].Targets = w.topo.TargetGroups[0].Targets[1:]
		w.update()
		if !cut { // writing would take the reset before the read sees it
			_, _ = io.WriteString(c, "still there\n")
		}
		line, err := in.ReadString('\n')
		if cut != errors.Is(err, syscall.ECONNRESET) || !cut && line != "still there\n" {
			t.Errorf("termination %v: %q, %v", cut, line, err)
		}
	}
}

func TestSecurityGroupsDecideWhichClientsMayConnect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.server("10.0.1.5", 8080, greet("a"))
	w.group("a", "TCP", "10.0.1.5")
	permission := func(cidr string) []topology.Permission {
		return []topology.Permission{{Protocol: "tcp", FromPort: 443, ToPort: 443, Source: netip.MustParsePrefix(cidr)}}
	}
	for _, tc := range []struct {
		name, scheme, cidr string
		filtered           bool
		loopback           bool
		inside, outside    bool
	}{
		{"inside-only", stack.InternetFacing, "10.0.0.0/8", true, false, true, false},
		{"internal", stack.Internal, "10.0.0.0/8", true, true, true, false},
		{"open", stack.InternetFacing, "0.0.0.0/0", true, true, true, true},
		{"no-groups", stack.InternetFacing, "10.0.0.0/8", false, true, true, true},
	} {
		lb := w.balancer(tc.name, stack.Network, listener(443, "TCP", forward("a")), listener(80, "TCP", forward("a")))
		lb.Scheme, lb.Filtered, lb.Ingress = tc.scheme, tc.filtered, permission(tc.cidr)
		if tc.scheme == stack.Internal {
			lb.Zones[0].Public, lb.Zones[1].Public = netip.Addr{}, netip.Addr{}
		}
		w.update()
		w.await("10.0.1.5", "healthy")
		reaches := func(c net.Conn, err error) bool {
			if err != nil {
				return false
			}
			defer func() { _ = c.Close() }()
			_, err = bufio.NewReader(c).ReadString('\n')
			return err == nil
		}
		for from, want := range map[string]bool{"10.0.7.7": tc.inside, "203.0.113.9": tc.outside} {
			patience := 100 * time.Millisecond // of a client whose packets are dropped
			if want {
				patience = 10 * time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if got := reaches(w.network.DialTCP(ctx, netip.MustParseAddr(from), netip.AddrPortFrom(lb.Zones[0].Private,
				443))); got != want {
				t.Errorf("%s from %s: %v, want %v", tc.name, from, got, want)
			}
		}
		if got := reaches(w.plane.DialContext(t.Context(), "tcp", tc.name+"-1.us-west-2.elb.amazonaws.com:443")); got !=
			tc.loopback {
			t.Errorf("%s from loopback: %v, want %v", tc.name, got, tc.loopback)
		}
		if got := reaches(w.plane.DialContext(t.Context(), "tcp", tc.name+"-1.us-west-2.elb.amazonaws.com:80")); got ==
			tc.filtered {
			t.Errorf("%s port 80 from loopback: %v", tc.name, got)
		}
	}
}

func TestAnALBBehindAnNLBSeesTheNLBsClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pod("10.0.1.5", 8080, echoHandler("a"))
	w.group("a", "HTTP", "10.0.1.5")
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a"))).Scheme = stack.Internal
	inner := w.topo.LoadBalancers[0]
	g := w.group("alb", "TCP")
	g.TargetType, g.Port = "alb", 80
	g.HealthCheck.Protocol = "HTTP"
	g.Targets = []topology.Target{{ID: inner.ARN, Port: 80, Address: inner.Zones[0].Private, Zone: "all"}}
	w.balancer("net", stack.Network, listener(80, "TCP", forward("alb")))
	w.update()
	w.await("10.0.1.5", "healthy")
	w.await(inner.ARN, "healthy")
	e := w.get(w.client(), "http://net-1.us-west-2.elb.amazonaws.com/").echo(t)
	if e.Pod != "a" || e.Header.Get("X-Forwarded-For") != "203.0.113.1" {
		t.Errorf("%+v", e)
	}
}

func TestFlowOutlivesChangeOfListenerProtocol(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.server("10.0.1.5", 8080, greet("a"))
	w.group("a", "TCP_UDP", "10.0.1.5")
	lb := w.balancer("web", stack.Network, listener(80, "TCP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	c := w.dialRaw("web", 80)
	in := bufio.NewReader(c)
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	for _, protocol := range []string{"TCP_UDP", "TCP"} {
		lb.Listeners[0].Protocol = protocol
		w.update()
		if _, err := io.WriteString(c, protocol+"\n"); err != nil {
			t.Fatal(err)
		}
		if line, err := in.ReadString('\n'); err != nil || line != protocol+"\n" {
			t.Errorf("with %s: %q, %v", protocol, line, err)
		}
		if line, err := bufio.NewReader(w.dialRaw("web", 80)).ReadString('\n'); err != nil || line[0] != 'a' {
			t.Errorf("a new flow with %s: %q, %v", protocol, line, err)
		}
	}
	lb.Listeners[0].Protocol = "UDP"
	w.update()
	if line, err := in.ReadString('\n'); err == nil {
		t.Errorf("with UDP: %q", line)
	}
}
