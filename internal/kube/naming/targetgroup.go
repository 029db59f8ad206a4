package naming

import (
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TargetGroupBackend is the object behind a target group: in the namespace, with one of the names.
type TargetGroupBackend struct {
	Namespace string
	Names     []string
}

// TargetGroupBackends returns the backends that the identity of a target group may stand for, one for each
// namespace. The identity joins names by dashes, and names may contain dashes: if several backends fit, all of them
// are returned. A shortened name is not restored.
func TargetGroupBackends(o stack.Owner, id string) (out []TargetGroupBackend) {
	if backend, ok := backendOfRoute(id); ok {
		for i := range len(backend) {
			if backend[i] == '-' && i > 0 {
				out = append(out, TargetGroupBackend{backend[:i], []string{backend[i+1:]}})
			}
		}
		return out
	}
	namespace, rest, ok := strings.Cut(id, "/")
	if !ok || namespace == "" {
		return nil
	}
	name, _, _ := strings.Cut(rest, ":")
	b := TargetGroupBackend{Namespace: namespace, Names: []string{name}}
	if o == stack.Ingress { // after the name of the Ingress
		b.Names = nil
		for i := range len(name) {
			if name[i] == '-' {
				b.Names = append(b.Names, name[i+1:])
			}
		}
	}
	return append(out, b)
}
