package podcache

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/controller/optionalkinds"
)

// informer stands for the informers of all namespaces, those of the future among them. The mutex of its cache guards
// it.
type informer struct {
	*optionalkinds.Lasting
	cache    *Cache
	indexes  map[string]client.IndexerFunc
	handlers []func(cache.Informer) error // each adds an event handler
}

// errFixed is the error of calls that would change what is cached of pods.
var errFixed = errors.New("informers of pods get their indexes before the first pod is needed, and keep their " +
	"event handlers")

// attach gives the informer of a watch the indexes and handlers of all. The caller holds mu.
func (i *informer) attach(ctx context.Context, w *watch) error {
	for field, f := range i.indexes {
		if err := w.cache.IndexField(ctx, &corev1.Pod{}, field, f); err != nil {
			return err
		}
	}
	for _, add := range i.handlers {
		if err := add(w.pods); err != nil {
			return err
		}
	}
	return nil
}

// index adds an index.
func (i *informer) index(field string, f client.IndexerFunc) error {
	i.cache.mu.Lock()
	defer i.cache.mu.Unlock()
	if i.cache.all != nil || len(i.cache.namespaces) > 0 {
		return errFixed
	}
	if i.indexes == nil {
		i.indexes = map[string]client.IndexerFunc{}
	}
	i.indexes[field] = f
	return nil
}

// add adds an event handler. The handler gets events of several namespaces at once. It counts as synced: what needs the
// pods of a namespace awaits these.
func (i *informer) add(h toolscache.ResourceEventHandler, o toolscache.HandlerOptions) error {
	add := func(of cache.Informer) error {
		_, err := of.AddEventHandlerWithOptions(h, o)
		return err
	}
	i.cache.mu.Lock()
	defer i.cache.mu.Unlock()
	i.handlers = append(i.handlers, add)
	if i.cache.all != nil {
		return add(i.cache.all.pods)
	}
	for _, w := range i.cache.namespaces {
		if err := add(w.pods); err != nil {
			return err
		}
	}
	return nil
}
