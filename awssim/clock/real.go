package clock

import "time"

// Real is the machine's clock.
type Real struct{}

// Now is time.Now.
func (Real) Now() time.Time { return time.Now() }

// AfterFunc is time.AfterFunc.
func (Real) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

// Scaled is a clock that runs Factor times as fast as the machine's, counted from Start: with a factor of 60, a minute of
// simulated time takes a second.
type Scaled struct {
	start  time.Time
	factor float64
}

// NewScaled starts a scaled clock now. A factor that is not positive counts as 1.
func NewScaled(factor float64) *Scaled {
	if factor <= 0 {
		factor = 1
	}
	return &Scaled{start: time.Now(), factor: factor}
}

// Now is the start plus the scaled time since then.
func (s *Scaled) Now() time.Time {
	return s.start.Add(time.Duration(float64(time.Since(s.start)) * s.factor))
}

// AfterFunc waits d of simulated time.
func (s *Scaled) AfterFunc(d time.Duration, f func()) func() bool {
	return time.AfterFunc(time.Duration(float64(d)/s.factor), f).Stop
}
