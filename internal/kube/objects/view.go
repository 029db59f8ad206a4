// Package objects gives front ends access to Kubernetes objects: a View records every read, also of absent objects,
// so that the caller knows on which objects a result depends. It also holds the rule for references across
// namespaces. It never writes.
package objects

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/k8s-lbc/lbc/api/v1beta1"
)

// Reader is the source of objects: an in-memory Snapshot, or the informer caches of the controller. Objects are shared
// and must not be modified. Namespace is empty for cluster-scoped kinds; for List an empty namespace means all
// namespaces. Of a kind that a Reader does not hold, it returns no objects. One whose reads may fail is a
// FallibleReader.
type Reader interface {
	Get(kind Kind, namespace, name string) (metav1.Object, bool)
	List(kind Kind, namespace string) []metav1.Object
	// ListNaming lists the objects of a kind whose References contain to, of all namespaces.
	ListNaming(kind Kind, to Ref) []metav1.Object
}

// ServedReader is a Reader of a cluster that may lack kinds.
type ServedReader interface {
	// Serves is false for a kind that the cluster is known not to serve. Of one that it has ceased to serve, reads fail.
	Serves(kind Kind) bool
}

// ReasonReader is a Reader that knows why it does not return an object that may exist.
type ReasonReader interface {
	// Why is nil if, as far as the Reader knows, the object does not exist. An empty name means the objects of the
	// namespace.
	Why(kind Kind, namespace, name string) error
}

// FallibleReader is a Reader whose reads may fail. It then returns no object, which does not prove that none exists.
type FallibleReader interface {
	// Err is the error of the first read that failed; nil if there was none.
	Err() error
}

// UnreadError is a failure to read an object that a retry may cure. Other errors of a ReasonReader last until an edit.
type UnreadError struct{ Err error }

// Error implements error.
func (e UnreadError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e UnreadError) Unwrap() error { return e.Err }

// Read is one read. An empty Name means a list: of the objects of the kind that name Names, or, if that is empty, of
// all objects of the kind in Namespace, or of all namespaces if that is empty too.
type Read struct {
	Kind      Kind
	Namespace string
	Name      string
	Names     Ref
}

// Change is the creation, change or deletion of an object.
type Change struct {
	Kind            Kind
	Namespace, Name string
	Named           []Ref // what the object names, or named before the change
}

// ChangeOf returns the change of an object; before or after may be nil.
func ChangeOf(kind Kind, before, after metav1.Object) Change {
	c := Change{Kind: kind}
	for _, o := range []metav1.Object{before, after} {
		if o != nil {
			c.Namespace, c.Name = o.GetNamespace(), o.GetName()
			c.Named = append(c.Named, References(o)...)
		}
	}
	if kind == Namespace {
		c.Named = append(c.Named, changedLabels(c.Name, before, after)...)
	}
	return c
}

// Matches reports whether a change can change the result of the read.
func (r Read) Matches(c Change) bool {
	for of := range c.Reads {
		if of == r {
			return true
		}
	}
	return false
}

// Reads yields the reads whose result the change can change.
func (c Change) Reads(yield func(Read) bool) {
	if !yield(Read{Kind: c.Kind, Namespace: c.Namespace, Name: c.Name}) || !yield(Read{Kind: c.Kind}) ||
		c.Namespace != "" && !yield(Read{Kind: c.Kind, Namespace: c.Namespace}) {
		return
	}
	for _, to := range c.Named {
		if !yield(Read{Kind: c.Kind, Names: to}) {
			return
		}
	}
}

// View reads through a Reader and records the reads. It is not safe for concurrent use.
type View struct {
	reader Reader
	reads  map[Read]bool
}

// New makes a View without reads.
func New(r Reader) *View { return &View{reader: r, reads: map[Read]bool{}} }

// Fork makes a View of the same objects with a record of its own, for reads on which the result may not depend.
func (v *View) Fork() *View { return New(v.reader) }

// Adopt adds the reads of a fork to those of v.
func (v *View) Adopt(fork *View) {
	for r := range fork.reads {
		v.reads[r] = true
	}
}

// Reads returns every read so far, each once, sorted.
func (v *View) Reads() []Read {
	out := make([]Read, 0, len(v.reads))
	for r := range v.reads {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Read) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Names.Kind, b.Names.Kind), cmp.Compare(a.Names.Namespace, b.Names.Namespace),
			cmp.Compare(a.Names.Name, b.Names.Name))
	})
	return out
}

// Ingress gets an Ingress.
func (v *View) Ingress(namespace, name string) (*networkingv1.Ingress, bool) {
	return Lookup[*networkingv1.Ingress](v, Ingress, namespace, name)
}

// Ingresses lists all Ingresses, sorted by namespace and name.
func (v *View) Ingresses() []*networkingv1.Ingress {
	return List[*networkingv1.Ingress](v, Ingress, "")
}

// IngressClass gets an IngressClass.
func (v *View) IngressClass(name string) (*networkingv1.IngressClass, bool) {
	return Lookup[*networkingv1.IngressClass](v, IngressClass, "", name)
}

// IngressClasses lists all IngressClasses, sorted by name.
func (v *View) IngressClasses() []*networkingv1.IngressClass {
	return List[*networkingv1.IngressClass](v, IngressClass, "")
}

// IngressClassParams gets an IngressClassParams.
func (v *View) IngressClassParams(name string) (*v1beta1.IngressClassParams, bool) {
	return Lookup[*v1beta1.IngressClassParams](v, IngressClassParams, "", name)
}

// AllIngressClassParams lists all IngressClassParams, sorted by name.
func (v *View) AllIngressClassParams() []*v1beta1.IngressClassParams {
	return List[*v1beta1.IngressClassParams](v, IngressClassParams, "")
}

// Service gets a Service.
func (v *View) Service(namespace, name string) (*corev1.Service, bool) {
	return Lookup[*corev1.Service](v, Service, namespace, name)
}

// Services lists the Services of a namespace, or of all if it is empty, sorted by namespace and name.
func (v *View) Services(namespace string) []*corev1.Service {
	return List[*corev1.Service](v, Service, namespace)
}

// PodOfService gets the pod that stands for those behind a Service, which must not be modified.
func (v *View) PodOfService(namespace, service string) (*corev1.Pod, bool) {
	return Lookup[*corev1.Pod](v, PodOfService, namespace, service)
}

// Namespace gets a Namespace.
func (v *View) Namespace(name string) (*corev1.Namespace, bool) {
	return Lookup[*corev1.Namespace](v, Namespace, "", name)
}

// NamespaceLabels gets labels of a Namespace by their keys. Changes of other labels do not concern the reader.
func (v *View) NamespaceLabels(name string, keys ...string) (values labels.Set, ok bool) {
	v.reads[Read{Kind: Namespace, Names: labelRef(name, "")}] = true
	for _, key := range keys {
		v.reads[Read{Kind: Namespace, Names: labelRef(name, key)}] = true
	}
	o, ok := v.reader.Get(Namespace, "", name)
	if !ok {
		return nil, false
	}
	values = labels.Set{}
	for _, key := range keys {
		if value, has := o.GetLabels()[key]; has {
			values[key] = value
		}
	}
	return values, true
}

// NamespaceNames returns the names of all Namespaces, sorted. Changes of their labels do not concern the reader.
func (v *View) NamespaceNames() (names []string) {
	v.reads[Read{Kind: Namespace, Names: labelRef("", "")}] = true
	for _, ns := range sorted[metav1.Object](v.reader.List(Namespace, "")) {
		names = append(names, ns.GetName())
	}
	return names
}

// namespaceLabel is the kind of references to a label of a Namespace. The name is the key of the label; it is empty for
// the existence of the Namespace, or, without a Namespace, of any.
const namespaceLabel Kind = "label of a Namespace"

func labelRef(namespace, key string) Ref {
	return Ref{Kind: namespaceLabel, Namespace: namespace, Name: key}
}

// changedLabels are the labels of a Namespace that an event changes; before or after may be nil.
func changedLabels(name string, before, after metav1.Object) (out []Ref) {
	if before == nil || after == nil {
		return []Ref{labelRef(name, ""), labelRef("", "")}
	}
	was, is := before.GetLabels(), after.GetLabels()
	for key, value := range was {
		if now, has := is[key]; !has || now != value {
			out = append(out, labelRef(name, key))
		}
	}
	for key := range is {
		if _, had := was[key]; !had {
			out = append(out, labelRef(name, key))
		}
	}
	return out
}

// Why returns the reason why an object that may exist was not returned; nil if it does not exist. An empty name means
// the objects of the namespace.
func (v *View) Why(kind Kind, namespace, name string) error {
	if e, ok := v.reader.(ReasonReader); ok {
		return e.Why(kind, namespace, name)
	}
	return nil
}

// Err is not nil if a read failed. Objects that the View did not return may then exist, and must not be treated as
// missing: nothing may be deleted or deregistered.
func (v *View) Err() error {
	if d, ok := v.reader.(FallibleReader); ok {
		return d.Err()
	}
	return nil
}

// TargetGroupBindings lists the TargetGroupBindings of a namespace, or of all if it is empty, sorted by namespace and
// name.
func (v *View) TargetGroupBindings(namespace string) []*v1beta1.TargetGroupBinding {
	return List[*v1beta1.TargetGroupBinding](v, TargetGroupBinding, namespace)
}

// List lists all objects of a kind, sorted by namespace and name.
func (v *View) List(kind Kind) []metav1.Object { return List[metav1.Object](v, kind, "") }

// Serves is false for a kind that the cluster does not serve, whose reads return no objects. It is no read: a kind that
// is served later wakes all that may depend on it.
func (v *View) Serves(kind Kind) bool {
	if s, ok := v.reader.(ServedReader); ok {
		return s.Serves(kind)
	}
	return true
}

// Lookup gets an object, whatever names it; Get follows the reference of another object. Namespace is empty for
// cluster-scoped kinds.
func Lookup[T metav1.Object](v *View, kind Kind, namespace, name string) (T, bool) {
	v.reads[Read{Kind: kind, Namespace: namespace, Name: name}] = true
	o, ok := v.reader.Get(kind, namespace, name)
	if !ok {
		var none T
		return none, false
	}
	t, ok := o.(T)
	return t, ok
}

// List lists the objects of a kind in a namespace, or in all if it is empty, sorted by namespace and name.
func List[T metav1.Object](v *View, kind Kind, namespace string) []T {
	v.reads[Read{Kind: kind, Namespace: namespace}] = true
	return sorted[T](v.reader.List(kind, namespace))
}

// Naming lists the objects of a kind that name an object, or one of several, as References has it; each once, sorted by
// namespace and name.
func Naming[T metav1.Object](v *View, kind Kind, to ...Ref) []T {
	var all []metav1.Object
	for _, r := range to {
		v.reads[Read{Kind: kind, Names: r}] = true
		all = append(all, v.reader.ListNaming(kind, r)...)
	}
	return slices.CompactFunc(sorted[T](all), func(a, b T) bool {
		return a.GetNamespace() == b.GetNamespace() && a.GetName() == b.GetName()
	})
}

// NamedByIngress reports whether an Ingress names a Service. It is for notes only, and no read: passes do not wait for
// an answer that is up to date.
func NamedByIngress(v *View, svc *corev1.Service) bool {
	return len(v.reader.ListNaming(Ingress, BackendRef(svc.Namespace, svc.Name))) > 0
}

func sorted[T metav1.Object](all []metav1.Object) []T {
	var out []T
	for _, o := range all {
		if t, ok := o.(T); ok {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b T) int {
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
	return out
}
