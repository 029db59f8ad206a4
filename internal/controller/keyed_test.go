package controller

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/awssim/clock"
)

// due runs what is due, one key after the other, and tells which ones.
func (k *keyed) runDue(ctx context.Context) (ran []string) {
	for key, _, ok := k.next(); ok; key, _, ok = k.next() {
		k.pass(ctx, key)
		ran = append(ran, key)
	}
	return ran
}

func TestAKeyThatFailsIsTriedAgainEverLessOftenUntilThereIsSomethingNew(t *testing.T) {
	t.Parallel()
	begun := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := clock.NewStepped(begun)
	var at []time.Duration
	k := newKeyed(15*time.Second, now.Now, func(context.Context, string) retry {
		at = append(at, now.Now().Sub(begun))
		return retry{failed: true}
	})
	k.add("a")
	for range 1000 {
		k.add("a")
		k.runDue(t.Context())
		now.Advance(time.Second)
	}
	want := []time.Duration{0, 15 * time.Second, 45 * time.Second, 105 * time.Second, 225 * time.Second, 465 * time.Second, 765 * time.Second}
	if diff := cmp.Diff(want, at); diff != "" {
		t.Error(diff)
	}
	k.kick("a")
	if ran := k.runDue(t.Context()); len(ran) != 1 {
		t.Errorf("something new waits: %v", ran)
	}
}

func TestAKeyForWhichNothingIsNewLingersUntilSomethingIs(t *testing.T) {
	t.Parallel()
	now := clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	k := newKeyed(15*time.Second, now.Now, func(context.Context, string) retry { return retry{} })
	k.gather, k.linger = 20*time.Millisecond, time.Second
	k.add("same")
	k.add("changed")
	k.kick("new")
	var ran []string
	at := func(after time.Duration) {
		now.Advance(after)
		ran = append(append(ran, k.runDue(t.Context())...), "|")
	}
	at(10 * time.Millisecond)
	k.kick("new")
	at(5 * time.Millisecond) // what comes again while a key gathers neither hastens nor delays it
	at(5 * time.Millisecond)
	k.kick("changed")
	at(20 * time.Millisecond)
	at(960 * time.Millisecond)
	if want := []string{"|", "|", "new", "|", "changed", "|", "same", "|"}; !slices.Equal(ran, want) {
		t.Errorf("ran %v, want %v", ran, want)
	}
}

func TestAKeyThatIsDoneTakesNoMemoryAndOneThatWaitsForAWSRunsThen(t *testing.T) {
	t.Parallel()
	now := clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	answers := []retry{{at: now.Now().Add(3 * time.Second)}, {}}
	k := newKeyed(15*time.Second, now.Now, func(context.Context, string) retry {
		r := answers[0]
		answers = answers[1:]
		return r
	})
	k.add("a")
	k.runDue(t.Context())
	if _, pause, ok := k.next(); ok || pause != 3*time.Second {
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
	k := newKeyed(time.Second, time.Now, func(ctx context.Context, key string) retry {
		entered <- key
		if key == "hangs" {
			select {
			case <-leave:
			case <-ctx.Done():
			}
		}
		return retry{}
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = k.Start(ctx)
	}()
	k.add("hangs")
	if got := <-entered; got != "hangs" {
		t.Fatal(got)
	}
	k.add("hangs")
	for range 3 * keyedAtOnce {
		k.add("other")
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
