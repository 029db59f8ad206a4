package awsclient

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

// bucket is a token bucket whose waiters are served by priority; waiters of one priority take turns by tenant. Calls
// that add capacity come before other calls of the highest priority, which still get one token in capacityTurns: new
// targets must serve soon, and removed ones must not serve for long. Calls of normal priority get one token in two to
// four while others come before them, so that the targets of one tenant do not stop the edits of another. A rate of
// +Inf is that of a family that AWS has not throttled. Such a bucket also admits calls without a token, but only a
// few in parallel at first: if AWS's own bucket is empty, AWS refuses all of them.
type bucket struct {
	clock Clock

	mu     sync.Mutex
	rate   float64 // tokens per second
	burst  float64
	floor  float64 // rate to fall to when AWS throttles an unlimited bucket, whose tokens come at this rate
	tokens float64
	calls  int // in progress
	paid   int // how many of them took a token; these count as the first to end
	// how many may be under way without a token if the rate is +Inf: one more after each of them that succeeds
	beyond  int
	at      time.Time   // when tokens was computed
	waiting [4]turns    // by rank
	turns   int         // tokens in a row for capacity while others of the highest priority waited
	ahead   int         // tokens in a row for higher priorities while normal calls waited
	timer   func() bool // pending wake-up, nil = none

	cutAt time.Time // when the rate was last cut
	good  int       // successes since then
}

// Ranks of waiters in a bucket. The ranks of the other priorities follow in their order.
const (
	capacity = iota
	vital
	normal
)

// firstBeyond is how many calls may be in progress without a token at first, and again after restOfBeyond without a
// call.
const (
	firstBeyond  = 4
	restOfBeyond = time.Second
)

// capacityTurns is how many tokens there are for each token that vital calls get while capacity waits.
const capacityTurns = 3

// normalWait limits, in seconds, how long calls of normal priority wait for a token because others come before them.
const normalWait = 0.6

// normalTurns returns how many tokens there are for each token that calls of normal priority get while others come
// before them. The caller holds the lock.
func (b *bucket) normalTurns() int { return min(4, max(2, int(b.pace()*normalWait))) }

// rankOf returns the rank of a call.
func rankOf(operation string, p Priority) int {
	if p == Vital && operation == "RegisterTargets" {
		return capacity
	}
	return vital + int(Vital-p)
}

func newBucket(c Clock, rate, burst float64) *bucket {
	return &bucket{clock: c, rate: rate, burst: burst, tokens: burst, beyond: firstBeyond, at: c.Now()}
}

// take waits for a token or for the end of ctx. The caller calls ended after the call.
func (b *bucket) take(ctx context.Context, rank int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	tenant := TenantOf(ctx)
	w := &waiter{ready: make(chan struct{})}
	if rank > normal && tenant != "" { // even a tenant's least urgent calls get its turns: only its own calls come first
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
		case <-w.ready: // the waiter got a token meanwhile: return it
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

// standing returns how many calls wait. The caller holds the lock.
func (b *bucket) standing() (n int) {
	for rank := range b.waiting {
		n += b.waiting[rank].waiting()
	}
	return n
}

// admits reports whether a call may begin. The caller holds the lock.
func (b *bucket) admits() bool {
	return b.tokens >= 1 || math.IsInf(b.rate, 1) && b.calls < b.beyond
}

// admit records that a call begins. The caller holds the lock.
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

// pace returns the number of tokens per second. The caller holds the lock.
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

// serve gives tokens to waiters, and arms the timer for the next token. The caller holds the lock.
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

// next removes and returns the waiter whose turn it is; nil if none waits. The caller holds the lock.
func (b *bucket) next() *waiter {
	rank := b.nextRank()
	if rank < 0 {
		return nil
	}
	return b.waiting[rank].pop()
}

// nextRank returns the rank whose turn it is; -1 if no call waits. The caller holds the lock.
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

// arm schedules serve for the time of the next token. The caller holds the lock.
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

// throttled slows down after AWS refused a call: to AWS's published rate if the bucket was faster, otherwise to half
// its rate. It does so at most once a second, because calls that were in progress at the same time are refused
// together.
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

// exceeds reports whether calls exceed AWS's published rate, or did until a refusal just now: then this bucket is the
// cause of the refusal.
func (b *bucket) exceeds() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill()
	return b.rate > b.floor && b.tokens < 1 || !b.cutAt.IsZero() && b.clock.Now().Sub(b.cutAt) < time.Second
}

// trialPause is how many seconds a slowed bucket keeps AWS's published rate before it tries to go faster. Each try
// costs a refused call if the published rate is the limit, as it nearly always is.
const trialPause = 30

// succeeded speeds a slowed bucket up by a tenth for each second of successes: up to AWS's published rate without a
// pause, beyond it after trialPause, and without a limit once it reaches ten times that rate.
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
