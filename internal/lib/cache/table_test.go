package cache

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/lib/backoff"
)

var errPasses, errFinal = errors.New("passes"), errors.New("final")

// clock is a clock that tests set.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func newClock() *clock { return &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }

// TestWhatGetReturnsByWhatIsKnown is the table in the doc comment of Cache. The first Get is at the beginning; each
// case has one more.
func TestWhatGetReturnsByWhatIsKnown(t *testing.T) {
	t.Parallel()
	const life, stale = time.Minute, time.Hour
	type result struct {
		Value int // 0 = no answer
		Err   string
		Reads int
		Stale bool
	}
	for name, tc := range map[string]struct {
		first, then int // what AWS holds; 0 = nothing
		firstErr    error
		err         error
		after       time.Duration
		forget      bool
		put         int
		within      time.Duration
		keeps       bool // failures are answers for a while
		want        result
	}{
		"an answer within its lifetime": {first: 1, then: 2, after: life, want: result{Value: 1}},
		"a stale answer": {first: 1, then: 2, after: life + 1, want: result{
			Value: 2, Reads: 1}},
		"a stale answer whose read fails and passes": {first: 1, then: 2, err: errPasses, after: life + 1,
			want: result{Value: 1, Reads: 1, Stale: true}},
		"a stale answer whose read fails for good": {first: 1, then: 2, err: errFinal, after: life + 1, want: result{
			Err: "final", Reads: 1}},
		"an older answer": {first: 1, then: 2, after: life + stale + 1, want: result{
			Value: 2, Reads: 1}},
		"an older answer whose read fails and passes": {first: 1, then: 2, err: errPasses, after: life + stale + 1,
			want: result{Value: 1, Reads: 1, Stale: true}},
		"an older answer whose read fails for good": {first: 1, then: 2, err: errFinal, after: life + stale + 1,
			want: result{Err: "final", Reads: 1}},
		"a forgotten answer": {first: 1, then: 2, forget: true, want: result{
			Value: 2, Reads: 1}},
		"a forgotten answer whose read fails and passes": {first: 1, then: 2, err: errPasses, forget: true, want: result{
			Value: 1, Reads: 1, Stale: true}},
		"an answer that was put": {first: 1, put: 3, then: 2, want: result{Value: 3}},
		"an answer that is too old for Within": {first: 1, then: 2, after: time.Second, within: time.Millisecond,
			want: result{Value: 2, Reads: 1}},
		"an answer that is past its life, but young enough": {first: 1, then: 2, after: life + 1, within: time.Hour,
			want: result{Value: 1}},
		"an absence within its pause": {then: 2, after: 9 * time.Second, want: result{}},
		"an absence past its pause": {then: 2, after: 10 * time.Second, want: result{
			Value: 2, Reads: 1}},
		"an absence whose read fails and passes": {then: 2, err: errPasses, after: 10 * time.Second,
			want: result{Reads: 1}},
		"a first read that failed": {firstErr: errPasses, then: 2, want: result{Value: 2, Reads: 1}},
		"a failure that is kept": {firstErr: errFinal, then: 2, keeps: true,
			after: 14 * time.Second, want: result{Err: "final"}},
		"a failure that was kept long enough": {firstErr: errFinal, then: 2, keeps: true,
			after: 15 * time.Second, want: result{Value: 2, Reads: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock, holds, fails, reads := newClock(), tc.first, tc.firstErr, 0
			cfg := Config{
				Now: clock.Now, Lifetime: life, Stale: stale, Wait: time.Minute, Absence: backoff.Policy{First: 10 * time.Second,
					Longest: time.Minute},
				Passing: func(err error) bool { return errors.Is(err, errPasses) },
			}
			read := func(context.Context, []string) (map[string]int, error) {
				reads++
				if holds == 0 {
					return nil, fails
				}
				return map[string]int{"k": holds}, fails
			}
			if tc.keeps {
				cfg.FailureLifetime = func(error) time.Duration { return 15 * time.Second }
			}
			c := New(cfg, read)
			if _, err := c.Get(t.Context(), "k"); !errors.Is(err, tc.firstErr) {
				t.Fatal(err)
			}
			clock.now = clock.now.Add(tc.after)
			if tc.forget {
				c.Forget("k")
			}
			if tc.put != 0 {
				c.Put("k", tc.put)
			}
			holds, fails, reads = tc.then, tc.err, 0
			ctx, noted := NoteStale(t.Context())
			var got map[string]int
			var err error
			if tc.within > 0 {
				got, err = c.Within(ctx, tc.within, "k")
			} else {
				got, err = c.Get(ctx, "k")
			}
			is := result{Value: got["k"], Reads: reads, Stale: noted()}
			if err != nil {
				is.Err = err.Error()
			}
			if d := cmp.Diff(tc.want, is); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestAReadDoesNotReplaceWhatWasPutOrForgottenMeanwhile(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		meanwhile func(*Value[int])
		want      []int // of the Get during which it happens, and of the next
	}{
		"nothing":   {func(*Value[int]) {}, []int{1, 1}},
		"put":       {func(v *Value[int]) { v.Put(7) }, []int{1, 7}},
		"forgotten": {func(v *Value[int]) { v.Forget() }, []int{1, 2}},
		"changed while nothing is known": {func(v *Value[int]) { v.change("", 7) },
			[]int{1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var v *Value[int]
			reads := 0
			v = NewValue(Config{Now: newClock().Now, Lifetime: time.Minute}, func(context.Context) (int, error) {
				if reads++; reads == 1 {
					tc.meanwhile(v)
				}
				return reads, nil
			})
			var got []int
			for range 2 {
				x, err := v.Get(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, x)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestAFullCacheDropsWhatWasReadLongestAgo(t *testing.T) {
	t.Parallel()
	clock := newClock()
	c := New(Config{Now: clock.Now, Lifetime: time.Hour}, func(_ context.Context, keys []int) (
		map[int]int, error) {
		return map[int]int{keys[0]: 1}, nil
	})
	for k := range maxEntries {
		clock.now = clock.now.Add(time.Millisecond)
		c.Put(k, 1)
	}
	if _, err := c.Get(t.Context(), -1); err != nil {
		t.Fatal(err)
	}
	_, oldest := c.Peek(0)
	_, next := c.Peek(1)
	if c.Len() != maxEntries || oldest || !next {
		t.Errorf("%d keys; the oldest is there: %t, the next: %t", c.Len(), oldest, next)
	}
}

func TestAnAnswerThatIsChangedWhileItIsReadAgainIsReadOnceMore(t *testing.T) {
	t.Parallel()
	clock, reads := newClock(), 0
	var v *Value[int]
	v = NewValue(Config{Now: clock.Now, Lifetime: time.Minute}, func(context.Context) (int, error) {
		if reads++; reads == 2 {
			v.change("", 7)
		}
		return reads, nil
	})
	var got []int
	for range 4 {
		x, err := v.Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		known, _ := v.Peek()
		got = append(got, x, known)
		if reads == 1 {
			clock.now = clock.now.Add(2 * time.Minute)
		}
	}
	if d := cmp.Diff([]int{1, 1, 2, 7, 3, 3, 3, 3}, got); d != "" {
		t.Error(d)
	}
}
