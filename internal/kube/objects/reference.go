package objects

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"
)

// From is the object whose references are followed.
type From struct {
	Kind      Kind
	Namespace string
}

// Ref is an object that another one names. An empty Namespace is that of the object that names it.
type Ref struct {
	Kind            Kind
	Namespace, Name string
}

// ErrAbsent is the error of Get for an object that does not exist.
var ErrAbsent = errors.New("it does not exist")

// ForeignError is the error of Get for an object of another namespace.
type ForeignError struct {
	From From
	To   Ref
}

// Error implements error. The text for kinds of the Gateway API is the message of conditions.
func (e *ForeignError) Error() string {
	if groups[e.From.Kind] == gatewayv1.GroupName {
		return "No explicit ReferenceGrant exists to allow the reference."
	}
	return fmt.Sprintf("objects of kind %s in namespace %s may not name %s %s/%s of another namespace", e.From.Kind,
		e.From.Namespace, e.To.Kind, e.To.Namespace, e.To.Name)
}

// Get follows a reference of an object. It is the only place that decides, for all front ends, which references
// across namespaces are permitted. Kinds of the Gateway API and GlobalAccelerators need a ReferenceGrant in the
// namespace of the named object. Cluster-scoped objects may refer to any namespace. All other kinds, such as
// Ingresses and Services, may refer only to their own namespace.
//
// The error is ErrAbsent; a *ForeignError, which does not depend on whether the object exists; or the error of
// View.Why for the object or the ReferenceGrants.
func Get[T metav1.Object](v *View, from From, to Ref) (T, error) {
	var none T
	to.Namespace = cmp.Or(to.Namespace, from.Namespace)
	if to.Namespace != from.Namespace && from.Kind != GatewayClass && !granted(v, from, to) {
		if err := v.Why(ReferenceGrant, to.Namespace, ""); err != nil {
			return none, err
		}
		return none, &ForeignError{from, to}
	}
	o, ok := Lookup[T](v, to.Kind, to.Namespace, to.Name)
	if ok {
		return o, nil
	}
	if err := v.Why(to.Kind, to.Namespace, to.Name); err != nil {
		return none, err
	}
	return none, ErrAbsent
}

// Permits reports whether an object may refer to another one, as Get decides it. While the ReferenceGrants cannot be
// read, each reference counts.
func Permits(v *View, from From, to Ref) bool {
	to.Namespace = cmp.Or(to.Namespace, from.Namespace)
	return to.Namespace == from.Namespace || from.Kind == GatewayClass || granted(v, from, to) ||
		v.Why(ReferenceGrant, to.Namespace, "") != nil
}

// PermittedNaming returns the objects of a kind that name another one and may refer to it. Nobody becomes a user of an
// object of another namespace by naming it.
func PermittedNaming[T metav1.Object](v *View, kind Kind, to Ref) []T {
	return slices.DeleteFunc(slices.Clone(Naming[T](v, kind, to)), func(o T) bool {
		return !Permits(v, From{kind, o.GetNamespace()}, to)
	})
}

// Grants lists the ReferenceGrants of a namespace, or of all if it is empty, sorted by namespace and name. Only changes
// of those that permit references from one of the given kinds and namespaces concern the reader.
func Grants(v *View, namespace string, from ...From) []*gatewayv1beta1.ReferenceGrant {
	for _, f := range from {
		v.reads[Read{Kind: ReferenceGrant, Names: grantRef(f, namespace)}] = true
	}
	return sorted[*gatewayv1beta1.ReferenceGrant](v.reader.List(ReferenceGrant, namespace))
}

// grantRef is how a ReferenceGrant of a namespace names whom it permits references; without a namespace, that of any.
func grantRef(from From, namespace string) Ref { return Ref{from.Kind, from.Namespace, namespace} }

// granted reports whether a ReferenceGrant permits a reference.
func granted(v *View, from From, to Ref) bool {
	fromGroup := groups[from.Kind]
	toGroup, known := groups[to.Kind]
	if fromGroup != gatewayv1.GroupName && from.Kind != GlobalAccelerator || !known {
		return false
	}
	permitted := func(t gatewayv1.ReferenceGrantTo) bool {
		return string(t.Group) == toGroup && Kind(t.Kind) == to.Kind && (ptr.Deref(t.Name, "") == "" ||
			string(*t.Name) == to.Name)
	}
	permits := func(f gatewayv1.ReferenceGrantFrom) bool {
		return string(f.Group) == fromGroup && Kind(f.Kind) == from.Kind && string(f.Namespace) == from.Namespace
	}
	for _, g := range Grants(v, to.Namespace, from) {
		if slices.ContainsFunc(g.Spec.From, permits) && slices.ContainsFunc(g.Spec.To, permitted) {
			return true
		}
	}
	return false
}

// HashDigits is the number of digits of a NameHash.
const HashDigits = 16

// NameHash returns the hash by which a shortened name shows the name that it stands for.
func NameHash(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])[:HashDigits]
}

// LongNameRef returns the reference with which objects in a namespace name objects whose names have a hash.
func LongNameRef(namespace, hash string) Ref {
	return Ref{Kind: LongName, Namespace: namespace, Name: hash}
}

// longName adds the hash of a name that is too long for a label.
func (n *names) longName(o metav1.Object) {
	if len(o.GetName()) > validation.LabelValueMaxLength {
		n.found = append(n.found, LongNameRef(o.GetNamespace(), NameHash(o.GetName())))
	}
}
