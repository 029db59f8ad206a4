package controller

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// changes keeps, by binding, when the informers delivered the first change of its endpoints that no pass has taken over yet. It is safe for concurrent use; a nil
// changes keeps nothing.
type changes struct {
	now func() time.Time

	mu sync.Mutex
	of map[types.NamespacedName]time.Time
}

func newChanges(now func() time.Time) *changes {
	return &changes{now: now, of: map[types.NamespacedName]time.Time{}}
}

// heard notes a change.
func (c *changes) heard(binding types.NamespacedName) {
	if c != nil {
		c.keep(binding, c.now())
	}
}

// keep notes a change of which the time is known, as when a pass that took it over could not carry it out.
func (c *changes) keep(binding types.NamespacedName, at time.Time) {
	if c == nil || at.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if before, ok := c.of[binding]; !ok || at.Before(before) {
		c.of[binding] = at
	}
}

// take is the time of the first change that the pass takes over which is about to read the endpoints; zero if there is none.
func (c *changes) take(binding client.ObjectKey) time.Time {
	if c == nil {
		return time.Time{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.of[binding]
	delete(c.of, binding)
	return at
}
