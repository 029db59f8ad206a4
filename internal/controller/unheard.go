package controller

import (
	"errors"
	"net/url"
	"sync"
	"time"

	"github.com/aws/smithy-go"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/workqueue"
)

// longestUnheard is the longest pause after a pass for which the API server was not there. No event tells that it is back: watches
// bring only what has changed meanwhile.
const longestUnheard = 15 * time.Second

// unheard reports whether an error comes from an API server that does not answer, or not now. Errors of AWS are none of it.
func unheard(err error) bool {
	switch {
	case apierrors.IsTimeout(err), apierrors.IsServerTimeout(err), apierrors.IsTooManyRequests(err), apierrors.IsServiceUnavailable(err), apierrors.IsInternalError(err):
		return true
	case errors.As(err, new(*smithy.OperationError)):
		return false
	}
	return errors.As(err, new(*url.Error))
}

// unheards are the units of a work queue whose last pass ended for want of the API server. The zero value is ready to use.
type unheards[U comparable] struct {
	mu sync.Mutex
	of map[U]bool
}

// note keeps how a pass ended.
func (x *unheards[U]) note(u U, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !unheard(err) {
		delete(x.of, u)
		return
	}
	if x.of == nil {
		x.of = map[U]bool{}
	}
	x.of[u] = true
}

// pause bounds that of a unit.
func (x *unheards[U]) pause(u U, d time.Duration) time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.of[u] {
		return min(d, longestUnheard)
	}
	return d
}

// unheardLimiter bounds the pauses of a rate limiter.
type unheardLimiter[U comparable] struct {
	workqueue.TypedRateLimiter[U]
	unheard *unheards[U]
}

// When implements workqueue.TypedRateLimiter.
func (l unheardLimiter[U]) When(u U) time.Duration {
	return l.unheard.pause(u, l.TypedRateLimiter.When(u))
}
