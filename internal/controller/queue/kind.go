package queue

import (
	"context"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Kind is controller-runtime's source of the objects of a kind, except for its start. controller-runtime checks every
// tenth of a second whether the handler has received the cached objects, and the first pass of a new leader would wait
// for that. Kind continues as soon as the handler has received them.
func Kind[U comparable](c cache.Cache, o client.Object, h handler.TypedEventHandler[client.Object,
	U]) source.TypedSyncingSource[U] {
	return source.TypedKind(cache.Cache(promptCache{c}), o, h)
}

// promptCache is a cache whose informers return prompt registrations.
type promptCache struct{ cache.Cache }

// GetInformer implements cache.Informers.
func (c promptCache) GetInformer(ctx context.Context, o client.Object, opts ...cache.InformerGetOption) (
	cache.Informer, error) {
	i, err := c.Cache.GetInformer(ctx, o, opts...)
	if err != nil {
		return nil, err
	}
	return promptInformer{i, ctx}, nil
}

type promptInformer struct {
	cache.Informer
	ctx context.Context
}

// AddEventHandlerWithOptions implements cache.Informer.
func (i promptInformer) AddEventHandlerWithOptions(h toolscache.ResourceEventHandler, o toolscache.HandlerOptions) (
	toolscache.ResourceEventHandlerRegistration, error) {
	r, err := i.Informer.AddEventHandlerWithOptions(h, o)
	if err != nil {
		return nil, err
	}
	return promptRegistration{r, i.ctx}, nil
}

// promptRegistration is a registration whose first HasSynced waits until the handler has received the cached objects.
type promptRegistration struct {
	toolscache.ResourceEventHandlerRegistration
	ctx context.Context
}

// HasSynced implements toolscache.ResourceEventHandlerRegistration.
func (r promptRegistration) HasSynced() bool {
	select {
	case <-r.HasSyncedChecker().Done():
	case <-r.ctx.Done():
	}
	return r.ResourceEventHandlerRegistration.HasSynced()
}
