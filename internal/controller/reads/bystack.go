package reads

import (
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// ByStack is the cache index of bindings by the stacks that their labels name.
const ByStack = "metadata.labels.stack"

// StackOf returns the keys of a binding in the index ByStack: the labels of each stack that it may belong to.
func StackOf(o client.Object) (keys []string) {
	labels := o.GetLabels()
	for _, k := range owner.Kinds {
		for _, of := range []stack.ID{{Name: "group"}, {Namespace: "namespace", Name: "name"}} {
			has := naming.Labels(stack.Key{Owner: k.Owner, ID: of})
			complete := true
			for key := range has {
				value, ok := labels[key]
				has[key], complete = value, complete && ok
			}
			if complete {
				keys = append(keys, Indexed(has))
			}
		}
	}
	return keys
}

// Indexed is the value of labels of a stack in the index ByStack.
func Indexed(labels map[string]string) string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, key+"="+labels[key])
	}
	return strings.Join(out, ",")
}
