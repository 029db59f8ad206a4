package backoff

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// clock is a time that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newClock() *clock { return &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }

func TestPausesDoubleUpToTheCeiling(t *testing.T) {
	t.Parallel()
	p := Policy{First: 10 * time.Second, Longest: time.Minute}
	var got []time.Duration
	for n := range 7 {
		got = append(got, p.Pause(n))
	}
	want := []time.Duration{10, 10, 20, 40, 60, 60, 60}
	for i := range want {
		want[i] *= time.Second
	}
	if !slices.Equal(got, want) {
		t.Errorf("pauses are %v, want %v", got, want)
	}
}

func TestAPauseNeverLeavesItsBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		first := time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "first"))
		p := Policy{First: first, Longest: first + time.Duration(rapid.Int64Range(0, int64(24*time.Hour)).Draw(t, "more")),
			Jitter: 0.5}
		n := rapid.IntRange(-3, 1<<30).Draw(t, "n")
		if d := p.Pause(n); d < p.First || d > p.Longest || d > p.Pause(n+1) {
			t.Fatalf("pause %d of %+v is %s", n, p, d)
		}
		f := NewFailures[int](p, newClock().now, func() float64 { return rapid.Float64Range(0, 0.999).Draw(t, "random") })
		for range 5 {
			if _, d := f.Failed(1); d < p.First/2 || d > p.Longest {
				t.Fatalf("a pause of %+v with jitter is %s", p, d)
			}
		}
	})
}

func TestEachKeyIsCountedByItselfUntilItSucceeds(t *testing.T) {
	t.Parallel()
	c := newClock()
	f := NewFailures[string](Policy{First: time.Second, Longest: time.Minute}, c.now, nil)
	f.Failed("a")
	if n, d := f.Failed("a"); n != 2 || d != 2*time.Second {
		t.Errorf("the second failure of a: number %d, pause %s", n, d)
	}
	if d := f.When("b"); d != time.Second || f.NumRequeues("b") != 1 {
		t.Errorf("the first failure of b: number %d, pause %s", f.NumRequeues("b"), d)
	}
	f.Forget("a")
	if n, _ := f.Failed("a"); n != 1 {
		t.Errorf("after a success the failure is number %d", n)
	}
	f.ForgetFunc(func(k string) bool { return k == "a" })
	if f.NumRequeues("a") != 0 || f.NumRequeues("b") != 1 {
		t.Error("ForgetFunc forgets other keys than those that are gone")
	}
}

func TestKeysThatAreGoneAreForgotten(t *testing.T) {
	t.Parallel()
	c := newClock()
	f := NewFailures[int](Policy{First: time.Second, Longest: 5 * time.Minute}, c.now, nil)
	for k := range 1000 {
		f.Failed(k)
	}
	for range 12 { // one key goes on failing
		c.at = c.at.Add(10 * time.Minute)
		f.Failed(1)
	}
	if f.Len() != 1 || f.NumRequeues(1) != 13 {
		t.Errorf("%d keys are counted, the one that fails on %d times", f.Len(), f.NumRequeues(1))
	}
}

func TestTheNumberOfKeysIsBounded(t *testing.T) {
	t.Parallel()
	c := newClock()
	f := NewFailures[int](Policy{First: time.Second, Longest: time.Minute}, c.now, nil)
	for k := range maxKeys + 10 {
		c.at = c.at.Add(time.Microsecond)
		f.Failed(k)
	}
	if f.Len() != maxKeys || f.NumRequeues(9) != 0 || f.NumRequeues(10) != 1 {
		t.Errorf("%d keys are counted; the oldest must go first", f.Len())
	}
}
