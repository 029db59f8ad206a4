package dataplane_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestTheNodeOfEveryZoneChecksATargetAndTheMajorityDecides(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var mu sync.Mutex
	refused, seen := map[string]bool{}, map[string]bool{}
	w.pod("10.0.1.5", 8080, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		from, _, _ := net.SplitHostPort(r.RemoteAddr)
		mu.Lock()
		defer mu.Unlock()
		seen[from] = true
		if refused[from] {
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	w.group("a", "HTTP", "10.0.1.5")
	lb := w.balancer("web", stack.Application, listener(80, "HTTP", forward("a")))
	lb.Zones = append(lb.Zones, topology.Zone{Name: "us-west-2c", Private: netip.MustParseAddr("10.0.2.1")})
	refuse := func(nodes ...string) {
		mu.Lock()
		defer mu.Unlock()
		clear(refused)
		clear(seen)
		for _, n := range nodes {
			refused[n] = true
		}
	}
	all := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return seen["10.0.0.1"] && seen["10.0.1.1"] && seen["10.0.2.1"]
	}
	refuse("10.0.1.1")
	w.update()
	w.await("10.0.1.5", "healthy")
	w.within("every node checks", all)
	refuse("10.0.1.1", "10.0.2.1")
	if r := w.await("10.0.1.5", "unhealthy"); r.Reason != "Target.ResponseCodeMismatch" ||
		r.Description != "Health checks failed with these codes: [503]" {
		t.Errorf("%+v", r)
	}
	refuse("10.0.2.1")
	w.await("10.0.1.5", "healthy")
	w.within("every node still checks", all)
}

func TestARuleThatComesWithinTheTimeOutLetsCheckAndClientThrough(t *testing.T) {
	t.Parallel()
	for kind, protocol := range map[stack.LoadBalancerType]string{stack.Application: "HTTP", stack.Network: "TCP"} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.pod("10.0.1.5", 8080, echoHandler("a"))
			var mu sync.Mutex
			tried := map[netip.AddrPort]bool{}
			if err := w.network.SetFirewall(netip.MustParseAddr("10.0.1.5"), func(_ string, from, _ netip.AddrPort) bool {
				mu.Lock()
				defer mu.Unlock()
				again := tried[from]
				tried[from] = true
				return again // the rule is there when the second SYN comes
			}); err != nil {
				t.Fatal(err)
			}
			w.group("a", protocol, "10.0.1.5")
			w.balancer("web", kind, listener(80, protocol, forward("a")))
			w.update()
			w.await("10.0.1.5", "healthy")
			if a := w.get(w.client(), "http://web-1.us-west-2.elb.amazonaws.com/"); a.StatusCode != http.StatusOK {
				t.Errorf("the client gets %s", a.Status)
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, r := range w.history {
				if r.State == "unhealthy" {
					t.Errorf("the target was %+v", r)
				}
			}
		})
	}
}

func TestChecksSpeakTheProtocolVersionOfTheGroupAndFollowNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seen := make(chan string, 100)
	w.pod("10.0.1.5", 8080, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		select {
		case seen <- fmt.Sprintf("%s %s %s %q %x", r.Proto, r.Method, r.URL.Path, r.Header.Get("Content-Type"), body):
		default:
		}
		switch r.URL.Path {
		case "/moved":
			http.Redirect(rw, r, "/", http.StatusFound)
		case "/pkg.Health/Check":
			rw.Header().Set("Content-Type", "application/grpc")
			rw.Header().Set(http.TrailerPrefix+"Grpc-Status", "7")
		}
	}))
	for _, tc := range []struct{ version, path, matcher, want, state string }{
		{"HTTP2", "/h2", "200", `HTTP/2.0 GET /h2 "" `, "healthy"},
		{"GRPC", "/pkg.Health/Check", "0-7", `HTTP/2.0 POST /pkg.Health/Check "application/grpc" 0000000000`, "healthy"},
		{"GRPC", "/pkg.Health/Check", "0-6", `HTTP/2.0 POST /pkg.Health/Check "application/grpc" 0000000000`, "unhealthy"},
		{"HTTP1", "/moved", "200", `HTTP/1.1 GET /moved "" `, "unhealthy"},
	} {
		w.topo.TargetGroups, w.topo.LoadBalancers = nil, nil
		w.update()
		g := w.group("a"+tc.version+tc.matcher, "HTTP", "10.0.1.5")
		g.ProtocolVersion, g.HealthCheck.Path, g.HealthCheck.Matcher = tc.version, tc.path, tc.matcher
		w.balancer("web", stack.Application, listener(80, "HTTP", forward(g.Name)))
		w.mu.Lock()
		clear(w.health)
		w.mu.Unlock()
		for len(seen) > 0 {
			<-seen
		}
		w.update()
		w.await("10.0.1.5", tc.state)
		for tries := 0; ; tries++ { // the first may be of the group before
			if got := <-seen; got == tc.want {
				break
			} else if tries > 20 {
				t.Errorf("checks look like %s, want %s", got, tc.want)
				break
			}
		}
	}
}

func TestChecksOfNLBsOfferNoTLS13(t *testing.T) {
	t.Parallel()
	inner := certificate(t, "inner")
	for kind, want := range map[stack.LoadBalancerType]string{stack.Network: "unhealthy", stack.Application: "healthy"} {
		w := newWorld(t)
		address := netip.MustParseAddr("10.0.1.5")
		w.network.AddAddress(address)
		l, err := w.network.ListenTCP(address, 8080)
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: echoHandler("a"), ReadHeaderTimeout: time.Minute, ErrorLog: quiet()}
		w.pods.Go(func() {
			_ = s.Serve(tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{
				inner.TLS}}))
		})
		t.Cleanup(func() { _ = s.Close() })
		protocol, front := "HTTPS", "HTTP"
		if kind == stack.Network {
			protocol, front = "TLS", "TCP"
		}
		g := w.group("a", protocol, "10.0.1.5")
		g.HealthCheck.Protocol = "HTTPS"
		w.balancer("web"+string(kind), kind, listener(80, front, forward("a")))
		w.update()
		w.await("10.0.1.5", want)
	}
}
