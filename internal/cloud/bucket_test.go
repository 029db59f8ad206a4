package cloud

import (
	"math"
	"testing"
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
	succeed(4*patience - 1)
	expect("patient", 4)
	succeed(1)
	expect("tries", 4.4)
	c.Advance(2 * time.Second)
	b.throttled()
	expect("the try was refused", 4)
	c.Advance(2 * time.Second)
	b.throttled()
	expect("even the published rate is refused", 2)
	succeed(40)
	expect("back at the published rate, not above", 4)
	succeed(4*patience + 2000)
	if !math.IsInf(b.rate, 1) {
		t.Errorf("still limited when everything succeeds: %v", b.rate)
	}
}
