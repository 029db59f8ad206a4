package optional

import (
	"sync"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// informer is the informer of an optional kind. Handlers that are added before it starts wait for it.
type informer struct {
	started chan struct{} // closed when of is set

	mu      sync.Mutex
	indexes []index // to be added before it starts
	of      cache.Informer
	waiting []func(cache.Informer) error
}

// index is an index of a kind's objects.
type index struct {
	field string
	of    client.IndexerFunc
}

// attach starts to deliver the events of an informer.
func (i *informer) attach(of cache.Informer) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	for len(i.waiting) > 0 {
		if err := i.waiting[0](of); err != nil {
			return err
		}
		i.waiting = i.waiting[1:]
	}
	i.of = of
	close(i.started)
	return nil
}

// AddEventHandler implements cache.Informer.
func (i *informer) AddEventHandler(h toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.AddEventHandlerWithOptions(h, toolscache.HandlerOptions{})
}

// AddEventHandlerWithResyncPeriod implements cache.Informer.
func (i *informer) AddEventHandlerWithResyncPeriod(h toolscache.ResourceEventHandler, resync time.Duration) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.AddEventHandlerWithOptions(h, toolscache.HandlerOptions{ResyncPeriod: &resync})
}

// AddEventHandlerWithOptions implements cache.Informer. The registration counts as synced at once: a controller must not wait for a kind
// that is not served, or that it may not list.
func (i *informer) AddEventHandlerWithOptions(h toolscache.ResourceEventHandler, o toolscache.HandlerOptions) (toolscache.ResourceEventHandlerRegistration, error) {
	add := func(of cache.Informer) error {
		_, err := of.AddEventHandlerWithOptions(h, o)
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.of != nil {
		return synced{}, add(i.of)
	}
	i.waiting = append(i.waiting, add)
	return synced{}, nil
}

// RemoveEventHandler implements cache.Informer.
func (i *informer) RemoveEventHandler(toolscache.ResourceEventHandlerRegistration) error {
	return errFixed
}

// AddIndexers implements cache.Informer.
func (i *informer) AddIndexers(toolscache.Indexers) error { return errFixed }

// HasSynced implements cache.Informer.
func (i *informer) HasSynced() bool { return true }

// HasSyncedChecker implements cache.Informer.
func (i *informer) HasSyncedChecker() toolscache.DoneChecker { return synced{} }

// IsStopped implements cache.Informer.
func (i *informer) IsStopped() bool { return false }

// synced is a registration and a check that need no waiting.
type synced struct{}

// HasSynced implements toolscache.ResourceEventHandlerRegistration.
func (synced) HasSynced() bool { return true }

// HasSyncedChecker implements toolscache.ResourceEventHandlerRegistration.
func (synced) HasSyncedChecker() toolscache.DoneChecker { return synced{} }

// Name implements toolscache.DoneChecker.
func (synced) Name() string { return "an optional kind" }

// Done implements toolscache.DoneChecker.
func (synced) Done() <-chan struct{} { return done }

var done = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
