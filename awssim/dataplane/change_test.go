package dataplane_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestUpdatesUnderTrafficFailNoRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ips []string
	for i := range 4 {
		ips = append(ips, fmt.Sprintf("10.0.1.%d", 5+i))
		w.pod(ips[i], 8080, echoHandler(ips[i]))
	}
	w.group("a", "HTTP", ips...)
	w.group("b", "HTTP", ips[:2]...)
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a"), onPath(1, "/b", forward("b"))))
	w.update()
	for _, ip := range ips {
		w.await(ip, "healthy")
	}
	var stop atomic.Bool
	answered := make(chan bool, 20)
	var clients sync.WaitGroup
	for i := range 4 {
		c := w.client()
		clients.Go(func() {
			for n := 0; !stop.Load(); n++ {
				method, path := "GET", "/x"
				if n%3 == i%3 {
					method, path = "POST", "/b"
				}
				req, _ := http.NewRequestWithContext(context.Background(), method, base+path, strings.NewReader("body"))
				res, err := c.Do(req)
				if err != nil {
					t.Errorf("%s %s: %v", method, path, err)
					return
				}
				body, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if err != nil || res.StatusCode != http.StatusOK {
					t.Errorf("%s %s: %d %s, %v", method, path, res.StatusCode, body, err)
					return
				}
				select {
				case answered <- true:
				default:
				}
			}
		})
	}
	gaveUp := make(chan bool)
	go func() {
		clients.Wait()
		close(gaveUp)
	}()
	all := w.topo.TargetGroups[0].Targets
	lb := &w.topo.LoadBalancers[0]
	for round := range 60 {
		switch round % 6 {
		case 0: // scale down: drain, then gone
			w.topo.TargetGroups[0].Targets = withDraining(all, 2)
		case 1:
			w.topo.TargetGroups[0].Targets = all[:2]
		case 2:
			w.topo.TargetGroups[0].Targets = all
		case 3: // another default, another listener, another rule order
			lb.Listeners = append(lb.Listeners[:1:1], listener(8080, "HTTP", forward("b")))
			lb.Listeners[0].Default = forward("b")
		case 4:
			lb.Listeners = []topology.Listener{listener(80, "HTTP", forward("a"), onPath(1, "/c", notFound()),
				onPath(2, "/b", forward("b")))}
		case 5: // an attribute that makes a new HTTP server
			lb.Attributes = map[string]string{"idle_timeout.timeout_seconds": fmt.Sprint(30 + round)}
		}
		w.update()
		for range 2 * cap(answered) { // the first half may be from before the update
			select {
			case <-answered:
			case <-gaveUp:
				return
			}
		}
	}
	stop.Store(true)
	<-gaveUp
}

// TestAListenerThatGetsAnotherTargetGroupResetsNoConnection swaps the target group of a listener. The targets of the
// one that it does not lead to are unused, as those of an account are. Many further target groups make an update last.
func TestAListenerThatGetsAnotherTargetGroupResetsNoConnection(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		of       stack.LoadBalancerType
		protocol string
	}{"network": {stack.Network, "TCP"}, "application": {stack.Application, "HTTP"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			names := []string{"a", "b"}
			for i, name := range names {
				ip := fmt.Sprintf("10.0.1.%d", 5+i)
				w.pod(ip, 8080, echoHandler(name))
				w.group(name, c.protocol, ip)
			}
			lb := w.balancer("web", c.of, listener(80, c.protocol, forward("a")))
			for i := range 300 {
				w.group(fmt.Sprint("further-", i), c.protocol, "10.0.1.99")
			}
			lead := func(n int) {
				lb.Listeners[0].Default = forward(names[n])
				for i := range names {
					targets := slices.Clone(w.topo.TargetGroups[i].Targets)
					targets[0].Unused = i != n
					w.topo.TargetGroups[i].Targets = targets
				}
				w.update()
			}
			lead(0)
			var stop atomic.Bool
			var clients sync.WaitGroup
			for range 4 {
				clients.Go(func() {
					for !stop.Load() && !t.Failed() {
						client := w.client() // of a connection of its own
						res, err := client.Get(base)
						if err != nil {
							t.Error(err)
							continue
						}
						_ = res.Body.Close()
						if res.StatusCode != http.StatusOK {
							t.Error(res.Status)
						}
						client.CloseIdleConnections()
					}
				})
			}
			for n := range 100 {
				lead(n % 2)
				time.Sleep(time.Millisecond) // for connections in between
			}
			stop.Store(true)
			clients.Wait()
		})
	}
}

// TestAZoneWhoseTargetsLeaveResetsNoConnection has all targets of one zone drain again and again, without cross-zone
// balancing: DNS leaves the zone out at once.
func TestAZoneWhoseTargetsLeaveResetsNoConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, ip := range []string{"10.0.1.5", "10.0.1.6"} { // in two zones
		w.pod(ip, 8080, echoHandler(ip))
	}
	w.group("a", "TCP", "10.0.1.5", "10.0.1.6")
	w.balancer("web", stack.Network, listener(80, "TCP", forward("a")))
	w.update()
	all := w.topo.TargetGroups[0].Targets
	var stop atomic.Bool
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for !stop.Load() && !t.Failed() {
				client := w.client() // of a connection of its own
				res, err := client.Get(base)
				if err != nil {
					t.Error(err)
					continue
				}
				_ = res.Body.Close()
				client.CloseIdleConnections()
			}
		})
	}
	for n := range 1000 {
		w.topo.TargetGroups[0].Targets = withDraining(all, 1+n%2)
		w.update()
		runtime.Gosched() // for connections in between
	}
	stop.Store(true)
	clients.Wait()
}

// withDraining is targets with those from n on draining.
func withDraining(targets []topology.Target, n int) []topology.Target {
	out := append([]topology.Target(nil), targets...)
	for i := n; i < len(out); i++ {
		out[i].Draining = true
	}
	return out
}

func TestADrainingTargetFinishesItsRequestsAndGetsNoNewOnes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arrived, release := make(chan bool), make(chan bool)
	slow := func(name string) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				arrived <- true
				<-release
			}
			_, _ = io.WriteString(rw, name)
		})
	}
	w.pod("10.0.1.5", 8080, slow("old"))
	w.pod("10.0.1.6", 8080, slow("new"))
	w.group("a", "HTTP", "10.0.1.5", "10.0.1.6")
	targets := w.topo.TargetGroups[0].Targets
	w.topo.TargetGroups[0].Targets = targets[:1]
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	c := w.client()
	answered := make(chan string, 1)
	w.pods.Go(func() {
		res, err := c.Get(base + "/slow")
		if err != nil {
			answered <- err.Error()
			return
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		answered <- string(body)
	})
	<-arrived
	w.topo.TargetGroups[0].Targets = []topology.Target{targets[0], targets[1]}
	w.topo.TargetGroups[0].Targets[0].Draining = true
	w.update()
	for range 10 {
		if got := w.get(c, base+"/").body; got != "new" {
			t.Fatalf("a new request went to the %s target", got)
		}
	}
	w.topo.TargetGroups[0].Targets = targets[1:]
	w.update()
	release <- true
	if got := <-answered; got != "old" {
		t.Errorf("the request in flight got %q", got)
	}
}

func TestHealthReports(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var status atomic.Int64
	status.Store(200)
	var checks atomic.Int64
	w.pod("10.0.1.5", 8080, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.UserAgent() == "ELB-HealthChecker/2.0" && r.Host == "10.0.1.5:8080" && r.URL.Path == "/healthz" {
			checks.Add(1)
		}
		rw.WriteHeader(int(status.Load()))
	}))
	w.network.AddAddress(netip.MustParseAddr("10.0.1.6")) // nothing listens
	w.group("a", "HTTP", "10.0.1.5", "10.0.1.6").HealthCheck.Path = "/healthz"
	w.group("unused", "HTTP", "10.0.1.7")
	w.group("tcp", "TCP", "10.0.1.8")
	w.network.AddAddress(netip.MustParseAddr("10.0.1.8"))
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a")))
	w.balancer("net", stack.Network, listener(80, "TCP", forward("tcp")))
	w.update()
	w.await("10.0.1.5", "healthy")
	if r := w.await("10.0.1.6", "unhealthy"); r.Reason != "Target.FailedHealthChecks" ||
		r.Description != "Health checks failed" {
		t.Errorf("refused: %+v", r)
	}
	status.Store(500)
	if r := w.await("10.0.1.5", "unhealthy"); r.Reason != "Target.ResponseCodeMismatch" ||
		r.Description != "Health checks failed with these codes: [500]" {
		t.Errorf("500: %+v", r)
	}
	if a := w.get(w.client(), base+"/"); a.StatusCode != http.StatusInternalServerError &&
		a.StatusCode != http.StatusBadGateway {
		t.Errorf("with all targets unhealthy: %d, want an answer all the same (fail open)", a.StatusCode)
	}
	status.Store(200)
	w.await("10.0.1.5", "healthy")
	w.await("10.0.1.8", "unhealthy")
	if checks.Load() < 4 {
		t.Errorf("%d checks looked as they should", checks.Load())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if r, ok := w.health["10.0.1.7"]; ok {
		t.Errorf("an unused target group was checked: %+v", r)
	}
	if first := w.history[0]; first.State != "initial" || first.Reason != "Elb.InitialHealthChecking" || first.Zone == "" {
		t.Errorf("first report %+v", first)
	}
}

func TestASilentTargetTimesOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	done := make(chan bool)
	t.Cleanup(func() { close(done) })
	w.pod("10.0.1.5", 8080, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/silent" {
			select {
			case <-done:
			case <-r.Context().Done():
			}
		}
	}))
	w.group("a", "HTTP", "10.0.1.5")
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a"))).Attributes = map[string]string{
		"idle_timeout.timeout_seconds": "1"}
	w.update()
	w.await("10.0.1.5", "healthy")
	if a := w.get(w.client(), base+"/silent"); a.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("%d, want 504", a.StatusCode)
	}
}

func TestWebSocketsAreTunnelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pod("10.0.1.5", 8080, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" {
			return
		}
		c, rest, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_, _ = io.Copy(c, rest)
	}))
	w.group("a", "HTTP", "10.0.1.5").Attributes = map[string]string{"stickiness.enabled": "true",
		"stickiness.type": "lb_cookie"}
	l := listener(80, "HTTP", forward("a"))
	l.Attributes = map[string]string{"routing.http.response.x_frame_options.header_value": "DENY"}
	w.balancer("web", stack.Application, l)
	w.update()
	w.await("10.0.1.5", "healthy")
	c := w.dialRaw("web", 80)
	_, _ = io.WriteString(c, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	in := bufio.NewReader(c)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("Upgrade") != "websocket" {
		t.Fatalf("%+v, %v", res, err)
	}
	if cookies := res.Cookies(); len(cookies) != 2 || cookies[0].Name != "AWSALB" ||
		res.Header.Get("X-Frame-Options") != "DENY" {
		t.Errorf("the answer lacks what every answer has: %v", res.Header)
	}
	for _, line := range []string{"one\n", "two\n"} {
		_, _ = io.WriteString(c, line)
		if got, err := in.ReadString('\n'); got != line {
			t.Fatalf("%q, %v", got, err)
		}
	}
	w.topo.LoadBalancers = nil
	w.update()
	if _, err := in.ReadString('\n'); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the tunnel outlived its load balancer: %v", err)
	}
}

func TestStickinessKeepsTargetAndTargetGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, ip := range []string{"10.0.1.5", "10.0.1.6", "10.0.2.5", "10.0.2.6"} {
		w.pod(ip, 8080, echoHandler(ip))
	}
	for i, name := range []string{"blue", "green"} {
		g := w.group(name, "HTTP", fmt.Sprintf("10.0.%d.5", i+1), fmt.Sprintf("10.0.%d.6", i+1))
		g.Attributes = map[string]string{"stickiness.enabled": "true", "stickiness.type": "lb_cookie"}
	}
	actions := forward("blue", "green")
	actions[0].Forward.Stickiness = &stack.Stickiness{Enabled: true, DurationSeconds: 60}
	w.balancer("web", stack.Application, listener(80, "HTTP", actions))
	w.update()
	for _, ip := range []string{"10.0.1.5", "10.0.1.6", "10.0.2.5", "10.0.2.6"} {
		w.await(ip, "healthy")
	}
	c := w.client()
	first := w.get(c, base+"/")
	names := map[string]string{}
	for _, cookie := range first.Cookies() {
		names[cookie.Name] = cookie.Value
	}
	if len(names) != 4 || names["AWSALB"] == "" || names["AWSALB"] != names["AWSALBCORS"] || names["AWSALBTG"] == "" ||
		names["AWSALBTG"] != names["AWSALBTGCORS"] {
		t.Fatalf("cookies %v", first.Header["Set-Cookie"])
	}
	pod := first.echo(t).Pod
	for range 30 {
		a := w.get(c, base+"/", func(r *http.Request) {
			for name, value := range names {
				r.AddCookie(&http.Cookie{Name: name, Value: value})
			}
		})
		if got := a.echo(t).Pod; got != pod {
			t.Fatalf("went to %s, stuck to %s", got, pod)
		}
	}
	seen := map[string]bool{}
	for range 60 {
		seen[w.get(c, base+"/", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "AWSALB", Value: "Zm9yZ2Vk"}) }).echo(
			t).Pod] = true
	}
	if len(seen) != 4 {
		t.Errorf("with a forged cookie only %v", seen)
	}
}

func TestNamesResolveWhileTheLoadBalancerIsActive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.balancer("web", stack.Application, listener(80, "HTTP", notFound())).Active = false
	w.balancer("net", stack.Network, listener(80, "TCP", forward("a")))
	w.topo.LoadBalancers[1].IPAddressType = stack.Dualstack
	w.update()
	const name = "web-1.us-west-2.elb.amazonaws.com"
	if _, ok := w.plane.Resolve(name); ok {
		t.Error("a load balancer resolves while it is provisioning")
	}
	w.topo.LoadBalancers[0].Active = true
	w.update()
	for _, n := range []string{name, strings.ToUpper(name) + ".", "dualstack." + name} {
		if a, ok := w.plane.Resolve(n); !ok || len(a) != 1 || !a[0].IsLoopback() {
			t.Errorf("%s: %v, %v", n, a, ok)
		}
	}
	if a, ok := w.plane.Resolve("us-west-2b.net-1.us-west-2.elb.amazonaws.com"); !ok || len(a) != 2 || !a[1].Is4In6() ||
		a[1].Unmap() != a[0] {
		t.Errorf("zone name of a dual-stack NLB: %v, %v", a, ok)
	}
	for _, n := range []string{"us-west-2z.net-1.us-west-2.elb.amazonaws.com", "us-west-2a." + name,
		"other.amazonaws.com"} {
		if a, ok := w.plane.Resolve(n); ok {
			t.Errorf("%s: %v", n, a)
		}
	}
	addresses := w.plane.Addresses()
	if len(addresses) != 2 || addresses[0].IP == addresses[1].IP || addresses[1].DNSName != name ||
		addresses[1].TCP[80] == 0 {
		t.Errorf("%+v", addresses)
	}
	w.topo.LoadBalancers = w.topo.LoadBalancers[1:]
	w.update()
	if _, err := w.plane.DialContext(t.Context(), "tcp", name+":80"); err == nil {
		t.Error("a deleted load balancer still answers")
	}
	if _, err := (&http.Client{}).Get(fmt.Sprintf("http://%s:%d/", addresses[1].IP, addresses[1].TCP[80])); !errors.Is(err,
		syscall.ECONNREFUSED) {
		t.Errorf("its port: %v", err)
	}
}

func TestAnInternalALBSeesLoopbackClientsAsInsideTheVPC(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pod("10.0.1.5", 8080, echoHandler("a"))
	w.group("a", "HTTP", "10.0.1.5")
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a"))).Scheme = stack.Internal
	w.update()
	w.await("10.0.1.5", "healthy")
	if got := w.get(w.client(), base+"/").echo(t).Header.Get("X-Forwarded-For"); got != "10.0.255.254" {
		t.Errorf("client %s", got)
	}
	// A pod reaches it by its address in the VPC, as itself.
	in := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: w.from("10.0.1.99")}}
	res, err := in.Get("http://10.0.0.1/")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if !strings.Contains(string(body), `"X-Forwarded-For":["10.0.1.99"]`) {
		t.Errorf("%s", body)
	}
}

func TestALoadBalancerMovesToOtherZones(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lb := w.balancer("web", stack.Application, listener(80, "HTTP", notFound()))
	w.update()
	old := lb.Zones[0].Private
	reached := func(a netip.Addr, patience time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c, err := w.network.DialTCP(ctx, netip.MustParseAddr("10.0.9.9"), netip.AddrPortFrom(a, 80))
		if c != nil {
			_ = c.Close()
		}
		return err
	}
	if err := reached(old, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	lb.Zones = []topology.Zone{{Name: "us-west-2c", Private: netip.MustParseAddr("10.0.2.77")}, lb.Zones[1]}
	w.update()
	if err := reached(old, 50*time.Millisecond); !errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("the old address: %v", err)
	}
	for _, z := range lb.Zones {
		if err := reached(z.Private, 10*time.Second); err != nil {
			t.Errorf("zone %s: %v", z.Name, err)
		}
	}
	if w.network.HasAddress(lb.Zones[1].Public) != true {
		t.Error("an address that stayed is gone")
	}
}

func TestAListenerMayChangeItsProtocolOnItsPort(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lb := w.balancer("web", stack.Application, listener(443, "HTTP", notFound()))
	w.update()
	lb.Listeners[0].Protocol = "HTTPS"
	lb.Listeners[0].Certificates = []topology.Certificate{certificate(t, "a.b")}
	w.update()
	if a := w.get(w.client(), "https://web-1.us-west-2.elb.amazonaws.com/"); a.StatusCode != http.StatusNotFound {
		t.Errorf("%d", a.StatusCode)
	}
	if p := w.plane.Addresses()[0].TCP[443]; p != 443 && p != 8443 && p < 1024 {
		t.Errorf("bound to port %d", p)
	}
}
