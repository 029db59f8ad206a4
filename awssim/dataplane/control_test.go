package dataplane_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestATargetOptimizerLetsRequestsOnlyGoWhereItsAgentIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, ip := range []string{"10.0.1.5", "10.0.1.6"} {
		w.pod(ip, 8080, echoHandler(ip))
	}
	w.group("a", "HTTP", "10.0.1.5", "10.0.1.6").ControlPort = 3000
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	w.await("10.0.1.6", "healthy")
	if got := w.get(w.client(), base+"/").StatusCode; got != http.StatusServiceUnavailable {
		t.Errorf("without any agent: %d", got)
	}
	agent, err := w.network.ListenTCP(netip.MustParseAddr("10.0.1.6"), 3000)
	if err != nil {
		t.Fatal(err)
	}
	w.pods.Go(func() {
		for {
			c, err := agent.Accept()
			if err != nil {
				return
			}
			w.pods.Go(func() { hold(c) })
		}
	})
	t.Cleanup(func() { _ = agent.Close() })
	w.within("the agent is found", func() bool { return w.get(w.client(), base+"/").StatusCode == http.StatusOK })
	for range 10 {
		if got := w.get(w.client(), base+"/").echo(t).Pod; got != "10.0.1.6" {
			t.Fatalf("went to %s, where no agent is", got)
		}
	}
	counts := w.plane.Stats().TargetGroups[groupARN("a")]
	if counts["TargetControlActiveChannelCount"] != 1 || counts["TargetControlRequestRejectCount"] == 0 ||
		counts["TargetControlRequestCount"] < 11 {
		t.Errorf("%v", counts)
	}
}

func TestARequestWaitsForTheFirstReachOfAnAgent(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		target   string
		admitted bool
		want     int
	}{
		"of IPv4":       {"10.0.1.5", true, http.StatusOK},
		"of IPv6":       {"2001:db8::5", true, http.StatusOK},
		"never reached": {"10.0.1.5", false, http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *dataplane.Options) { o.HealthTimeout = time.Second })
			ip := netip.MustParseAddr(tc.target)
			w.pod(tc.target, 8080, echoHandler("a"))
			agent, err := w.network.ListenTCP(ip, 3000)
			if err != nil {
				t.Fatal(err)
			}
			w.pods.Go(func() {
				for {
					c, err := agent.Accept()
					if err != nil {
						return
					}
					w.pods.Go(func() { hold(c) })
				}
			})
			t.Cleanup(func() { _ = agent.Close() })
			// The first SYN for the control port meets a security group that does not admit it yet.
			dropped := make(chan struct{})
			var seen atomic.Bool
			drop := sync.OnceFunc(func() { close(dropped) })
			if err := w.network.SetFirewall(ip, func(_ string, _, to netip.AddrPort) bool {
				if to.Port() != 3000 || seen.Load() && tc.admitted {
					return true
				}
				seen.Store(true)
				drop()
				return false
			}); err != nil {
				t.Fatal(err)
			}
			w.group("a", "HTTP", tc.target).ControlPort = 3000
			lb := w.balancer("web", stack.Application, listener(80, "HTTP", forward("a")))
			for i := range lb.Zones {
				lb.Zones[i].IPv6 = netip.MustParseAddr(fmt.Sprintf("2001:db8:1::%d", i+1))
			}
			lb.Egress = append(lb.Egress, topology.Permission{Protocol: "-1", Source: netip.MustParsePrefix("::/0")})
			w.update()
			<-dropped
			if got := w.get(w.client(), base+"/").StatusCode; got != tc.want {
				t.Errorf("status %d, want %d", got, tc.want)
			}
		})
	}
}

// hold keeps a connection until the other side ends it.
func hold(c net.Conn) {
	_, _ = io.Copy(io.Discard, c)
	_ = c.Close()
}
