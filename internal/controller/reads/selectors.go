package reads

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// Selectors is the index of the Services of a cache by their selectors. An index of the informer would not help: it
// could only use one pair of a selector as key, and most Services may have the same pair.
type Selectors struct {
	index  objects.Selectors
	synced func() bool
}

// NewSelectors makes an index that follows the Services of a cache.
func NewSelectors(ctx context.Context, c cache.Informers) (*Selectors, error) {
	i, err := c.GetInformer(ctx, &corev1.Service{}, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("watching Services: %w", err)
	}
	s := &Selectors{}
	registered, err := i.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: s.put, UpdateFunc: func(_, o any) { s.put(o) }, DeleteFunc: s.deleted,
	})
	if err != nil {
		return nil, fmt.Errorf("watching Services: %w", err)
	}
	s.synced = registered.HasSynced
	return s, nil
}

func (s *Selectors) put(o any) {
	if svc, ok := o.(*corev1.Service); ok {
		s.index.Put(svc)
	}
}

func (s *Selectors) deleted(o any) {
	if missed, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
		o = missed.Obj
	}
	if svc, ok := o.(*corev1.Service); ok {
		s.index.Delete(svc.Namespace, svc.Name)
	}
}

// Of returns the names of the Services of a namespace that select pods with labels. ok is false before the first list
// of Services is in the index; then a caller lists the Services.
func (s *Selectors) Of(namespace string, pod map[string]string) (names []string, ok bool) {
	if s == nil || !s.synced() {
		return nil, false
	}
	return s.index.Of(namespace, pod), true
}
