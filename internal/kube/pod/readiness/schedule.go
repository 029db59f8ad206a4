package readiness

import (
	"time"
)

// Pauses between looks at one target group.
const (
	// FirstPause is the pause before the first look after a registration.
	FirstPause = time.Second
	// busyPause is the shortest between two looks while more targets are registered.
	busyPause = 2 * time.Second
	// stuck is how long pods wait before looks become rare.
	stuck = 10 * time.Minute
	// stuckFactor is the factor of pauses then.
	stuckFactor = 4
)

// Schedule is the schedule of looks at the health of one target group. The pause is half the time that the last pod has
// waited, so that a healthy target is noticed after at most 1.5 times the time that it took, with about ten calls in a
// minute. It is limited to a longest pause, and after ten minutes to four times that. The zero value is not due.
type Schedule struct {
	since, last, due time.Time
	busy             bool // more was registered before the look that was due
}

// Register schedules a look at targets that were registered now.
func (s *Schedule) Register(now time.Time) {
	s.since = now
	s.busy = !s.due.IsZero()
	soon := now.Add(FirstPause)
	if earliest := s.last.Add(busyPause); soon.Before(earliest) {
		soon = earliest
	}
	if s.due.IsZero() || s.due.After(soon) {
		s.due = soon
	}
}

// Find schedules a look at targets that were registered earlier, unless one is scheduled.
func (s *Schedule) Find(now time.Time) {
	if s.due.IsZero() {
		s.since, s.due = now, now
	}
}

// Looked records a look, failed ones included, and schedules the next one. longest is the longest pause while targets
// may still become healthy.
func (s *Schedule) Looked(now time.Time, longest time.Duration) {
	waited := now.Sub(s.since)
	floor := FirstPause
	if s.busy {
		floor = busyPause
	}
	pause := max(min(waited/2, longest), floor)
	if waited > stuck {
		pause = max(longest*stuckFactor, floor)
	}
	s.busy, s.last, s.due = false, now, now.Add(pause)
}

// Due is when to look next; the zero time if no look is scheduled.
func (s *Schedule) Due() time.Time { return s.due }

// Waited returns how long the last pod has waited.
func (s *Schedule) Waited(now time.Time) time.Duration { return now.Sub(s.since) }
