package clock

import (
	"container/heap"
	"sync"
	"time"
)

// Stepped is a clock that stands still until a test moves it. Its callbacks run inside Advance, on the caller's
// goroutine, in order of their time (then of their registration), each at its own instant.
type Stepped struct {
	mu       sync.Mutex
	now      time.Time
	waiting  waiting
	sequence uint64
}

// NewStepped makes a clock that stands at now.
func NewStepped(now time.Time) *Stepped { return &Stepped{now: now} }

// Now is where the clock stands.
func (s *Stepped) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// AfterFunc runs f inside the Advance that passes d from now; a d that is not positive waits for the next Advance, of
// zero too.
func (s *Stepped) AfterFunc(d time.Duration, f func()) func() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sequence++
	w := &waiter{due: s.now.Add(max(d, 0)), sequence: s.sequence, f: f}
	heap.Push(&s.waiting, w)
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		if w.index < 0 {
			return false
		}
		heap.Remove(&s.waiting, w.index)
		return true
	}
}

// Advance moves the clock by d and runs what falls due on the way, also what those callbacks schedule.
func (s *Stepped) Advance(d time.Duration) {
	s.mu.Lock()
	until := s.now.Add(max(d, 0))
	for len(s.waiting) > 0 && !s.waiting[0].due.After(until) {
		w := heap.Pop(&s.waiting).(*waiter)
		if w.due.After(s.now) {
			s.now = w.due
		}
		s.mu.Unlock()
		w.f()
		s.mu.Lock()
	}
	if until.After(s.now) {
		s.now = until
	}
	s.mu.Unlock()
}

// Next is when the first callback is due; false when none waits.
func (s *Stepped) Next() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		return time.Time{}, false
	}
	return s.waiting[0].due, true
}

// Pending counts the callbacks that wait.
func (s *Stepped) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting)
}

type waiter struct {
	due      time.Time
	sequence uint64
	index    int // in the heap; -1 once out of it
	f        func()
}

// waiting is a heap by due time.
type waiting []*waiter

func (w waiting) Len() int { return len(w) }

func (w waiting) Less(i, j int) bool {
	if w[i].due.Equal(w[j].due) {
		return w[i].sequence < w[j].sequence
	}
	return w[i].due.Before(w[j].due)
}

func (w waiting) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].index, w[j].index = i, j
}

func (w *waiting) Push(x any) {
	e := x.(*waiter)
	e.index = len(*w)
	*w = append(*w, e)
}

func (w *waiting) Pop() any {
	old := *w
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*w = old[:len(old)-1]
	e.index = -1
	return e
}
