package dataplane_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestAttributesShapeTheHeadersThatTargetsSee(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pod("10.0.1.5", 8080, echoHandler("a"))
	w.group("a", "HTTP", "10.0.1.5")
	l := listener(443, "HTTPS", forward("a"))
	l.Certificates = []topology.Certificate{certificate(t, "a.b")}
	l.SSLPolicy = "ELBSecurityPolicy-TLS13-1-3-2021-06"
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a")), l)
	w.update()
	w.await("10.0.1.5", "healthy")
	c := w.client()
	get := func(url string, attributes map[string]string) http.Header {
		w.topo.LoadBalancers[0].Attributes = attributes
		w.update()
		return w.get(c, url, setHeader("X-Forwarded-For", "192.0.2.1"), setHeader("X_under_score", "1"),
			setHeader("User-Agent", ""), func(r *http.Request) {
				if r.URL.Scheme == "http" { // HTTP/2 has no such headers
					r.Header.Set("Te", "trailers, x")
					r.Header.Set("Connection", "X-Private")
					r.Header.Set("X-Private", "1")
				}
			}).echo(t).Header
	}
	plain := get(base+"/", nil)
	if plain.Get("X_under_score") == "" && plain["X_under_score"] == nil {
		t.Errorf("a header with underscores was dropped: %v", plain)
	}
	if plain.Get("X-Private") != "" || plain["Te"] != nil || plain["User-Agent"] != nil {
		t.Errorf("headers of one connection: %v", plain)
	}
	for mode, want := range map[string]string{"append": "192.0.2.1, 203.0.113.1", "preserve": "192.0.2.1", "remove": ""} {
		if got := get(base+"/", map[string]string{"routing.http.xff_header_processing.mode": mode}).Get(
			"X-Forwarded-For"); got != want {
			t.Errorf("mode %s: %q, want %q", mode, got, want)
		}
	}
	if got := get(base+"/", map[string]string{"routing.http.xff_client_port.enabled": "true"}).Get(
		"X-Forwarded-For"); !strings.HasPrefix(got, "192.0.2.1, 203.0.113.1:") {
		t.Errorf("with port: %q", got)
	}
	if got := get(base+"/", map[string]string{
		"routing.http.drop_invalid_header_fields.enabled": "true"}); got["X_under_score"] != nil {
		t.Errorf("an invalid header came through: %v", got)
	}
	secure := get("https://web-1.us-west-2.elb.amazonaws.com/", map[string]string{
		"routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "true"})
	if secure.Get("X-Amzn-Tls-Version") != "TLSv1.3" || !strings.HasPrefix(secure.Get("X-Amzn-Tls-Cipher-Suite"), "TLS_") {
		t.Errorf("TLS headers: %v", secure)
	}
}

func TestTLSHeadersSpeakOpenSSLsNamesAndMayBeRenamed(t *testing.T) {
	t.Parallel()
	w := secureWeb(t, topology.ClientAuth{})
	lb := &w.topo.LoadBalancers[0]
	lb.Attributes = map[string]string{"routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "true"}
	lb.Listeners[0].Attributes = map[string]string{"routing.http.request.x_amzn_tls_cipher_suite.header_name": "X-Suite"}
	w.update()
	c := w.client()
	config := c.Transport.(*http.Transport).TLSClientConfig
	config.MaxVersion, config.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	h := w.get(c, secureBase+"/").echo(t).Header
	if h.Get("X-Amzn-Tls-Version") != "TLSv1.2" || h.Get("X-Suite") != "ECDHE-ECDSA-AES128-GCM-SHA256" ||
		h.Get("X-Amzn-Tls-Cipher-Suite") != "" {
		t.Errorf("%v", h)
	}
}

func TestHTTPSTargetsAreNotVerified(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cert := certificate(t, "self-signed")
	address := netip.MustParseAddr("10.0.1.5")
	w.network.AddAddress(address)
	l, err := w.network.ListenTCP(address, 8080)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: echoHandler("a")}
	w.pods.Go(func() { _ = s.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert.TLS}})) })
	t.Cleanup(func() { _ = s.Close() })
	w.group("a", "HTTPS", "10.0.1.5")
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	if got := w.get(w.client(), base+"/").echo(t).Pod; got != "a" {
		t.Errorf("answered by %q", got)
	}
}

func TestARefusedRequestIsTriedOnceMoreElsewhereIfItMayBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pod("10.0.1.5", 8080, echoHandler("a"))
	stop := w.pod("10.0.1.6", 8080, echoHandler("b"))
	w.group("a", "HTTP", "10.0.1.5", "10.0.1.6").HealthCheck.UnhealthyThreshold = 10
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	w.await("10.0.1.6", "healthy")
	stop()
	c := w.client()
	codes := map[string]map[int]int{"GET": {}, "POST": {}}
	for range 4 {
		for method := range codes {
			codes[method][w.do(c, method, base+"/").StatusCode]++
		}
	}
	if codes["GET"][200] != 4 || codes["POST"][502] == 0 {
		t.Errorf("%v", codes)
	}
}

func TestLeastOutstandingRequestsAvoidsBusyTargets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	release, arrived := make(chan bool), make(chan bool)
	w.pod("10.0.1.5", 8080, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			arrived <- true
			<-release
			return
		}
		echoHandler("busy")(rw, r)
	}))
	w.pod("10.0.1.6", 8080, echoHandler("idle"))
	w.group("a", "HTTP", "10.0.1.5", "10.0.1.6").Attributes = map[string]string{
		"load_balancing.algorithm.type": "least_outstanding_requests"}
	targets := w.topo.TargetGroups[0].Targets
	w.topo.TargetGroups[0].Targets = targets[:1]
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	c := w.client()
	done := make(chan bool)
	w.pods.Go(func() {
		defer close(done)
		_ = w.get(c, base+"/slow")
	})
	<-arrived
	w.topo.TargetGroups[0].Targets = targets
	w.update()
	w.await("10.0.1.6", "healthy")
	for range 10 {
		if got := w.get(c, base+"/").echo(t).Pod; got != "idle" {
			t.Fatalf("went to the %s target", got)
		}
	}
	release <- true
	<-done
}

func TestPlanesOfOneMachineShareNoAddress(t *testing.T) {
	t.Parallel()
	first, second := newWorld(t), newWorld(t)
	for _, w := range []*world{first, second} {
		w.balancer("web", stack.Application, listener(80, "HTTP", notFound()))
		w.update()
	}
	a, b := first.plane.Addresses()[0], second.plane.Addresses()[0]
	if a.IP == b.IP && a.TCP[80] == b.TCP[80] {
		t.Errorf("both listen on %s port %d", a.IP, a.TCP[80])
	}
	c, err := net.Dial("tcp", netip.AddrPortFrom(b.IP, uint16(b.TCP[80])).String())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}
