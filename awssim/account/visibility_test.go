package account

import (
	"fmt"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/clock"
)

func TestWhatWasJustCreatedIsSeenLater(t *testing.T) {
	t.Parallel()
	c := clock.NewStepped(time.Unix(1_700_000_000, 0))
	a := New("123456789012", "us-west-2", c, Profile{ComputeDescribed: 2 * time.Second, ComputeUsable: time.Second})
	a.CreatedCompute("sg-1")
	for _, tt := range []struct{ described, usable bool }{{false, false}, {false, true}, {true, true}} {
		if a.Described("sg-1") != tt.described || a.Usable("sg-1") != tt.usable {
			t.Errorf("at %s: described %v, usable %v, want %+v", c.Now(), a.Described("sg-1"), a.Usable("sg-1"), tt)
		}
		if !a.Described("sg-2") || !a.Usable("sg-2") {
			t.Error("what was there before is not seen")
		}
		c.Advance(time.Second)
	}
	for i := range 10 * sweepEvery { // what is over is forgotten
		a.CreatedCompute(fmt.Sprint("sg-", i))
		c.Advance(time.Second)
	}
	if n := len(a.visibility.undescribed); n > sweepEvery {
		t.Errorf("%d entries are kept", n)
	}
}

func TestFiltersSeeTheTagsOfBefore(t *testing.T) {
	t.Parallel()
	c := clock.NewStepped(time.Unix(1_700_000_000, 0))
	a := New("123456789012", "us-west-2", c, Profile{ComputeTagged: time.Second})
	tags := map[string]string{"k": "old"}
	a.RetagCompute("sg-1", tags)
	tags["k"] = "new"
	if got := a.FilteredTags("sg-1", tags)["k"]; got != "old" {
		t.Errorf("filters see %q", got)
	}
	c.Advance(time.Second)
	if got := a.FilteredTags("sg-1", tags)["k"]; got != "new" {
		t.Errorf("a second later filters see %q", got)
	}
}

// lags are how long reads miss each of n new resources, in steps of the profile's time divided by ten.
func lags(seed uint64, chance float64, n int) []time.Duration {
	c := clock.NewStepped(time.Unix(0, 0))
	p := Instant()
	p.ComputeDescribed, p.LagChance = time.Second, chance
	a := New("123456789012", "us-west-2", c, p)
	a.Seed(seed)
	out := make([]time.Duration, n)
	for i := range n {
		a.CreatedCompute(fmt.Sprint(i))
	}
	for range 11 {
		for i := range n {
			if !a.Described(fmt.Sprint(i)) {
				out[i] += 100 * time.Millisecond
			}
		}
		c.Advance(100 * time.Millisecond)
	}
	return out
}

func TestReadsLagSeldomAndForARandomTime(t *testing.T) {
	t.Parallel()
	late, times := 0, map[time.Duration]int{}
	for _, lag := range lags(1, 0.1, 2000) {
		times[lag]++
		if lag > 0 {
			late++
		}
	}
	if late < 140 || late > 260 {
		t.Errorf("%d of 2,000 writes lagged, want about 200", late)
	}
	if len(times) < 8 || times[time.Second] > late/2 {
		t.Errorf("the lags are not spread: %v", times)
	}
}

func TestWithoutAChanceEveryWriteLagsForTheWholeTime(t *testing.T) {
	t.Parallel()
	for i, lag := range lags(1, 0, 5) {
		if lag != time.Second {
			t.Errorf("write %d lagged for %s", i, lag)
		}
	}
}

func TestLagsAreThoseOfTheirSeed(t *testing.T) {
	t.Parallel()
	a, b, c := fmt.Sprint(lags(7, 0.5, 50)), fmt.Sprint(lags(7, 0.5, 50)), fmt.Sprint(lags(8, 0.5, 50))
	if a != b || a == c {
		t.Errorf("seed 7: %s and %s, seed 8: %s", a, b, c)
	}
}
