package clock

import (
	"container/heap"
	"math"
	"sync"
	"time"
)

// Scaled is a clock that runs by itself, faster than the machine's or slower: with a scale of 60, a minute of simulated
// time takes a second. It may be moved forward, and its scale changed, while it runs; callbacks that wait follow.
// NewScaled makes one.
type Scaled struct {
	mu       sync.Mutex
	since    time.Time // of the machine, when …
	at       time.Time // … this clock showed this; it runs at scale from there
	scale    float64
	waiting  waiting
	sequence uint64
	timer    *time.Timer // for the first that waits; nil: none, or the clock stands
}

// NewScaled starts a scaled clock now. A scale that is not positive counts as 1.
func NewScaled(scale float64) *Scaled {
	if scale <= 0 {
		scale = 1
	}
	now := time.Now()
	return &Scaled{since: now, at: now, scale: scale}
}

// Now is the clock's present time.
func (s *Scaled) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

func (s *Scaled) now() time.Time {
	return s.at.Add(time.Duration(float64(time.Since(s.since)) * s.scale))
}

// AfterFunc waits d of simulated time.
func (s *Scaled) AfterFunc(d time.Duration, f func()) func() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sequence++
	w := &waiter{due: s.now().Add(max(d, 0)), sequence: s.sequence, f: f}
	heap.Push(&s.waiting, w)
	if w.index == 0 {
		s.arm()
	}
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		if w.index < 0 {
			return false
		}
		first := w.index == 0
		heap.Remove(&s.waiting, w.index)
		if first {
			s.arm()
		}
		return true
	}
}

// Advance moves the clock forward by d. What falls due on the way runs at once.
func (s *Scaled) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = s.at.Add(max(d, 0))
	s.arm()
}

// Scale is how much faster than the machine's the clock runs.
func (s *Scaled) Scale() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.scale
}

// SetScale changes how fast the clock runs from now on. With 0 it stands.
func (s *Scaled) SetScale(scale float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at, s.since = s.now(), time.Now()
	s.scale = max(scale, 0)
	s.arm()
}

// arm sets the timer for the first callback that waits. The lock is held.
func (s *Scaled) arm() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if len(s.waiting) == 0 {
		return
	}
	left := float64(s.waiting[0].due.Sub(s.now()))
	switch {
	case left <= 0:
		left = 0
	case s.scale == 0:
		return
	default:
		left = min(left/s.scale, math.MaxInt64/2)
	}
	s.timer = time.AfterFunc(time.Duration(math.Ceil(left)), s.run)
}

// run starts what is due, each callback in a goroutine of its own.
func (s *Scaled) run() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for now := s.now(); len(s.waiting) > 0 && !s.waiting[0].due.After(now); {
		go heap.Pop(&s.waiting).(*waiter).f()
	}
	s.arm()
}
