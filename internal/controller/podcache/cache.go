// Package podcache is a cache of pods, only for namespaces that need them; another cache has all other objects. A
// cluster may have tens of thousands of pods that are not targets. The package does not know why a namespace needs
// its pods.
package podcache

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/controller/optionalkinds"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
)

const (
	// syncTimeout is how long reads wait for the first list of a namespace, from the beginning of its watch on.
	syncTimeout = 5 * time.Second
	// mostListing is how long a first list may be under way, which takes a while for tens of thousands of pods; after that
	// something hinders it.
	mostListing = time.Minute
	// mostNamespaces is how many namespaces are watched each by itself. Where more need pods, one watch of all is less for
	// the API server.
	mostNamespaces = 100
	// releaseAfter is how long pods of a namespace stay after the last need of them: a rollout that recreates the last
	// binding does not list them again.
	releaseAfter = 15 * time.Minute
	// releaseInterval is the pause between looks at what is needed no more.
	releaseInterval = time.Minute
)

// Options configure a Cache.
type Options struct {
	// Namespace is the only one whose pods may be read; empty = all may.
	Namespace string
	// Kept reports whether a namespace still needs its pods. anyPod reports whether one of them is as given; it goes
	// through all of them. Nil = each namespace does.
	Kept func(ctx context.Context, namespace string, anyPod func(func(*corev1.Pod) bool) bool) bool
	Now  func() time.Time
	Log  logr.Logger
}

// Cache is a cache of a manager. Clients and event sources use it as any other: event handlers get the pods of the
// namespaces that are watched, in time also of those that are watched later. A read of one pod begins the watch of its
// namespace, and waits for it. A list of a namespace that is not watched is empty.
type Cache struct {
	cache.Cache // of all other kinds
	Options
	config *rest.Config
	of     cache.Options
	most   int // namespaces that are watched each by itself

	mu         sync.Mutex
	running    context.Context
	goroutines sync.WaitGroup
	namespaces map[string]*watch
	all        *watch // of all namespaces; nil = each is watched by itself
	informer   informer
	started    bool // every pod that was needed at the start was there
	ended      bool // Start returns, and no watch begins any more
}

// New makes a cache in addition to another one. rc and o are what the pods are read with.
func New(others cache.Cache, rc *rest.Config, o cache.Options, own Options) *Cache {
	c := &Cache{Cache: others, Options: own, config: rc, of: o, most: mostNamespaces, namespaces: map[string]*watch{}}
	c.informer.cache = c
	c.informer.Lasting = &optionalkinds.Lasting{Of: "pods", Fixed: errFixed, Add: c.informer.add}
	return c
}

// Need begins to watch the pods of a namespace, if they are not watched already.
func (c *Cache) Need(namespace string) {
	if _, err := c.watch(namespace); err != nil {
		c.Log.Error(err, "the pods of a namespace are not watched", "namespace", namespace)
	}
}

// NeedAll begins to watch all pods that may be read.
func (c *Cache) NeedAll() { c.Need(c.Namespace) }

// Await begins to watch the pods of a namespace and waits until they are there.
func (c *Cache) Await(ctx context.Context, namespace string) error {
	w, err := c.watch(namespace)
	if err != nil {
		return err
	}
	return w.await(ctx)
}

// Watches reports whether the pods of a namespace are watched.
func (c *Cache) Watches(namespace string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.watching(namespace) != nil
}

// watching is what reads of a namespace are answered by; nil = it is not watched. The caller holds mu.
func (c *Cache) watching(namespace string) *watch {
	if w := c.namespaces[namespace]; w != nil && (c.all == nil || !c.all.synced()) {
		return w
	}
	return c.all
}

// errEnded is the error of reads after the end of the cache.
var errEnded = errors.New("the cache of pods has ended")

// watch is what watches a namespace, or all where namespace is empty. It begins to if nothing does.
func (c *Cache) watch(namespace string) (*watch, error) {
	if c.Namespace != "" && namespace != c.Namespace {
		return nil, &reads.UnwatchedError{Namespace: namespace, Watched: c.Namespace}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if w := c.watching(namespace); w != nil {
		w.used = c.Now()
		return w, nil
	}
	if c.ended {
		return nil, errEnded
	}
	if len(c.namespaces) >= c.most {
		namespace = ""
	}
	w, err := c.newWatch(namespace)
	if err != nil {
		return nil, err
	}
	if namespace == "" {
		c.all = w
	} else {
		c.namespaces[namespace] = w
	}
	if c.running != nil {
		c.run(w)
	}
	return w, nil
}

// run runs a watch until it is stopped. The caller holds mu.
func (c *Cache) run(w *watch) {
	ctx, stop := context.WithCancel(c.running)
	w.stop = stop
	c.goroutines.Go(func() {
		if err := w.cache.Start(ctx); err != nil {
			c.Log.Error(err, "the watch of pods ended", "namespace", w.namespace)
		}
	})
	c.goroutines.Go(func() {
		select { // the cache's own wait looks every tenth of a second
		case <-w.pods.HasSyncedChecker().Done():
		case <-ctx.Done():
			return
		}
		close(w.complete)
		c.Log.V(1).Info("pods are watched", "namespace", w.namespace)
		if w.namespace == "" {
			c.stopNamespaces()
		}
	})
}

// stopNamespaces stops the watches that the one of all namespaces has taken the place of.
func (c *Cache) stopNamespaces() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for namespace, w := range c.namespaces {
		w.stop()
		delete(c.namespaces, namespace)
	}
}

// Start implements cache.Cache.
func (c *Cache) Start(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer c.goroutines.Wait()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ended = true
		cancel()
	}()
	c.mu.Lock()
	c.running = ctx
	for _, w := range c.namespaces {
		c.run(w)
	}
	if c.all != nil {
		c.run(c.all)
	}
	c.mu.Unlock()
	c.goroutines.Go(func() { queue.Every(ctx, releaseInterval, nil, c.release) })
	return c.Cache.Start(ctx)
}

// WaitForCacheSync implements cache.Informers. Pods that are needed after it has returned true for the first time it
// does not wait for.
func (c *Cache) WaitForCacheSync(ctx context.Context) bool {
	if !c.Cache.WaitForCacheSync(ctx) {
		return false
	}
	for _, w := range c.starting() {
		select {
		case <-w.complete:
		case <-ctx.Done():
			return false
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started = true
	return true
}

// starting are the watches that the start waits for.
func (c *Cache) starting() (all []*watch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started {
		return nil
	}
	if c.all != nil {
		return []*watch{c.all}
	}
	for _, w := range c.namespaces {
		all = append(all, w)
	}
	return all
}

// Get implements client.Reader.
func (c *Cache) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	if _, ok := o.(*corev1.Pod); !ok {
		return c.Cache.Get(ctx, key, o, opts...)
	}
	w, err := c.watch(key.Namespace)
	if err != nil {
		return err
	}
	if err := w.await(ctx); err != nil {
		return err
	}
	return w.cache.Get(ctx, key, o, opts...)
}

// Store returns the store of the pods of a namespace, which nobody may change; nil = they are not all there.
func (c *Cache) Store(namespace string) toolscache.Store {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.watching(namespace)
	if w == nil || !w.synced() {
		return nil
	}
	w.used = c.Now()
	return w.store
}

// errUnnamed is the error of a list of the pods of all namespaces.
var errUnnamed = errors.New("pods are listed by namespace")

// List implements client.Reader.
func (c *Cache) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if _, ok := list.(*corev1.PodList); !ok {
		return c.Cache.List(ctx, list, opts...)
	}
	var o client.ListOptions
	if o.ApplyOptions(opts); o.Namespace == "" {
		return errUnnamed
	}
	c.mu.Lock()
	w := c.watching(o.Namespace)
	c.mu.Unlock()
	if w == nil {
		return nil
	}
	if err := w.await(ctx); err != nil {
		return err
	}
	return w.cache.List(ctx, list, opts...)
}

// IndexField implements client.FieldIndexer.
func (c *Cache) IndexField(ctx context.Context, o client.Object, field string, f client.IndexerFunc) error {
	if _, ok := o.(*corev1.Pod); ok {
		return c.informer.index(field, f)
	}
	return c.Cache.IndexField(ctx, o, field, f)
}

// GetInformer implements cache.Informers.
func (c *Cache) GetInformer(ctx context.Context, o client.Object, opts ...cache.InformerGetOption) (
	cache.Informer, error) {
	if _, ok := o.(*corev1.Pod); ok {
		return &c.informer, nil
	}
	return c.Cache.GetInformer(ctx, o, opts...)
}

// GetInformerForKind implements cache.Informers.
func (c *Cache) GetInformerForKind(ctx context.Context, gvk schema.GroupVersionKind, opts ...cache.InformerGetOption) (
	cache.Informer, error) {
	if gvk == corev1.SchemeGroupVersion.WithKind("Pod") {
		return &c.informer, nil
	}
	return c.Cache.GetInformerForKind(ctx, gvk, opts...)
}

// RemoveInformer implements cache.Informers.
func (c *Cache) RemoveInformer(ctx context.Context, o client.Object) error {
	if _, ok := o.(*corev1.Pod); ok {
		return errFixed
	}
	return c.Cache.RemoveInformer(ctx, o)
}
