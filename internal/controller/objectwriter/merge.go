package objectwriter

import (
	"maps"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// MergeFrom is like client.MergeFrom, for objects whose labels and annotations others write too. When the last known
// entry of such a map is removed, a plain merge patch sets the map to null, and would also remove entries that
// others have added since. This patch names each entry.
func MergeFrom(from client.Object, o ...client.MergeFromOption) client.Patch {
	return mergePatch{Patch: client.MergeFromWithOptions(from, o...), from: from, options: o}
}

type mergePatch struct {
	client.Patch

	from    client.Object
	options []client.MergeFromOption
}

// Data implements client.Patch.
func (p mergePatch) Data(to client.Object) ([]byte, error) {
	if !emptied(p.from.GetLabels(), to.GetLabels()) && !emptied(p.from.GetAnnotations(), to.GetAnnotations()) {
		return p.Patch.Data(to)
	}
	from, ok := filled(p.from)
	filledTo, also := filled(to)
	if !ok || !also {
		return p.Patch.Data(to)
	}
	return client.MergeFromWithOptions(from, p.options...).Data(filledTo)
}

func emptied(from, to map[string]string) bool { return len(from) > 0 && len(to) == 0 }

// filled is a copy of o with one more label and annotation, which is the same in each copy and so in no patch between
// two.
func filled(o client.Object) (_ client.Object, ok bool) {
	c, ok := o.DeepCopyObject().(client.Object)
	if !ok {
		return nil, false
	}
	c.SetLabels(filledMap(c.GetLabels()))
	c.SetAnnotations(filledMap(c.GetAnnotations()))
	return c, true
}

func filledMap(m map[string]string) map[string]string {
	out := map[string]string{"": ""}
	maps.Copy(out, m)
	return out
}
