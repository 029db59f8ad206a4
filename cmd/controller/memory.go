package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// restAllocates is what the process allocates in a second of rest, at most.
const restAllocates = 8 << 20

// When memory is given back: at rest, if much is free or garbage, and not soon again.
const (
	freeAtLeast = 2 << 20
	freeOfHeap  = 8 // the part of the heap that is free or garbage at least, as a divisor
	returnPause = 10 * time.Second
)

// unmapAfter is how many seconds the process rests before the pages of its binary are given back, once in each time of
// rest. A start reads nearly all of them, for the tables of all packages, and rest needs less than half.
const unmapAfter = 10

// How far the heap grows before garbage is collected, in percent of what is live; the runtime's default is 100. Most of
// what is live are the informers' caches, which each collection reads. At rest collections are rare, and less garbage
// makes the pod smaller. In a burst of work a small growth would make collections a third of the processor time.
const (
	restGrowth  = 15
	burstGrowth = 30       // at least
	burstBytes  = 24 << 20 // at least, whatever is live
)

// memory is what the runtime says of its heap, in bytes.
type memory struct {
	allocated uint64 // since the start
	objects   uint64 // live ones, and garbage that is not collected yet
	live      uint64 // at the end of the last collection
	free      uint64 // pages that are free and not returned to the operating system
}

// heapGrowth is how far the heap may grow after a collection of garbage, if the process has allocated so much in the
// time since the one before.
func heapGrowth(live, allocated uint64, since time.Duration) int {
	if float64(allocated) <= restAllocates*since.Seconds() {
		return restGrowth
	}
	return max(burstGrowth, int(burstBytes*100/max(live, 1<<20))) //nolint:gosec // at most 2,400
}

// giver decides when free memory, and the pages of the binary, are given back to the operating system. After a burst of
// work the runtime itself keeps what the burst needed for minutes.
type giver struct {
	before memory
	last   time.Time // when memory was given back
	rested int       // how often in a row the process was seen at rest
}

// gives reports whether the process rests, a second after the last call, and whether memory is to be given back then.
func (g *giver) gives(m memory, now time.Time) (rests, gives bool) {
	rests = m.allocated-g.before.allocated <= restAllocates
	g.before = m
	if g.rested++; !rests {
		g.rested = 0
	}
	free := m.free + m.objects - min(m.live, m.objects)
	if !rests || free < max(freeAtLeast, m.objects/freeOfHeap) || now.Sub(g.last) < returnPause {
		return rests, false
	}
	g.last = now
	return true, true
}

// unmaps reports whether the pages of the binary are to be given back, after gives was called.
func (g *giver) unmaps() bool { return g.rested == unmapAfter }

// collector sets how far the heap grows. It is safe for concurrent use.
type collector struct {
	set func(percent int) int

	mu        sync.Mutex
	percent   int
	last      time.Time // of the collections
	allocated uint64    // then
}

// collected is called after each collection of garbage.
func (c *collector) collected(m memory, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.to(heapGrowth(m.live, m.allocated-c.allocated, now.Sub(c.last)))
	c.last, c.allocated = now, m.allocated
}

// rests is called at rest.
func (c *collector) rests() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.to(restGrowth)
}

// to sets the growth. Each call of set stops the process for some microseconds. The lock is held.
func (c *collector) to(percent int) {
	if percent != c.percent {
		c.percent = percent
		c.set(percent)
	}
}

// manageMemory begins to collect garbage by what the process does, unless the environment decides that, and gives free
// memory back until ctx ends.
func manageMemory(ctx context.Context) {
	c := &collector{set: debug.SetGCPercent, last: time.Now()}
	if os.Getenv("GOGC") != "" {
		c.set = func(percent int) int { return percent }
	}
	c.rests()
	afterCollections(func() { c.collected(readMemory(), time.Now()) })
	go giveBack(ctx, c.rests)
}

// afterCollections has f called after each collection of garbage, by the goroutine of finalizers.
func afterCollections(f func()) {
	type garbage struct{ _ *byte } // objects without pointers may share their memory with others that stay
	var collected func(*garbage)
	collected = func(g *garbage) {
		f()
		runtime.SetFinalizer(g, collected)
	}
	runtime.SetFinalizer(&garbage{}, collected)
}

// giveBack gives free memory back until ctx ends, and calls rests each second of rest before.
func giveBack(ctx context.Context, rests func()) {
	g, tick := &giver{}, time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			resting, gives := g.gives(readMemory(), now)
			if resting {
				rests()
			}
			if gives {
				debug.FreeOSMemory()
			}
			if g.unmaps() {
				unmapBinary()
			}
		}
	}
}

func readMemory() memory {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(samples)
	return memory{samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64(),
		samples[3].Value.Uint64()}
}
