package inventory

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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

func TestALookupThatHangsHoldsUpOnlyThoseWhoAskForIt(t *testing.T) {
	t.Parallel()
	clock := &steps{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	s := &slowReads{answers: map[string]int{"known": 1, "other": 2, "hangs": 3}, hang: make(chan struct{}), begun: make(chan struct{}, 9)}
	l := newLookups(clock.Now, time.Minute, 10, s.read)
	if _, err := l.get(t.Context(), "known"); err != nil {
		t.Fatal(err)
	}
	type result struct {
		got map[string]int
		err error
	}
	waiting := make(chan result, 2)
	for range 2 {
		go func() {
			got, err := l.get(t.Context(), "known", "hangs")
			waiting <- result{got, err}
		}()
	}
	<-s.begun
	if got, err := l.get(t.Context(), "known", "other"); err != nil || len(got) != 2 {
		t.Errorf("%v, %v: these two do not hang", got, err)
	}
	given, up := context.WithCancelCause(t.Context())
	up(errors.New("given up"))
	if _, err := l.get(given, "hangs"); err == nil || err.Error() != "given up" {
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
	clock := &steps{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	s := &slowReads{answers: map[string]int{"a": 1}, err: errors.New("no")}
	l := newLookups(clock.Now, time.Minute, 10, s.read)
	if _, err := l.get(t.Context(), "a"); !errors.Is(err, s.err) || len(l.entries) != 0 {
		t.Errorf("%v, %d entries", err, len(l.entries))
	}
	s.err = nil
	if got, err := l.get(t.Context(), "a"); err != nil || got["a"] != 1 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestAddressesOfNobodyAreLookedUpSeldomAndTogether(t *testing.T) {
	t.Parallel()
	clock := &steps{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	n := &nodes{addresses: map[string]string{"i-1": "10.0.0.1"}}
	x := NewInterfaces(n, clock.Now)
	const bindings = 200
	look := func() {
		for i := range bindings {
			a := netip.MustParseAddr(fmt.Sprintf("10.1.%d.%d", i/100, i%100+1))
			if got, err := x.Reread(t.Context(), map[string][]netip.Addr{"i-1": {a}}); err != nil || len(got["i-1"]) == 0 {
				t.Fatal(got, err)
			}
			if got, err := x.ByAddress(t.Context(), "vpc-1", []Address{{fmt.Sprint("pod ", i), a}}); err != nil || len(got) != 0 {
				t.Fatal(got, err)
			}
		}
	}
	look()
	if calls := len(n.called()); calls > 2*bindings+1 {
		t.Errorf("%d calls when they came", calls)
	}
	for range 40 { // ten minutes of passes
		clock.now = clock.now.Add(15 * time.Second)
		look()
	}
	if calls := len(n.called()); calls > 40 {
		t.Errorf("%d calls in ten minutes for %d bindings", calls, bindings)
	}
	n.addresses["i-2"] = "10.1.0.7"
	clock.now = clock.now.Add(longestAbsence)
	got, err := x.ByAddress(t.Context(), "vpc-1", []Address{{"pod 6", netip.MustParseAddr("10.1.0.7")}})
	if err != nil || len(got) != 1 {
		t.Errorf("%v, %v: it exists by now", got, err)
	}
	clock.now = clock.now.Add(interfaceLifetime + staleLifetime + time.Second)
	if _, err := x.ByAddress(t.Context(), "vpc-1", []Address{{"new", netip.MustParseAddr("10.1.0.8")}}); err != nil || len(x.byAddress[false].entries) != 1 {
		t.Errorf("%v; %d addresses are remembered", err, len(x.byAddress[false].entries))
	}
}

func TestAnAbsenceLastsLongerEachTime(t *testing.T) {
	t.Parallel()
	var got []time.Duration
	for n := range 7 {
		got = append(got, absence(n+1))
	}
	s := time.Second
	if diff := cmp.Diff([]time.Duration{10 * s, 20 * s, 40 * s, 80 * s, 160 * s, 300 * s, 300 * s}, got); diff != "" {
		t.Error(diff)
	}
}
