package reads

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// ByStack is the cache index of bindings by the stacks that their labels name.
const ByStack = "metadata.labels.stack"

// stackLabels are the keys of the labels by which each kind of stacks marks its bindings, sorted.
var stackLabels = sync.OnceValue(func() (sets [][]string) {
	for _, k := range owner.Kinds {
		for _, of := range []stack.ID{{Name: "group"}, {Namespace: "namespace", Name: "name"}} {
			sets = append(sets, slices.Sorted(maps.Keys(naming.Labels(stack.Key{Owner: k.Owner, ID: of}))))
		}
	}
	return sets
})

// StackOf returns the keys of a binding in the index ByStack: the labels of each stack that it may belong to.
func StackOf(o client.Object) (keys []string) {
	labels := o.GetLabels()
	for _, of := range stackLabels() {
		lacks := slices.ContainsFunc(of, func(key string) bool {
			_, has := labels[key]
			return !has
		})
		if !lacks {
			keys = append(keys, joined(of, labels))
		}
	}
	return keys
}

// Indexed returns the value of labels of a stack in the index ByStack.
func Indexed(labels map[string]string) string {
	return joined(slices.Sorted(maps.Keys(labels)), labels)
}

func joined(keys []string, labels map[string]string) string {
	out := make([]string, len(keys))
	for n, key := range keys {
		out[n] = key + "=" + labels[key]
	}
	return strings.Join(out, ",")
}
