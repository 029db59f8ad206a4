package dataplane_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestTenThousandConnectionsLeaveNothingBehind holds ten thousand connections open, each within its
// request, and then lets all go on at once. It is not parallel, since it counts the goroutines of the process.
func TestTenThousandConnectionsLeaveNothingBehind(t *testing.T) {
	connections := sample.Count(500, 10_000)
	w := newWorld(t)
	w.pod("10.0.1.5", 8080, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, "hello")
	}))
	w.group("a", "HTTP", "10.0.1.5")
	lb := w.balancer("web", stack.Application, listener(80, "HTTP", notFound(), onPath(1, "/a", forward("a"))))
	w.update()
	w.await("10.0.1.5", "healthy")
	settled := func() int {
		runtime.GC()
		return runtime.NumGoroutine()
	}
	before := settled()
	deadline := time.Now().Add(2 * time.Minute)
	open := make([]net.Conn, connections)
	for i := range open {
		c, err := w.network.DialTCP(t.Context(), netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}),
			netip.AddrPortFrom(lb.Zones[i%2].Public, 80))
		if err != nil {
			t.Fatal(err)
		}
		open[i] = c
		_ = c.SetDeadline(deadline)
		path := "/a"
		if i%10 > 0 {
			path = "/nothing"
		}
		if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", path); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.count("ActiveConnectionCount"); n != int64(connections) {
		t.Errorf("%d connections are open", n)
	}
	var all sync.WaitGroup
	for i, c := range open {
		all.Go(func() {
			defer func() { _ = c.Close() }()
			_, _ = io.WriteString(c, "\r\n")
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Errorf("connection %d: %v", i, err)
				return
			}
			_ = res.Body.Close()
			if want := map[bool]int{true: 200, false: 404}[i%10 == 0]; res.StatusCode != want {
				t.Errorf("connection %d: %d, want %d", i, res.StatusCode, want)
			}
		})
	}
	all.Wait()
	w.within("every connection is over", func() bool { return w.count("ActiveConnectionCount") == 0 })
	if n := w.count("RequestCount"); n != int64(connections) {
		t.Errorf("%d requests", n)
	}
	// What may stay are kept connections to the target, three goroutines and one of the target's each.
	w.plane.Close()
	w.within("the goroutines end", func() bool { return settled() <= before })
}

// TestAThousandLoadBalancersAtRestCostLittle counts what unused load balancers cost: a goroutine for each socket of
// this machine, since the kernel's are accepted from, and none for their places on the virtual network, HTTP servers or
// meters.
func TestAThousandLoadBalancersAtRestCostLittle(t *testing.T) {
	const balancers = 1000
	w := newWorld(t)
	for i := range balancers {
		g := w.group(fmt.Sprint("g", i), "HTTP")
		kind, protocol := stack.Network, []string{"HTTP", "TCP", "UDP"}[i%3]
		if g.Protocol = protocol; protocol == "HTTP" {
			kind = stack.Application
		}
		lb := w.balancer(fmt.Sprint("lb", i), kind, listener(80, protocol, forward(g.Name)))
		for z := range lb.Zones {
			lb.Zones[z].Private = netip.AddrFrom4([4]byte{10, byte(1 + z), byte(i >> 8), byte(i)})
			lb.Zones[z].Public = netip.AddrFrom4([4]byte{198, 18, byte(i>>8) + byte(z)<<4, byte(i)})
		}
	}
	measure := func() (goroutines int, bytes uint64) {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return runtime.NumGoroutine(), m.HeapAlloc + m.StackInuse
	}
	before, held := measure()
	if err := w.plane.Update(w.topo); err != nil {
		if errors.Is(err, syscall.EMFILE) {
			t.Skipf("this machine has too few descriptors: %v", strings.SplitN(err.Error(), "\n", 2)[0])
		}
		t.Fatal(err)
	}
	after, now := measure()
	if more := after - before; more > balancers+10 {
		t.Errorf("%d goroutines for %d load balancers", more, balancers)
	}
	if each := int64(now-held) / balancers; each > 20<<10 {
		t.Errorf("%d bytes for each load balancer, at most 20 KB are wanted", each)
	} else {
		t.Logf("%d bytes, %.2f goroutines for each load balancer", each, float64(after-before)/balancers)
	}
	w.topo = topology.Topology{}
	w.update()
	w.within("the goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}
