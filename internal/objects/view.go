// Package objects is the Kubernetes side of what front ends may ask: a View of objects that records every read, also of what
// is absent, so that the caller knows which objects a result depends on. It decides nothing and never writes.
// It imports Kubernetes API types only; informers and clients stay behind Reader.
package objects

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
)

// Kind names a kind of object that can be read.
type Kind string

// The kinds.
const (
	Ingress            Kind = "Ingress"
	IngressClass       Kind = "IngressClass"
	IngressClassParams Kind = "IngressClassParams"
	Service            Kind = "Service"
	Namespace          Kind = "Namespace"
	Secret             Kind = "Secret"
	TargetGroupBinding Kind = "TargetGroupBinding"
)

// Reader is the source of objects: an in-memory Snapshot, or the informer caches of the controller. Objects are shared and
// must not be modified. Namespace is empty for cluster-scoped kinds; for List an empty namespace means all namespaces.
// A Reader answers about a kind that it does not hold as if no object existed. One whose reads may fail is a Doubter.
type Reader interface {
	Get(kind Kind, namespace, name string) (metav1.Object, bool)
	List(kind Kind, namespace string) []metav1.Object
}

// Explainer is a Reader that can tell why it does not show an object that may well exist.
type Explainer interface {
	// Why is nil if the object does not exist, as far as the Reader knows.
	Why(kind Kind, namespace, name string) error
}

// Doubter is a Reader whose reads may fail: it shows nothing then, which is no proof that nothing exists.
type Doubter interface {
	// Err is the first read that showed neither an object nor its absence; nil if there was none.
	Err() error
}

// UnreadError is why an object could not be read, if that may pass by itself. Other reasons of an Explainer last until they are changed.
type UnreadError struct{ Err error }

// Error implements error.
func (e UnreadError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e UnreadError) Unwrap() error { return e.Err }

// Read is one question that was asked. An empty Name means a list: of all objects of the kind in Namespace, or of all
// namespaces if that is empty too.
type Read struct {
	Kind      Kind
	Namespace string
	Name      string
}

// Matches reports whether an object of that kind, namespace and name, coming, changing or going, could change the answer.
func (r Read) Matches(kind Kind, namespace, name string) bool {
	switch {
	case r.Kind != kind:
		return false
	case r.Name != "":
		return r.Namespace == namespace && r.Name == name
	}
	return r.Namespace == "" || r.Namespace == namespace
}

// View reads through a Reader and records what was asked. It is not safe for concurrent use.
type View struct {
	reader Reader
	reads  map[Read]bool
}

// New makes a View without reads.
func New(r Reader) *View { return &View{reader: r, reads: map[Read]bool{}} }

// Fork makes a View of the same objects that has its own record, for questions whose answers may turn out not to matter.
func (v *View) Fork() *View { return New(v.reader) }

// Adopt adds the reads of a fork to those of v.
func (v *View) Adopt(fork *View) {
	for r := range fork.reads {
		v.reads[r] = true
	}
}

// Reads returns every question asked so far, each once, sorted.
func (v *View) Reads() []Read {
	out := make([]Read, 0, len(v.reads))
	for r := range v.reads {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Read) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// Ingress gets an Ingress.
func (v *View) Ingress(namespace, name string) (*networkingv1.Ingress, bool) {
	return get[*networkingv1.Ingress](v, Ingress, namespace, name)
}

// Ingresses lists all Ingresses, sorted by namespace and name.
func (v *View) Ingresses() []*networkingv1.Ingress {
	return list[*networkingv1.Ingress](v, Ingress, "")
}

// IngressClass gets an IngressClass.
func (v *View) IngressClass(name string) (*networkingv1.IngressClass, bool) {
	return get[*networkingv1.IngressClass](v, IngressClass, "", name)
}

// IngressClasses lists all IngressClasses, sorted by name.
func (v *View) IngressClasses() []*networkingv1.IngressClass {
	return list[*networkingv1.IngressClass](v, IngressClass, "")
}

// IngressClassParams gets an IngressClassParams.
func (v *View) IngressClassParams(name string) (*v1beta1.IngressClassParams, bool) {
	return get[*v1beta1.IngressClassParams](v, IngressClassParams, "", name)
}

// AllIngressClassParams lists all IngressClassParams, sorted by name.
func (v *View) AllIngressClassParams() []*v1beta1.IngressClassParams {
	return list[*v1beta1.IngressClassParams](v, IngressClassParams, "")
}

// Service gets a Service.
func (v *View) Service(namespace, name string) (*corev1.Service, bool) {
	return get[*corev1.Service](v, Service, namespace, name)
}

// Services lists the Services of a namespace, or of all if it is empty, sorted by namespace and name.
func (v *View) Services(namespace string) []*corev1.Service {
	return list[*corev1.Service](v, Service, namespace)
}

// Namespace gets a Namespace.
func (v *View) Namespace(name string) (*corev1.Namespace, bool) {
	return get[*corev1.Namespace](v, Namespace, "", name)
}

// Secret gets a Secret.
func (v *View) Secret(namespace, name string) (*corev1.Secret, bool) {
	return get[*corev1.Secret](v, Secret, namespace, name)
}

// Why tells why a Get showed nothing although the object may exist; nil if it does not exist.
func (v *View) Why(kind Kind, namespace, name string) error {
	if e, ok := v.reader.(Explainer); ok {
		return e.Why(kind, namespace, name)
	}
	return nil
}

// Err is not nil if something that was asked is not known: then what the View showed as absent may exist, and nothing may be deleted,
// deregistered or called missing on its word.
func (v *View) Err() error {
	if d, ok := v.reader.(Doubter); ok {
		return d.Err()
	}
	return nil
}

// TargetGroupBinding gets a TargetGroupBinding.
func (v *View) TargetGroupBinding(namespace, name string) (*v1beta1.TargetGroupBinding, bool) {
	return get[*v1beta1.TargetGroupBinding](v, TargetGroupBinding, namespace, name)
}

// TargetGroupBindings lists the TargetGroupBindings of a namespace, or of all if it is empty, sorted by namespace and name.
func (v *View) TargetGroupBindings(namespace string) []*v1beta1.TargetGroupBinding {
	return list[*v1beta1.TargetGroupBinding](v, TargetGroupBinding, namespace)
}

func get[T metav1.Object](v *View, kind Kind, namespace, name string) (T, bool) {
	v.reads[Read{Kind: kind, Namespace: namespace, Name: name}] = true
	o, ok := v.reader.Get(kind, namespace, name)
	if !ok {
		var none T
		return none, false
	}
	t, ok := o.(T)
	return t, ok
}

func list[T metav1.Object](v *View, kind Kind, namespace string) []T {
	v.reads[Read{Kind: kind, Namespace: namespace}] = true
	var out []T
	for _, o := range v.reader.List(kind, namespace) {
		if t, ok := o.(T); ok {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b T) int {
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
	return out
}
