// Package load sends requests to load balancers and counts the failed ones. It uses new or kept connections, gRPC
// streams, WebSockets and flows of datagrams. It knows neither Kubernetes nor AWS: its callers provide the
// connections. It imports golang.org/x/net for WebSockets.
package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

// Dial connects to an address, whose host may be the name of a load balancer.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Client makes requests, one after the other.
type Client interface {
	// Call makes one request and waits for its end; its error is a failure of what is called. A Call of a stream lasts as
	// long as the stream.
	Call(ctx context.Context) error
	Close()
}

// Clients make requests until they are stopped. They are safe for concurrent use.
type Clients struct {
	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup
	calm   atomic.Bool

	mu     sync.Mutex
	result Result
}

// Result is what came of requests.
type Result struct {
	Requests, Failed int
	How              map[string]int // failures by text; those of further texts than maxTexts by "other"
	First, Last      time.Time      // of the failures
}

// stamp is how times of failures are shown, as in the logs of the playground.
const stamp = "15:04:05.000"

// String says how many requests failed, and how.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d requests failed", r.Failed, r.Requests)
	if r.Failed > 0 {
		fmt.Fprintf(&b, ", the first at %s, the last at %s", r.First.UTC().Format(stamp), r.Last.UTC().Format(stamp))
	}
	for _, text := range slices.Sorted(maps.Keys(r.How)) {
		fmt.Fprintf(&b, "\n%d × %s", r.How[text], text)
	}
	return b.String()
}

// maxTexts bounds the texts of failures that are kept, since bodies of answers make them differ.
const maxTexts = 30

// calmly is how many times fewer requests are sent after Calm.
const calmly = 10

// Start begins with no clients. The end of ctx does not stop them: Stop does.
func Start(ctx context.Context) *Clients {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	return &Clients{ctx: ctx, cancel: cancel, result: Result{How: map[string]int{}}}
}

// Add has n more clients make requests, each with the pause between two of them.
func (c *Clients) Add(n int, pause time.Duration, of func() Client) {
	for range n {
		client := of()
		c.done.Go(func() {
			defer client.Close()
			for {
				wait := pause
				if c.calm.Load() {
					wait *= calmly
				}
				if sleep.For(c.ctx, wait) != nil {
					return
				}
				err := client.Call(c.ctx)
				if c.ctx.Err() != nil {
					return // its end is not the load balancer's fault
				}
				c.count(err)
			}
		})
	}
}

func (c *Clients) count(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.result.Requests++
	if err == nil {
		return
	}
	c.result.Last = time.Now()
	if c.result.Failed++; c.result.Failed == 1 {
		c.result.First = c.result.Last
	}
	text := withoutAddresses(err)
	if _, known := c.result.How[text]; !known && len(c.result.How) >= maxTexts {
		text = "other"
	}
	c.result.How[text]++
}

// withoutAddresses is the text of an error of a connection by what was done and what came of it: ports differ each
// time.
func withoutAddresses(err error) string {
	if failed, ok := errors.AsType[*net.OpError](err); ok {
		return failed.Op + ": " + failed.Err.Error()
	}
	return err.Error()
}

// Calm has the clients make fewer requests from now on.
func (c *Clients) Calm() { c.calm.Store(true) }

// Requests is the number of requests that have ended.
func (c *Clients) Requests() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.result.Requests
}

// Stop ends the requests and waits for that. It may be called again.
func (c *Clients) Stop() Result {
	c.cancel()
	c.done.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.result
	r.How = maps.Clone(r.How)
	return r
}
