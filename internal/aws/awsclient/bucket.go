package awsclient

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

// bucket is a token bucket whose waiters are served by priority; those of one priority take turns by tenant. What adds
// capacity goes before other calls of the highest priority, which get one token in capacityTurns all the same: targets
// that come serve, those that go must not serve for long. Calls of normal priority get one token in two to four while
// others go before them, so that the targets of one tenant do not stop the edits of another. With a rate of +Inf, which
// is that of a family that AWS has not throttled, calls without a token are admitted as well, but few side by side at
// first: if AWS's own bucket is empty, all of them are refused.
type bucket struct {
	clock Clock

	mu     sync.Mutex
	rate   float64 // tokens per second
	burst  float64
	floor  float64 // rate to fall to when AWS throttles an unlimited bucket, whose tokens come at this rate
	tokens float64
	calls  int // under way
	paid   int // of them, those that took a token: they count as the first to end
	// how many may be under way without a token if the rate is +Inf: one more after each of them that succeeds
	beyond  int
	at      time.Time   // when tokens was computed
	waiting [4]turns    // by rank
	turns   int         // tokens that capacity got in a row while others of the highest priority waited
	ahead   int         // tokens that calls of higher priority got in a row while normal ones waited
	timer   func() bool // pending wake-up, nil = none

	cutAt time.Time // when the rate was last cut
	good  int       // successes since then
}

// Ranks of waiters in a bucket. Those of the other priorities follow in their order.
const (
	capacity = iota
	vital
	normal
)

// firstBeyond is how many calls are under way at once at first where there is no token, and again after restOfBeyond
// without a call.
const (
	firstBeyond  = 4
	restOfBeyond = time.Second
)

// capacityTurns is how many tokens there are for each one that vital calls get while capacity waits.
const capacityTurns = 3

// normalWait is how long calls of normal priority wait for a token at most, in seconds, because others go before them.
const normalWait = 0.6

// normalTurns is how many tokens there are for each one that calls of normal priority get while others go before them.
// The lock is held.
func (b *bucket) normalTurns() int { return min(4, max(2, int(b.pace()*normalWait))) }

// rankOf is the rank of a call.
func rankOf(operation string, p Priority) int {
	if p == Vital && operation == "RegisterTargets" {
		return capacity
	}
	return vital + int(Vital-p)
}

func newBucket(c Clock, rate, burst float64) *bucket {
	return &bucket{clock: c, rate: rate, burst: burst, tokens: burst, beyond: firstBeyond, at: c.Now()}
}

// take waits for a token or for the end of ctx. After it, ended is called.
func (b *bucket) take(ctx context.Context, rank int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	tenant := TenantOf(ctx)
	w := &waiter{ready: make(chan struct{})}
	if rank > normal && tenant != "" { // what a tenant needs least has its turns all the same: only its own calls go first
		rank, w.low = normal, true
	}
	b.mu.Lock()
	b.refill()
	if b.admits() && b.idle() {
		b.admit()
		b.waiting[rank].pass(tenant)
		b.mu.Unlock()
		return nil
	}
	b.waiting[rank].push(tenant, w)
	b.arm()
	b.mu.Unlock()

	queued(ctx)
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
		b.mu.Lock()
		defer b.mu.Unlock()
		select {
		case <-w.ready: // got its token in the meantime: give it back
			b.tokens++
			b.calls--
			b.paid = max(0, b.paid-1)
			b.serve()
		default:
			b.waiting[rank].leave(w)
		}
		return ctx.Err()
	}
}

func (b *bucket) idle() bool { return b.standing() == 0 }

// standing is how many calls wait. The lock is held.
func (b *bucket) standing() (n int) {
	for rank := range b.waiting {
		n += b.waiting[rank].waiting()
	}
	return n
}

// admits reports whether a call may begin. The lock is held.
func (b *bucket) admits() bool {
	return b.tokens >= 1 || math.IsInf(b.rate, 1) && b.calls < b.beyond
}

// admit has a call begin. The lock is held.
func (b *bucket) admit() {
	b.calls++
	if b.tokens >= 1 || !math.IsInf(b.rate, 1) {
		b.tokens--
		b.paid++
	}
}

// ended is called at the end of each call that was admitted.
func (b *bucket) ended(succeeded bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls--
	b.refill()
	switch {
	case b.paid > 0:
		b.paid--
	case succeeded && math.IsInf(b.rate, 1):
		b.beyond++
	}
	b.serve()
}

// pace is the number of tokens per second. The lock is held.
func (b *bucket) pace() float64 {
	if math.IsInf(b.rate, 1) {
		return b.floor
	}
	return b.rate
}

func (b *bucket) refill() {
	now := b.clock.Now()
	if b.calls == 0 && now.Sub(b.at) >= restOfBeyond { // AWS may have become busy since
		b.beyond = firstBeyond
	}
	b.tokens = math.Min(b.burst, b.tokens+now.Sub(b.at).Seconds()*b.pace())
	b.at = now
}

// serve hands tokens to waiters and arms the timer for the next one. The lock is held.
func (b *bucket) serve() {
	b.refill()
	for b.admits() {
		w := b.next()
		if w == nil {
			break
		}
		b.admit()
		close(w.ready)
	}
	b.arm()
}

// next takes the waiter whose turn it is; nil if none waits. The lock is held.
func (b *bucket) next() *waiter {
	rank := b.nextRank()
	if rank < 0 {
		return nil
	}
	return b.waiting[rank].pop()
}

// nextRank is the rank whose turn it is; -1 if no call waits. The lock is held.
func (b *bucket) nextRank() int {
	rank := slices.IndexFunc(b.waiting[:], func(t turns) bool { return t.waiting() > 0 })
	switch {
	case rank < 0 || rank >= normal || b.waiting[normal].waiting() == 0:
		b.ahead = 0
	case b.ahead >= b.normalTurns()-1:
		b.ahead = 0
		return normal
	default:
		b.ahead++
	}
	switch {
	case rank != capacity || b.waiting[vital].waiting() == 0:
		b.turns = 0
	case b.turns == capacityTurns-1:
		rank, b.turns = vital, 0
	default:
		b.turns++
	}
	return rank
}

// arm schedules serve for when the next token is there. The lock is held.
func (b *bucket) arm() {
	if b.timer != nil || b.idle() {
		return
	}
	d := time.Duration((1 - b.tokens) / b.pace() * float64(time.Second))
	b.timer = b.clock.AfterFunc(max(d, time.Millisecond), func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.timer = nil
		b.serve()
	})
}

// throttled slows down after AWS refused a call: to the published rate from above it, by halves below, but at most once
// a second, since calls that were under way together are refused together.
func (b *bucket) throttled() {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.Now()
	b.refill()
	b.tokens, b.beyond = math.Min(b.tokens, 0), firstBeyond
	if !b.cutAt.IsZero() && now.Sub(b.cutAt) < time.Second {
		return
	}
	b.cutAt, b.good = now, 0
	if b.rate > b.floor {
		b.rate = b.floor
		return
	}
	b.rate = math.Max(b.rate/2, b.floor/8)
}

// exceeds reports whether calls go faster than AWS's published rate, or did until a refusal just now: then AWS refuses
// because of this bucket.
func (b *bucket) exceeds() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill()
	return b.rate > b.floor && b.tokens < 1 || !b.cutAt.IsZero() && b.clock.Now().Sub(b.cutAt) < time.Second
}

// trialPause is how many seconds a slowed bucket keeps to AWS's published rate before it tries to go faster. Each try
// costs a refused call where the rate is the limit, as it is nearly everywhere.
const trialPause = 30

// succeeded speeds a slowed bucket up again by a tenth for each second's worth of successes: to AWS's published rate at
// once, beyond it after trialPause, and without limit once it goes ten times that rate.
func (b *bucket) succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.floor == 0 || math.IsInf(b.rate, 1) {
		return
	}
	b.good++
	enough := b.rate
	if b.rate == b.floor {
		enough *= trialPause
	}
	if float64(b.good) < enough {
		return
	}
	b.refill()
	b.good = 0
	below := b.rate < b.floor
	b.rate *= 1.1
	switch {
	case below:
		b.rate = math.Min(b.rate, b.floor)
	case b.rate > 10*b.floor:
		b.rate = math.Inf(1)
		b.serve()
	}
}
