package brake

import (
	"fmt"
	"testing"
	"time"
)

// stepped is a brake with a clock that the test moves.
func stepped(most int) (b *Brake, at *time.Time) {
	now := time.Unix(0, 0)
	return New(most, func() time.Time { return now }), &now
}

// pass asks for n deletions of the standing ones, one after the other, and counts those that may go on.
func pass(b *Brake, from, n, standing int) (passed int) {
	for i := from; i < from+n; i++ {
		if b.Allow(fmt.Sprint(i), "shop", standing-passed) {
			passed++
		}
	}
	return passed
}

func TestMoreDeletionsThanUsualWaitAndAFewNever(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ most, deletions, standing, passed int }{
		{10, 10, 10, 10},  // few, however great their share
		{10, 11, 11, 10},  // one more than that, and all of them
		{10, 40, 40, 10},  // all of a cluster
		{10, 25, 100, 25}, // a quarter
		{10, 26, 100, 25},
		{10, 100, 1000, 100},
		{0, 40, 40, 40}, // switched off
		{1, 2, 2, 1},
	} {
		b, _ := stepped(c.most)
		if got := pass(b, 0, c.deletions, c.standing); got != c.passed || b.Stopped() != c.deletions-c.passed {
			t.Errorf("%+v: %d passed, %d held", c, got, b.Stopped())
		}
	}
	var none *Brake
	if !none.Allow("x", "shop", 1) || none.Stopped() != 0 {
		t.Error("no brake stops deletions")
	}
	none.Forget("x")
}

func TestWhatWaitsWaitsUntilItIsConsentedTo(t *testing.T) {
	t.Parallel()
	b, now := stepped(2)
	pass(b, 0, 4, 4)
	*now = now.Add(24 * time.Hour)
	if b.Allow("3", "shop", 2) || b.Allow("2", "shop", 2) || b.Stopped() != 2 {
		t.Error("time alone lets it pass")
	}
	b.Forget("2")
	if !b.Allow("2", "shop", 2) || b.Allow("3", "shop", 1) || b.Stopped() != 1 {
		t.Error("consent does not count for its own")
	}
	b.Forget("3")
	if b.Stopped() != 0 {
		t.Error("forgotten, and held")
	}
}

func TestDeletionsCountWithinTheWindowOnly(t *testing.T) {
	t.Parallel()
	b, now := stepped(2)
	for i := range 20 {
		if !b.Allow(fmt.Sprint(i), "shop", 20-i) {
			t.Fatalf("deletion %d is held", i)
		}
		*now = now.Add(Window / 2)
	}
	if len(b.passed) > 2 {
		t.Errorf("it remembers %d", len(b.passed))
	}
}

func TestWhatPassedPassesAgain(t *testing.T) {
	t.Parallel()
	b, _ := stepped(1)
	for range 5 { // passes over one deletion that takes a while
		if !b.Allow("a", "shop", 2) {
			t.Fatal("held")
		}
	}
	if b.Allow("b", "shop", 2) {
		t.Error("the second passes")
	}
}

// TestDeletionsOfATenantHoldNoneOfOthers has a tenant delete as many as there are, and another one a few. Over many
// tenants, deletions add up.
func TestDeletionsOfATenantHoldNoneOfOthers(t *testing.T) {
	t.Parallel()
	b, _ := stepped(10)
	for i := range 30 {
		b.Allow(fmt.Sprint("evil-", i), "mal", 40)
	}
	for i := range 5 {
		if !b.Allow(fmt.Sprint(i), "shop", 40) {
			t.Errorf("deletion %d of another tenant is held", i)
		}
	}
	b, _ = stepped(10)
	passed := 0
	for i := range 40 {
		if b.Allow(fmt.Sprint(i), fmt.Sprint("tenant-", i), 40-passed) {
			passed++
		}
	}
	if passed != 10 {
		t.Errorf("of 40 tenants, %d deletions pass", passed)
	}
}
