package scene

import (
	"context"
	"fmt"
	"testing"
	"time"

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
