package dataplane

import (
	"sync"
	"sync/atomic"
	"time"
)

// watchdog calls a function once nothing fed it for a time.
type watchdog struct {
	after   time.Duration
	timer   *time.Timer
	last    atomic.Int64 // of feeding, in nanoseconds since start
	start   time.Time
	mu      sync.Mutex
	expired func()
	stopped bool
}

func newWatchdog(after time.Duration, expired func()) *watchdog {
	w := &watchdog{after: after, expired: expired, start: time.Now()}
	w.timer = time.AfterFunc(after, w.look)
	return w
}

// feed is called for each movement; it is cheap: the timer finds out by itself.
func (w *watchdog) feed() { w.last.Store(int64(time.Since(w.start))) }

func (w *watchdog) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return
	}
	if left := w.after - (time.Since(w.start) - time.Duration(w.last.Load())); left > 0 {
		w.timer.Reset(left)
		return
	}
	w.stopped = true
	w.expired()
}

// onExpiry replaces what is called.
func (w *watchdog) onExpiry(f func()) {
	w.mu.Lock()
	w.expired = f
	w.mu.Unlock()
}

func (w *watchdog) stop() {
	w.mu.Lock()
	w.stopped = true
	w.timer.Stop()
	w.mu.Unlock()
}
