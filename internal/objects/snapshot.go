package objects

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
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
	o, ok := s[kind][identity{namespace, name}]
	return o, ok
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

// String counts the objects by kind.
func (s Snapshot) String() string {
	counts := map[Kind]int{}
	for k, m := range s {
		counts[k] = len(m)
	}
	return fmt.Sprint(counts)
}

// KindOf is the kind of an object by its Go type, since typed objects from a client have no kind set.
func KindOf(object any) (Kind, bool) {
	switch object.(type) {
	case *networkingv1.Ingress:
		return Ingress, true
	case *networkingv1.IngressClass:
		return IngressClass, true
	case *v1beta1.IngressClassParams:
		return IngressClassParams, true
	case *corev1.Service:
		return Service, true
	case *corev1.Namespace:
		return Namespace, true
	case *corev1.Secret:
		return Secret, true
	case *v1beta1.TargetGroupBinding:
		return TargetGroupBinding, true
	}
	return "", false
}
