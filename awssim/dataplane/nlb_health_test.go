package dataplane_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/accesslog"
	"github.com/k8s-lbc/lbc/awssim/dataplane"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestATargetThatRefusesFlowsIsUnhealthyBeforeItsNextCheck(t *testing.T) {
	t.Parallel()
	for _, sticky := range []bool{false, true} {
		w, c := stepped(t)
		address := netip.MustParseAddr("10.0.1.5")
		w.network.AddAddress(address)
		l, err := w.network.ListenTCP(address, 8080)
		if err != nil {
			t.Fatal(err)
		}
		g := w.group("a", "TCP", "10.0.1.5")
		if sticky {
			g.Attributes = map[string]string{"stickiness.enabled": "true", "stickiness.type": "source_ip"}
		}
		lb := w.balancer(fmt.Sprint("web", sticky), stack.Network, listener(80, "TCP", forward("a")))
		w.update()
		c.Advance(0)
		w.await("10.0.1.5", "healthy")
		_ = l.Close()
		for i := range 3 {
			conn, err := w.network.DialTCP(t.Context(), netip.MustParseAddr("203.0.113.7"),
				netip.AddrPortFrom(lb.Zones[0].Public, 80))
			if err == nil { // the reset may come before the dialer is done
				_ = conn.SetDeadline(time.Now().Add(time.Minute))
				_, err = conn.Read(make([]byte, 1))
				_ = conn.Close()
			}
			if !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("flow %d: %v, want a reset", i, err)
			}
		}
		if !sticky {
			if r := w.await("10.0.1.5", "unhealthy"); r.Reason != "Target.FailedHealthChecks" {
				t.Errorf("%+v", r)
			}
			continue
		}
		w.within("the refusals are counted", func() bool { return w.count("TCP_Target_Reset_Count") == 3 })
		if n := w.plane.Stats().TargetGroups[groupARN("a")]["HealthyHostCount"]; n != 1 {
			t.Error("flows of a target group with stickiness made its target unhealthy")
		}
	}
}

func TestAnUnhealthyTargetDrainsForItsIntervalWhenItKeepsItsFlows(t *testing.T) {
	t.Parallel()
	c, w := steppedChecks(t)
	stop := w.pod("10.0.1.9", 9000, http.NotFoundHandler())
	w.server("10.0.1.9", 8080, greet("a"))
	g := w.group("a", "TCP", "10.0.1.9")
	g.HealthCheck = stack.HealthCheck{Protocol: "HTTP", Port: "9000", Path: "/", Matcher: "404", IntervalSeconds: 10,
		TimeoutSeconds: 5, HealthyThreshold: 2, UnhealthyThreshold: 2}
	g.Attributes = map[string]string{
		"target_health_state.unhealthy.connection_termination.enabled": "false",
		"target_health_state.unhealthy.draining_interval_seconds":      "300",
	}
	lb := w.balancer("web", stack.Network, listener(80, "TCP", forward("a")))
	w.update()
	c.Advance(0)
	w.await("10.0.1.9", "healthy")
	conn, err := w.network.DialTCP(t.Context(), netip.MustParseAddr("203.0.113.7"),
		netip.AddrPortFrom(lb.Zones[0].Public, 80))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	stop()
	w.within("the target is unhealthy.draining", func() bool {
		c.Advance(10 * time.Second)
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.health["10.0.1.9"].State == "unhealthy.draining"
	})
	_, _ = io.WriteString(conn, "still there\n")
	if line, err := in.ReadString('\n'); err != nil || line != "still there\n" {
		t.Errorf("%q, %v", line, err)
	}
	c.Advance(300 * time.Second)
	w.await("10.0.1.9", "unhealthy")
	_, _ = io.WriteString(conn, "and still\n")
	if line, err := in.ReadString('\n'); err != nil || line != "and still\n" {
		t.Errorf("%q, %v", line, err)
	}
}

// steppedChecks is a stepped world in which the intervals of target groups hold.
func steppedChecks(t *testing.T) (interface{ Advance(time.Duration) }, *world) {
	w, c := stepped(t)
	w.plane.Close()
	w.plane = dataplane.New(dataplane.Options{Clock: c, Network: w.network, HealthSink: w.report, Logf: t.Logf,
		Random: seeded()})
	t.Cleanup(w.plane.Close)
	return c, w
}

func TestChecksOfAnNLBNameItsNodeAndAnnounceThemselves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	heads := make(chan string, 100)
	w.server("10.0.1.5", 8080, func(c net.Conn) {
		head := make([]byte, 23)
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		from := c.RemoteAddr().(*net.TCPAddr).IP
		select {
		case heads <- fmt.Sprintf("%x %s from %s to %s by %s", head[:19], req.Method, from, req.Host, req.UserAgent()):
		default:
		}
		_, _ = io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")
	})
	g := w.group("a", "TCP", "10.0.1.5")
	g.HealthCheck.Protocol = "HTTP"
	g.Attributes = map[string]string{"proxy_protocol_v2.enabled": "true"}
	lb := w.balancer("web", stack.Network, listener(8443, "TCP", forward("a")), listener(444, "TCP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	seen := map[string]bool{}
	for deadline := time.After(2 * time.Minute); len(seen) < len(lb.Zones); {
		select {
		case got := <-heads:
			seen[got] = true
		case <-deadline:
			t.Fatalf("checks of both nodes are awaited, seen: %v", seen)
		}
	}
	for _, z := range lb.Zones {
		want := fmt.Sprintf("0d0a0d0a000d0a515549540a20000007030004 GET from %[1]s to %[1]s:444 by ELB-HealthChecker/2.0",
			z.Private)
		if !seen[want] {
			t.Errorf("no check looks like %s: %v", want, seen)
		}
	}
}

func TestTheFirstDatagramOfAFlowBearsTheProxyProtocolHeader(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.datagrams("10.0.1.5", 8080, "a")
	w.group("a", "UDP", "10.0.1.5").Attributes = map[string]string{"proxy_protocol_v2.enabled": "true"}
	lb := w.balancer("web", stack.Network, listener(53, "UDP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	c := w.udp("203.0.113.7:51234", netip.AddrPortFrom(lb.Zones[0].Public, 53))
	first, second := ask(t, c, "one"), ask(t, c, "two")
	head, ok := strings.CutPrefix(first, "a got ")
	want := "0d0a0d0a000d0a515549540a21120054cb0071070a000001c8220035030004"
	if !ok || !strings.HasPrefix(hex.EncodeToString([]byte(head)), want) || !strings.HasPrefix(head[100:], "one from") {
		t.Errorf("first datagram %x, want it to begin with %s", head, want)
	}
	if second != "a got two from 203.0.113.7:51234" {
		t.Errorf("second datagram: %q", second)
	}
}

func TestZonesLeaveDNSByTheThresholdsOfDNSFailover(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		attributes map[string]string
		cross      bool
		healthy    []string // of a: .1, .2; of b: .3
		want       string   // zones in service
	}{
		"all healthy":            {healthy: []string{"10.0.2.1", "10.0.2.2", "10.0.2.3"}, want: "ab"},
		"b has none":             {healthy: []string{"10.0.2.1"}, want: "a"},
		"b has none, cross-zone": {cross: true, healthy: []string{"10.0.2.1"}, want: "ab"},
		"nothing healthy":        {want: "ab"},
		"two are asked for": {
			attributes: map[string]string{"target_group_health.dns_failover.minimum_healthy_targets.count": "2"},
			healthy:    []string{"10.0.2.1", "10.0.2.2", "10.0.2.3"}, want: "a",
		},
		"a share is asked for": {
			attributes: map[string]string{"target_group_health.dns_failover.minimum_healthy_targets.percentage": "51"},
			healthy:    []string{"10.0.2.1", "10.0.2.3"}, want: "b",
		},
		"failover is off": {
			attributes: map[string]string{"target_group_health.dns_failover.minimum_healthy_targets.count": "off"},
			healthy:    []string{"10.0.2.1"}, want: "ab",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			g := w.group("a", "TCP", "10.0.2.1", "10.0.2.3", "10.0.2.2")
			g.Targets[2].Zone = "us-west-2a"
			g.Attributes = tt.attributes
			up := map[string]bool{}
			for _, ip := range tt.healthy {
				w.server(ip, 8080, greet("x"))
				up[ip] = true
			}
			for _, target := range g.Targets {
				w.network.AddAddress(target.Address)
			}
			w.group("empty", "TCP")
			lb := w.balancer("web", stack.Network, listener(80, "TCP", forward("a")), listener(81, "TCP", forward("empty")))
			lb.Attributes = map[string]string{"load_balancing.cross_zone.enabled": fmt.Sprint(tt.cross)}
			w.update()
			for _, ip := range []string{"10.0.2.1", "10.0.2.2", "10.0.2.3"} {
				w.await(ip, map[bool]string{true: "healthy", false: "unhealthy"}[up[ip]])
			}
			got := ""
			for _, z := range w.plane.Zones(lb.ARN) {
				if z.InService {
					got += z.Name[len(z.Name)-1:]
				}
			}
			if got != tt.want {
				t.Errorf("zones in service %q, want %q", got, tt.want)
			}
		})
	}
}

func TestResetsCountForTheirSender(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.server("10.0.1.5", 8080, func(c net.Conn) {
		_, _ = io.WriteString(c, "a\n")
		line, _ := bufio.NewReader(c).ReadString('\n')
		if line == "reset\n" {
			_ = c.(interface{ SetLinger(int) error }).SetLinger(0)
			return
		}
		_, _ = io.Copy(io.Discard, c)
	})
	w.group("a", "TCP", "10.0.1.5")
	lb := w.balancer("web", stack.Network, listener(80, "TCP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	dial := func() net.Conn {
		c, err := w.network.DialTCP(t.Context(), netip.MustParseAddr("203.0.113.7"),
			netip.AddrPortFrom(lb.Zones[0].Public, 80))
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		if _, err := c.Read(make([]byte, 2)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	byTarget := dial()
	_, _ = io.WriteString(byTarget, "reset\n")
	if _, err := byTarget.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the target's reset arrives as %v", err)
	}
	_ = byTarget.Close()
	byClient := dial()
	_ = byClient.(interface{ SetLinger(int) error }).SetLinger(0)
	_ = byClient.Close()
	w.within("both are counted", func() bool {
		return w.count("TCP_Target_Reset_Count") == 1 && w.count("TCP_Client_Reset_Count") == 1
	})
	if n := w.count("TCP_ELB_Reset_Count"); n != 0 {
		t.Errorf("%d resets by the load balancer", n)
	}
	w.within("the flows end", func() bool { return w.count("ActiveFlowCount") == 0 })
	zone := w.plane.Stats().LoadBalancerZones[lb.ARN]["us-west-2a"]
	if zone["NewFlowCount_TCP"] != 2 || zone["ZonalHealthStatus"] != 1 {
		t.Errorf("zone a: %v", zone)
	}
}

func TestTLSConnectionsOfAnNLBAreLogged(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	logs := accesslog.New(accesslog.Options{Directory: folder, Account: "123456789012", Region: "us-west-2"})
	w := newWorld(t, func(o *dataplane.Options) { o.Logs = logs })
	inner := certificate(t, "inner")
	w.server("10.0.1.5", 8080, func(c net.Conn) {
		greet("a")(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{inner.TLS}, NextProtos: []string{"h2"}}))
	})
	w.group("a", "TLS", "10.0.1.5")
	l := listener(443, "TLS", forward("a"))
	l.ARN, l.ALPN, l.SSLPolicy = "arn:listener/net/web/1/abcdef", "HTTP2Preferred", "ELBSecurityPolicy-TLS13-1-2-2021-06"
	l.Certificates = []topology.Certificate{certificate(t, "outer"), certificate(t, "www.example.com")}
	lb := w.balancer("web", stack.Network, l)
	lb.Attributes = map[string]string{"access_logs.s3.enabled": "true", "access_logs.s3.bucket": "logs",
		"access_logs.s3.prefix": "nlb"}
	w.update()
	w.await("10.0.1.5", "healthy")
	to := netip.AddrPortFrom(lb.Zones[0].Public, 443)
	dial := func(config *tls.Config) error {
		raw, err := w.network.DialTCPFrom(t.Context(), netip.MustParseAddrPort("203.0.113.7:51234"), to)
		if err != nil {
			t.Fatal(err)
		}
		c := tls.Client(raw, config)
		defer func() { _ = c.Close() }()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := c.HandshakeContext(ctx); err != nil {
			return err
		}
		_, _ = io.WriteString(c, "hi")
		_ = c.CloseWrite()
		_, err = io.Copy(io.Discard, c)
		return err
	}
	if err := dial(&tls.Config{InsecureSkipVerify: true, ServerName: "www.example.com", NextProtos: []string{
		"h2", "http/1.1"}, CurvePreferences: []tls.CurveID{tls.X25519}}); err != nil {
		t.Fatal(err)
	}
	w.within("the flow ends", func() bool {
		return w.count("ActiveFlowCount_TLS") == 0 && w.count("NewFlowCount_TLS") == 1
	})
	if err := dial(&tls.Config{ServerName: "www.example.com"}); err == nil { // the client does not trust it
		t.Fatal("an untrusted certificate was taken")
	}
	w.within("both flows end", func() bool {
		return w.count("ActiveFlowCount_TLS") == 0 && w.count("NewFlowCount_TLS") == 2
	})
	w.plane.Close() // waits for the entries
	if err := logs.Close(); err != nil {
		t.Fatal(err)
	}
	lines := logged(t, filepath.Join(folder, "logs", "nlb", "AWSLogs", "123456789012", "elasticloadbalancing",
		"us-west-2"))
	if len(lines) != 2 {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	for i, want := range []string{
		"_ abcdef 203.0.113.7:51234 10.0.0.1:443 _ _ 2 _ - arn:www.example.com - TLS_AES_128_GCM_SHA256 tlsv13 x25519 " +
			"www.example.com h2 h2 \"h2\",\"http/1.1\" _",
		"_ abcdef 203.0.113.7:51234 10.0.0.1:443 _ - 0 0 42 arn:www.example.com - - - - www.example.com - - - _",
	} {
		got := strings.Fields(lines[i])[3:]
		for j, field := range strings.Fields(want) {
			if field != "_" && got[j] != field {
				t.Errorf("line %d, field %d: %s, want %s: %s", i+1, j+4, got[j], field, lines[i])
			}
		}
	}
}

// logged is the lines of all logs below a folder.
func logged(t *testing.T, folder string) []string {
	t.Helper()
	var lines []string
	err := fs.WalkDir(os.DirFS(folder), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		packed, err := os.ReadFile(filepath.Join(folder, path))
		if err != nil {
			return err
		}
		z, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			return err
		}
		text, err := io.ReadAll(z)
		lines = append(lines, strings.Split(strings.TrimSpace(string(text)), "\n")...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}
