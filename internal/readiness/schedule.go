package readiness

import (
	"time"
)

// Pauses between looks at one target group.
const (
	// FirstPause is how soon health is worth a look after registration.
	FirstPause = time.Second
	// busyPause is the shortest between two looks while more targets are registered.
	busyPause = 2 * time.Second
	// stuck is how long pods wait before nobody expects a change from one moment to the next.
	stuck = 10 * time.Minute
	// stuckFactor lengthens pauses then.
	stuckFactor = 4
)

// Schedule says when to look at the health of one target group. Looks become rarer the longer the pod that came last has
// waited, so that a target is found healthy after at most half as much again as it took, for about ten calls in a minute;
// later they come at the longest pause, and after ten minutes at four times that. The zero value is not due.
type Schedule struct {
	since, last, due time.Time
	busy             bool // more was registered before the look that was due
}

// Register asks for a look at targets that were registered now.
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

// Find asks for a look at targets that somebody registered some time ago, unless one is to come.
func (s *Schedule) Find(now time.Time) {
	if s.due.IsZero() {
		s.since, s.due = now, now
	}
}

// Looked is told of every look, also of one that failed. longest is the longest pause between looks at targets that may become
// healthy any moment.
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

// Due is when to look next; the zero time: nobody asked.
func (s *Schedule) Due() time.Time { return s.due }

// Waited is how long the pod that came last has waited.
func (s *Schedule) Waited(now time.Time) time.Duration { return now.Sub(s.since) }
