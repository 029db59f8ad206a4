package dataplane_test

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

// ranged gives the accelerator's listener these ports and its group these overrides.
func (w *world) ranged(g *topology.EndpointGroup, overrides map[int32]int32, ports ...topology.PortRange) {
	w.Helper()
	group, a := *g, w.topo.Accelerators[0]
	group.Overrides = overrides
	a.Listeners = []topology.AcceleratorListener{{Protocol: "TCP", Ports: ports, Groups: []topology.EndpointGroup{group}}}
	w.topo.Accelerators = []topology.Accelerator{a}
	w.update()
}

// open are the ports of the accelerator that are bound on loopback.
func (w *world) open() []int32 {
	return slices.Sorted(maps.Keys(w.plane.Accelerators()[0].TCP))
}

// opens waits until the accelerator has exactly these ports on loopback: one with a flow that ends at the moment stays
// open until the next update.
func (w *world) opens(when string, ports ...int32) {
	w.Helper()
	w.within(fmt.Sprintf("%s: loopback has %v", when, ports), func() bool {
		if slices.Equal(w.open(), ports) {
			return true
		}
		w.update()
		return false
	})
}

func TestLoopbackHasEachPortThatLeadsToAListener(t *testing.T) {
	t.Parallel()
	w, g := accelerated(t)
	answers := func(port int) {
		t.Helper()
		if got := w.get(w.fresh(), fmt.Sprintf("http://%s:%d/", edgeName, port)).StatusCode; got != http.StatusOK {
			t.Errorf("port %d: %d", port, got)
		}
	}
	for _, tc := range []struct {
		name      string
		overrides map[int32]int32
		ports     []topology.PortRange
		want      []int32
	}{
		{"all ports of TCP", nil, []topology.PortRange{{From: 1, To: 65535}}, []int32{80, 8080}},
		{"the highest of many", nil, []topology.PortRange{{From: 1000, To: 8080}}, []int32{8080}},
		{"two ranges", nil, []topology.PortRange{{From: 1, To: 300}, {From: 8000, To: 8300}}, []int32{80, 8080}},
		{"an override", map[int32]int32{65535: 80}, []topology.PortRange{{From: 1024, To: 65535}}, []int32{8080, 65535}},
		{"an override that leads elsewhere", map[int32]int32{80: 9}, []topology.PortRange{{From: 1, To: 65535}},
			[]int32{8080}},
	} {
		w.ranged(g, tc.overrides, tc.ports...)
		w.opens(tc.name, tc.want...)
		for _, port := range tc.want {
			answers(int(port))
		}
	}
	w.ranged(g, nil, topology.PortRange{From: 1, To: 65535})
	w.topo.LoadBalancers[1].Listeners = append(w.topo.LoadBalancers[1].Listeners, listener(50443, "HTTP", forward("two")))
	w.update()
	w.opens("with another listener", 80, 8080, 50443)
	w.ranged(g, nil, topology.PortRange{From: 80, To: 335})
	if got := w.open(); len(got) != 256 {
		t.Errorf("of 256 ports loopback has %d", len(got))
	}
}

func TestAPortThatLeadsNowhereKeepsItsFlowsAndThenCloses(t *testing.T) {
	t.Parallel()
	w, g := accelerated(t)
	w.ranged(g, nil, topology.PortRange{From: 1, To: 65535})
	c, err := w.plane.DialContext(t.Context(), "tcp", edgeName+":8080")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	reader := bufio.NewReader(c)
	ask := func() {
		t.Helper()
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		resp, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	empty := *g
	empty.Endpoints = nil
	w.ranged(&empty, nil, topology.PortRange{From: 1, To: 65535})
	ask()
	if got := w.open(); !slices.Equal(got, []int32{8080}) {
		t.Errorf("with a flow at port 8080 loopback has %v", got)
	}
	_ = c.Close()
	w.opens("without a flow")
	if c, err := w.plane.DialContext(t.Context(), "tcp", edgeName+":8080"); err == nil {
		_ = c.Close()
		t.Error("a port without any endpoint takes a connection")
	}
}

func TestAddressesHaveTheLowestPortsOnLoopback(t *testing.T) {
	t.Parallel()
	w, g := accelerated(t)
	w.pod("10.0.7.5", 60000, echoHandler("three"))
	group := *g
	group.Endpoints = append(slices.Clone(g.Endpoints[:1]), topology.Endpoint{Address: netip.MustParseAddr("10.0.7.5"),
		Running: true, Weight: 128})
	w.ranged(&group, nil, topology.PortRange{From: 1, To: 65535})
	got := w.open()
	if len(got) != 256 || !slices.Contains(got, 8080) || !slices.Contains(got, 1) || slices.Contains(got, 256) {
		t.Errorf("loopback has %d ports: %v", len(got), got)
	}
	group.Endpoints = group.Endpoints[1:]
	w.ranged(&group, nil, topology.PortRange{From: 1, To: 65535})
	if got := w.get(w.fresh(), "http://"+edgeName+":60000/").echo(t).Pod; got != "three" {
		t.Errorf("a port that loopback does not have leads to %q", got)
	}
}
