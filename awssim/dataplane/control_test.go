package dataplane_test

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"

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
	if counts["TargetControlActiveChannelCount"] != 1 || counts["TargetControlRequestRejectCount"] == 0 || counts["TargetControlRequestCount"] < 11 {
		t.Errorf("%v", counts)
	}
}

// hold keeps a connection until the other side ends it.
func hold(c net.Conn) {
	_, _ = io.Copy(io.Discard, c)
	_ = c.Close()
}
