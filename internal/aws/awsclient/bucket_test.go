package awsclient

import (
	"context"
	"math"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestASlowedBucketKeepsToThePublishedRateBeforeItTriesMore(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := newBucket(c, math.Inf(1), 20)
	b.floor = 4
	succeed := func(n int) {
		for range n {
			b.succeeded()
		}
	}
	expect := func(when string, rate float64) {
		t.Helper()
		if math.Abs(b.rate-rate) > 1e-9 {
			t.Errorf("%s: %v a second, want %v", when, b.rate, rate)
		}
	}
	succeed(1000)
	if !math.IsInf(b.rate, 1) {
		t.Errorf("limited without a reason: %v", b.rate)
	}
	b.throttled()
	expect("refused", 4)
	b.throttled()
	expect("refused together with the first", 4)
	succeed(4*trialPause - 1)
	expect("patient", 4)
	succeed(1)
	expect("tries", 4.4)
	succeed(4)
	expect("tries, for as many calls as a second has", 4.4)
	succeed(1)
	expect("tries more", 4.84)
	c.Advance(2 * time.Second)
	b.throttled()
	expect("the try was refused", 4)
	c.Advance(2 * time.Second)
	b.throttled()
	expect("even the published rate is refused", 2)
	succeed(40)
	expect("back at the published rate, not above", 4)
	succeed(4*trialPause + 2000)
	if !math.IsInf(b.rate, 1) {
		t.Errorf("still limited when everything succeeds: %v", b.rate)
	}
}

func TestARefusalTakesAwayWhatWasSavedUp(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := newBucket(c, math.Inf(1), 20)
	b.floor = 4
	b.throttled()
	c.Advance(time.Hour) // nobody calls
	b.throttled()        // a call that was sent long ago
	for n := range 3 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := b.take(context.Background(), rankOf("", Normal)); err != nil {
				t.Error(err)
			}
		}()
		if d := drive(c, done); d != 500*time.Millisecond { // at half the published rate
			t.Errorf("call %d waited %v", n, d)
		}
	}
}

func TestACallerThatGaveUpTakesNoTurn(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := newBucket(c, 1, 1)
	if err := b.take(t.Context(), rankOf("", Normal)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	gone, stays := make(chan error, 1), make(chan error, 1)
	for n, wait := range []func(){func() { gone <- b.take(ctx, rankOf("", Normal)) }, func() {
		stays <- b.take(context.Background(), rankOf("", Normal))
	}} {
		go wait()
		for standing(b) <= n {
			runtime.Gosched()
		}
	}
	cancel()
	if err := <-gone; err == nil {
		t.Fatal("a turn that nobody waits for")
	}
	c.Advance(time.Second)
	if err := <-stays; err != nil {
		t.Error(err)
	}
}

func TestRegistrationsPrecedeDeregistrations(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := newBucket(c, 4, 1)
	b.tokens = 0
	served := make(chan string, 20)
	for n, call := range []string{"DeregisterTargets", "DeregisterTargets", "DescribeTargetHealth", "RegisterTargets",
		"RegisterTargets", "RegisterTargets", "RegisterTargets", "RegisterTargets"} {
		priority := Vital
		if call == "DescribeTargetHealth" {
			priority = Cosmetic
		}
		go func() {
			if err := b.take(context.Background(), rankOf(call, priority)); err != nil {
				t.Error(err)
			}
			served <- call
		}()
		for standing(b) <= n {
			runtime.Gosched()
		}
	}
	for n, want := range []string{"RegisterTargets", "RegisterTargets", "DeregisterTargets", "RegisterTargets",
		"RegisterTargets", "DeregisterTargets", "RegisterTargets", "DescribeTargetHealth"} {
		c.Advance(250 * time.Millisecond)
		if got := <-served; got != want {
			t.Errorf("call %d: %s, want %s", n, got, want)
		}
	}
}

func TestCallsBeyondThePublishedBurstAreFewAtOnceUntilTheySucceed(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := newBucket(c, math.Inf(1), 4)
	b.floor = 1
	admitted := make(chan struct{}, 100)
	call := func(p Priority) {
		go func() {
			if b.take(context.Background(), rankOf("", p)) == nil {
				admitted <- struct{}{}
			}
		}()
	}
	expect := func(when string, calls, wait int) {
		t.Helper()
		for len(admitted) < calls || standing(b) < wait {
			runtime.Gosched()
		}
		if len(admitted) != calls || standing(b) != wait {
			t.Errorf("%s: %d calls under way and %d wait, want %d and %d", when, len(admitted), standing(b), calls, wait)
		}
	}
	for range 40 {
		call(Normal)
	}
	end := func(n int, succeeded bool) {
		for range n {
			<-admitted
			b.ended(succeeded)
		}
	}
	expect("with the tokens of the burst", 4, 36)
	call(Vital)
	expect("a call of the highest priority, which goes first", 4, 37)
	end(4, true)
	expect("those that had tokens make room for as many as there may be", 4, 33)
	end(3, true)
	expect("each without one that succeeds makes room for two", 7, 27)
	end(1, false)
	expect("one that fails makes room for one", 7, 26)
	c.Advance(2 * time.Second)
	expect("though none ends, tokens come at the published rate", 9, 24)
	b.throttled()
	end(1, false)
	expect("after a refusal nothing begins", 8, 24)
	c.Advance(time.Second)
	expect("before its token comes", 9, 23)
	if b.beyond != firstBeyond {
		t.Errorf("%d calls without a token after a refusal", b.beyond)
	}
}

func TestAFamilyThatRestedBeginsWithFewCallsBeyondItsBurstAgain(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := newBucket(c, math.Inf(1), 1)
	b.floor = 0.1
	call := func(pause time.Duration) {
		t.Helper()
		c.Advance(pause)
		if err := b.take(t.Context(), rankOf("", Normal)); err != nil {
			t.Fatal(err)
		}
		b.ended(true)
	}
	for range 20 {
		call(restOfBeyond / 2)
	}
	if b.beyond <= firstBeyond {
		t.Fatalf("%d calls without a token at once while calls succeed", b.beyond)
	}
	if call(restOfBeyond); b.beyond > firstBeyond+1 {
		t.Errorf("%d calls without a token at once after a rest", b.beyond)
	}
}

// TestABurstOfRegistrationsIsNotRefusedAtOnce has the targets of two hundred groups change at once in an account that
// takes ten registrations a second: 1.05 times the calls are sent, and AWS takes them at its published rate.
func TestABurstOfRegistrationsIsNotRefusedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // its clock goes on only once all calls wait
		const calls, most = 200, 210
		aws := newBucket(WallClock{}, 10, 10)
		sent := 0
		var mu sync.Mutex
		send := func(context.Context) error {
			mu.Lock()
			sent++
			aws.refill()
			refused := aws.tokens < 1
			if !refused {
				aws.tokens--
			}
			mu.Unlock()
			time.Sleep(50 * time.Millisecond)
			if refused {
				return answered(400, "Throttling", "Rate exceeded")
			}
			return nil
		}
		l := NewLimiter(LimiterOptions{Clock: WallClock{}})
		began := time.Now()
		var all sync.WaitGroup
		for range calls {
			all.Go(func() {
				if err := l.Do(WithPriority(context.Background(), Vital), ServiceELBV2, "RegisterTargets", send); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if took := time.Since(began); sent > most || sent <= calls || took > (calls/4+5)*time.Second {
			t.Errorf("%d requests for %d calls, after %v", sent, calls, took)
		}
	})
}
