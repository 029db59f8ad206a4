package main

import (
	"testing"
	"time"
)

func TestMemoryIsGivenBackAtRestWhereMuchIsFreeAndNotSoonAgain(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	g, now := &giver{}, time.Unix(1000, 0)
	for _, step := range []struct {
		name                           string
		allocates, objects, live, free uint64 // MiB
		want                           bool
	}{
		{"the start", 30, 20, 20, 20, false},
		{"a burst of work", 200, 60, 60, 5, false},
		{"its end", 9, 30, 30, 30, false},
		{"rest", 8, 30, 30, 30, true},
		{"again", 0, 30, 30, 30, false},
	} {
		m := memory{g.before.allocated + step.allocates*mib, step.objects * mib, step.live * mib, step.free * mib}
		if got := g.gives(m, now); got != step.want {
			t.Errorf("%s: %t", step.name, got)
		}
		now = now.Add(time.Second)
	}
	now = now.Add(returnPause)
	for _, c := range []struct {
		objects, live, free uint64
		want                bool
	}{{20, 20, 3, false}, {200, 200, 24, false}, {200, 200, 25, true}, {20, 18, 2, true}, {20, 18, 1, false}, {20, 25, 3, false}} {
		if got := g.gives(memory{g.before.allocated, c.objects * mib, c.live * mib, c.free * mib}, now); got != c.want {
			t.Errorf("of %d MiB %d are live, %d are free: %t", c.objects, c.live, c.free, got)
		}
		now = now.Add(returnPause)
	}
}
