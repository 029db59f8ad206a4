package offline

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// Indexed is a snapshot that finds objects by what they name, by namespace and by selector without a look at all of
// them. It makes the index of a kind when the kind is first read after a change.
type Indexed struct {
	objects.Snapshot

	mu        sync.Mutex
	kinds     map[objects.Kind]*kindIndex
	selectors *objects.Selectors // nil = to be made
}

// kindIndex has the objects of a kind by what they name, and by namespace.
type kindIndex struct {
	naming     map[objects.Ref][]metav1.Object
	namespaces map[string][]metav1.Object
	pods       map[podLabel][]*corev1.Pod
}

type podLabel struct{ namespace, key, value string }

// Put adds or replaces an object, as Snapshot.Put does.
func (x *Indexed) Put(object any) bool {
	kind, _ := objects.KindOf(object)
	x.changed(kind)
	return x.Snapshot.Put(object)
}

// Delete removes an object.
func (x *Indexed) Delete(kind objects.Kind, namespace, name string) {
	x.changed(kind)
	x.Snapshot.Delete(kind, namespace, name)
}

func (x *Indexed) changed(kind objects.Kind) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if delete(x.kinds, kind); kind == objects.Service {
		x.selectors = nil
	}
}

// List implements Reader.
func (x *Indexed) List(kind objects.Kind, namespace string) []metav1.Object {
	if namespace == "" {
		return x.Snapshot.List(kind, "")
	}
	return append([]metav1.Object(nil), x.of(kind).namespaces[namespace]...)
}

// ListNaming implements Reader.
func (x *Indexed) ListNaming(kind objects.Kind, to objects.Ref) []metav1.Object {
	return x.of(kind).naming[to]
}

// of is the index of a kind.
func (x *Indexed) of(kind objects.Kind) *kindIndex {
	x.mu.Lock()
	defer x.mu.Unlock()
	if index := x.kinds[kind]; index != nil {
		return index
	}
	index := &kindIndex{naming: map[objects.Ref][]metav1.Object{}, namespaces: map[string][]metav1.Object{},
		pods: map[podLabel][]*corev1.Pod{}}
	for _, o := range x.Snapshot[kind] {
		index.namespaces[o.GetNamespace()] = append(index.namespaces[o.GetNamespace()], o)
		for _, to := range objects.References(o) {
			index.naming[to] = append(index.naming[to], o)
		}
		if p, ok := o.(*corev1.Pod); ok {
			for key, value := range p.Labels {
				at := podLabel{p.Namespace, key, value}
				index.pods[at] = append(index.pods[at], p)
			}
		}
	}
	if x.kinds == nil {
		x.kinds = map[objects.Kind]*kindIndex{}
	}
	x.kinds[kind] = index
	return index
}

// Get implements Reader.
func (x *Indexed) Get(kind objects.Kind, namespace, name string) (metav1.Object, bool) {
	if kind != objects.PodOfService {
		return x.Snapshot.Get(kind, namespace, name)
	}
	o, _ := x.Snapshot.Get(objects.Service, namespace, name)
	svc, ok := o.(*corev1.Service)
	if !ok {
		return nil, false
	}
	pod := objects.Representative(svc, x.podsLike(svc))
	return pod, pod != nil
}

// podsLike are pods of the namespace of a Service, those that it selects among them.
func (x *Indexed) podsLike(svc *corev1.Service) (fewest []*corev1.Pod) {
	all, first := x.of(objects.Pod).pods, true
	for key, value := range svc.Spec.Selector {
		if has := all[podLabel{svc.Namespace, key, value}]; first || len(has) < len(fewest) {
			fewest, first = has, false
		}
	}
	return fewest
}

// Selecting implements SelectingReader.
func (x *Indexed) Selecting(namespace string, pod map[string]string) (names []string, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.selectors == nil {
		x.selectors = &objects.Selectors{}
		for _, o := range x.Snapshot[objects.Service] {
			if svc, ok := o.(*corev1.Service); ok {
				x.selectors.Put(svc)
			}
		}
	}
	return x.selectors.Of(namespace, pod), true
}
