// Package backoff schedules retries: pauses that grow to a ceiling, and failures in a row by key. It starts no timer
// and makes no attempt; the caller provides clock and randomness. It imports the standard library only.
package backoff

import (
	"sync"
	"time"
)

// Policy describes the pauses between attempts: First, twice First, four times First and so on, never more than
// Longest.
type Policy struct {
	First, Longest time.Duration
	// Jitter is the largest part of each pause, from 0 to 1, by which it is randomly shortened, so that many keys that
	// fail at once are not retried at once.
	Jitter float64
}

// Pause returns the pause after the n-th failure in a row, without jitter. The first failure is number 1; smaller
// numbers count as 1.
func (p Policy) Pause(n int) time.Duration {
	d := p.First
	for ; n > 1 && d < p.Longest; n-- {
		d *= 2
	}
	return min(d, p.Longest)
}

const (
	// forgetAfter is how long after its last failure a key is forgotten. It exceeds every ceiling in use, so that a key is
	// never forgotten between two failed attempts.
	forgetAfter = time.Hour
	// maxKeys bounds the keys of one Failures; the key that failed longest ago makes room for a new one.
	maxKeys = 1 << 16
)

// Failures counts failures in a row by key. A key is forgotten when it is reset, an hour after its last failure, or for
// want of room. The methods When, NumRequeues and Forget make it a rate limiter of a client-go work queue. It is safe
// for concurrent use.
type Failures[K comparable] struct {
	policy Policy
	now    func() time.Time
	random func() float64 // nil = no jitter

	mu    sync.Mutex
	of    map[K]failure
	swept time.Time // when keys were last looked through for old ones
}

type failure struct {
	count int
	last  time.Time
}

// NewFailures counts failures by a clock. random returns numbers from 0 up to 1, for the policy's jitter; nil means no
// jitter.
func NewFailures[K comparable](p Policy, now func() time.Time, random func() float64) *Failures[K] {
	return &Failures[K]{policy: p, now: now, random: random, of: map[K]failure{}}
}

// Failed counts a failure of a key. It returns how many there were in a row, this one included, and the pause before
// the next attempt.
func (f *Failures[K]) Failed(k K) (count int, pause time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	f.sweep(now)
	x, known := f.of[k]
	if !known && len(f.of) >= maxKeys {
		f.evict()
	}
	x.count++
	pause = f.policy.Pause(x.count)
	if f.random != nil {
		pause -= time.Duration(float64(pause) * f.policy.Jitter * f.random())
	}
	x.last = now
	f.of[k] = x
	return x.count, pause
}

// sweep forgets, at intervals, keys that have not failed for long. The lock is held.
func (f *Failures[K]) sweep(now time.Time) {
	if now.Sub(f.swept) < forgetAfter/4 {
		return
	}
	f.swept = now
	for k, x := range f.of {
		if now.Sub(x.last) >= forgetAfter {
			delete(f.of, k)
		}
	}
}

// evict forgets the key that failed longest ago. The lock is held.
func (f *Failures[K]) evict() {
	var oldest K
	var at time.Time
	for k, x := range f.of {
		if at.IsZero() || x.last.Before(at) {
			oldest, at = k, x.last
		}
	}
	delete(f.of, oldest)
}

// When counts a failure of a key and returns the pause before the next attempt.
func (f *Failures[K]) When(k K) time.Duration {
	_, pause := f.Failed(k)
	return pause
}

// NumRequeues returns the number of failures of a key in a row.
func (f *Failures[K]) NumRequeues(k K) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.of[k].count
}

// Forget ends the count of a key that has succeeded or no longer exists.
func (f *Failures[K]) Forget(k K) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.of, k)
}

// ForgetFunc ends the counts of all keys for which gone is true.
func (f *Failures[K]) ForgetFunc(gone func(K) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for k := range f.of {
		if gone(k) {
			delete(f.of, k)
		}
	}
}

// Len returns the number of keys that are counted.
func (f *Failures[K]) Len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.of)
}
