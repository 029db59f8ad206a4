package cputime

import (
	"runtime"
	"testing"
	"time"
)

func TestWorkCountsAndWaitingDoesNot(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells the processor time of a thread")
	}
	sum := 0
	work := Of(func() {
		for n := range 200_000_000 {
			sum += n ^ sum
		}
	})
	wait := Of(func() {
		done := make(chan struct{})
		time.AfterFunc(200*time.Millisecond, func() { close(done) })
		<-done
	})
	if work == 0 || wait >= 200*time.Millisecond {
		t.Errorf("work costs %s, waiting for 200 ms costs %s (%d)", work, wait, sum)
	}
}
