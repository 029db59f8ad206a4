package controller

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/backoff"
)

const (
	// glimpseStale is how long an answer tells what there is, while the API server gives no other one.
	glimpseStale = 15 * time.Minute
	// glimpsePatience bounds a question, and glimpseFirst how long the first passes of a process wait for the answer.
	glimpsePatience = 10 * time.Second
	glimpseFirst    = time.Second
)

// glimpse knows something of each object of a kind in other namespaces, where --watch-namespace restricts the caches to one. What a
// restricted cache does not show is unknown, so the API server is asked, beside the passes.
type glimpse[T any] struct {
	live      client.Reader
	namespace string // that the caches show
	now       func() time.Time
	log       logr.Logger
	interval  time.Duration // between questions; an answer tells for half as long again what there is not
	// list asks about other namespaces than one, and same compares what was found.
	list func(ctx context.Context, live client.Reader, namespace string) ([]T, error)
	same func(x, y T) bool
	// unanswered is what is logged of a question without an answer.
	unanswered string
	// told hears of an answer that shows something else than the one before, or that follows after the one before was too old.
	told  func(ctx context.Context)
	first chan struct{} // closed once passes need not wait any more

	mu    sync.Mutex
	found []T
	at    time.Time // when the question was asked that found answers; zero = none was answered
	cause error     // why the newest question was not answered; nil = it was
}

// Start asks until ctx ends; it implements manager.Runnable.
func (g *glimpse[T]) Start(ctx context.Context) error {
	passes := sync.OnceFunc(func() { close(g.first) })
	defer time.AfterFunc(glimpseFirst, passes).Stop()
	pauses := backoff.Policy{First: 2 * time.Second, Longest: elsewhereInterval}
	for failures := 0; ; {
		pause := g.interval
		if g.ask(ctx) {
			failures = 0
		} else {
			failures++
			pause = pauses.Pause(failures)
		}
		passes()
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// ask has the API server tell of all objects. An answer that fails leaves what the last one told.
func (g *glimpse[T]) ask(ctx context.Context) (answered bool) {
	bounded, cancel := context.WithTimeout(ctx, glimpsePatience)
	defer cancel()
	asked := g.now()
	found, err := g.list(bounded, g.live, g.namespace)
	if ctx.Err() != nil {
		return false
	}
	g.mu.Lock()
	before := g.cause
	g.cause = err
	if err != nil {
		g.mu.Unlock()
		if before == nil || before.Error() != err.Error() {
			g.log.Info(g.unanswered, "watch-namespace", g.namespace, "cause", err.Error())
		}
		return false
	}
	news := asked.Sub(g.at) > g.current() || !slices.EqualFunc(g.found, found, g.same)
	g.found, g.at = found, asked
	g.mu.Unlock()
	if news {
		g.told(ctx)
	}
	return true
}

// current is how long an answer tells what there is not.
func (g *glimpse[T]) current() time.Duration { return 3 * g.interval / 2 }

// known is what there is in other namespaces as far as the API server told; complete is false if there may be more.
func (g *glimpse[T]) known(ctx context.Context) (found []T, complete bool) {
	select {
	case <-g.first:
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch age := g.now().Sub(g.at); {
	case g.at.IsZero() || age > glimpseStale:
		return nil, false
	default:
		return g.found, age <= g.current()
	}
}

// unknown is why there may be more than is known.
func (g *glimpse[T]) unknown() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return cmp.Or(g.cause, error(errUnanswered))
}

// errUnanswered stands for the cause while a question is under way.
var errUnanswered = apierrors.NewTimeoutError("the question was not answered yet", 0)
