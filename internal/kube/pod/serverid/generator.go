package serverid

import (
	"sync"
	"time"
)

const (
	epoch      = 1577836800000 // 2020-01-01, in milliseconds of Unix time
	workerBits = 17
	numberBits = 7
	// numbers is how many ids a worker makes in a millisecond.
	numbers = 1 << numberBits
	// Workers is how many numbers of workers there are, of which NextWorker goes round all but the last.
	Workers = 1 << workerBits
)

// NextWorker returns the worker that the next process takes after one that has taken w. As existing installations
// count, it is never the last number.
func NextWorker(w uint32) uint32 { return (w + 1) % (Workers - 1) }

// Generator makes ids that no other id of its worker equals. It is safe for concurrent use.
type Generator struct {
	worker uint32
	random func(n int) int

	mu     sync.Mutex
	at     int64 // the millisecond of the last id
	number int   // of the last id
}

// NewGenerator makes a generator of a worker, a number below Workers that no other process uses at the same time.
// random returns a number from 0 to n-1.
func NewGenerator(worker uint32, random func(n int) int) *Generator {
	return &Generator{worker: worker % Workers, random: random}
}

// Next makes an id. Where the clock has gone back, or a millisecond has no numbers left, the id has a time that is
// ahead of the clock: it only has to differ, and no pod is refused and none waits for a clock.
func (g *Generator) Next(now time.Time) ID {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch ms := now.UnixMilli(); {
	case ms > g.at:
		g.at, g.number = ms, g.random(numbers-1)
	case g.number < numbers-1:
		g.number++
	default:
		g.at, g.number = g.at+1, g.random(numbers-1)
	}
	return compose(g.at, g.worker, uint8(g.number)) //nolint:gosec // below 128
}
