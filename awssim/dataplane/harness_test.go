package dataplane_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/k8s-lbc/lbc/awssim/dataplane"
	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/awssim/vnet"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// A server's connection lingers for half a second after a request that net/http itself refused.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

var everywhere = []topology.Permission{{Protocol: "-1", Source: netip.MustParsePrefix("0.0.0.0/0")}}

// world is a plane with a network, its latest topology, and what it reported.
type world struct {
	testing.TB
	network *vnet.Network
	plane   *dataplane.Plane
	topo    topology.Topology

	mu      sync.Mutex
	health  map[string]targetgroup.HealthReport // by target id
	history []targetgroup.HealthReport
	changed chan struct{}
	pods    sync.WaitGroup
}

func newWorld(t testing.TB, change ...func(*dataplane.Options)) *world {
	w := &world{TB: t, network: vnet.New(), health: map[string]targetgroup.HealthReport{}, changed: make(chan struct{})}
	o := dataplane.Options{
		Network: w.network, HealthSink: w.report, HealthInterval: 20 * time.Millisecond, HealthTimeout: 10 * time.Second,
		Logf: t.Logf, Random: seeded(),
	}
	for _, f := range change {
		f(&o)
	}
	w.plane = dataplane.New(o)
	t.Cleanup(func() {
		w.plane.Close()
		w.pods.Wait()
	})
	return w
}

// seeded is the same random sequence each time, so that what clients do one after the other has one outcome.
func seeded() func() uint64 {
	var mu sync.Mutex
	source := mathrand.NewPCG(1, 2)
	return func() uint64 {
		mu.Lock()
		defer mu.Unlock()
		return source.Uint64()
	}
}

func (w *world) report(r targetgroup.HealthReport) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.health[r.Target] = r
	w.history = append(w.history, r)
	close(w.changed)
	w.changed = make(chan struct{})
}

// await waits until the target's last report has the state.
func (w *world) await(target, state string) targetgroup.HealthReport {
	w.Helper()
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	for {
		w.mu.Lock()
		r, changed := w.health[target], w.changed
		w.mu.Unlock()
		if r.State == state {
			return r
		}
		select {
		case <-changed:
		case <-deadline.C:
			w.Fatalf("target %s is %+v, want %s", target, r, state)
		}
	}
}

func (w *world) update() {
	w.Helper()
	if err := w.plane.Update(w.topo); err != nil {
		w.Fatal(err)
	}
}

// echo is what pods answer.
type echo struct {
	Pod, Path, Host, Method, Proto string
	Header                         http.Header
	Remote                         string
	Body                           string
}

func echoHandler(name string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		var status int
		if _, err := fmt.Sscanf(r.URL.Path, "/status/%d", &status); err == nil {
			rw.WriteHeader(status)
			return
		}
		body, _ := io.ReadAll(r.Body)
		rw.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(rw).Encode(echo{name, r.RequestURI, r.Host, r.Method, r.Proto, r.Header, r.RemoteAddr,
			string(body)})
	}
}

// pod serves a handler at an address until the test ends or stop is called.
func (w *world) pod(ip string, port uint16, h http.Handler) (stop func()) {
	w.Helper()
	address := netip.MustParseAddr(ip)
	w.network.AddAddress(address)
	l, err := w.network.ListenTCP(address, port)
	if err != nil {
		w.Fatal(err)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s := &http.Server{Handler: h, Protocols: protocols, DisableGeneralOptionsHandler: true}
	w.pods.Go(func() { _ = s.Serve(l) })
	stop = sync.OnceFunc(func() { _ = s.Close() })
	w.Cleanup(stop)
	return stop
}

func groupARN(name string) string {
	return "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/" + name + "/1"
}
func balancerARN(name string) string {
	return "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/" + name + "/1"
}

func forward(names ...string) []stack.Action {
	f := &stack.Forward{}
	for _, n := range names {
		f.TargetGroups = append(f.TargetGroups, stack.WeightedTargetGroup{TargetGroup: stack.Literal(stack.KindTargetGroup,
			groupARN(n))})
	}
	return []stack.Action{{Type: stack.ActionForward, Forward: f}}
}

func weighted(weights map[string]int32) []stack.Action {
	f := &stack.Forward{}
	for _, n := range slices.Sorted(maps.Keys(weights)) { // in one order, so that a random sequence has one outcome
		w := weights[n]
		f.TargetGroups = append(f.TargetGroups, stack.WeightedTargetGroup{TargetGroup: stack.Literal(stack.KindTargetGroup,
			groupARN(n)), Weight: &w})
	}
	return []stack.Action{{Type: stack.ActionForward, Forward: f}}
}

func notFound() []stack.Action {
	return []stack.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
		StatusCode: "404", ContentType: "text/plain"}}}
}

func onPath(order int32, path string, actions []stack.Action) stack.Rule {
	return stack.Rule{ID: fmt.Sprintf("rule-%d", order), Order: order, Actions: actions,
		Conditions: []stack.Condition{{Field: stack.PathPattern, Values: []string{path}}}}
}

// group adds a target group whose targets are addresses in zones a, b, c in turn.
func (w *world) group(name, protocol string, targets ...string) *topology.TargetGroup {
	g := topology.TargetGroup{
		ARN: groupARN(name), Name: name, TargetType: stack.TargetIP, Protocol: protocol, Port: 8080,
		HealthCheck: stack.HealthCheck{Protocol: protocol, Port: stack.TrafficPort, Path: "/", HealthyThreshold: 2,
			UnhealthyThreshold: 2},
	}
	if protocol == "TLS" || protocol == "UDP" || protocol == "TCP_UDP" {
		g.HealthCheck.Protocol = "TCP"
	}
	for i, ip := range targets {
		g.Targets = append(g.Targets, topology.Target{ID: ip, Port: 8080, Address: netip.MustParseAddr(ip),
			Zone: "us-west-2" + string(rune('a'+i%3))})
	}
	w.topo.TargetGroups = append(w.topo.TargetGroups, g)
	return &w.topo.TargetGroups[len(w.topo.TargetGroups)-1]
}

// balancer adds an active load balancer in two zones with these listeners.
func (w *world) balancer(name string, kind stack.LoadBalancerType,
	listeners ...topology.Listener) *topology.LoadBalancer {
	n := byte(len(w.topo.LoadBalancers) + 1)
	zone := func(i byte) topology.Zone {
		return topology.Zone{Name: "us-west-2" + string(rune('a'+i)), Private: netip.AddrFrom4([4]byte{10, 0, i, n}),
			Public: netip.AddrFrom4([4]byte{198, 51, 100, n*10 + i})}
	}
	w.topo.LoadBalancers = append(w.topo.LoadBalancers, topology.LoadBalancer{
		ARN: balancerARN(w.Name() + name), Name: name, DNSName: name + "-1.us-west-2.elb.amazonaws.com", Type: kind,
		Scheme: stack.InternetFacing, Active: true, Zones: []topology.Zone{zone(0), zone(1)},
		VPC: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}, Filtered: true, Ingress: everywhere, Egress: everywhere,
		Listeners: listeners,
	})
	return &w.topo.LoadBalancers[len(w.topo.LoadBalancers)-1]
}

func listener(port int32, protocol string, byDefault []stack.Action, rules ...stack.Rule) topology.Listener {
	return topology.Listener{ARN: fmt.Sprintf("listener-%d", port), Port: port, Protocol: protocol, Default: byDefault,
		Rules: rules}
}

// client makes an HTTP client that resolves load balancer names by the plane and follows nothing.
func (w *world) client() *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	tr := &http.Transport{DialContext: w.plane.DialContext, MaxIdleConnsPerHost: 100, Protocols: protocols,
		DisableCompression: true,
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true}}
	w.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}, Timeout: time.Minute}
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body string
}

func (w *world) do(c *http.Client, method, url string, change ...func(*http.Request)) answer {
	w.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, url, nil)
	if err != nil {
		w.Fatal(err)
	}
	for _, f := range change {
		f(req)
	}
	res, err := c.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		w.Fatal(err)
	}
	return answer{res, string(body)}
}

func (w *world) get(c *http.Client, url string, change ...func(*http.Request)) answer {
	w.Helper()
	return w.do(c, http.MethodGet, url, change...)
}

func (a answer) echo(t testing.TB) echo {
	t.Helper()
	var e echo
	if err := json.Unmarshal([]byte(a.body), &e); err != nil {
		t.Fatalf("status %d, body %q: %v", a.StatusCode, a.body, err)
	}
	return e
}

func setHeader(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header[name] = append(r.Header[name], value) }
}

func setHost(h string) func(*http.Request) { return func(r *http.Request) { r.Host = h } }

func certificate(t testing.TB, names ...string) topology.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return topology.Certificate{ARN: "arn:" + names[0], TLS: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}
}

// dialRaw connects to a listener by its loopback address.
func (w *world) dialRaw(name string, port int32) net.Conn {
	w.Helper()
	c, err := w.tryRaw(name, port)
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// tryRaw is dialRaw for a flow that may be reset, which may reach a client already while it connects.
func (w *world) tryRaw(name string, port int32) (net.Conn, error) {
	c, err := w.plane.DialContext(context.Background(), "tcp", fmt.Sprintf("%s-1.us-west-2.elb.amazonaws.com:%d",
		name, port))
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	w.Cleanup(func() { _ = c.Close() })
	return c, nil
}

// from dials on the virtual network from an address.
func (w *world) from(ip string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		return w.network.DialTCP(ctx, netip.MustParseAddr(ip), netip.MustParseAddrPort(address))
	}
}
