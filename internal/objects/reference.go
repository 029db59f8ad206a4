package objects

import (
	"cmp"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

// Error implements error.
func (e *ForeignError) Error() string {
	return fmt.Sprintf("objects of kind %s in namespace %s may not name %s %s/%s of another namespace", e.From.Kind, e.From.Namespace, e.To.Kind, e.To.Namespace, e.To.Name)
}

// Get follows a reference of an object. It alone decides, for all front ends, which references across namespaces are permitted: objects of
// kinds without a form of permission, such as Ingresses and Services, may refer to objects of their own namespace only.
// The error is ErrAbsent, a *ForeignError, or that of View.Why.
func Get[T metav1.Object](v *View, from From, to Ref) (T, error) {
	var none T
	to.Namespace = cmp.Or(to.Namespace, from.Namespace)
	if to.Namespace != from.Namespace {
		return none, &ForeignError{from, to}
	}
	o, ok := get[T](v, to.Kind, to.Namespace, to.Name)
	if ok {
		return o, nil
	}
	if err := v.Why(to.Kind, to.Namespace, to.Name); err != nil {
		return none, err
	}
	return none, ErrAbsent
}
