package namesake

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// cluster has LoadBalancer objects, which controllers list and write in turn.
type cluster struct {
	writers map[string]string // by object
	writes  int
	now     time.Time
}

// pass has a controller list all objects and write those that are to name another writer.
func (c *cluster) pass(w *Writers) {
	var names []string
	for o := range c.writers {
		names = append(names, o)
	}
	w.Listed(names)
	for o, by := range c.writers {
		w.Saw(o, by, c.now)
		if want := w.Wanted(o, by); want != by {
			c.writers[o] = want
			c.writes++
			w.Wrote(o, want)
		}
	}
	w.Review(c.now)
}

func newWriters(own string, said *[]string) *Writers {
	return &Writers{Own: own, OnChange: func(text string) { *said = append(*said, text) }}
}

func TestTwoControllersFindEachOtherAndWriteOneObjectFromThenOn(t *testing.T) {
	t.Parallel()
	c := cluster{writers: map[string]string{}, now: time.Unix(0, 0)}
	for n := range 50 {
		c.writers[fmt.Sprintf("shop/web%02d", n)] = ""
	}
	var first, second []string
	a, b := newWriters("Lease kube-system/a", &first), newWriters("Lease other/b", &second)
	for range 5 { // alone
		c.pass(a)
		c.now = c.now.Add(5 * time.Minute)
	}
	if len(first) != 0 || c.writes != 50 {
		t.Fatalf("alone it says %q after %d writes", first, c.writes)
	}
	for range 12 {
		c.pass(b)
		c.now = c.now.Add(150 * time.Second)
		c.pass(a)
		c.now = c.now.Add(150 * time.Second)
	}
	if len(first) != 1 ||
		!strings.Contains(first[0], "elected by Lease other/b, while this one leads by Lease kube-system/a") {
		t.Errorf("the first controller says %q", first)
	}
	if len(second) != 1 || !strings.Contains(second[0], "elected by Lease kube-system/a") {
		t.Errorf("the second controller says %q", second)
	}
	if c.writes > 50+50+2*12 {
		t.Errorf("%d writes", c.writes)
	}
	for range 6 { // the second one is gone
		c.pass(a)
		c.now = c.now.Add(5 * time.Minute)
	}
	if len(first) != 2 || first[1] != "" {
		t.Errorf("it has not healed: %q", first)
	}
}

func TestAControllerThatTakesThePlaceOfAnotherOneIsNoSecondOne(t *testing.T) {
	t.Parallel()
	for what, own := range map[string]string{"a restart": "Lease kube-system/a", "another Lease": "Lease other/b",
		"without election now": "without election (a)"} {
		c := cluster{writers: map[string]string{"shop/web": "", "shop/api": ""}, now: time.Unix(0, 0)}
		var said []string
		a := newWriters("Lease kube-system/a", &said)
		c.pass(a)
		b := newWriters(own, &said)
		for range 10 {
			c.pass(b)
			c.now = c.now.Add(10 * time.Second)
		}
		c.writers["shop/web"] = "Lease kube-system/a" // the last write of the one that ends
		for range 10 {
			c.pass(b)
			c.now = c.now.Add(5 * time.Minute)
		}
		if len(said) != 0 {
			t.Errorf("%s: said %q", what, said)
		}
	}
}

func TestTheCheckpointsOfALaterProcessShowASecondOne(t *testing.T) {
	t.Parallel()
	var said []string
	w := newWriters("without election (a)", &said)
	now := time.Unix(0, 0)
	for range 10 {
		w.Fenced(now)
		w.Review(now)
		now = now.Add(10 * time.Minute)
	}
	if len(said) != 1 || !strings.Contains(said[0], "without leader election") {
		t.Errorf("said %q", said)
	}
}

func TestAnElectionIsNamedByItsLease(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]Election{
		"Lease kube-system/leader":              {Enabled: true, Namespace: "kube-system", Name: "leader"},
		"without election (kube-system/leader)": {Namespace: "kube-system", Name: "leader"},
		"without election (leader)":             {Name: "leader"},
	} {
		if got := e.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
