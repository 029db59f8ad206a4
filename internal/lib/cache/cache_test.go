package cache

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// slowReads answers keys from a map; while hang is not nil it hangs until that is closed.
type slowReads struct {
	answers map[string]int
	hang    chan struct{}
	begun   chan struct{}
	calls   atomic.Int32
	err     error
}

func (s *slowReads) read(ctx context.Context, keys []string) (map[string]int, error) {
	s.calls.Add(1)
	for _, k := range keys {
		if k == "hangs" {
			s.begun <- struct{}{}
			select {
			case <-s.hang:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
	out := map[string]int{}
	for _, k := range keys {
		if v, ok := s.answers[k]; ok {
			out[k] = v
		}
	}
	return out, s.err
}

func TestALookupThatHangsDelaysOnlyItsOwnCallers(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := &slowReads{answers: map[string]int{"known": 1, "other": 2, "hangs": 3}, hang: make(chan struct{}),
		begun: make(chan struct{}, 9)}
	l := New(Config[string, int]{Now: clock.Now, Lifetime: time.Minute, Batch: 10, Read: s.read})
	if _, err := l.Get(t.Context(), "known"); err != nil {
		t.Fatal(err)
	}
	type result struct {
		got map[string]int
		err error
	}
	waiting := make(chan result, 2)
	for range 2 {
		go func() {
			got, err := l.Get(t.Context(), "known", "hangs")
			waiting <- result{got, err}
		}()
	}
	<-s.begun
	if got, err := l.Get(t.Context(), "known", "other"); err != nil || len(got) != 2 {
		t.Errorf("%v, %v: these two do not hang", got, err)
	}
	given, up := context.WithCancelCause(t.Context())
	up(errors.New("given up"))
	if _, err := l.Get(given, "hangs"); err == nil || err.Error() != "given up" {
		t.Errorf("%v: the wait ignores its context", err)
	}
	close(s.hang)
	for range 2 {
		if r := <-waiting; r.err != nil || r.got["hangs"] != 3 || r.got["known"] != 1 {
			t.Errorf("%v, %v", r.got, r.err)
		}
	}
	if n := s.calls.Load(); n != 3 {
		t.Errorf("%d reads of three keys", n)
	}
}

func TestAReadThatFailsLeavesWhatWasKnownAndIsTriedAgain(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := &slowReads{answers: map[string]int{"a": 1}, err: errors.New("no")}
	l := New(Config[string, int]{Now: clock.Now, Lifetime: time.Minute, Batch: 10, Read: s.read})
	if _, err := l.Get(t.Context(), "a"); !errors.Is(err, s.err) || len(l.entries) != 0 {
		t.Errorf("%v, %d entries", err, len(l.entries))
	}
	s.err = nil
	if got, err := l.Get(t.Context(), "a"); err != nil || got["a"] != 1 {
		t.Errorf("%v, %v", got, err)
	}
}
