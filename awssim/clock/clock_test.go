package clock

import (
	"slices"
	"testing"
	"time"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestSteppedClockRunsCallbacksInOrder(t *testing.T) {
	t.Parallel()
	c := NewStepped(epoch)
	var ran []string
	at := func(name string, d time.Duration) {
		c.AfterFunc(d, func() {
			if got := c.Now().Sub(epoch); got != d {
				t.Errorf("%s ran at %v, want %v", name, got, d)
			}
			ran = append(ran, name)
		})
	}
	at("late", 3*time.Second)
	at("first", time.Second)
	at("second", time.Second)
	c.Advance(2 * time.Second)
	if want := []string{"first", "second"}; !slices.Equal(ran, want) {
		t.Fatalf("ran %v, want %v", ran, want)
	}
	if got := c.Now().Sub(epoch); got != 2*time.Second {
		t.Errorf("the clock stands at %v, want 2s", got)
	}
	if next, ok := c.Next(); !ok || next.Sub(epoch) != 3*time.Second {
		t.Errorf("next is %v %v, want 3s", next, ok)
	}
	c.Advance(time.Second)
	if len(ran) != 3 || c.Pending() != 0 {
		t.Errorf("ran %v, %d pending", ran, c.Pending())
	}
}

func TestCallbackOfSteppedClockSchedulesAnother(t *testing.T) {
	t.Parallel()
	c := NewStepped(epoch)
	ticks := 0
	var tick func()
	tick = func() {
		ticks++
		c.AfterFunc(time.Second, tick)
	}
	c.AfterFunc(time.Second, tick)
	c.Advance(10 * time.Second)
	if ticks != 10 {
		t.Errorf("%d ticks in 10s, want 10", ticks)
	}
}

func TestAStoppedCallbackDoesNotRun(t *testing.T) {
	t.Parallel()
	c := NewStepped(epoch)
	stop := c.AfterFunc(time.Second, func() { t.Error("ran although stopped") })
	ran := c.AfterFunc(time.Second, func() {})
	if !stop() {
		t.Error("stopping before the time must report that f will not run")
	}
	if stop() {
		t.Error("stopping twice must report that there was nothing to stop")
	}
	c.Advance(time.Minute)
	if ran() {
		t.Error("stopping after the call must report that it is too late")
	}
}

func TestAScaledClockRunsFaster(t *testing.T) {
	t.Parallel()
	c := NewScaled(1000)
	before := c.Now()
	done := make(chan struct{})
	c.AfterFunc(10*time.Second, func() { close(done) })
	<-done
	if passed := c.Now().Sub(before); passed < 10*time.Second {
		t.Errorf("%v of simulated time passed, want 10s at least", passed)
	}
}

func TestAScaledClockMovesForwardWithTheCallbacksThatWait(t *testing.T) {
	t.Parallel()
	c := NewScaled(1)
	ran := make(chan string, 2)
	c.AfterFunc(2*time.Hour, func() { ran <- "late" })
	c.AfterFunc(time.Hour, func() { ran <- "early" })
	before := c.Now()
	c.Advance(90 * time.Minute)
	if got := <-ran; got != "early" {
		t.Errorf("%s ran", got)
	}
	if passed := c.Now().Sub(before); passed < 90*time.Minute || passed > 100*time.Minute {
		t.Errorf("the clock moved by %v, want 90m", passed)
	}
	c.Advance(time.Hour)
	if got := <-ran; got != "late" {
		t.Errorf("%s ran", got)
	}
}

func TestTheScaleOfARunningClockAppliesToCallbacksThatWait(t *testing.T) {
	t.Parallel()
	c := NewScaled(1)
	c.SetScale(0)
	stood := c.Now()
	ran := make(chan time.Time, 1)
	c.AfterFunc(time.Hour, func() { ran <- c.Now() })
	stopped := c.AfterFunc(time.Minute, func() { t.Error("ran although stopped") })
	if now := c.Now(); !now.Equal(stood) || c.Scale() != 0 {
		t.Errorf("a clock of scale %v went on by %v", c.Scale(), now.Sub(stood))
	}
	if !stopped() || stopped() {
		t.Error("a callback is stopped once")
	}
	c.SetScale(1e6)
	if passed := (<-ran).Sub(stood); passed < time.Hour {
		t.Errorf("%v of simulated time passed, want an hour", passed)
	}
}
