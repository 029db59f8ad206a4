package scene

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/load"
)

const (
	senders = 2
	// pause between the requests of one sender: enough of them to meet every moment of a change, and little load.
	pause = 5 * time.Millisecond
)

// Send asks for the URL again and again until Stop or the end of the test. A request has failed if right returns false
// for its answer, or if there is none.
func Send(t testing.TB, c *harness.Cluster, url, host string, right func(harness.Response) bool) *load.Clients {
	t.Helper()
	clients := load.Start(t.Context())
	clients.Add(senders, pause, func() load.Client { return sender{c, url, host, right} })
	t.Cleanup(func() { clients.Stop() })
	return clients
}

type sender struct {
	cluster   *harness.Cluster
	url, host string
	right     func(harness.Response) bool
}

// Call implements load.Client.
func (s sender) Call(ctx context.Context) error {
	r, err := s.cluster.Get(ctx, s.url, s.host)
	if err == nil && !s.right(r) {
		err = fmt.Errorf("%d from service %q, pod %q: %.200s", r.Status, r.Pod.Service, r.Pod.Pod, r.Body)
	}
	return err
}

// Close implements load.Client.
func (sender) Close() {}

// More waits until n more requests have ended.
func More(t testing.TB, c *harness.Cluster, of *load.Clients, n int) {
	t.Helper()
	from := of.Requests()
	c.WaitFor(t, fmt.Sprintf("%d more requests", n), func(context.Context) error {
		if now := of.Requests(); now < from+n {
			return fmt.Errorf("%d have ended", now-from)
		}
		return nil
	})
}

// OK is the answer 200.
func OK(r harness.Response) bool { return r.Status == 200 }

// WaitDatagram waits until a pod of an application answers a datagram to a port of a load balancer with its name.
func WaitDatagram(t testing.TB, c *harness.Cluster, lb simclient.LoadBalancer, port int32, app string) {
	t.Helper()
	c.WaitFor(t, fmt.Sprintf("the answer of %s to a datagram at port %d", app, port), func(ctx context.Context) error {
		all, err := c.Env.Endpoints(ctx)
		if err != nil {
			return err
		}
		for _, e := range all {
			for _, l := range e.Listeners {
				if e.ARN == lb.ARN && l.Port == port && l.Address.IsValid() {
					return exchange(l.Address.String(), app)
				}
			}
		}
		return fmt.Errorf("nothing listens at port %d of %s", port, lb.Name)
	})
}

// exchange sends a datagram, and fails unless a pod of the application answers within a second.
func exchange(address, app string) error {
	conn, err := net.DialTimeout("udp", address, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("name")); err != nil {
		return err
	}
	answer := make([]byte, 256)
	n, err := conn.Read(answer)
	if err == nil && !strings.HasPrefix(string(answer[:n]), app+"-") {
		err = fmt.Errorf("%q answered", answer[:n])
	}
	return err
}
