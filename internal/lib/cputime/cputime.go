// Package cputime measures what work costs the processor. Only tests import the package. A test that compares the time
// on the clock with a bound fails on a machine with much other work; processor time hardly depends on it.
package cputime

import (
	"runtime"
	"time"
)

// Of returns the processor time of work in its own goroutine. What work starts in other goroutines does not count.
func Of(work func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := thread()
	work()
	return thread() - before
}
