package binding

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ChangeTimes keeps, by binding, when the informers delivered the first change of its endpoints that no pass has taken over yet. It is safe for concurrent use; a nil
// ChangeTimes keeps nothing.
type ChangeTimes struct {
	now func() time.Time

	mu sync.Mutex
	of map[types.NamespacedName]time.Time
}

// NewChangeTimes makes an empty ChangeTimes.
func NewChangeTimes(now func() time.Time) *ChangeTimes {
	return &ChangeTimes{now: now, of: map[types.NamespacedName]time.Time{}}
}

// note notes a change.
func (c *ChangeTimes) note(binding types.NamespacedName) {
	if c != nil {
		c.restore(binding, c.now())
	}
}

// restore notes a change of which the time is known, as when a pass that took it over could not carry it out.
func (c *ChangeTimes) restore(binding types.NamespacedName, at time.Time) {
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
func (c *ChangeTimes) take(binding client.ObjectKey) time.Time {
	if c == nil {
		return time.Time{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.of[binding]
	delete(c.of, binding)
	return at
}
