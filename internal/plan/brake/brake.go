// Package brake limits deletions of load balancers, and of targets, within a short time: those beyond the limit are
// stopped until an annotation allows them. It counts and decides; it deletes nothing.
package brake

import (
	"maps"
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

	mu      sync.Mutex
	passed  map[string]deletion // allowed deletions by id
	stopped map[string]deletion // stopped deletions by id
}

// deletion is when a tenant first asked for a deletion.
type deletion struct {
	tenant string
	at     time.Time
}

// New makes a brake that allows most deletions within Window whatever their share; 0 turns it off.
func New(most int, now func() time.Time) *Brake {
	return &Brake{most: most, now: now, passed: map[string]deletion{}, stopped: map[string]deletion{}}
}

// Allow reports whether a resource of a tenant may be deleted. existing is the number of resources of its kind, this
// one included. The deletion is stopped if, with it, both the limit of New and a quarter of all would be exceeded
// within Window. Of each other tenant, deletions count up to half of the limit, so that no tenant alone stops those of
// others. A stopped deletion stays stopped until Forget.
func (b *Brake) Allow(id, tenant string, existing int) bool {
	if b == nil || b.most <= 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	maps.DeleteFunc(b.passed, func(_ string, d deletion) bool { return now.Sub(d.at) >= Window })
	if _, stopped := b.stopped[id]; stopped {
		return false
	}
	if _, passed := b.passed[id]; passed {
		return true
	}
	if count, all := b.count(tenant), existing+len(b.passed); count > b.most && 4*count > all {
		b.stopped[id] = deletion{tenant, now}
		return false
	}
	b.passed[id] = deletion{tenant, now}
	return true
}

// count returns how many deletions within Window count for one more of a tenant, this one included.
func (b *Brake) count(tenant string) (n int) {
	of := map[string]int{}
	for _, all := range []map[string]deletion{b.passed, b.stopped} {
		for _, d := range all {
			if b.now().Sub(d.at) < Window {
				of[d.tenant]++
			}
		}
	}
	for other, m := range of {
		if other != tenant {
			m = min(m, b.most/2)
		}
		n += m
	}
	return n + 1
}

// Forget drops a stopped deletion that is allowed by other means or no longer needed.
func (b *Brake) Forget(id string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.stopped, id)
}

// Stopped returns the number of stopped deletions.
func (b *Brake) Stopped() int {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.stopped)
}
