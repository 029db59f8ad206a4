package dataplane

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/k8s-lbc/lbc/awssim/clock"
)

// idleTimer calls a function once nothing moved in a flow for a time of the plane's clock, so that a stepped clock ages flows.
type idleTimer struct {
	clock   clock.Clock
	after   time.Duration
	last    atomic.Int64 // when something moved, in nanoseconds
	expired func()

	mu      sync.Mutex
	cancel  func() bool
	stopped bool
}

func (p *Plane) newIdleTimer(after time.Duration, expired func()) *idleTimer {
	t := &idleTimer{clock: p.clock, after: after, expired: expired}
	t.feed()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cancel = t.clock.AfterFunc(after, t.look)
	return t
}

// feed is called for each movement; the timer finds out by itself.
func (t *idleTimer) feed() { t.last.Store(t.clock.Now().UnixNano()) }

func (t *idleTimer) look() {
	t.mu.Lock()
	if t.stopped {
		t.mu.Unlock()
		return
	}
	idle := time.Duration(t.clock.Now().UnixNano() - t.last.Load())
	if left := t.after - idle; left > 0 {
		t.cancel = t.clock.AfterFunc(left, t.look)
		t.mu.Unlock()
		return
	}
	t.stopped = true
	t.mu.Unlock()
	t.expired()
}

func (t *idleTimer) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	t.cancel()
}
