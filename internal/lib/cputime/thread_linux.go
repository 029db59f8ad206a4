package cputime

import (
	"syscall"
	"time"
)

// ofThread is RUSAGE_THREAD of getrusage(2), which package syscall lacks.
const ofThread = 1

// thread is the processor time of the thread so far.
func thread() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(ofThread, &u); err != nil {
		panic(err) // Linux 2.6.26 and later have it
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
