package naming

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Names of Gateways, Ingresses and routes have up to 253 characters. What is longer than AWS or Kubernetes admits is
// shortened, and only that: every other text is byte for byte that of the existing controller, which fails on these.
const (
	maxTagValue   = 256 // characters of the value of a tag
	maxLabelValue = 63  // characters of the value of a label
)

// mark begins the hash of a shortened text. Names of Kubernetes have no underscore, so that a shortened name is not
// that of another object.
const (
	mark       = "_"
	hashDigits = objects.HashDigits
)

// hashed is the mark with the first hex digits of the SHA-256 of a text.
func hashed(s string) string {
	return mark + objects.NameHash(s)
}

// shorten is s, or its beginning and its hash if it has more than n characters. One that is shortened already keeps its
// hash.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	hash := hashed(s)
	if shortened(s) {
		hash = s[len(s)-len(hash):]
	}
	return s[:n-len(hash)] + hash
}

func shortened(s string) bool {
	at := strings.LastIndex(s, mark)
	return at >= 0 && at == len(s)-len(mark)-hashDigits
}

// Shortened reports whether the ID of a stack, or the one in labels of its bindings, has no name of an object: it was
// too long.
func Shortened(id stack.ID) bool { return id.Namespace != "" && shortened(id.Name) }

// StackID returns the ID of the stack of one object: its namespace and name, the name shortened if both together are
// too long for a tag.
func StackID(namespace, name string) stack.ID {
	return stack.ID{Namespace: namespace, Name: shorten(name, maxTagValue-len(namespace+"/"))}
}

// Candidates returns the objects of a kind whose names have the hash in the ID of a stack, or in the labels of its
// bindings. The ID must be Shortened.
func Candidates[T metav1.Object](v *objects.View, kind objects.Kind, id stack.ID) []T {
	return objects.Naming[T](v, kind, objects.LongNameRef(id.Namespace, id.Name[len(id.Name)-hashDigits:]))
}

// Declarer returns the object of a kind whose stack has an ID.
func Declarer[T metav1.Object](v *objects.View, kind objects.Kind, id stack.ID) (o T, ok bool) {
	if !Shortened(id) {
		return objects.Lookup[T](v, kind, id.Namespace, id.Name)
	}
	for _, o := range Candidates[T](v, kind, id) {
		if StackID(o.GetNamespace(), o.GetName()) == id {
			return o, true
		}
	}
	return o, false
}
