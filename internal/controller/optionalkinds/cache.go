package optionalkinds

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
)

// syncTimeout bounds how long a read waits for the first list of a kind, which may not be permitted.
const syncTimeout = 5 * time.Second

// Kinds returns the optional kinds of readable.Kinds with their versions.
func Kinds(scheme *runtime.Scheme) (map[objects.Kind]schema.GroupVersionKind, error) {
	out := map[objects.Kind]schema.GroupVersionKind{}
	for kind, k := range readable.Kinds {
		if !k.Optional {
			continue
		}
		gvk, err := apiutil.GVKForObject(k.Object, scheme)
		if err != nil {
			return nil, err
		}
		out[kind] = gvk
	}
	return out, nil
}

// DiscoverFrom asks an API server.
func DiscoverFrom(client rest.Interface) Discover {
	return func(ctx context.Context, version schema.GroupVersion) (*metav1.APIResourceList, error) {
		list := &metav1.APIResourceList{}
		err := client.Get().AbsPath("apis", version.Group, version.Version).Do(ctx).Into(list)
		return list, err
	}
}

// resourceOf is the resource of an optional kind.
func resourceOf(gvk schema.GroupVersionKind) (plural, singular schema.GroupVersionResource) {
	plural, singular = meta.UnsafeGuessKindToResource(gvk)
	switch objects.Kind(gvk.Kind) { //nolint:exhaustive // kinds whose plural is another one
	case objects.IngressClassParams:
		plural = singular
	case objects.Gateway:
		plural.Resource = "gateways"
	}
	return plural, singular
}

// mapper maps optional kinds to their resources without the API server, which may not serve them yet. It knows the
// kinds of lists too: a cache of some namespaces asks for their scope.
func mapper(kinds map[objects.Kind]schema.GroupVersionKind) meta.RESTMapper {
	m := meta.NewDefaultRESTMapper(nil)
	for kind, gvk := range kinds {
		scope := meta.RESTScopeNamespace
		if kind == objects.IngressClassParams || kind == objects.GatewayClass {
			scope = meta.RESTScopeRoot
		}
		plural, singular := resourceOf(gvk)
		m.AddSpecific(gvk, plural, singular, scope)
		m.Add(gvk.GroupVersion().WithKind(gvk.Kind+"List"), scope)
	}
	return m
}

// Cache is a cache of a manager that also holds optional kinds. Clients and event sources use it as any other. Of a
// kind that was never served it has no objects; of one that was, and is not any longer, reads fail with a RemovedError.
// The informer of a kind lists its objects once it is served. Waiting for the sync of the cache does not wait for
// optional kinds: reads wait, and fail after a while.
type Cache struct {
	cache.Cache // of the kinds that each cluster serves
	optional    cache.Cache
	definitions *Definitions
	log         logr.Logger
	informers   map[objects.Kind]*Lasting
	lists       map[reflect.Type]objects.Kind
}

// NewCache makes a cache of both sorts of kinds. It is a cache.NewCacheFunc once definitions and log are given.
func NewCache(rc *rest.Config, o cache.Options, d *Definitions, log logr.Logger) (*Cache, error) {
	common, err := cache.New(rc, o)
	if err != nil {
		return nil, err
	}
	o.ByObject, o.Mapper = nil, mapper(d.kinds)
	o.NewInformer = func(lw toolscache.ListerWatcher, example runtime.Object, resync time.Duration,
		indexers toolscache.Indexers) toolscache.SharedIndexInformer {
		kind, _ := objects.KindOf(example)
		return toolscache.NewSharedIndexInformer(newGuard(lw, kind, d), example, resync, indexers)
	}
	own, err := cache.New(rc, o)
	if err != nil {
		return nil, err
	}
	c := &Cache{Cache: common, optional: own, definitions: d, log: log, informers: map[objects.Kind]*Lasting{},
		lists: map[reflect.Type]objects.Kind{}}
	ctx := context.Background() // nothing waits
	for kind := range d.kinds {
		k := readable.Kinds[kind]
		of, err := own.GetInformer(ctx, k.Object, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, err
		}
		if c.informers[kind], err = newInformer(of); err != nil {
			return nil, err
		}
		if err := own.IndexField(ctx, k.Object, readable.References, readable.ReferenceValues); err != nil {
			return nil, err
		}
		c.lists[reflect.TypeOf(k.List)] = kind
	}
	return c, nil
}

// Start implements cache.Cache.
func (c *Cache) Start(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	all.Go(func() { c.definitions.Run(ctx) })
	all.Go(func() {
		if err := c.optional.Start(ctx); err != nil {
			c.log.Error(err, "the caches of optional kinds ended")
		}
	})
	return c.Cache.Start(ctx)
}

// exists waits until it is known whether a kind is served, and is false if it never was.
func (c *Cache) exists(ctx context.Context, kind objects.Kind) (bool, error) {
	if c.definitions.await(ctx, kind, absent, served, ending, removed) != nil {
		return false, errUnknown
	}
	s, _ := c.definitions.state(kind)
	if s == removed {
		return false, &RemovedError{c.definitions.kinds[kind]}
	}
	return s != absent, nil
}

func (c *Cache) optionalKind(o any) (objects.Kind, bool) {
	kind, ok := objects.KindOf(o)
	if !ok {
		kind = c.lists[reflect.TypeOf(o)]
	}
	_, ok = c.informers[kind]
	return kind, ok
}

// Get implements client.Reader.
func (c *Cache) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	kind, ok := c.optionalKind(o)
	if !ok {
		return c.Cache.Get(ctx, key, o, opts...)
	}
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	exists, err := c.exists(ctx, kind)
	if err != nil {
		return err
	}
	if !exists {
		return apierrors.NewNotFound(schema.GroupResource{Group: c.definitions.kinds[kind].Group,
			Resource: strings.ToLower(string(kind))}, key.Name)
	}
	return c.optional.Get(ctx, key, o, opts...)
}

// List implements client.Reader.
func (c *Cache) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	kind, ok := c.optionalKind(list)
	if !ok {
		return c.Cache.List(ctx, list, opts...)
	}
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	exists, err := c.exists(ctx, kind)
	if err != nil || !exists {
		return err
	}
	return c.optional.List(ctx, list, opts...)
}

// GetInformer implements cache.Informers.
func (c *Cache) GetInformer(ctx context.Context, o client.Object, opts ...cache.InformerGetOption) (
	cache.Informer, error) {
	if kind, ok := c.optionalKind(o); ok {
		return c.informers[kind], nil
	}
	return c.Cache.GetInformer(ctx, o, opts...)
}

// GetInformerForKind implements cache.Informers.
func (c *Cache) GetInformerForKind(ctx context.Context, gvk schema.GroupVersionKind, opts ...cache.InformerGetOption) (
	cache.Informer, error) {
	if kind := objects.Kind(gvk.Kind); c.definitions.kinds[kind] == gvk {
		return c.informers[kind], nil
	}
	return c.Cache.GetInformerForKind(ctx, gvk, opts...)
}

// errFixed is the error of calls that would change what is cached of an optional kind.
var errFixed = errors.New("informers of optional kinds last as long as the process")

// RemoveInformer implements cache.Informers.
func (c *Cache) RemoveInformer(ctx context.Context, o client.Object) error {
	if _, ok := c.optionalKind(o); ok {
		return errFixed
	}
	return c.Cache.RemoveInformer(ctx, o)
}

// IndexField implements client.FieldIndexer.
func (c *Cache) IndexField(ctx context.Context, o client.Object, field string, f client.IndexerFunc) error {
	if _, ok := c.optionalKind(o); ok {
		return c.optional.IndexField(ctx, o, field, f)
	}
	return c.Cache.IndexField(ctx, o, field, f)
}
