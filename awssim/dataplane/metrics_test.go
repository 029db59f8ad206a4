package dataplane_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane"
	"github.com/k8s-lbc/lbc/awssim/dataplane/accelerator"
	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestRulesAnswersAndZonesAreMeasured(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.podsIn("a", map[string]string{"load_balancing.cross_zone.enabled": "false"}, echoes, "10.0.1.5") // in zone a
	l := listener(80, "HTTP", notFound(), onPath(1, "/a", forward("a")), onPath(2, "/b", notFound()),
		onPath(3, "/c", notFound()))
	lb := w.balancer("web", stack.Application, l)
	w.update()
	w.await("10.0.1.5", "healthy")
	c := w.client()
	for path, want := range map[string]int{"/a": 200, "/b": 404, "/nothing": 404} {
		if got := w.get(c, base+path).StatusCode; got != want {
			t.Errorf("%s: %d", path, got)
		}
	}
	if n := w.count("RuleEvaluations"); n != 1+2+3 {
		t.Errorf("%d rules were evaluated, want 6", n)
	}
	s := w.plane.Stats()
	group := s.TargetGroups[groupARN("a")]
	for name, want := range map[string]int64{"HealthyStateDNS": 1, "UnhealthyStateDNS": 1, "HealthyStateRouting": 1,
		"UnhealthyStateRouting": 1, "HealthyHostCount": 1, "RequestCount": 1} {
		if group[name] != want {
			t.Errorf("%s is %d, want %d", name, group[name], want)
		}
	}
	m, zone := s.Measures[groupARN("a")], s.ZoneMeasures[groupARN("a")]["us-west-2a"]
	if m["TargetResponseTime_count"] != 1 || m["TargetResponseTime_sum"] <= 0 || m["TargetResponseTime_sum"] > 10 ||
		m["RequestCountPerTarget"] != 1 || zone["TargetResponseTime_count"] != 1 {
		t.Errorf("measures %v, in zone a %v", m, zone)
	}
	if s.Users[groupARN("a")] != lb.ARN {
		t.Errorf("used by %s", s.Users[groupARN("a")])
	}
}

func TestAcceleratorsCountWhatTheyCarryAndDrop(t *testing.T) {
	t.Parallel()
	w, _ := accelerated(t)
	a := w.topo.Accelerators[0]
	change := func(f func(*topology.Accelerator)) {
		t.Helper()
		b := a
		b.Listeners = []topology.AcceleratorListener{a.Listeners[0]}
		b.Listeners[0].ARN = "arn:listener/abc"
		g := b.Listeners[0].Groups[0]
		g.Region = "us-west-2"
		g.Endpoints = append([]topology.Endpoint(nil), g.Endpoints...)
		b.Listeners[0].Groups = []topology.EndpointGroup{g}
		f(&b)
		w.topo.Accelerators = []topology.Accelerator{b}
		w.update()
	}
	change(func(*topology.Accelerator) {})
	w.shares(4)
	whole := accelerator.Path{Accelerator: a.ARN}
	ofListener, ofGroup := whole, whole
	ofListener.Listener, ofGroup.Listener, ofGroup.Region = "arn:listener/abc", "arn:listener/abc", "us-west-2"
	w.within("the flows end", func() bool { return w.plane.Stats().Accelerators[whole]["ActiveFlowCount"] == 0 })
	s := w.plane.Stats().Accelerators
	for _, path := range []accelerator.Path{whole, ofListener, ofGroup} {
		if c := s[path]; c["NewFlowCount"] != 4 || c["ProcessedBytesIn"] < 4*40 || c["ProcessedBytesOut"] < 4*100 {
			t.Errorf("%+v: %v", path, c)
		}
	}
	if c := s[ofGroup]; c["HealthyEndpointCount"] != 2 || c["UnhealthyEndpointCount"] != 0 {
		t.Errorf("endpoints: %v", c)
	}
	w.topo.TargetGroups[0].Targets = nil
	change(func(b *topology.Accelerator) { b.Listeners[0].Groups[0].Dial = 0 })
	if _, err := w.fresh().Get("http://" + edgeName + "/"); err == nil {
		t.Error("a group that is dialled down took a flow")
	}
	if c := w.plane.Stats().Accelerators; c[ofListener]["Flows_Dropped_No_Endpoint_Found"] != 1 ||
		c[ofGroup]["UnhealthyEndpointCount"] != 1 || c[ofGroup]["HealthyEndpointCount"] != 1 {
		t.Errorf("without an endpoint: %v", c)
	}
	change(func(b *topology.Accelerator) { b.Enabled = false })
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+edgeName+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	w.pods.Go(func() {
		defer close(done)
		if res, err := w.fresh().Do(req); err == nil {
			_ = res.Body.Close()
			t.Error("a disabled accelerator answered")
		}
	})
	w.within("the drop is counted", func() bool { return w.plane.Stats().Accelerators[whole]["PacketsDropCount"] == 1 })
	change(func(*topology.Accelerator) {}) // which cuts the connection that waits
	<-done
}

func TestMetricsOfAnALBAreAllThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.podsIn("a", map[string]string{"stickiness.enabled": "true"}, echoes, "10.0.1.5")
	redirect := []stack.Action{
		{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Port: "443", StatusCode: "HTTP_301"}}}
	lb := w.balancer("web", stack.Application, listener(80, "HTTP", forward("a"), onPath(1, "/fixed", notFound()),
		onPath(2, "/moved", redirect)))
	lb.IPAddressType = stack.Dualstack
	lb.Zones[0].IPv6 = netip.MustParseAddr("2001:db8:1::1")
	lb.Ingress = append(slices.Clone(everywhere), topology.Permission{
		Protocol: "-1", Source: netip.MustParsePrefix("::/0")})
	w.update()
	w.await("10.0.1.5", "healthy")
	c, cookies := w.client(), jar{}
	cookies.take(w.get(c, base+"/"))
	w.get(c, base+"/", cookies.give())
	w.get(c, base+"/fixed")
	w.get(c, base+"/moved")
	v6 := &http.Client{Transport: &http.Transport{DialContext: w.from("2001:db8:f::7"), DisableKeepAlives: true}}
	w.get(v6, "http://[2001:db8:1::1]/fixed")
	w.topo.LoadBalancers[0].Ingress = nil
	w.update()
	if _, err := w.fresh().Get(base + "/"); err == nil {
		t.Error("a client that the security groups do not admit is answered")
	}
	for name, want := range map[string]int64{
		"RequestCount": 5, "NewConnectionCount": 3, "RejectedConnectionCount": 1, "HTTP_Fixed_Response_Count": 2,
		"HTTP_Redirect_Count":    1,
		"HTTPCode_ELB_3XX_Count": 1, "HTTPCode_ELB_4XX_Count": 2, "HTTPCode_Target_2XX_Count": 2, "IPv6RequestCount": 1,
	} {
		if got := w.count(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	if n := w.plane.Stats().TargetGroups[groupARN("a")]["NonStickyRequestCount"]; n != 1 {
		t.Errorf("NonStickyRequestCount is %d, want 1", n)
	}
	if all, v6 := w.count("ProcessedBytes"), w.count("IPv6ProcessedBytes"); v6 <= 0 || all <= v6 {
		t.Errorf("%d bytes, %d of IPv6", all, v6)
	}
}

func TestMetricsOfAnNLBAreAllThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pod("10.0.1.5", 9000, http.NotFoundHandler()) // fails the checks
	w.server("10.0.1.5", 8080, greet("a"))
	g := w.group("ill", "TCP", "10.0.1.5")
	g.HealthCheck.Protocol, g.HealthCheck.Port, g.HealthCheck.Matcher = "HTTP", "9000", "200"
	w.group("empty", "TCP")
	w.group("blocked", "TCP", "10.0.1.6")
	w.group("deaf", "TLS", "10.0.1.5")
	secure := listener(443, "TLS", forward("deaf"))
	secure.Certificates = []topology.Certificate{certificate(t, "outer")}
	lb := w.balancer("web", stack.Network, listener(80, "TCP", forward("ill")), listener(81, "TCP", forward("empty")),
		listener(82, "TCP", forward("blocked")), listener(53, "UDP", forward("ill")), secure)
	lb.Attributes = map[string]string{"load_balancing.cross_zone.enabled": "true"}
	lb.Egress = []topology.Permission{{Protocol: "-1", Source: netip.MustParsePrefix("10.0.1.5/32")}}
	lb.Ingress = []topology.Permission{{Protocol: "-1", Source: netip.MustParsePrefix("203.0.113.0/24")}}
	w.plane.Close()
	w.plane = dataplane.New(dataplane.Options{Network: w.network, HealthSink: w.report,
		HealthInterval: 20 * time.Millisecond, HealthTimeout: 10 * time.Second,
		ConnectTimeout: time.Second, Logf: t.Logf, Random: seeded()})
	t.Cleanup(w.plane.Close)
	w.update()
	w.within("the checks are done", func() bool {
		groups := w.plane.Stats().TargetGroups
		w.mu.Lock()
		defer w.mu.Unlock()
		return groups[groupARN("deaf")]["HealthyHostCount"] == 1 && w.health["10.0.1.6"].State == "unhealthy" &&
			slices.ContainsFunc(w.history, func(r targetgroup.HealthReport) bool {
				return r.TargetGroup == groupARN("ill") && r.State == "unhealthy"
			})
	})
	talk := func(from string, port uint16, f func(net.Conn)) {
		t.Helper()
		patience, admitted := 10*time.Second, strings.HasPrefix(from, "203.0.113.")
		if !admitted {
			patience = 200 * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c, err := w.network.DialTCP(ctx, netip.MustParseAddr(from), netip.AddrPortFrom(lb.Zones[0].Public, port))
		if (err == nil) != admitted {
			t.Errorf("dial from %s: %v", from, err)
		}
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		f(c)
	}
	read := func(c net.Conn) { _, _ = c.Read(make([]byte, 100)) }
	talk("203.0.113.7", 80, read)
	talk("203.0.113.7", 81, read)
	talk("203.0.113.7", 82, read)
	talk("192.0.2.7", 80, read)
	talk("203.0.113.7", 443, func(c net.Conn) { _ = tls.Client(c, &tls.Config{}).HandshakeContext(t.Context()) })
	talk("203.0.113.7", 443, func(c net.Conn) {
		s := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
		_ = s.HandshakeContext(t.Context())
		read(s)
	})
	u := w.udp("192.0.2.7:4000", netip.AddrPortFrom(lb.Zones[0].Public, 53))
	_, _ = u.Write([]byte("x"))
	for name, want := range map[string]int64{
		"UnhealthyRoutingFlowCount": 2, "RejectedFlowCount": 1, "RejectedFlowCount_TCP": 1,
		"SecurityGroupBlockedFlowCount_Outbound_TCP": 1,
		"SecurityGroupBlockedFlowCount_Inbound_TCP":  1, "SecurityGroupBlockedFlowCount_Inbound_UDP": 1,
		"ClientTLSNegotiationErrorCount": 1,
		"TargetTLSNegotiationErrorCount": 1, "NewFlowCount": 4, "NewFlowCount_TCP": 2, "NewFlowCount_TLS": 2,
		"ActiveFlowCount": 0,
	} {
		w.within(fmt.Sprintf("%s is %d", name, want), func() bool { return w.count(name) == want })
	}
	if w.count("ProcessedBytes_TCP") == 0 || w.count("ProcessedPackets") == 0 || w.count("ProcessedBytes") < w.count(
		"ProcessedBytes_TCP") {
		t.Errorf("%v", w.plane.Stats().LoadBalancers[lb.ARN])
	}
}
