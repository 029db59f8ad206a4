// Package brake limits deletions of load balancers, and of targets, within a short time: those beyond the limit are
// held until an annotation allows them. It counts and decides; it deletes nothing.
package brake

import (
	"sync"
	"time"
)

// Window is the time within which deletions count together.
const Window = 10 * time.Minute

// Brake counts deletions. Its counts begin at zero when a process starts. It is safe for concurrent use. A nil Brake
// allows every deletion.
type Brake struct {
	most int
	now  func() time.Time

	mu     sync.Mutex
	passed map[string]time.Time // allowed deletions by id, and since when
	held   map[string]time.Time // held deletions by id, and since when
}

// New makes a brake that allows most deletions within Window whatever their share; 0 turns it off.
func New(most int, now func() time.Time) *Brake {
	return &Brake{most: most, now: now, passed: map[string]time.Time{}, held: map[string]time.Time{}}
}

// Allow reports whether a resource may be deleted. existing is the number of resources of its kind, this one included.
// The deletion is held if, with it, both the limit of New and a quarter of all would be exceeded within Window. A held
// deletion stays held until Forget.
func (b *Brake) Allow(id string, existing int) bool {
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
	if all := existing + len(b.passed); count > b.most && 4*count > all {
		b.held[id] = now
		return false
	}
	b.passed[id] = now
	return true
}

// Forget drops a held deletion that is allowed by other means or no longer needed.
func (b *Brake) Forget(id string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.held, id)
}

// Held is the number of held deletions.
func (b *Brake) Held() int {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.held)
}
