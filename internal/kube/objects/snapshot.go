package objects

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Snapshot is a Reader over objects in memory: tests, and plans made from files.
type Snapshot map[Kind]map[identity]metav1.Object

type identity struct{ namespace, name string }

// FromObjects makes a View of the given objects. Kinds that View does not know are left out; of two objects with one
// identity the later one applies. Objects may be of any type that carries metadata, e.g. runtime.Object values.
func FromObjects[T any](objects []T) *View {
	s := Snapshot{}
	for _, o := range objects {
		s.Put(o)
	}
	return New(s)
}

// Put adds or replaces an object; it reports whether the View has the kind.
func (s Snapshot) Put(object any) bool {
	kind, ok := KindOf(object)
	if !ok {
		return false
	}
	o, ok := object.(metav1.Object)
	if !ok {
		return false
	}
	if s[kind] == nil {
		s[kind] = map[identity]metav1.Object{}
	}
	s[kind][identity{o.GetNamespace(), o.GetName()}] = o
	return true
}

// Delete removes an object.
func (s Snapshot) Delete(kind Kind, namespace, name string) {
	delete(s[kind], identity{namespace, name})
}

// Get implements Reader.
func (s Snapshot) Get(kind Kind, namespace, name string) (metav1.Object, bool) {
	if kind == PodOfService {
		return s.podOfService(namespace, name)
	}
	o, ok := s[kind][identity{namespace, name}]
	return o, ok
}

func (s Snapshot) podOfService(namespace, name string) (metav1.Object, bool) {
	svc, ok := s[Service][identity{namespace, name}].(*corev1.Service)
	if !ok {
		return nil, false
	}
	var pods []*corev1.Pod
	for _, o := range s.List(Pod, namespace) {
		if p, ok := o.(*corev1.Pod); ok {
			pods = append(pods, p)
		}
	}
	pod := Representative(svc, pods)
	return pod, pod != nil
}

// List implements Reader.
func (s Snapshot) List(kind Kind, namespace string) []metav1.Object {
	var out []metav1.Object
	for id, o := range s[kind] {
		if namespace == "" || id.namespace == namespace {
			out = append(out, o)
		}
	}
	return out
}

// ListNaming implements Reader.
func (s Snapshot) ListNaming(kind Kind, to Ref) []metav1.Object {
	var out []metav1.Object
	for _, o := range s[kind] {
		if slices.Contains(References(o), to) {
			out = append(out, o)
		}
	}
	return out
}

// String counts the objects by kind.
func (s Snapshot) String() string {
	counts := map[Kind]int{}
	for k, m := range s {
		counts[k] = len(m)
	}
	return fmt.Sprint(counts)
}
