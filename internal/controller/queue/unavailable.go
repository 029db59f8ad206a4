package queue

import (
	"errors"
	"net/url"
	"sync"
	"time"

	"github.com/aws/smithy-go"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// LongestAPIPause is the longest pause after a pass that failed because the API server was unavailable. No event
// reports that it is available again: watches deliver only what has changed.
const LongestAPIPause = 15 * time.Second

// APIUnavailable reports whether an error means that the API server is unavailable. Errors of AWS never do.
func APIUnavailable(err error) bool {
	switch {
	case apierrors.IsTimeout(err), apierrors.IsServerTimeout(err), apierrors.IsTooManyRequests(err),
		apierrors.IsServiceUnavailable(err), apierrors.IsInternalError(err):
		return true
	case errors.As(err, new(*smithy.OperationError)):
		return false
	}
	return errors.As(err, new(*url.Error))
}

// UnavailableUnits are the units of a queue whose last pass failed because the API server was unavailable. The zero
// value is ready to use.
type UnavailableUnits[U comparable] struct {
	mu    sync.Mutex
	units map[U]bool
}

// Note records how the last pass of a unit ended.
func (x *UnavailableUnits[U]) Note(u U, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !APIUnavailable(err) {
		delete(x.units, u)
		return
	}
	if x.units == nil {
		x.units = map[U]bool{}
	}
	x.units[u] = true
}

// Pause returns the pause of a unit: d, or LongestAPIPause if that is shorter and the unit waits for the API server.
func (x *UnavailableUnits[U]) Pause(u U, d time.Duration) time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.units[u] {
		return min(d, LongestAPIPause)
	}
	return d
}

// Len returns the number of units.
func (x *UnavailableUnits[U]) Len() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.units)
}

// RateLimiter is a rate limiter that limits pauses to LongestAPIPause for units that failed because the API server was
// unavailable.
type RateLimiter[U comparable] struct {
	workqueue.TypedRateLimiter[U]
	Units *UnavailableUnits[U]
}

// When implements workqueue.TypedRateLimiter.
func (l RateLimiter[U]) When(u U) time.Duration {
	return l.Units.Pause(u, l.TypedRateLimiter.When(u))
}

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
