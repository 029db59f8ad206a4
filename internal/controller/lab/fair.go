package lab

import (
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// FrontKey is the key of the stack of group front.
var FrontKey = stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}

// Pair is a group front of two Ingresses, api and web, each with a backend of its own.
func Pair(api map[string]string) []client.Object {
	more := map[string]string{"group.name": "front"}
	for k, v := range api {
		more[k] = v
	}
	return []client.Object{
		Class(), Service("apisvc"), Service("websvc"),
		Ingress("api", more, "apisvc"), Ingress("web", map[string]string{"group.name": "front"}, "websvc"),
	}
}

// Whom lists the Ingresses that have an event of a reason that begins so, sorted, once each.
func (l *Lab) Whom(reason string) []string {
	var out []string
	for _, e := range l.Events {
		if name, rest, ok := strings.Cut(strings.TrimPrefix(e, "Ingress shop/"), " "); ok &&
			strings.HasPrefix(e, "Ingress ") && strings.HasPrefix(rest, reason) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
