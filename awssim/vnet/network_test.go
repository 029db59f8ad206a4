package vnet_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/nettest"

	"github.com/k8s-lbc/lbc/awssim/vnet"
)

var (
	pod    = netip.MustParseAddr("10.0.1.5")
	client = netip.MustParseAddr("203.0.113.1")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func pair(t testing.TB) (net.Conn, net.Conn) {
	t.Helper()
	n := vnet.New()
	n.AddAddress(pod)
	l, err := n.ListenTCP(pod, 8080)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c, err := n.DialTCP(t.Context(), client, netip.AddrPortFrom(pod, 8080))
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

func TestConnectionsBehaveAsNetConnsMust(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		c, s := pair(t)
		return c, s, func() { _ = c.Close(); _ = s.Close() }, nil
	})
}

func TestAConnectionHasBothAddresses(t *testing.T) {
	t.Parallel()
	c, s := pair(t)
	if got := c.RemoteAddr().String(); got != "10.0.1.5:8080" {
		t.Errorf("the client sees %s", got)
	}
	if c.LocalAddr().String() != s.RemoteAddr().String() {
		t.Errorf("the server sees %s, the client is %s", s.RemoteAddr(), c.LocalAddr())
	}
	if got := s.RemoteAddr().(*net.TCPAddr).AddrPort().Addr(); got != client {
		t.Errorf("the server sees %s, want %s", got, client)
	}
}

func TestAHalfClosedConnectionStillCarriesTheAnswer(t *testing.T) {
	t.Parallel()
	c, s := pair(t)
	go func() {
		request, _ := io.ReadAll(s)
		_, _ = s.Write(append([]byte("got "), request...))
		_ = s.Close()
	}()
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := c.(*vnet.Conn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil || string(answer) != "got hello" {
		t.Fatalf("answer %q, %v", answer, err)
	}
}

func TestLingerZeroResetsTheConnection(t *testing.T) {
	t.Parallel()
	c, s := pair(t)
	_ = s.(*vnet.Conn).SetLinger(0)
	_ = s.Close()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("read: %v, want a reset", err)
	}
}

func TestMuchDataArrivesInOrder(t *testing.T) {
	t.Parallel()
	c, s := pair(t)
	sent := make([]byte, 3<<20)
	_, _ = rand.Read(sent)
	go func() {
		for rest := sent; len(rest) > 0; {
			n := min(len(rest), 7919)
			if _, err := c.Write(rest[:n]); err != nil {
				return
			}
			rest = rest[n:]
		}
		_ = c.Close()
	}()
	got, err := io.ReadAll(s)
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("%d bytes of %d, %v", len(got), len(sent), err)
	}
}

func TestDialling(t *testing.T) {
	t.Parallel()
	n := vnet.New()
	closed, forwarded, mapped := netip.MustParseAddr("10.0.1.6"), netip.MustParseAddr("10.0.1.7"),
		netip.MustParseAddr("10.0.1.8")
	for _, ip := range []netip.Addr{pod, closed, forwarded, mapped} {
		n.AddAddress(ip)
	}
	for _, ip := range []netip.Addr{closed} {
		l, err := n.ListenTCP(ip, 80)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
	}
	if err := n.SetFirewall(closed, func(_ string, from, _ netip.AddrPort) bool { return from.Addr() == pod }); err !=
		nil {
		t.Fatal(err)
	}
	if err := n.Forward(forwarded, func(ctx context.Context, _ string, from, to netip.AddrPort) (net.Conn, error) {
		if to.Port() != 30080 {
			return nil, vnet.ErrRefused
		}
		return n.DialTCPFrom(ctx, from, netip.AddrPortFrom(closed, 80))
	}); err != nil {
		t.Fatal(err)
	}
	backing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = backing.Close() }()
	if err := n.MapToLoopback("tcp", netip.AddrPortFrom(mapped, 80), backing.Addr().(*net.TCPAddr).AddrPort()); err !=
		nil {
		t.Fatal(err)
	}
	if err := n.MapToLoopback("tcp", netip.AddrPortFrom(mapped, 81), netip.MustParseAddrPort("10.0.0.1:80")); err == nil {
		t.Error("a private address was accepted as backing")
	}

	viaPod := vnet.WithSender(t.Context(), pod)
	for _, tc := range []struct {
		name string
		from netip.Addr
		to   string
		want error
	}{
		{"sent for a client by an admitted interface", client, "10.0.1.6:80", nil},
		{"closed port", client, "10.0.1.5:80", syscall.ECONNREFUSED},
		{"no such address", client, "10.0.9.9:80", syscall.ETIMEDOUT},
		{"admitted by the firewall", pod, "10.0.1.6:80", nil},
		{"dropped by the firewall", client, "10.0.1.6:80", syscall.ETIMEDOUT},
		{"forwarded", pod, "10.0.1.7:30080", nil},
		{"refused by the forwarder", pod, "10.0.1.7:30081", syscall.ECONNREFUSED},
		{"backed by loopback", client, "10.0.1.8:80", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx := t.Context()
			if strings.HasPrefix(tc.name, "sent for") {
				ctx = viaPod
			}
			patience := 10 * time.Second
			if errors.Is(tc.want, syscall.ETIMEDOUT) {
				patience = 50 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			c, err := n.DialTCP(ctx, tc.from, netip.MustParseAddrPort(tc.to))
			if c != nil {
				_ = c.Close()
			}
			if !errors.Is(err, tc.want) {
				t.Fatalf("%v, want %v", err, tc.want)
			}
			var timeout net.Error
			if errors.Is(tc.want, syscall.ETIMEDOUT) && (!errors.As(err, &timeout) || !timeout.Timeout()) {
				t.Errorf("%v is not a time-out", err)
			}
		})
	}
}

func TestADroppedSYNIsSentAgainUntilItIsAdmitted(t *testing.T) {
	t.Parallel()
	const forever = time.Hour
	for _, tc := range []struct {
		name     string
		opens    time.Duration // after the first SYN
		patience time.Duration // of the dialer; 0: its context has no deadline
		takes    time.Duration
		want     error
	}{
		{"the second SYN comes after 1 s", 21 * time.Millisecond, 5 * time.Second, time.Second, nil},
		{"the third SYN comes after 3 s", 1500 * time.Millisecond, 5 * time.Second, 3 * time.Second, nil},
		{"the fourth SYN comes after 7 s", 3500 * time.Millisecond, 10 * time.Second, 7 * time.Second, nil},
		{"the dialer gives up between two SYNs", 3500 * time.Millisecond, 5 * time.Second, 5 * time.Second,
			syscall.ETIMEDOUT},
		{"the last SYN comes after 63 s", 62 * time.Second, 0, 63 * time.Second, nil},
		{"the attempt ends after 127 s", forever, 0, 127 * time.Second, syscall.ETIMEDOUT},
	} {
		for _, closed := range []string{"the address does not exist", "the firewall drops"} {
			t.Run(tc.name+", while "+closed, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					n := vnet.New()
					began := time.Now()
					listen := func() {
						n.AddAddress(pod)
						l, err := n.ListenTCP(pod, 80)
						if err != nil {
							t.Error(err)
							return
						}
						t.Cleanup(func() { _ = l.Close() })
					}
					if closed == "the firewall drops" {
						listen()
						if err := n.SetFirewall(pod, func(string, netip.AddrPort, netip.AddrPort) bool {
							return time.Since(began) >= tc.opens
						}); err != nil {
							t.Fatal(err)
						}
					} else {
						opening := time.AfterFunc(tc.opens, listen)
						defer opening.Stop()
					}
					ctx := t.Context()
					if tc.patience > 0 {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, tc.patience)
						defer cancel()
					}
					c, err := n.DialTCP(ctx, client, netip.AddrPortFrom(pod, 80))
					if c != nil {
						_ = c.Close()
					}
					if took := time.Since(began); !errors.Is(err, tc.want) || took != tc.takes {
						t.Errorf("%v after %s, want %v after %s", err, took, tc.want, tc.takes)
					}
				})
			})
		}
	}
}

func TestADialThatIsCanceledBetweenTwoSYNsEndsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		time.AfterFunc(1500*time.Millisecond, cancel)
		_, err := vnet.New().DialTCP(ctx, client, netip.AddrPortFrom(pod, 80))
		if took := time.Since(began); !errors.Is(err, context.Canceled) || took != 1500*time.Millisecond {
			t.Errorf("%v after %s", err, took)
		}
	})
}

func TestClosedListenerResetsWaitingConnections(t *testing.T) {
	t.Parallel()
	n := vnet.New()
	n.AddAddress(pod)
	l, err := n.ListenTCP(pod, 80)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.ListenTCP(pod, 80); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("second listener: %v", err)
	}
	if _, err := n.ListenTCP(client, 80); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("listener on an unknown address: %v", err)
	}
	waiting, err := n.DialTCP(t.Context(), client, netip.AddrPortFrom(pod, 80))
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept: %v", err)
	}
	if _, err := waiting.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("waiting connection: %v", err)
	}
	if _, err := n.DialTCP(t.Context(), client, netip.AddrPortFrom(pod, 80)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial: %v", err)
	}
}

func TestRemovingAnAddressClosesItsListeners(t *testing.T) {
	t.Parallel()
	n := vnet.New()
	n.AddAddress(pod)
	l, err := n.ListenTCP(pod, 0)
	if err != nil {
		t.Fatal(err)
	}
	u, err := n.ListenUDP(pod, 0)
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept: %v", err)
		}
	})
	done.Go(func() {
		if _, _, err := u.ReadFrom(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("receive: %v", err)
		}
	})
	n.RemoveAddress(pod)
	done.Wait()
	if n.HasAddress(pod) {
		t.Error("the address is still there")
	}
}

func TestDatagrams(t *testing.T) {
	t.Parallel()
	n := vnet.New()
	n.AddAddress(pod)
	server, err := n.ListenUDP(pod, 53)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	c, err := n.DialUDP(t.Context(), client, netip.AddrPortFrom(pod, 53))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	k, from, err := server.ReadFrom(buf)
	if err != nil || string(buf[:k]) != "ping" || from.(*net.UDPAddr).AddrPort().Addr() != client {
		t.Fatalf("%q from %v, %v", buf[:k], from, err)
	}
	if _, err := server.WriteTo([]byte("pong"), from); err != nil {
		t.Fatal(err)
	}
	if k, err = c.Read(buf); err != nil || string(buf[:k]) != "pong" {
		t.Fatalf("%q, %v", buf[:k], err)
	}
	closed, err := n.DialUDP(t.Context(), client, netip.AddrPortFrom(pod, 54))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = closed.Close() }()
	_, _ = closed.Write([]byte("ping"))
	if _, err := closed.Read(buf); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("closed port: %v", err)
	}
	_ = c.SetReadDeadline(time.Now().Add(-time.Second))
	if _, err := c.Read(buf); err == nil {
		t.Fatal("a passed deadline did not end the read")
	}
}

func TestHandlersNeedNoGoroutineThatWaits(t *testing.T) {
	n := vnet.New()
	address := netip.MustParseAddr("10.0.0.1")
	n.AddAddress(address)
	before := runtime.NumGoroutine()
	taken := make(chan net.Conn, 1)
	tcp, err := n.HandleTCP(address, 80, func(c net.Conn) { taken <- c })
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	spawn := func(f func()) bool { running.Go(f); return true }
	udp, err := n.HandleUDP(address, 53, spawn, func(answers net.PacketConn, datagram []byte, from netip.AddrPort) {
		_, _ = answers.WriteTo(append([]byte("you said "), datagram...), net.UDPAddrFromAddrPort(from))
	})
	if err != nil {
		t.Fatal(err)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines wait", after-before)
	}
	c, err := n.DialTCP(t.Context(), netip.MustParseAddr("10.0.0.9"), netip.AddrPortFrom(address, 80))
	if err != nil {
		t.Fatal(err)
	}
	server := <-taken
	_, _ = server.Write([]byte("x"))
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
	_, _ = c.Close(), server.Close()
	u, err := n.DialUDP(t.Context(), netip.MustParseAddr("10.0.0.9"), netip.AddrPortFrom(address, 53))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = u.Close() }()
	_ = u.SetDeadline(time.Now().Add(time.Minute))
	for i := range 100 { // in their order
		_, _ = fmt.Fprint(u, i)
	}
	buf := make([]byte, 100)
	for i := range 100 {
		if k, err := u.Read(buf); string(buf[:k]) != fmt.Sprint("you said ", i) {
			t.Fatalf("%q, %v", buf[:k], err)
		}
	}
	if err := errors.Join(tcp.Close(), udp.Close()); err != nil {
		t.Error(err)
	}
	running.Wait()
	if _, err := n.DialTCP(t.Context(), netip.MustParseAddr("10.0.0.9"), netip.AddrPortFrom(address, 80)); !errors.Is(err,
		vnet.ErrRefused) {
		t.Errorf("after closing: %v", err)
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	c, s := pair(b)
	go func() { _, _ = io.Copy(s, s) }()
	defer func() { _ = c.Close(); _ = s.Close() }()
	buf := make([]byte, 512)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, buf); err != nil {
			b.Fatal(err)
		}
	}
}
