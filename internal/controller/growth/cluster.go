package growth

import (
	"context"
	"reflect"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
)

// Cluster is a cache of the controller without an API server: real informers with the indexes of readable.References.
type Cluster struct {
	cache.Cache
	// Shared reads the pods and nodes of the cache without copies.
	Shared  *readable.Shared
	watches map[objects.Kind]*watch.RaceFreeFakeWatcher
}

// kinds returns the listed kinds of readable.Kinds, and the kinds of endpoints.
func kinds() map[objects.Kind]readable.Kind {
	out := map[objects.Kind]readable.Kind{
		objects.Node: {Object: &corev1.Node{}, List: &corev1.NodeList{}}, objects.Pod: {Object: &corev1.Pod{},
			List: &corev1.PodList{}},
		objects.EndpointSlice: {Object: &discoveryv1.EndpointSlice{}, List: &discoveryv1.EndpointSliceList{}},
	}
	for kind, k := range readable.Kinds {
		if k.List != nil {
			out[kind] = k
		}
	}
	return out
}

// Index is an index of the objects of a kind that a controller adds.
type Index struct {
	Object client.Object
	Field  string
	Of     client.IndexerFunc
}

// NewCluster starts a Cluster that has objects, and waits until its cache has synced.
func NewCluster(t testing.TB, all ...client.Object) *Cluster {
	t.Helper()
	return NewIndexedCluster(t, nil, all...)
}

// NewIndexedCluster starts a Cluster with indexes besides those of readable.References.
func NewIndexedCluster(t testing.TB, indexes []Index, all ...client.Object) *Cluster {
	t.Helper()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	of := map[reflect.Type][]runtime.Object{}
	for _, o := range all {
		of[reflect.TypeOf(o)] = append(of[reflect.TypeOf(o)], o)
	}
	read, c := kinds(), &Cluster{Shared: &readable.Shared{}, watches: map[objects.Kind]*watch.RaceFreeFakeWatcher{}}
	mapper := meta.NewDefaultRESTMapper(nil)
	for gvk := range scheme.AllKnownTypes() {
		mapper.Add(gvk, meta.RESTScopeNamespace)
	}
	c.Cache, err = cache.New(&rest.Config{Host: "http://127.0.0.1:1"}, cache.Options{Scheme: scheme, Mapper: mapper,
		NewInformer: c.Shared.Watching(func(_ toolscache.ListerWatcher, example runtime.Object, resync time.Duration,
			indexers toolscache.Indexers) toolscache.SharedIndexInformer {
			kind, _ := objects.KindOf(example)
			i := toolscache.NewSharedIndexInformer(source{read[kind].List, of[reflect.TypeOf(example)], c.watches[kind]},
				example, resync, indexers)
			if kind == objects.Pod {
				c.Shared.Pods = func(string) toolscache.Store { return i.GetStore() }
			}
			return i
		})})
	if err != nil {
		t.Fatal(err)
	}
	for kind, k := range read {
		c.watches[kind] = watch.NewRaceFreeFake()
		if _, err := c.GetInformer(t.Context(), k.Object, cache.BlockUntilSynced(false)); err != nil {
			t.Fatal(err)
		}
		if k.Optional || k.Grouped {
			if err := c.IndexField(t.Context(), k.Object, readable.References, readable.ReferenceValues); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, i := range indexes {
		if err := c.IndexField(t.Context(), i.Object, i.Field, i.Of); err != nil {
			t.Fatal(err)
		}
	}
	c.start(t)
	return c
}

func (c *Cluster) start(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	if !c.WaitForCacheSync(ctx) {
		t.Fatal("the cache does not sync")
	}
}

// Add shows a new object to the cache.
func (c *Cluster) Add(o client.Object) { c.watches[kindOf(o)].Add(o) }

// Modify shows a change of an object to the cache.
func (c *Cluster) Modify(o client.Object) { c.watches[kindOf(o)].Modify(o) }

// Delete shows the end of an object to the cache.
func (c *Cluster) Delete(o client.Object) { c.watches[kindOf(o)].Delete(o) }

func kindOf(o client.Object) objects.Kind {
	kind, _ := objects.KindOf(o)
	return kind
}

// source lists and watches the objects of one kind.
type source struct {
	list  client.ObjectList // an empty one
	all   []runtime.Object
	watch *watch.RaceFreeFakeWatcher
}

// List implements toolscache.ListerWatcher.
func (s source) List(metav1.ListOptions) (runtime.Object, error) {
	list := s.list.DeepCopyObject()
	return list, meta.SetList(list, s.all)
}

// Watch implements toolscache.ListerWatcher.
func (s source) Watch(metav1.ListOptions) (watch.Interface, error) { return s.watch, nil }

// IsWatchListSemanticsUnSupported has the informer list first.
func (s source) IsWatchListSemanticsUnSupported() bool { return true }
