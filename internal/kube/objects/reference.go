package objects

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

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

// Grants lists the ReferenceGrants of all namespaces that permit references from one of the given kinds and namespaces,
// sorted by namespace and name.
func Grants(v *View, from ...From) []*gatewayv1beta1.ReferenceGrant {
	refs := make([]Ref, len(from))
	for i, f := range from {
		refs[i] = grantRef(f, "")
	}
	return Naming[*gatewayv1beta1.ReferenceGrant](v, ReferenceGrant, refs...)
}

// grantRef is how a ReferenceGrant of a namespace names whom it permits references; without a namespace, that of any.
func grantRef(from From, namespace string) Ref { return Ref{from.Kind, from.Namespace, namespace} }

// permissionRef is how a ReferenceGrant names a reference that it permits. An empty name of to stands for all objects
// of the kind in the namespace.
func permissionRef(from From, to Ref) Ref {
	return grantRef(from, to.Namespace+"/"+string(to.Kind)+"/"+to.Name)
}

// GrantNamespace returns the namespace of the ReferenceGrants that References finds by a reference; empty = any.
func GrantNamespace(to Ref) string {
	namespace, _, _ := strings.Cut(to.Name, "/")
	return namespace
}

// grant adds what a ReferenceGrant permits.
func (n *names) grant(g *gatewayv1beta1.ReferenceGrant) {
	for _, f := range g.Spec.From {
		from := From{Kind(f.Kind), string(f.Namespace)}
		n.once(grantRef(from, g.Namespace))
		n.once(grantRef(from, ""))
		if group, known := groups[from.Kind]; !known || group != string(f.Group) {
			continue
		}
		for _, t := range g.Spec.To {
			if group, known := groups[Kind(t.Kind)]; known && group == string(t.Group) {
				n.once(permissionRef(from, Ref{Kind(t.Kind), g.Namespace, string(ptr.Deref(t.Name, ""))}))
			}
		}
	}
}

// granted reports whether a ReferenceGrant permits a reference. It reads only the grants that permit this reference,
// because a namespace may have thousands of grants and an object as many references. An edit of any grant of the
// namespace for from concerns the reader.
func granted(v *View, from From, to Ref) bool {
	if _, known := groups[to.Kind]; groups[from.Kind] != gatewayv1.GroupName && from.Kind != GlobalAccelerator || !known {
		return false
	}
	v.reads[Read{Kind: ReferenceGrant, Names: grantRef(from, to.Namespace)}] = true
	return len(v.reader.ListNaming(ReferenceGrant, permissionRef(from, to))) > 0 ||
		len(v.reader.ListNaming(ReferenceGrant, permissionRef(from, Ref{Kind: to.Kind, Namespace: to.Namespace}))) > 0
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
