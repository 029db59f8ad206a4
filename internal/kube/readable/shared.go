package readable

import (
	"sync"
	"time"
	"unsafe"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"
)

// NewInformer makes an informer, as cache.Options do.
type NewInformer func(toolscache.ListerWatcher, runtime.Object, time.Duration,
	toolscache.Indexers) toolscache.SharedIndexInformer

// Shared reads pods, nodes and EndpointSlices of informers without a copy: nobody may change them. A client makes a
// copy of the struct for each read, which is a kilobyte for each pod of a Service in each pass. A nil Shared answers
// nothing. It is safe for concurrent use.
type Shared struct {
	// Pods are the pods of a namespace; nil = they are not all there.
	Pods func(namespace string) toolscache.Store

	mu            sync.RWMutex
	nodes, slices onlyInformer
}

// onlyInformer is the informer of a kind, unless there are several, as for several namespaces.
type onlyInformer struct {
	of    toolscache.SharedIndexInformer
	count int
}

func (o *onlyInformer) note(informer toolscache.SharedIndexInformer) {
	o.of = informer
	o.count++
}

func (o onlyInformer) indexer() toolscache.Indexer {
	if o.count != 1 || !o.of.HasSynced() {
		return nil
	}
	return o.of.GetIndexer()
}

// Watching makes informers by another function, and notes those of nodes and EndpointSlices.
func (s *Shared) Watching(next NewInformer) NewInformer {
	if next == nil {
		next = toolscache.NewSharedIndexInformer
	}
	return func(lw toolscache.ListerWatcher, example runtime.Object, resync time.Duration,
		indexers toolscache.Indexers) toolscache.SharedIndexInformer {
		informer := next(lw, example, resync, indexers)
		s.mu.Lock()
		defer s.mu.Unlock()
		switch example.(type) {
		case *corev1.Node:
			s.nodes.note(informer)
		case *discoveryv1.EndpointSlice:
			s.slices.note(informer)
		}
		return informer
	}
}

// Pod returns a pod. answers is false if nothing is known of the pods of the namespace.
func (s *Shared) Pod(namespace, name string) (pod *corev1.Pod, found, answers bool) {
	if s == nil || s.Pods == nil {
		return nil, false, false
	}
	store := s.Pods(namespace)
	if store == nil {
		return nil, false, false
	}
	pod, found = byKey[corev1.Pod](store, namespace, name)
	return pod, found, true
}

// PodsWith returns the pods of a namespace with a value in an index of a field, as a list with client.MatchingFields
// does. answers is false if nothing is known of the pods of the namespace.
func (s *Shared) PodsWith(field, namespace, value string) (pods []*corev1.Pod, answers bool) {
	if s == nil || s.Pods == nil {
		return nil, false
	}
	indexer, ok := s.Pods(namespace).(toolscache.Indexer)
	if !ok {
		return nil, false
	}
	return byIndex[corev1.Pod](indexer, field, namespace, value)
}

// SlicesWith returns the EndpointSlices of a namespace with a value in an index of a field. answers is false if nothing
// is known of EndpointSlices.
func (s *Shared) SlicesWith(field, namespace, value string) (slices []*discoveryv1.EndpointSlice, answers bool) {
	if s == nil {
		return nil, false
	}
	s.mu.RLock()
	indexer := s.slices.indexer()
	s.mu.RUnlock()
	if indexer == nil {
		return nil, false
	}
	return byIndex[discoveryv1.EndpointSlice](indexer, field, namespace, value)
}

// Node returns a node. answers is false if nothing is known of nodes.
func (s *Shared) Node(name string) (node *corev1.Node, found, answers bool) {
	if s == nil {
		return nil, false, false
	}
	s.mu.RLock()
	indexer := s.nodes.indexer()
	s.mu.RUnlock()
	if indexer == nil {
		return nil, false, false
	}
	node, found = byKey[corev1.Node](indexer, "", name)
	return node, found, true
}

// byIndex looks objects of a namespace up in an index of a field, which controller-runtime has added.
func byIndex[T any](indexer toolscache.Indexer, field, namespace, value string) (all []*T, answers bool) {
	found, err := indexer.ByIndex("field:"+field, namespace+"/"+value)
	if err != nil { // there is no such index
		return nil, false
	}
	all = make([]*T, 0, len(found))
	for _, o := range found {
		if of, ok := o.(*T); ok {
			all = append(all, of)
		}
	}
	return all, true
}

// keys are buffers for the keys of stores.
var keys = sync.Pool{New: func() any { return new([]byte) }}

// byKey looks an object up. It builds the key in a buffer, as a store keeps no key of a look-up.
func byKey[T any](store toolscache.Store, namespace, name string) (*T, bool) {
	buffer, _ := keys.Get().(*[]byte)
	defer keys.Put(buffer)
	key := (*buffer)[:0]
	if namespace != "" {
		key = append(append(key, namespace...), '/')
	}
	key = append(key, name...)
	*buffer = key
	o, found, err := store.GetByKey(unsafe.String(unsafe.SliceData(key), len(key)))
	of, ok := o.(*T)
	return of, found && err == nil && ok
}
