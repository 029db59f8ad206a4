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

// PerCall returns the processor time of one call of work. It calls work for a tenth of a second or more, as some
// systems count time in steps of ten milliseconds.
func PerCall(work func()) time.Duration {
	for calls := 1; ; calls *= 2 {
		took := Of(func() {
			for range calls {
				work()
			}
		})
		if took >= 100*time.Millisecond {
			return took / time.Duration(calls)
		}
	}
}
