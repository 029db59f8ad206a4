package queue

import (
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// longestConflict is for how long the writes of a unit may conflict because a cache lags. After that, a conflict is a
// failure: a webhook answers so, a watch is broken, or another writer changes the object all the time.
const longestConflict = 10 * time.Second

// Conflicts distinguishes write conflicts that last from those that the next attempt resolves. The zero value is ready
// to use.
type Conflicts[U comparable] struct {
	mu sync.Mutex
	of map[U]conflicts
}

// conflicts are those of a unit whose last attempts all conflicted.
type conflicts struct {
	since time.Time
	seen  bool // the attempt under way has one, whatever error it ends with
}

// Note records how the last attempt of a unit ended. It returns the error; that of a conflict that lasts is none of a
// conflict any longer.
func (c *Conflicts[U]) Note(u U, err error, now time.Time) error {
	if lasted := c.end(u, err, now); lasted < longestConflict || !apierrors.IsConflict(err) {
		return err
	}
	return lastingConflict{err.Error()}
}

// Result is Note for a pass. Its repetitions after conflicts become rarer.
func (c *Conflicts[U]) Result(u U, res reconcile.Result, err error, now time.Time) (reconcile.Result, error) {
	lasted := c.end(u, err, now)
	switch {
	case !apierrors.IsConflict(err):
		return res, err
	case lasted < longestConflict:
		return reconcile.Result{RequeueAfter: max(Coalesce, lasted/4)}, nil
	}
	return res, lastingConflict{err.Error()}
}

// See records an error of the attempt under way, and reports whether it is that of a conflict that does not last.
func (c *Conflicts[U]) See(u U, err error, now time.Time) bool {
	if !apierrors.IsConflict(err) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	x, known := c.of[u]
	if !known {
		x.since = now
	}
	if x.seen = true; c.of == nil {
		c.of = map[U]conflicts{}
	}
	c.of[u] = x
	return now.Sub(x.since) < longestConflict
}

// end ends an attempt, and returns for how long the unit has had conflicts.
func (c *Conflicts[U]) end(u U, err error, now time.Time) time.Duration {
	c.See(u, err, now)
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.of[u]
	if !x.seen {
		delete(c.of, u)
		return 0
	}
	x.seen = false
	c.of[u] = x
	return now.Sub(x.since)
}

// lastingConflict is a conflict that is a failure.
type lastingConflict struct{ text string }

// Error implements error.
func (l lastingConflict) Error() string { return l.text }
