package flow

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/k8s-lbc/lbc/awssim/clock"
)

// IdleTimer calls a function once nothing moved for a time of a clock, so that a stepped clock ages flows.
type IdleTimer struct {
	clock clock.Clock
	after time.Duration
	last  atomic.Int64 // when something moved, in nanoseconds

	mu      sync.Mutex
	expired func()
	cancel  func() bool
	stopped bool
}

// NewIdleTimer starts a timer. The function must not call the timer.
func NewIdleTimer(c clock.Clock, after time.Duration, expired func()) *IdleTimer {
	t := &IdleTimer{clock: c, after: after, expired: expired}
	t.Feed()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cancel = t.clock.AfterFunc(after, t.look)
	return t
}

// Feed is called for each movement. It is cheap: the timer is not reset.
func (t *IdleTimer) Feed() { t.last.Store(t.clock.Now().UnixNano()) }

func (t *IdleTimer) look() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return
	}
	idle := time.Duration(t.clock.Now().UnixNano() - t.last.Load())
	if left := t.after - idle; left > 0 {
		t.cancel = t.clock.AfterFunc(left, t.look)
		return
	}
	t.stopped = true
	t.expired()
}

// OnExpiry replaces the function.
func (t *IdleTimer) OnExpiry(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expired = f
}

// Stop ends the timer. The function does not run after that.
func (t *IdleTimer) Stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	t.cancel()
}
