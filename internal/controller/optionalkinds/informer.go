package optionalkinds

import (
	"sync"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

// newInformer makes the informer that the cache shows of an optional kind. Handlers without a resync period of their
// own share one handler of the informer below.
func newInformer(of cache.Informer) (*Lasting, error) {
	together := &hub{}
	_, err := of.AddEventHandler(together)
	return &Lasting{Of: "an optional kind", Fixed: errFixed, Add: func(h toolscache.ResourceEventHandler,
		o toolscache.HandlerOptions) error {
		if o.ResyncPeriod == nil {
			together.add(h)
			return nil
		}
		_, err := of.AddEventHandlerWithOptions(h, o)
		return err
	}}, err
}

// hub gives each event to its handlers, one after the other. An informer has two goroutines and a buffer of 16 KiB for
// each handler that is added to it, and a dozen controllers watch a kind of the Gateway API: as one, they take 3 MiB
// and three hundred goroutines less.
type hub struct {
	mu       sync.Mutex
	handlers []toolscache.ResourceEventHandler
	shown    map[string]any // the objects as the handlers have seen them last, by namespace and name
}

// add adds a handler, which receives the objects that the others have seen before it returns.
func (u *hub) add(h toolscache.ResourceEventHandler) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, o := range u.shown {
		h.OnAdd(o, true)
	}
	u.handlers = append(u.handlers, h)
}

// each notes what is shown of an object, and calls f with each handler.
func (u *hub) each(o any, gone bool, f func(toolscache.ResourceEventHandler)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if key, err := toolscache.DeletionHandlingMetaNamespaceKeyFunc(o); err == nil {
		if u.shown == nil {
			u.shown = map[string]any{}
		}
		if u.shown[key] = o; gone {
			delete(u.shown, key)
		}
	}
	for _, h := range u.handlers {
		f(h)
	}
}

// OnAdd implements toolscache.ResourceEventHandler.
func (u *hub) OnAdd(o any, initial bool) {
	u.each(o, false, func(h toolscache.ResourceEventHandler) { h.OnAdd(o, initial) })
}

// OnUpdate implements toolscache.ResourceEventHandler.
func (u *hub) OnUpdate(before, after any) {
	u.each(after, false, func(h toolscache.ResourceEventHandler) { h.OnUpdate(before, after) })
}

// OnDelete implements toolscache.ResourceEventHandler.
func (u *hub) OnDelete(o any) {
	u.each(o, true, func(h toolscache.ResourceEventHandler) { h.OnDelete(o) })
}

// Lasting is an informer that lasts as long as its cache and keeps its handlers. It is also the registration and the
// check that the handlers get: a controller must not wait for objects that are not served, or that it may not list.
type Lasting struct {
	Of    string // the objects
	Fixed error  // of calls that would change what is cached
	Add   func(h toolscache.ResourceEventHandler, o toolscache.HandlerOptions) error
}

// AddEventHandler implements cache.Informer.
func (l *Lasting) AddEventHandler(h toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration,
	error) {
	return l, l.Add(h, toolscache.HandlerOptions{})
}

// AddEventHandlerWithResyncPeriod implements cache.Informer.
func (l *Lasting) AddEventHandlerWithResyncPeriod(h toolscache.ResourceEventHandler, resync time.Duration) (
	toolscache.ResourceEventHandlerRegistration, error) {
	return l, l.Add(h, toolscache.HandlerOptions{ResyncPeriod: &resync})
}

// AddEventHandlerWithOptions implements cache.Informer.
func (l *Lasting) AddEventHandlerWithOptions(h toolscache.ResourceEventHandler, o toolscache.HandlerOptions) (
	toolscache.ResourceEventHandlerRegistration, error) {
	return l, l.Add(h, o)
}

// RemoveEventHandler implements cache.Informer.
func (l *Lasting) RemoveEventHandler(toolscache.ResourceEventHandlerRegistration) error {
	return l.Fixed
}

// AddIndexers implements cache.Informer.
func (l *Lasting) AddIndexers(toolscache.Indexers) error { return l.Fixed }

// IsStopped implements cache.Informer.
func (*Lasting) IsStopped() bool { return false }

// HasSynced implements cache.Informer and toolscache.ResourceEventHandlerRegistration.
func (*Lasting) HasSynced() bool { return true }

// HasSyncedChecker implements cache.Informer and toolscache.ResourceEventHandlerRegistration.
func (l *Lasting) HasSyncedChecker() toolscache.DoneChecker { return l }

// Name implements toolscache.DoneChecker.
func (l *Lasting) Name() string { return l.Of }

// Done implements toolscache.DoneChecker.
func (*Lasting) Done() <-chan struct{} { return done }

var done = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
