package queue

import (
	"errors"
	"net/url"
	"sync"
	"time"

	"github.com/aws/smithy-go"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/workqueue"
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
