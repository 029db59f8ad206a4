package podcache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/controller/optionalkinds"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
)

// watch is the watch of the pods of one namespace, or of all.
type watch struct {
	namespace string // empty = all
	cache     cache.Cache
	store     toolscache.Store
	pods      cache.Informer
	stop      context.CancelFunc // nil = it does not run yet
	complete  chan struct{}      // closed when all pods are there
	begun     time.Time
	used      time.Time // when it was needed last
}

// podMapper is the mapper of the caches of pods, which ask it with each read. One of all kinds searches them each time,
// and makes more garbage than the read.
type podMapper struct{ meta.RESTMapper }

// RESTMapping implements meta.RESTMapper.
func (podMapper) RESTMapping(of schema.GroupKind, _ ...string) (*meta.RESTMapping, error) {
	if of.Group != corev1.GroupName || of.Kind != "Pod" && of.Kind != "PodList" {
		return nil, &meta.NoKindMatchError{GroupKind: of}
	}
	return &meta.RESTMapping{
		Resource: corev1.SchemeGroupVersion.WithResource("pods"), GroupVersionKind: corev1.SchemeGroupVersion.WithKind("Pod"),
		Scope: meta.RESTScopeNamespace,
	}, nil
}

// newWatch makes a watch that does not run yet. The caller holds mu.
func (c *Cache) newWatch(namespace string) (*watch, error) {
	ctx := context.Background() // nothing of what follows waits
	o := c.of
	o.Mapper, o.DefaultNamespaces, o.ByObject = podMapper{}, nil, map[client.Object]cache.ByObject{}
	for object, by := range c.of.ByObject {
		if _, ok := object.(*corev1.Pod); ok {
			o.ByObject[object] = by
		}
	}
	if namespace != "" {
		o.DefaultNamespaces = map[string]cache.Config{namespace: {}}
	}
	w := &watch{namespace: namespace, complete: make(chan struct{}), begun: time.Now(), used: c.Now()}
	newInformer := o.NewInformer
	if newInformer == nil {
		newInformer = toolscache.NewSharedIndexInformer
	}
	o.NewInformer = func(lw toolscache.ListerWatcher, example runtime.Object, resync time.Duration,
		indexers toolscache.Indexers) toolscache.SharedIndexInformer {
		informer := newInformer(lw, example, resync, indexers)
		w.store = informer.GetStore()
		return informer
	}
	own, err := cache.New(c.config, o)
	if err != nil {
		return nil, fmt.Errorf("making the cache of the pods: %w", err)
	}
	w.cache = own
	if w.pods, err = own.GetInformer(ctx, &corev1.Pod{}, cache.BlockUntilSynced(false)); err != nil {
		return nil, fmt.Errorf("making the informer of the pods: %w", err)
	}
	return w, c.informer.attach(ctx, w)
}

func (w *watch) synced() bool {
	select {
	case <-w.complete:
		return true
	default:
		return false
	}
}

// await waits until all pods are there. Once a watch has taken too long for that, reads do not wait for it any longer:
// a pass reads a pod for each endpoint. The error is reads.ErrListing while the list may still come.
func (w *watch) await(ctx context.Context) error {
	if w.synced() {
		return nil
	}
	ctx, cancel := context.WithDeadline(ctx, w.begun.Add(syncTimeout))
	defer cancel()
	select {
	case <-w.complete:
		return nil
	case <-ctx.Done():
		of := "namespace " + w.namespace
		if w.namespace == "" {
			of = "all namespaces"
		}
		cause := ctx.Err()
		if time.Since(w.begun) < mostListing {
			cause = reads.ErrListing
		}
		return fmt.Errorf("the pods of %s have not been listed yet: %w", of, cause)
	}
}

// release stops the watches of namespaces that have not needed their pods for a while.
func (c *Cache) release(ctx context.Context) {
	if c.Kept == nil {
		return
	}
	c.mu.Lock()
	var all []*watch
	for _, w := range c.namespaces {
		if w.synced() {
			all = append(all, w)
		}
	}
	c.mu.Unlock()
	for _, w := range all {
		kept := c.Kept(ctx, w.namespace, w.anyPod)
		c.mu.Lock()
		switch {
		case kept:
			w.used = c.Now()
		case c.namespaces[w.namespace] == w && c.Now().Sub(w.used) > releaseAfter:
			w.stop()
			delete(c.namespaces, w.namespace)
			c.Log.V(1).Info("pods are not watched any more", "namespace", w.namespace)
		}
		c.mu.Unlock()
	}
}

// anyPod reports whether one of the pods is as given.
func (w *watch) anyPod(is func(*corev1.Pod) bool) bool {
	return slices.ContainsFunc(w.store.List(), func(o any) bool {
		p, ok := o.(*corev1.Pod)
		return ok && is(p)
	})
}

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
