package reads

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

const (
	// OtherNamespacesLife is how long the last list counts while newer lists fail.
	OtherNamespacesLife = 15 * time.Minute
	// ListTimeout limits the time of a list.
	ListTimeout = 10 * time.Second
	// FirstListWait is how long the first passes of a process wait for a list.
	FirstListWait = time.Second
	// longestListPause limits the pauses after failed lists.
	longestListPause = time.Minute
)

// OtherNamespaces lists objects of a kind in other namespaces if --watch-namespace restricts the caches to one. Such a
// cache proves no absence, so OtherNamespaces reads the API server at intervals, outside the passes.
type OtherNamespaces[T any] struct {
	Live      client.Reader
	Namespace string // the one that the caches show
	Now       func() time.Time
	Log       logr.Logger
	Interval  time.Duration // between lists; a list proves absence for one and a half of it
	// List lists the objects outside namespace, and Same compares two items.
	List func(ctx context.Context, live client.Reader, namespace string) ([]T, error)
	Same func(x, y T) bool
	// FailureMessage is logged when a list fails.
	FailureMessage string
	// OnChange is called after a list that differs from the one before, or that follows one that was too old.
	OnChange func(ctx context.Context)

	ready sync.Once
	mu    sync.Mutex
	first chan struct{} // closed by Proceed
	found []T
	at    time.Time // when the list that returned found began; zero = no list has succeeded
	cause error     // why the newest list failed; nil = it succeeded
}

// Start lists until ctx ends; it implements manager.Runnable.
func (g *OtherNamespaces[T]) Start(ctx context.Context) error {
	defer time.AfterFunc(FirstListWait, g.Proceed).Stop()
	pauses := backoff.Policy{First: 2 * time.Second, Longest: longestListPause}
	for failures := 0; ; {
		pause := g.Interval
		if g.Poll(ctx) {
			failures = 0
		} else {
			failures++
			pause = pauses.Pause(failures)
		}
		g.Proceed()
		if sleep.For(ctx, pause) != nil {
			return nil
		}
	}
}

// Poll lists once. If the list fails, the former result stays.
func (g *OtherNamespaces[T]) Poll(ctx context.Context) (ok bool) {
	bounded, cancel := context.WithTimeout(ctx, ListTimeout)
	defer cancel()
	sent := g.Now()
	found, err := g.List(bounded, g.Live, g.Namespace)
	if ctx.Err() != nil {
		return false
	}
	g.mu.Lock()
	before := g.cause
	g.cause = err
	if err != nil {
		g.mu.Unlock()
		if before == nil || before.Error() != err.Error() {
			g.Log.Info(g.FailureMessage, "watch-namespace", g.Namespace, "cause", err.Error())
		}
		return false
	}
	changed := sent.Sub(g.at) > g.lifetime() || !slices.EqualFunc(g.found, found, g.Same)
	g.found, g.at = found, sent
	g.mu.Unlock()
	if changed {
		g.OnChange(ctx)
	}
	return true
}

// Proceed ends the wait of the first passes.
func (g *OtherNamespaces[T]) Proceed() { g.ready.Do(func() { close(g.proceed()) }) }

// proceed is the channel that Proceed closes.
func (g *OtherNamespaces[T]) proceed() chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.first == nil {
		g.first = make(chan struct{})
	}
	return g.first
}

// lifetime is how long a list proves absence.
func (g *OtherNamespaces[T]) lifetime() time.Duration { return 3 * g.Interval / 2 }

// Known returns the result of the last list; complete is false if there may be other objects.
func (g *OtherNamespaces[T]) Known(ctx context.Context) (found []T, complete bool) {
	select {
	case <-g.proceed():
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch age := g.Now().Sub(g.at); {
	case g.at.IsZero() || age > OtherNamespacesLife:
		return nil, false
	default:
		return g.found, age <= g.lifetime()
	}
}

// Cause returns why the last list is not complete.
func (g *OtherNamespaces[T]) Cause() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return cmp.Or(g.cause, error(errUnanswered))
}

// errUnanswered is the cause before the first list has ended.
var errUnanswered = apierrors.NewTimeoutError("the question was not answered yet", 0)
