package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// When memory is given back: at rest, which is a second in which little is allocated, if much is free or garbage, and not soon again.
const (
	restAllocates = 8 << 20 // at most, in a second
	freeAtLeast   = 4 << 20
	freeOfHeap    = 8 // the part of the heap that is free or garbage at least, as a divisor
	returnPause   = 10 * time.Second
)

// memory is what the runtime says of its heap, in bytes.
type memory struct {
	allocated uint64 // since the start
	objects   uint64 // live ones, and garbage that is not collected yet
	live      uint64 // at the end of the last collection
	free      uint64 // pages that are free and not returned to the operating system
}

// giver decides when free memory is given back to the operating system. After a burst of work the runtime itself keeps what the burst needed for
// minutes.
type giver struct {
	before memory
	last   time.Time // when memory was given back
}

// gives reports whether memory is to be given back, a second after the last call.
func (g *giver) gives(m memory, now time.Time) bool {
	rests := m.allocated-g.before.allocated <= restAllocates
	g.before = m
	free := m.free + m.objects - min(m.live, m.objects)
	if !rests || free < max(freeAtLeast, m.objects/freeOfHeap) || now.Sub(g.last) < returnPause {
		return false
	}
	g.last = now
	return true
}

// giveBack gives free memory back until ctx ends.
func giveBack(ctx context.Context) {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	g, tick := &giver{}, time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			metrics.Read(samples)
			if g.gives(memory{samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64(), samples[3].Value.Uint64()}, now) {
				debug.FreeOSMemory()
			}
		}
	}
}
