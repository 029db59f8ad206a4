package dataplane_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const edgeName = "a0123456789abcdef.awsglobalaccelerator.com"

// accelerated is a world with two load balancers, one and two, of one pod each, behind an accelerator's port 80.
func accelerated(t *testing.T) (*world, *topology.EndpointGroup) {
	t.Helper()
	w := newWorld(t)
	for i, name := range []string{"one", "two"} {
		ip := fmt.Sprintf("10.0.%d.5", 5+i)
		w.pod(ip, 8080, echoHandler(name))
		w.group(name, "HTTP", ip)
		w.balancer(name, stack.Application, listener(80, "HTTP", forward(name)), listener(8080, "HTTP", forward(name)))
	}
	w.topo.Accelerators = []topology.Accelerator{{
		ARN: "arn:aws:globalaccelerator::123456789012:accelerator/" + t.Name(), Name: "edge", DNSName: edgeName,
		Deployed: true, Enabled: true,
		DualStackDNSName: strings.Replace(edgeName, ".", ".dualstack.", 1),
		Addresses:        []netip.Addr{netip.MustParseAddr("75.2.0.1"), netip.MustParseAddr("99.83.128.1")},
		Listeners: []topology.AcceleratorListener{{Protocol: "TCP", Ports: []topology.PortRange{{From: 80, To: 80}},
			Groups: []topology.EndpointGroup{{
				Dial: 100, Endpoints: []topology.Endpoint{
					{LoadBalancer: w.topo.LoadBalancers[0].ARN, Weight: 128, PreserveClientIP: true},
					{LoadBalancer: w.topo.LoadBalancers[1].ARN, Weight: 128},
				},
			}}}},
	}}
	w.update()
	w.await("10.0.5.5", "healthy")
	w.await("10.0.6.5", "healthy")
	return w, &w.topo.Accelerators[0].Listeners[0].Groups[0]
}

// fresh is a client that makes a connection for each request.
func (w *world) fresh() *http.Client {
	c := w.client()
	c.Transport.(*http.Transport).DisableKeepAlives = true
	return c
}

// shares counts the answers to n requests by pod.
func (w *world) shares(n int) map[string]int {
	w.Helper()
	c, counts := w.fresh(), map[string]int{}
	for range n {
		counts[w.get(c, "http://"+edgeName+"/").echo(w).Pod]++
	}
	return counts
}

func TestAnAcceleratorSpreadsConnectionsByWeightAndHealth(t *testing.T) {
	t.Parallel()
	w, g := accelerated(t)
	change := func(one, two int32) {
		t.Helper()
		group := *g // what the plane has is not changed
		group.Endpoints = append([]topology.Endpoint(nil), g.Endpoints...)
		group.Endpoints[0].Weight, group.Endpoints[1].Weight = one, two
		a := w.topo.Accelerators[0]
		a.Listeners = []topology.AcceleratorListener{
			{Protocol: "TCP", Ports: a.Listeners[0].Ports, Groups: []topology.EndpointGroup{group}}}
		w.topo.Accelerators = []topology.Accelerator{a}
		w.update()
	}
	if s := w.shares(80); s["one"] < 15 || s["two"] < 15 {
		t.Errorf("equal weights: %v", s)
	}
	change(255, 0)
	if s := w.shares(20); s["one"] != 20 {
		t.Errorf("255 and 0: %v", s)
	}
	change(0, 0)
	if s := w.shares(40); s["one"] < 5 || s["two"] < 5 {
		t.Errorf("no weights at all: %v", s)
	}
	change(255, 1)
	// The first load balancer's only target goes: nothing is healthy there.
	w.topo.TargetGroups[0].Targets = nil
	w.update()
	if s := w.shares(20); s["two"] != 20 {
		t.Errorf("one unhealthy: %v", s)
	}
	w.topo.TargetGroups[1].Targets = nil
	w.update()
	if a := w.get(w.fresh(), "http://"+edgeName+"/"); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("all unhealthy, so that any gets the flow: %d", a.StatusCode)
	}
}

func TestTheTrafficDialSpillsToTheNextGroup(t *testing.T) {
	t.Parallel()
	w, g := accelerated(t)
	dial := func(first, second float64) {
		t.Helper()
		a := w.topo.Accelerators[0]
		a.Listeners = []topology.AcceleratorListener{
			{Protocol: "TCP", Ports: a.Listeners[0].Ports, Groups: []topology.EndpointGroup{
				{Dial: first, Endpoints: g.Endpoints[:1]}, {Dial: second, Endpoints: g.Endpoints[1:]},
			}}}
		w.topo.Accelerators = []topology.Accelerator{a}
		w.update()
	}
	dial(100, 100)
	if s := w.shares(20); s["one"] != 20 {
		t.Errorf("all to the nearest: %v", s)
	}
	dial(0, 100)
	if s := w.shares(20); s["two"] != 20 {
		t.Errorf("the nearest is dialled down: %v", s)
	}
	dial(50, 100)
	if s := w.shares(80); s["one"] < 15 || s["two"] < 15 {
		t.Errorf("half and half: %v", s)
	}
	dial(0, 0)
	if _, err := w.fresh().Get("http://" + edgeName + "/"); err == nil {
		t.Error("an accelerator that is dialled down to nothing answers")
	}
}

func TestClientAffinityKeepsAClientAtItsEndpoint(t *testing.T) {
	t.Parallel()
	w, g := accelerated(t)
	a := w.topo.Accelerators[0]
	a.Listeners = []topology.AcceleratorListener{{Protocol: "TCP", Ports: a.Listeners[0].Ports, Sticky: true,
		Groups: []topology.EndpointGroup{*g}}}
	w.topo.Accelerators = []topology.Accelerator{a}
	w.update()
	seen := map[string]bool{}
	for i := range 24 {
		client := fmt.Sprintf("192.0.2.%d", 1+i)
		pods := map[string]bool{}
		for range 3 {
			pods[w.via(client, "75.2.0.1:80").Pod] = true
		}
		if len(pods) != 1 {
			t.Errorf("%s went to %v", client, pods)
		}
		for pod := range pods {
			seen[pod] = true
		}
	}
	if len(seen) != 2 {
		t.Errorf("all clients went to %v", seen)
	}
}

// via sends a request to an address of the virtual network from another one.
func (w *world) via(client, address string) echo {
	w.Helper()
	tr := &http.Transport{DialContext: w.from(client), DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	return w.get(&http.Client{Transport: tr, Timeout: time.Minute}, "http://"+address+"/").echo(w)
}

func TestEndpointsSeeTheClientIfItIsPreserved(t *testing.T) {
	t.Parallel()
	w, _ := accelerated(t)
	seen := map[string]string{}
	for i := range 40 {
		e := w.via(fmt.Sprintf("192.0.2.%d", 1+i), "99.83.128.1:80")
		from := e.Header.Get("X-Forwarded-For")
		if strings.HasPrefix(from, "192.0.2.") {
			from = "client"
		}
		seen[e.Pod] = from
	}
	if seen["one"] != "client" || seen["two"] != "99.82.175.1" {
		t.Errorf("seen as clients: %v", seen)
	}
	if got := w.get(w.fresh(), "http://"+edgeName+"/").echo(t).Header.Get("X-Forwarded-For"); got != "203.0.113.1" &&
		got != "99.82.175.1" {
		t.Errorf("a client on loopback is %s", got)
	}
}

func TestPortOverridesLeadToOtherPorts(t *testing.T) {
	t.Parallel()
	w, g := accelerated(t)
	for i := range w.topo.LoadBalancers {
		w.topo.LoadBalancers[i].Listeners = w.topo.LoadBalancers[i].Listeners[1:] // nothing on port 80
	}
	group := *g
	group.Overrides = map[int32]int32{80: 8080}
	a := w.topo.Accelerators[0]
	a.Listeners = []topology.AcceleratorListener{
		{Protocol: "TCP", Ports: a.Listeners[0].Ports, Groups: []topology.EndpointGroup{group}}}
	w.topo.Accelerators = []topology.Accelerator{a}
	w.update()
	if got := w.get(w.fresh(), "http://"+edgeName+"/").StatusCode; got != http.StatusOK {
		t.Errorf("got %d", got)
	}
}

func TestADisabledAcceleratorKeepsItsAddressesAndDropsWhatArrives(t *testing.T) {
	t.Parallel()
	w, _ := accelerated(t)
	before, _ := w.plane.Resolve(edgeName)
	if both, _ := w.plane.Resolve(strings.Replace(edgeName, ".", ".dualstack.", 1)); len(before) != 2 || len(both) != 4 ||
		before[0] == before[1] {
		t.Errorf("addresses are %v, in both families %v", before, both)
	}
	idle, err := w.plane.DialContext(t.Context(), "tcp", edgeName+":80")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = idle.Close() }()
	_ = idle.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(idle, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	reader := bufio.NewReader(idle)
	if resp, err := http.ReadResponse(reader, nil); err != nil { // so that the connection is through
		t.Fatal(err)
	} else if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	a := w.topo.Accelerators[0]
	a.Enabled = false
	w.topo.Accelerators = []topology.Accelerator{a}
	w.update()
	if _, err := reader.ReadByte(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a connection outlives the accelerator's traffic: %v", err)
	}
	c, err := w.plane.DialContext(t.Context(), "tcp", edgeName+":80")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a disabled accelerator answers: %d, %v", n, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var timeout net.Error
	if _, err := w.from("192.0.2.1")(ctx, "tcp", "75.2.0.1:80"); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("on the virtual network: %v", err)
	}
	if after, _ := w.plane.Resolve(edgeName); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("the addresses changed from %v to %v", before, after)
	}
	a.Enabled = true
	w.topo.Accelerators = []topology.Accelerator{a}
	w.update()
	if got := w.get(w.fresh(), "http://"+edgeName+"/").StatusCode; got != http.StatusOK {
		t.Errorf("enabled again: %d", got)
	}
	w.topo.Accelerators = nil
	w.update()
	if _, ok := w.plane.Resolve(edgeName); ok || w.network.HasAddress(netip.MustParseAddr("75.2.0.1")) {
		t.Error("a deleted accelerator has a name or an address")
	}
}

func TestAnAcceleratorCarriesDatagramsBothWays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pod := netip.MustParseAddr("10.0.1.5")
	w.network.AddAddress(pod)
	socket, err := w.network.ListenUDP(pod, 8080)
	if err != nil {
		t.Fatal(err)
	}
	w.pod("10.0.1.5", 8080, echoHandler("a")) // for the health check
	w.pods.Go(func() {
		buf := make([]byte, 100)
		for {
			n, from, err := socket.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = socket.WriteTo(fmt.Appendf(nil, "got %s from %s", buf[:n], from.(*net.UDPAddr).IP), from)
		}
	})
	t.Cleanup(func() { _ = socket.Close() })
	w.group("a", "UDP", "10.0.1.5")
	lb := w.balancer("web", stack.Network, listener(53, "UDP", forward("a")))
	w.topo.Accelerators = []topology.Accelerator{{
		ARN: "arn:aws:globalaccelerator::123456789012:accelerator/udp", Name: "edge", DNSName: edgeName, Deployed: true,
		Enabled:   true,
		Addresses: []netip.Addr{netip.MustParseAddr("75.2.0.1")},
		Listeners: []topology.AcceleratorListener{{Protocol: "UDP", Ports: []topology.PortRange{{From: 53, To: 54}},
			Groups: []topology.EndpointGroup{{
				Dial: 100, Endpoints: []topology.Endpoint{{LoadBalancer: lb.ARN, Weight: 1, PreserveClientIP: true}},
			}}}},
	}}
	w.update()
	w.await("10.0.1.5", "healthy")
	ask := func(c net.Conn, text, want string) {
		t.Helper()
		defer func() { _ = c.Close() }()
		buf := make([]byte, 100)
		for range 3 { // of the same flow
			if _, err := c.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			_ = c.SetReadDeadline(time.Now().Add(time.Minute))
			n, err := c.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			if string(buf[:n]) != want {
				t.Errorf("%q, want %q", buf[:n], want)
			}
		}
	}
	c, err := w.plane.DialContext(t.Context(), "udp", edgeName+":53")
	if err != nil {
		t.Fatal(err)
	}
	ask(c, "hello", "got hello from 203.0.113.1")
	c, err = w.network.DialUDP(t.Context(), netip.MustParseAddr("192.0.2.9"), netip.MustParseAddrPort("75.2.0.1:53"))
	if err != nil {
		t.Fatal(err)
	}
	ask(c, "there", "got there from 192.0.2.9")
	if c, err := w.plane.DialContext(t.Context(), "tcp", edgeName+":53"); err == nil {
		_ = c.Close()
		t.Error("a UDP listener takes TCP")
	}
}

func TestAnIdleFlowThroughAnAcceleratorEnds(t *testing.T) {
	t.Parallel()
	w, c := stepped(t)
	w.server("10.0.1.5", 8080, func(c net.Conn) {
		_, _ = io.WriteString(c, "a\n")
		_, _ = io.Copy(io.Discard, c)
	})
	w.group("a", "TCP", "10.0.1.5")
	l := listener(80, "TCP", forward("a"))
	l.Attributes = map[string]string{"tcp.idle_timeout.seconds": "6000"}
	lb := w.balancer("web", stack.Network, l)
	w.topo.Accelerators = []topology.Accelerator{{
		ARN: "arn:aws:globalaccelerator::123456789012:accelerator/idle", Name: "edge", DNSName: edgeName, Deployed: true,
		Enabled:   true,
		Addresses: []netip.Addr{netip.MustParseAddr("75.2.0.1")},
		Listeners: []topology.AcceleratorListener{{Protocol: "TCP", Ports: []topology.PortRange{{From: 80, To: 80}},
			Groups: []topology.EndpointGroup{{
				Dial: 100, Endpoints: []topology.Endpoint{{LoadBalancer: lb.ARN, Weight: 1, PreserveClientIP: true}},
			}}}},
	}}
	w.update()
	c.Advance(0)
	w.await("10.0.1.5", "healthy")
	conn, err := w.plane.DialContext(t.Context(), "tcp", edgeName+":80")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line != "a\n" {
		t.Fatalf("%q, %v", line, err)
	}
	w.within("the flow is carried", func() bool { return len(w.plane.Flows()) == 1 })
	c.Advance(339 * time.Second)
	if n := len(w.plane.Flows()); n != 1 {
		t.Errorf("%d flows after 339 s", n)
	}
	c.Advance(time.Second)
	var timeout net.Error
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("after 340 s: %v", err)
	}
	w.within("the load balancer's flow ends with it", func() bool { return len(w.plane.Flows()) == 0 })
}
