// Package clock is the simulator's time: real, scaled, or stepped by a test. Everything in awssim that depends on time
// takes it from a [Clock]; nothing sleeps. It imports only the standard library.
//
// A test that waits for nothing gives the simulator a [Stepped] clock and moves it:
//
//	c := clock.NewStepped(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
//	sim, err := awssim.New(awssim.Options{Clock: c, Profile: account.Real()})
//	…
//	c.Advance(2 * time.Minute) // a load balancer that was just created is active now
//
// [NewScaled] makes an hour pass in a minute, and can be moved and paced while it runs; [Real] is the machine's clock.
package clock

import "time"

// Clock is a source of time that calls back once a duration has passed.
type Clock interface {
	// Now is the clock's present time.
	Now() time.Time
	// AfterFunc runs f in its own goroutine (stepped clocks: inside Advance) when d has passed. The returned function
	// cancels it and reports whether f will certainly not run.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// Real is the machine's clock.
type Real struct{}

// Now is time.Now.
func (Real) Now() time.Time { return time.Now() }

// AfterFunc is time.AfterFunc.
func (Real) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }
