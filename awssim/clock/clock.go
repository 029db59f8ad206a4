// Package clock is the simulator's time: real, scaled, or stepped by a test. Everything in awssim that depends on time asks
// a Clock; nothing sleeps. It imports only the standard library.
package clock

import "time"

// Clock tells the time and calls back once a duration has passed.
type Clock interface {
	Now() time.Time
	// AfterFunc runs f in its own goroutine (stepped clocks: inside Advance) when d has passed. The returned function
	// cancels it and reports whether f will certainly not run.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}
