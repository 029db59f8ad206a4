package cache

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/backoff"
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
	l := New(Config{Now: clock.Now, Lifetime: time.Minute, Batch: 10}, s.read)
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
	l := New(Config{Now: clock.Now, Lifetime: time.Minute, Batch: 10}, s.read)
	if _, err := l.Get(t.Context(), "a"); !errors.Is(err, s.err) || len(l.entries) != 0 {
		t.Errorf("%v, %d entries", err, len(l.entries))
	}
	s.err = nil
	if got, err := l.Get(t.Context(), "a"); err != nil || got["a"] != 1 {
		t.Errorf("%v, %v", got, err)
	}
}

// TestEachKeyHasItsOwnAnswerOrError has one of three reads fail. Get fails then, and Each fails for the keys of that
// read that are not known.
func TestEachKeyHasItsOwnAnswerOrError(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]error{"passes": errPasses, "final": errFinal} {
		clock := newClock()
		broken := map[string]error{}
		l := New(Config{Now: clock.Now, Lifetime: time.Minute, Batch: 1, Stale: time.Hour, Wait: time.Minute,
			Passing: func(err error) bool { return errors.Is(err, errPasses) }, Absence: backoff.Policy{First: time.Second, Longest: time.Second}}, func(_ context.Context, keys []string) (map[string]int, error) {
			if keys[0] == "absent" {
				return nil, broken[keys[0]]
			}
			return map[string]int{keys[0]: len(keys[0])}, broken[keys[0]]
		})
		if _, failed, err := l.Each(t.Context(), "known", "absent"); err != nil || len(failed) > 0 {
			t.Fatal(err, failed)
		}
		clock.now = clock.now.Add(2 * time.Minute)
		for _, k := range []string{"known", "absent", "new"} {
			broken[k] = fails
		}
		found, failed, err := l.Each(t.Context(), "known", "absent", "new", "sound")
		want := map[string]int{"sound": 5}
		if name == "passes" {
			want["known"] = 5
		}
		if err != nil || !maps.Equal(found, want) || !errors.Is(failed["new"], fails) || failed["sound"] != nil ||
			(failed["known"] == nil) != (name == "passes") || (failed["absent"] == nil) != (name == "passes") {
			t.Errorf("%s: %v, %v, %v", name, found, failed, err)
		}
		if _, err := l.Get(t.Context(), "known", "new", "sound"); !errors.Is(err, fails) {
			t.Errorf("%s: Get fails with %v", name, err)
		}
	}
}

// TestAbsentKeysAreReadAlongUnlessApart has a key without answer whose pause is over.
func TestAbsentKeysAreReadAlongUnlessApart(t *testing.T) {
	t.Parallel()
	for apart, want := range map[bool][]string{false: {"absent", "a absent"}, true: {"absent", "a"}} {
		clock := newClock()
		var reads []string
		l := New(Config{Now: clock.Now, Lifetime: time.Minute, Batch: 10, Apart: apart}, func(_ context.Context, keys []string) (map[string]int, error) {
			reads = append(reads, strings.Join(keys, " "))
			return map[string]int{"a": 1}, nil
		})
		for _, k := range []string{"absent", "a"} {
			if _, err := l.Get(t.Context(), k); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(reads, want) {
			t.Errorf("apart %t: %v", apart, reads)
		}
	}
}
