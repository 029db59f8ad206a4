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
	if n := len(a.visibility.describedAt); n > sweepEvery {
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
