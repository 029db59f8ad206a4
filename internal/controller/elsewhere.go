package controller

import (
	"context"
	"slices"
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

// elsewhere knows the bindings of other namespaces, where --watch-namespace restricts the caches to one. What a restricted cache does
// not show is unknown, so the API server is asked. It is nil-safe: without a restriction no binding is unknown.
type elsewhere struct {
	live      client.Reader
	namespace string // that the caches show
	now       func() time.Time

	mu    sync.Mutex
	at    time.Time
	list  []v1beta1.TargetGroupBinding
	known bool
}

// needsRules reports whether a binding of another namespace may need rules; a question that the API server refuses is answered by yes.
func (e *elsewhere) needsRules(ctx context.Context) bool {
	list, known := e.bindings(ctx)
	return !known || slices.ContainsFunc(list, func(o v1beta1.TargetGroupBinding) bool { return o.Spec.Networking != nil })
}

// bindings are those of other namespaces, as of a minute ago at most; known is false if the API server does not tell.
func (e *elsewhere) bindings(ctx context.Context) (list []v1beta1.TargetGroupBinding, known bool) {
	if e == nil {
		return nil, true
	}
	e.mu.Lock()
	if !e.at.IsZero() && e.now().Sub(e.at) < elsewhereLifetime {
		defer e.mu.Unlock()
		return e.list, e.known
	}
	e.mu.Unlock()
	began := e.now()
	list, known = e.ask(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.at, e.list, e.known = began, list, known
	return list, known
}

// of are those that bind a target group.
func (e *elsewhere) of(ctx context.Context, arn string) []v1beta1.TargetGroupBinding {
	list, _ := e.bindings(ctx)
	return slices.DeleteFunc(slices.Clone(list), func(o v1beta1.TargetGroupBinding) bool { return o.Spec.TargetGroupARN != arn })
}

// hides reports whether the caches do not show a namespace.
func (e *elsewhere) hides(namespace string) bool { return e != nil && namespace != e.namespace }

func (e *elsewhere) ask(ctx context.Context) (found []v1beta1.TargetGroupBinding, known bool) {
	ctx, cancel := context.WithTimeout(ctx, elsewherePatience)
	defer cancel()
	var list v1beta1.TargetGroupBindingList
	if err := e.live.List(ctx, &list); err != nil {
		return nil, false
	}
	return slices.DeleteFunc(list.Items, func(o v1beta1.TargetGroupBinding) bool { return o.Namespace == e.namespace }), true
}
