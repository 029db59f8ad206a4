package main

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

const mib = 1 << 20

func TestMemoryIsGivenBackAtRestWhereMuchIsFreeAndNotSoonAgain(t *testing.T) {
	t.Parallel()
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
		if rests, got := g.gives(m, now); got != step.want || rests != (step.allocates <= 8) {
			t.Errorf("%s: rests: %t, gives: %t", step.name, rests, got)
		}
		now = now.Add(time.Second)
	}
	now = now.Add(returnPause)
	for _, c := range []struct {
		objects, live, free uint64
		want                bool
	}{{20, 20, 2, false}, {200, 200, 24, false}, {200, 200, 25, true}, {20, 18, 1, true}, {20, 18, 0, false},
		{20, 25, 2, false}} {
		if _, got := g.gives(memory{g.before.allocated, c.objects * mib, c.live * mib, c.free * mib}, now); got != c.want {
			t.Errorf("of %d MiB %d are live, %d are free: %t", c.objects, c.live, c.free, got)
		}
		now = now.Add(returnPause)
	}
}

func TestTheBinaryIsUnmappedOnceInEachTimeOfRest(t *testing.T) {
	t.Parallel()
	g, allocated := &giver{}, uint64(0)
	unmaps := func(seconds int, perSecond uint64) (n int) {
		for range seconds {
			allocated += perSecond
			if g.gives(memory{allocated: allocated}, time.Unix(1000, 0)); g.unmaps() {
				n++
			}
		}
		return n
	}
	for _, step := range []struct {
		name      string
		seconds   int
		perSecond uint64
		want      int
	}{
		{"the start", 3, 30 * mib, 0},
		{"a short rest", 9, mib, 0},
		{"a burst of work", 1, 30 * mib, 0},
		{"rest", 60, mib, 1},
		{"another burst", 5, 30 * mib, 0},
		{"rest again", 11, mib, 1},
	} {
		if got := unmaps(step.seconds, step.perSecond); got != step.want {
			t.Errorf("%s: unmapped %d times, want %d", step.name, got, step.want)
		}
	}
}

func TestGarbageIsCollectedRarelyInABurstOfWorkAndSoonAtRest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		live, allocated uint64 // MiB
		since           time.Duration
		want            int
	}{
		{20, 3, 5 * time.Second, restGrowth},
		{20, 8, time.Second, restGrowth},
		{20, 3, 50 * time.Millisecond, 120},
		{40, 9, time.Second, 60},
		{200, 60, time.Second, burstGrowth},
		{200, 60, 10 * time.Second, restGrowth},
		{0, 4, 10 * time.Millisecond, 2400}, // the first one
	} {
		if got := heapGrowth(c.live*mib, c.allocated*mib, c.since); got != c.want {
			t.Errorf("of %d MiB live, %d MiB allocated in %s: %d %%, want %d", c.live, c.allocated, c.since, got, c.want)
		}
	}
}

// TestABurstMakesAQuarterOfTheCollectionsThatAFixedGrowthMakes counts the collections of 200 MiB of garbage in a
// second, and those of a second of rest.
func TestABurstMakesAQuarterOfTheCollectionsThatAFixedGrowthMakes(t *testing.T) {
	t.Parallel()
	const live = 18 * mib
	var sets []int
	c, now, m := &collector{set: func(p int) int { sets = append(sets, p); return 0 }}, time.Unix(1000, 0),
		memory{live: live}
	c.last = now
	c.rests()
	collections := 0
	allocate := func(bytes uint64, over time.Duration) {
		for end := m.allocated + bytes; ; {
			next := uint64(live * c.percent / 100)
			if m.allocated+next > end {
				return
			}
			m.allocated += next
			now = now.Add(over * time.Duration(next) / time.Duration(bytes))
			c.collected(m, now)
			collections++
		}
	}
	allocate(200*mib, time.Second)
	if fixed := 200 * mib / (live * 30 / 100); collections > fixed/4 {
		t.Errorf("%d collections in a burst, %d at a growth of 30 %%", collections, fixed)
	}
	c.rests()
	c.rests()
	if want := []int{restGrowth, 133, restGrowth}; !slices.Equal(sets, want) {
		t.Errorf("growths %v, want %v", sets, want)
	}
}

func TestEachCollectionIsSeen(t *testing.T) {
	seen := make(chan struct{}, 1)
	afterCollections(func() {
		select {
		case seen <- struct{}{}:
		default:
		}
	})
	for range 3 {
		runtime.GC()
		<-seen
	}
	if m := readMemory(); m.live == 0 || m.allocated < m.live || m.objects == 0 {
		t.Errorf("read %+v", m)
	}
}
