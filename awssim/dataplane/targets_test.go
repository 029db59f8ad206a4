package dataplane_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestThreeRefusedFlowsInARowLeadTheNextOnesToOtherTargets(t *testing.T) {
	t.Parallel()
	w, c := stepped(t)
	w.server("10.0.1.5", 8080, greet("a"))
	address := netip.MustParseAddr("10.0.1.6")
	w.network.AddAddress(address)
	refusing := func() net.Listener {
		l, err := w.network.ListenTCP(address, 8080)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := refusing()
	w.group("a", "TCP", "10.0.1.6")
	lb := w.balancer("web", stack.Network, listener(80, "TCP", forward("a")))
	w.update()
	c.Advance(0)
	w.await("10.0.1.6", "healthy")
	dial := func() (string, error) {
		conn, err := w.network.DialTCP(t.Context(), netip.MustParseAddr("203.0.113.7"),
			netip.AddrPortFrom(lb.Zones[0].Public, 80))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		return bufio.NewReader(conn).ReadString(' ')
	}
	refused := func(n int) {
		for range n {
			if _, err := dial(); !errors.Is(err, syscall.ECONNRESET) {
				t.Fatalf("a refused flow: %v", err)
			}
		}
	}
	healthy := func() int64 { return w.plane.Stats().TargetGroups[groupARN("a")]["HealthyHostCount"] }
	_ = l.Close()
	refused(2)
	l = refusing() // takes one flow, so that the two are forgotten
	taken := make(chan bool)
	w.pods.Go(func() {
		if conn, err := l.Accept(); err == nil {
			_, _ = io.WriteString(conn, "b ")
			_ = conn.Close()
		}
		close(taken)
	})
	if got, err := dial(); got != "b " {
		t.Fatalf("%q, %v", got, err)
	}
	<-taken
	_ = l.Close()
	refused(2)
	if healthy() != 1 {
		t.Error("two refused flows in a row are enough")
	}
	w.topo.TargetGroups[0].Targets = append(w.topo.TargetGroups[0].Targets, w.topo.TargetGroups[0].Targets[0])
	other := &w.topo.TargetGroups[0].Targets[1]
	other.ID, other.Address = "10.0.1.5", netip.MustParseAddr("10.0.1.5")
	w.update()
	c.Advance(0)
	w.await("10.0.1.5", "healthy")
	for range 200 {
		if _, err := dial(); err != nil {
			break // the third in a row
		}
	}
	w.within("the target is unhealthy", func() bool { return healthy() == 1 })
	for range 20 {
		if got, err := dial(); got != "a " {
			t.Fatalf("a flow after the third refusal: %q, %v", got, err)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, r := range w.history {
		if r.State == "unhealthy" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the target became unhealthy %d times", n)
	}
}

func TestAFlowThatMovesIsNeverIdle(t *testing.T) {
	t.Parallel()
	w, c := stepped(t)
	w.server("10.0.1.5", 8080, greet("a"))
	w.group("a", "TCP", "10.0.1.5")
	l := listener(80, "TCP", forward("a"))
	l.Attributes = map[string]string{"tcp.idle_timeout.seconds": "60"}
	w.balancer("web", stack.Network, l)
	w.update()
	c.Advance(0)
	w.await("10.0.1.5", "healthy")
	conn := w.dialRaw("web", 80)
	in := bufio.NewReader(conn)
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		c.Advance(40 * time.Second)
		_, _ = io.WriteString(conn, "still here\n")
		if line, err := in.ReadString('\n'); line != "still here\n" {
			t.Fatalf("after 40 seconds of silence: %q, %v", line, err)
		}
	}
	c.Advance(60 * time.Second)
	if n := w.count("ActiveFlowCount_TCP"); n != 0 {
		t.Errorf("%d active flows after a minute of silence", n)
	}
}

func TestATargetIsCheckedOnceAnIntervalWhateverElseChanges(t *testing.T) {
	t.Parallel()
	c, w := steppedChecks(t)
	var checks atomic.Int64
	w.pod("10.0.1.5", 8080, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { checks.Add(1) }))
	g := w.group("a", "HTTP", "10.0.1.5")
	g.HealthCheck.IntervalSeconds, g.HealthCheck.TimeoutSeconds = 10, 5
	lb := w.balancer("web", stack.Application, listener(80, "HTTP", forward("a")))
	w.update()
	c.Advance(0)
	w.await("10.0.1.5", "healthy")
	nodes := int64(len(lb.Zones))
	for i := range 10 { // each would begin checks of its own
		lb.Attributes = map[string]string{"idle_timeout.timeout_seconds": fmt.Sprint(30 + i)}
		w.update()
		c.Advance(0)
	}
	seconds := int64(0)
	w.within("the target is checked again", func() bool {
		if checks.Load() < 4*nodes {
			seconds++
			c.Advance(time.Second)
		}
		return checks.Load() >= 4*nodes
	})
	if n, most := checks.Load(), (seconds/10+2)*nodes; n > most { // the first, and one that is due at the end
		t.Fatalf("%d checks by %d nodes within %d seconds", n, nodes, seconds)
	}

	// A group that no load balancer uses is not checked, and begins again when one does.
	lb.Listeners[0].Default = notFound()
	w.update()
	before := checks.Load()
	for range 20 {
		c.Advance(10 * time.Second)
	}
	if n := checks.Load(); n > before+nodes { // some may have been on their way
		t.Errorf("%d checks of a target group that is not used", n-before)
	}
	if n := w.plane.Stats().TargetGroups[groupARN("a")]["HealthyHostCount"]; n != 0 {
		t.Errorf("%d healthy targets of a target group that is not used", n)
	}
	w.mu.Lock()
	w.history = nil
	w.mu.Unlock()
	lb.Listeners[0].Default = forward("a")
	w.update()
	c.Advance(0)
	w.within("the target is healthy again", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.history) == 2
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.history[0].State != "initial" || w.history[1].State != "healthy" {
		t.Errorf("%+v", w.history)
	}
}

func TestATargetOfNoZoneThatIsUnhealthyIsLeftOutInEveryZone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pod("10.9.1.5", 8080, echoHandler("well"))
	w.pod("10.9.1.6", 8080, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusTeapot)
	}))
	g := w.group("a", "HTTP", "10.9.1.5", "10.9.1.6")
	g.Targets[0].Zone, g.Targets[1].Zone = "all", "all"
	g.Attributes = map[string]string{"load_balancing.cross_zone.enabled": "false"}
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a")))
	w.update()
	w.await("10.9.1.5", "healthy")
	w.await("10.9.1.6", "unhealthy")
	for range 2 { // connections, for a node each
		c := w.client()
		for range 6 {
			if a := w.get(c, base+"/"); a.StatusCode != http.StatusOK {
				t.Fatalf("a request went to the unhealthy target: %d", a.StatusCode)
			}
		}
	}
}

func TestRefusedRequestIsRepeatedAtAnotherTarget(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"round_robin", "weighted_random", "least_outstanding_requests"} {
		w := newWorld(t)
		w.pod("10.0.1.5", 8080, echoHandler("a"))
		w.pod("10.0.1.5", 9000, echoHandler("check"))
		w.pod("10.0.1.6", 9000, echoHandler("check")) // healthy, and takes no request
		g := w.group("a", "HTTP", "10.0.1.5", "10.0.1.6")
		g.HealthCheck.Port = "9000"
		g.Attributes = map[string]string{"load_balancing.algorithm.type": algorithm}
		w.balancer("web"+algorithm, stack.Application, listener(80, "HTTP", forward("a")))
		w.update()
		w.await("10.0.1.5", "healthy")
		w.await("10.0.1.6", "healthy")
		c := w.client()
		url := "http://web" + algorithm + "-1.us-west-2.elb.amazonaws.com/"
		for range 30 {
			if a := w.get(c, url); a.StatusCode != http.StatusOK {
				t.Fatalf("%s: %d", algorithm, a.StatusCode)
			}
		}
		refused := 0
		for range 30 {
			if a := w.do(c, http.MethodPost, url); a.StatusCode == http.StatusBadGateway {
				refused++
			}
		}
		if refused == 0 {
			t.Errorf("%s: every POST was repeated, or none was refused", algorithm)
		}
	}
}

func TestAWebSocketsHandshakeNamesItsHeaderToTheTarget(t *testing.T) {
	t.Parallel()
	heads := make(chan http.Header, 1)
	w := plainWeb(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ws" {
			heads <- r.Header
		}
	}), nil)
	c := w.raw()
	c.send("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, UPGRADE\r\nUpgrade: " +
		"WebSocket\r\nSec-WebSocket-Key: k\r\n\r\n")
	if h := <-heads; h.Get("Connection") != "Upgrade" || !strings.EqualFold(h.Get("Upgrade"), "websocket") ||
		h.Get("Sec-Websocket-Key") != "k" {
		t.Errorf("the target got %v", h)
	}
	c.receive("GET")
	c.send("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: " +
		"AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n")
	if h := <-heads; h.Get("Upgrade") != "" || strings.Contains(strings.ToLower(h.Get("Connection")), "upgrade") {
		t.Errorf("the target of an upgrade to another protocol got %v", h)
	}
	c.receive("GET")
}

func TestAnUnknownExpectationIsPassedToTheTarget(t *testing.T) {
	t.Parallel()
	heads := make(chan http.Header, 1)
	w := newWorld(t)
	w.server("10.0.1.5", 8080, func(c net.Conn) { // net/http would answer it by itself
		for in := bufio.NewReader(c); ; {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			if r.URL.Path == "/x" {
				heads <- r.Header
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	w.group("a", "HTTP", "10.0.1.5")
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	c := w.raw()
	c.send("GET /x HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n")
	if a := c.receive("GET"); a.StatusCode != http.StatusOK {
		t.Errorf("%s", a.Status)
	}
	if h := <-heads; h.Get("Expect") != "tea" {
		t.Errorf("the target got %v", h)
	}
}

func TestAnNLBReportsOnlyThatChecksFailed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pod("10.0.1.5", 8080, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusTeapot)
	}))
	g := w.group("a", "TCP", "10.0.1.5")
	g.HealthCheck.Protocol = "HTTP"
	w.balancer("web", stack.Network, listener(80, "TCP", forward("a")))
	w.update()
	if r := w.await("10.0.1.5", "unhealthy"); r.Reason != "Target.FailedHealthChecks" ||
		r.Description != "Health checks failed" {
		t.Errorf("%+v", r)
	}
}

func TestAnNLBCountsTheFlowsThatItRejects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.group("empty", "TCP")
	lb := w.balancer("web", stack.Network, listener(80, "TCP", forward("empty")))
	w.update()
	for range 2 {
		conn, err := w.network.DialTCP(t.Context(), netip.MustParseAddr("203.0.113.7"),
			netip.AddrPortFrom(lb.Zones[1].Public, 80))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a flow to an empty target group: %v", err)
		}
		_ = conn.Close()
	}
	w.within("they are counted", func() bool { return w.count("TCP_ELB_Reset_Count") == 2 })
	zones := w.plane.Stats().LoadBalancerZones[lb.ARN]
	if n := w.count("RejectedFlowCount"); n != 2 || zones["us-west-2b"]["RejectedFlowCount"] != 2 ||
		zones["us-west-2a"]["RejectedFlowCount"] != 0 {
		t.Errorf("%d rejected, by zone %v", n, zones)
	}
}

func TestAFlowOfDatagramsLivesWhileEitherSideSpeaks(t *testing.T) {
	t.Parallel()
	w, c := stepped(t)
	w.server("10.0.1.5", 8080, func(net.Conn) {})
	socket, err := w.network.ListenUDP(netip.MustParseAddr("10.0.1.5"), 8080)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	w.group("a", "UDP", "10.0.1.5")
	lb := w.balancer("web", stack.Network, listener(53, "UDP", forward("a")))
	w.update()
	c.Advance(0)
	w.await("10.0.1.5", "healthy")
	client := w.udp("203.0.113.7:51234", netip.AddrPortFrom(lb.Zones[0].Public, 53))
	end := time.Now().Add(10 * time.Second)
	_, _ = socket.SetDeadline(end), client.SetDeadline(end)
	var peer net.Addr
	up := func(text string) {
		t.Helper()
		buf := make([]byte, 100)
		_, _ = io.WriteString(client, text)
		n, from, err := socket.ReadFrom(buf)
		if peer = from; err != nil || string(buf[:n]) != text {
			t.Fatalf("the target got %q, %v", buf[:n], err)
		}
	}
	down := func(text string) {
		t.Helper()
		buf := make([]byte, 100)
		_, _ = socket.WriteTo([]byte(text), peer)
		n, err := client.Read(buf)
		if err != nil || string(buf[:n]) != text {
			t.Fatalf("the client got %q, %v", buf[:n], err)
		}
	}
	up("one")
	for range 3 { // the client speaks alone
		c.Advance(80 * time.Second)
		up("more")
	}
	for range 3 { // the target speaks alone
		c.Advance(80 * time.Second)
		down("and more")
	}
	if n := w.count("NewFlowCount_UDP"); n != 1 {
		t.Errorf("%d flows, want one that was never idle for two minutes", n)
	}
	if n, want := w.count("ProcessedBytes_UDP"), int64(len("one")+3*len("more")+3*len("and more")); n != want {
		t.Errorf("%d bytes, want %d", n, want)
	}
	c.Advance(120 * time.Second)
	w.within("the flow ends", func() bool { return w.count("ActiveFlowCount_UDP") == 0 && len(w.plane.Flows()) == 0 })
}

func TestInboundRulesKeepDatagramsOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.datagrams("10.0.1.5", 8080, "a")
	w.group("a", "UDP", "10.0.1.5")
	lb := w.balancer("web", stack.Network, listener(53, "UDP", forward("a")))
	lb.Ingress = []topology.Permission{
		{Protocol: "udp", FromPort: 53, ToPort: 53, Source: netip.MustParsePrefix("203.0.113.0/24")}}
	w.update()
	w.await("10.0.1.5", "healthy")
	to := netip.AddrPortFrom(lb.Zones[0].Public, 53)
	stranger, client := w.udp("192.0.2.7:4000", to), w.udp("203.0.113.7:4000", to)
	_, _ = io.WriteString(stranger, "let me in")
	w.within("the stranger's datagram is counted", func() bool {
		return w.count("SecurityGroupBlockedFlowCount_Inbound_UDP") == 1
	})
	if got := ask(t, client, "hello"); got != "a got hello from 203.0.113.7:4000" {
		t.Errorf("%q", got)
	}
	_ = stranger.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := stranger.Read(make([]byte, 100)); !isTimeout(err) {
		t.Errorf("the stranger gets %d bytes, %v", n, err)
	}
	if n := w.count("NewFlowCount_UDP"); n != 1 {
		t.Errorf("%d flows", n)
	}
}

func TestDatagramsOfFlowKeepTheirTarget(t *testing.T) {
	t.Parallel()
	w, c := stepped(t)
	var ips []string
	for i := range 8 {
		ip := fmt.Sprintf("10.0.1.%d", 10+i)
		w.datagrams(ip, 8080, ip)
		w.server(ip, 9090, func(c net.Conn) { _, _ = io.WriteString(c, ip+"\n") })
		ips = append(ips, ip)
	}
	w.group("u", "UDP", ips...)
	g := w.group("t", "TCP", ips...)
	g.Port = 9090
	for i := range g.Targets {
		g.Targets[i].Port = 9090
	}
	lb := w.balancer("web", stack.Network, listener(53, "UDP", forward("u")), listener(80, "TCP", forward("t")))
	lb.Attributes = map[string]string{"load_balancing.cross_zone.enabled": "true"}
	w.update()
	c.Advance(0)
	w.within("all targets are healthy", func() bool {
		groups := w.plane.Stats().TargetGroups
		return groups[groupARN("u")]["HealthyHostCount"] == 8 && groups[groupARN("t")]["HealthyHostCount"] == 8
	})
	seen := map[string]bool{}
	for i := range 10 {
		client := w.udp(fmt.Sprintf("203.0.113.7:%d", 4000+i), netip.AddrPortFrom(lb.Zones[0].Public, 53))
		first, _, _ := strings.Cut(ask(t, client, "x"), " ")
		c.Advance(120 * time.Second)
		w.within("the flow ends", func() bool { return w.count("ActiveFlowCount_UDP") == 0 })
		if again, _, _ := strings.Cut(ask(t, client, "x"), " "); again != first {
			t.Errorf("client %d went to %s and then to %s", i, first, again)
		}
		seen[first] = true
	}
	if len(seen) < 2 {
		t.Errorf("all clients' datagrams go to %v", seen)
	}
	clear(seen)
	for range 20 { // the sequence number differs
		conn, err := w.network.DialTCPFrom(t.Context(), netip.MustParseAddrPort("203.0.113.8:4000"),
			netip.AddrPortFrom(lb.Zones[0].Public, 80))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		line, err := bufio.NewReader(conn).ReadString('\n')
		_ = conn.Close()
		if err != nil {
			t.Fatal(err)
		}
		seen[line] = true
		w.within("the flow ends", func() bool { return w.count("ActiveFlowCount_TCP") == 0 })
	}
	if len(seen) < 2 {
		t.Errorf("all connections from one port go to %v", seen)
	}
}

func TestFixedResponsesContainOnlyWhatTheyAreGiven(t *testing.T) {
	t.Parallel()
	option, lines := withLogs(t)
	w := newWorld(t, option)
	fixed := func(status, contentType, body string) []stack.Action {
		return []stack.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{StatusCode: status,
			ContentType: contentType, MessageBody: body}}}
	}
	w.balancer("web", stack.Application, listener(80, "HTTP", fixed("200", "", ""),
		onPath(1, "/text", fixed("200", "", "hello")),
		onPath(2, "/none", fixed("204", "text/plain", "hello")), onPath(3, "/html", fixed("503", "text/html", "<p>")))).
		Attributes = bucket("access_logs")
	w.update()
	c := w.raw()
	for _, tt := range []struct{ method, path, status, contentType, length, body string }{
		{"GET", "/", "200 OK", "", "0", ""},
		{"GET", "/text", "200 OK", "text/plain", "5", "hello"},
		{"HEAD", "/text", "200 OK", "text/plain", "5", ""},
		{"GET", "/none", "204 No Content", "text/plain", "", ""},
		{"GET", "/html", "503 Service Temporarily Unavailable", "text/html", "3", "<p>"},
	} {
		c.send(tt.method + " " + tt.path + " HTTP/1.1\r\nHost: a\r\n\r\n")
		a := c.receive(tt.method)
		if a.Status != tt.status || a.Header.Get("Content-Type") != tt.contentType || a.Header.Get("Content-Length") !=
			tt.length || a.body != tt.body {
			t.Errorf("%s %s: %s, %v, %q", tt.method, tt.path, a.Status, a.Header, a.body)
		}
	}
	w.plane.Close()
	sent := map[string]string{}
	for _, line := range lines("123456789012_") {
		f := fieldsOf(line)
		sent[f[12]] = f[11]
	}
	var with, without int
	_, err1 := fmt.Sscan(sent["GET http://a:80/text HTTP/1.1"], &with)
	_, err2 := fmt.Sscan(sent["HEAD http://a:80/text HTTP/1.1"], &without)
	if err1 != nil || err2 != nil || with != without+len("hello") {
		t.Errorf("bytes sent: %v", sent)
	}
}

func TestTargetThatRecoversWhileDrainingIsHealthy(t *testing.T) {
	t.Parallel()
	c, w := steppedChecks(t)
	var ill atomic.Bool
	w.pod("10.0.1.9", 9000, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		if ill.Load() {
			rw.WriteHeader(http.StatusInternalServerError)
		}
	}))
	w.server("10.0.1.9", 8080, greet("a"))
	g := w.group("a", "TCP", "10.0.1.9")
	g.HealthCheck = stack.HealthCheck{Protocol: "HTTP", Port: "9000", Path: "/", IntervalSeconds: 10, TimeoutSeconds: 5,
		HealthyThreshold: 2, UnhealthyThreshold: 2}
	g.Attributes = map[string]string{
		"target_health_state.unhealthy.connection_termination.enabled": "false",
		"target_health_state.unhealthy.draining_interval_seconds":      "360000",
	}
	w.balancer("web", stack.Network, listener(80, "TCP", forward("a")))
	w.update()
	c.Advance(0)
	w.await("10.0.1.9", "healthy")
	until := func(state string) {
		t.Helper()
		w.within("the target is "+state, func() bool {
			c.Advance(time.Second)
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.health["10.0.1.9"].State == state
		})
	}
	ill.Store(true)
	until("unhealthy.draining")
	ill.Store(false)
	until("healthy")
	c.Advance(360000 * time.Second)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.history {
		if r.State == "unhealthy" {
			t.Errorf("%+v", r)
		}
	}
}
