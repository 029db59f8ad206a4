package offline

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// keysOf are the stacks that depend on the objects of a view, by front ends, sorted. broken are diagnostics about
// objects that declare none for a mistake, as where their class or group is invalid.
func keysOf(v *objects.View, loaders map[stack.Owner]front.Loader) (keys []stack.Key, broken diag.List) {
	for _, k := range owner.Kinds {
		if loaders[k.Owner] == nil || !v.Serves(objects.Kind(k.Kind)) {
			continue
		}
		for _, o := range v.List(objects.Kind(k.Kind)) {
			of, d := front.StacksOf(loaders[k.Owner], v, o)
			if d != nil {
				broken = append(broken, *d)
			}
			keys = append(keys, of...)
		}
	}
	slices.SortFunc(keys, stack.Key.Compare)
	return slices.Compact(keys), broken
}
