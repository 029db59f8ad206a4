package queue

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/awssim/clock"
)

// runDue runs what is due, one key after the other, and tells which ones.
func (k *Keyed) runDue(ctx context.Context) (ran []string) {
	for key, _, ok := k.Next(); ok; key, _, ok = k.Next() {
		k.Run(ctx, key)
		ran = append(ran, key)
	}
	return ran
}

func TestFailingKeyBacksOffUntilAddedAsNew(t *testing.T) {
	t.Parallel()
	begun := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := clock.NewStepped(begun)
	var at []time.Duration
	k := NewKeyed(15*time.Second, now.Now, func(context.Context, string) Retry {
		at = append(at, now.Now().Sub(begun))
		return Retry{Failed: true}
	})
	k.Add("a")
	for range 1000 {
		k.Add("a")
		k.runDue(t.Context())
		now.Advance(time.Second)
	}
	want := []time.Duration{0, 15 * time.Second, 45 * time.Second, 105 * time.Second, 225 * time.Second, 465 * time.Second,
		765 * time.Second}
	if diff := cmp.Diff(want, at); diff != "" {
		t.Error(diff)
	}
	k.AddNow("a")
	if ran := k.runDue(t.Context()); len(ran) != 1 {
		t.Errorf("something new waits: %v", ran)
	}
}

func TestAKeyForWhichNothingIsNewStaysUntilSomethingIs(t *testing.T) {
	t.Parallel()
	now := clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	k := NewKeyed(15*time.Second, now.Now, func(context.Context, string) Retry { return Retry{} })
	k.Gather, k.Delay = 20*time.Millisecond, time.Second
	k.Add("same")
	k.Add("changed")
	k.AddNow("new")
	var ran []string
	at := func(after time.Duration) {
		now.Advance(after)
		ran = append(append(ran, k.runDue(t.Context())...), "|")
	}
	at(10 * time.Millisecond)
	k.AddNow("new")
	at(5 * time.Millisecond) // what comes again while a key gathers neither hastens nor delays it
	at(5 * time.Millisecond)
	k.AddNow("changed")
	at(20 * time.Millisecond)
	at(960 * time.Millisecond)
	if want := []string{"|", "|", "new", "|", "changed", "|", "same", "|"}; !slices.Equal(ran, want) {
		t.Errorf("ran %v, want %v", ran, want)
	}
}

func TestAKeyThatIsAddedWhileItRunsWaitsAsOneThatDoesNot(t *testing.T) {
	t.Parallel()
	now := clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	var k *Keyed
	adds := []func(string){func(key string) { k.Add(key) }, func(key string) { k.Add(key); k.AddNow(key) },
		func(string) {}}
	k = NewKeyed(15*time.Second, now.Now, func(_ context.Context, key string) Retry {
		adds[0](key)
		adds = adds[1:]
		return Retry{}
	})
	k.Delay = time.Second
	k.AddNow("a")
	if ran := k.runDue(t.Context()); !slices.Equal(ran, []string{"a"}) {
		t.Errorf("ran %v", ran)
	}
	if _, pause, _ := k.Next(); pause != time.Second {
		t.Errorf("added meanwhile, it is due in %s", pause)
	}
	now.Advance(time.Second)
	if ran := k.runDue(t.Context()); !slices.Equal(ran, []string{"a", "a"}) || k.Len() != 0 {
		t.Errorf("ran %v, %d wait", ran, k.Len())
	}
}

func TestAKeyThatIsDoneTakesNoMemoryAndOneThatWaitsForAWSRunsThen(t *testing.T) {
	t.Parallel()
	now := clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	answers := []Retry{{At: now.Now().Add(3 * time.Second)}, {}}
	k := NewKeyed(15*time.Second, now.Now, func(context.Context, string) Retry {
		r := answers[0]
		answers = answers[1:]
		return r
	})
	k.Add("a")
	k.runDue(t.Context())
	if _, pause, ok := k.Next(); ok || pause != 3*time.Second {
		t.Errorf("due in %s, %t", pause, ok)
	}
	now.Advance(3 * time.Second)
	if ran := k.runDue(t.Context()); !slices.Equal(ran, []string{"a"}) || len(k.entries) != 0 {
		t.Errorf("ran %v, left %v", ran, k.entries)
	}
}

func TestKeysRunBesideEachOtherAndOneOfThemOneAtATime(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	entered, leave := make(chan string), make(chan struct{})
	k := NewKeyed(time.Second, time.Now, func(ctx context.Context, key string) Retry {
		entered <- key
		if key == "hangs" {
			select {
			case <-leave:
			case <-ctx.Done():
			}
		}
		return Retry{}
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = k.Start(ctx)
	}()
	k.Add("hangs")
	if got := <-entered; got != "hangs" {
		t.Fatal(got)
	}
	k.Add("hangs")
	for range 3 * keyedSlots {
		k.Add("other")
		if got := <-entered; got != "other" {
			t.Fatalf("%s runs twice at once", got)
		}
	}
	leave <- struct{}{}
	if got := <-entered; got != "hangs" {
		t.Fatalf("%s runs, what was added meanwhile does not", got)
	}
	cancel()
	<-ended
}

func TestNoMoreRunsStartAtOnceThanThereAreSlots(t *testing.T) {
	t.Parallel()
	for slots, want := range map[int]int{0: keyedSlots, 2: 2} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			var running, most atomic.Int32
			k := NewKeyed(time.Second, time.Now, func(context.Context, string) Retry {
				n := running.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				time.Sleep(SlotTime / 2)
				running.Add(-1)
				return Retry{}
			})
			k.Slots = slots
			var ended sync.WaitGroup
			ended.Go(func() { _ = k.Start(ctx) })
			for n := range 3 * keyedSlots {
				k.Add(strconv.Itoa(n))
			}
			synctest.Wait()
			time.Sleep(time.Minute)
			if got := int(most.Load()); got != want || k.Len() != 0 {
				t.Errorf("%d slots: %d runs at once, %d left", slots, got, k.Len())
			}
			cancel()
			ended.Wait()
		})
	}
}

func TestFailedKeysAreTriedAgainOneAfterTheOther(t *testing.T) {
	t.Parallel()
	now := clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	fails := true
	k := NewKeyed(time.Minute, now.Now, func(_ context.Context, key string) Retry {
		return Retry{Failed: fails && key != "c"}
	})
	for _, key := range []string{"b", "a", "c"} {
		k.Add(key)
	}
	k.runDue(t.Context())
	now.Advance(time.Second)
	fails = false
	k.RetryFailed(time.Second)
	if d := cmp.Diff([]string{"a"}, k.runDue(t.Context())); d != "" {
		t.Error(d)
	}
	now.Advance(time.Second)
	if d := cmp.Diff([]string{"b"}, k.runDue(t.Context())); d != "" || k.Len() > 0 {
		t.Errorf("%d keys are left: %s", k.Len(), d)
	}
}

func TestLookAtFailedKeyHasItsPausesGrowOn(t *testing.T) {
	t.Parallel()
	now := clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	k := NewKeyed(time.Minute, now.Now, func(context.Context, string) Retry { return Retry{Failed: true} })
	k.Add("a")
	k.runDue(t.Context())
	k.LookAgain("unknown")
	k.LookAgain("a")
	if d := cmp.Diff([]string{"a"}, k.runDue(t.Context())); d != "" {
		t.Error(d)
	}
	now.Advance(2*time.Minute - time.Second)
	if ran := k.runDue(t.Context()); len(ran) > 0 {
		t.Error("the pause after the second failure is not longer")
	}
	now.Advance(time.Second)
	if d := cmp.Diff([]string{"a"}, k.runDue(t.Context())); d != "" {
		t.Error(d)
	}
}

// TestNextLooksAtNoOtherKey shows that a thousand keys that wait do not make each of them cost a look at the others: a
// look at the key that has no entry would panic.
func TestNextLooksAtNoOtherKey(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	k := NewKeyed(time.Second, func() time.Time { return now }, func(_ context.Context, key string) Retry {
		return Retry{Failed: key == "7"}
	})
	k.entries["other"] = nil
	for _, key := range []string{"9", "8", "7"} {
		k.Add(key)
		now = now.Add(time.Second)
	}
	k.AddNow("8") // it is due already
	if diff := cmp.Diff([]string{"9", "8", "7"}, k.runDue(t.Context())); diff != "" {
		t.Error(diff)
	}
	now = now.Add(time.Second)
	if diff := cmp.Diff([]string{"7"}, k.runDue(t.Context())); diff != "" {
		t.Error(diff)
	}
}
