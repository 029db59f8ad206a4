// Package brake counts deletions of load balancers, and of targets, and holds those that exceed a limit within a short time until an
// annotation consents. It decides only: it reads, writes and deletes nothing.
// It imports nothing but the standard library.
package brake

import (
	"sync"
	"time"
)

// Window is the time within which deletions count together.
const Window = 10 * time.Minute

// Brake counts deletions. Its counts begin at zero when a process starts. It is safe for concurrent use. Nil lets everything pass.
type Brake struct {
	most int
	now  func() time.Time

	mu     sync.Mutex
	passed map[string]time.Time // what may be deleted, and since when
	held   map[string]time.Time // what waits for consent, and since when
}

// New makes a brake that lets most deletions pass within Window whatever their share; 0 switches it off.
func New(most int, now func() time.Time) *Brake {
	return &Brake{most: most, now: now, passed: map[string]time.Time{}, held: map[string]time.Time{}}
}

// Allow reports whether something may be deleted. standing is how many of its kind there are, this one included. It may not if,
// with it, more than the number of New and more than a quarter of all were or would be deleted within Window. What was held once
// stays held, however long it waits, until Consent or Forget.
func (b *Brake) Allow(id string, standing int) bool {
	if b == nil || b.most <= 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	for k, at := range b.passed {
		if now.Sub(at) >= Window {
			delete(b.passed, k)
		}
	}
	if _, held := b.held[id]; held {
		return false
	}
	if _, passed := b.passed[id]; passed {
		return true
	}
	count := 1 + len(b.passed)
	for _, at := range b.held {
		if now.Sub(at) < Window {
			count++
		}
	}
	if all := standing + len(b.passed); count > b.most && 4*count > all {
		b.held[id] = now
		return false
	}
	b.passed[id] = now
	return true
}

// Forget drops what is not to be deleted any more.
func (b *Brake) Forget(id string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.held, id)
}

// Held is how many deletions wait for consent.
func (b *Brake) Held() int {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.held)
}
