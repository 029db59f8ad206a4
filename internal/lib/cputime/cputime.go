// Package cputime measures how much processor time work takes. Only tests import the package. A test that limits the
// time on the clock fails on a busy machine; processor time hardly depends on other work.
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
