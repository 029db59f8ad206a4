package inventory

import (
	"strings"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// parseID is the reverse of stack.ID.String.
func parseID(s string) stack.ID {
	if namespace, name, ok := strings.Cut(s, "/"); ok {
		return stack.ID{Namespace: namespace, Name: name}
	}
	return stack.ID{Name: s}
}

// parseKey is the reverse of stack.Key.String.
func parseKey(s string) stack.Key {
	owner, id, _ := strings.Cut(s, ":")
	return stack.Key{Owner: stack.Owner(owner), ID: parseID(id)}
}
