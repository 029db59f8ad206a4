package controller

import (
	"context"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
)

const (
	// elsewhereLifetime is how long an answer of the API server about other namespaces is believed.
	elsewhereLifetime = time.Minute
	elsewherePatience = 5 * time.Second
)

// elsewhere knows whether bindings of other namespaces may need rules, where --watch-namespace restricts the caches to one. What a
// restricted cache does not show is unknown, so the API server is asked, and a question that it refuses is answered by yes.
type elsewhere struct {
	live      client.Reader
	namespace string // that the caches show
	now       func() time.Time

	mu    sync.Mutex
	at    time.Time
	needs bool
}

// needsRules reports whether a binding of another namespace may need rules. It is nil-safe: without a restriction none is unknown.
func (e *elsewhere) needsRules(ctx context.Context) bool {
	if e == nil {
		return false
	}
	e.mu.Lock()
	if !e.at.IsZero() && e.now().Sub(e.at) < elsewhereLifetime {
		defer e.mu.Unlock()
		return e.needs
	}
	e.mu.Unlock()
	began := e.now()
	needs := e.ask(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.at, e.needs = began, needs
	return needs
}

func (e *elsewhere) ask(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, elsewherePatience)
	defer cancel()
	var list v1beta1.TargetGroupBindingList
	if err := e.live.List(ctx, &list); err != nil {
		return true
	}
	for i := range list.Items {
		if o := &list.Items[i]; o.Namespace != e.namespace && o.Spec.Networking != nil {
			return true
		}
	}
	return false
}
