package chaos

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/k8s-lbc/lbc/internal/controller/bindingpass"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
)

// informers read what caches show, and the API server for kinds that have none.
type informers struct {
	client.Client
	c *soakCluster
}

// soakIndexes are those of caches.
var soakIndexes = map[string]func(client.Object) []string{
	readable.References: readable.ReferenceValues, reads.ByStack: reads.StackOf,
	bindingpass.ByTargetGroup: bindingpass.TargetGroupOf, bindingpass.ByService: bindingpass.ServiceOf,
	bindingpass.ByNodeSelector: bindingpass.NodeSelectorOf, bindingpass.SlicesByService: bindingpass.ServiceOfSlice,
	bindingpass.PodsByAddress: bindingpass.AddressesOf,
}

// Get implements client.Reader.
func (i informers) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	kind, err := apiutil.GVKForObject(o, i.Scheme())
	if err != nil {
		return err
	}
	i.c.mu.Lock()
	of, watched := i.c.shown[kind.GroupKind()]
	x := of[key]
	i.c.mu.Unlock()
	switch {
	case !watched:
		return i.Client.Get(ctx, key, o, opts...)
	case x == nil:
		return apierrors.NewNotFound(schema.GroupResource{Group: kind.Group, Resource: kind.Kind}, key.Name)
	}
	reflect.ValueOf(o).Elem().Set(reflect.ValueOf(x.DeepCopyObject()).Elem())
	return nil
}

// List implements client.Reader.
func (i informers) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	kind, err := apiutil.GVKForObject(list, i.Scheme())
	if err != nil {
		return err
	}
	o := client.ListOptions{}
	o.ApplyOptions(opts)
	kind.Kind = strings.TrimSuffix(kind.Kind, "List")
	i.c.mu.Lock()
	of, watched := i.c.shown[kind.GroupKind()]
	var found []client.Object
	for key, x := range of {
		if (o.Namespace == "" || o.Namespace == key.Namespace) &&
			(o.LabelSelector == nil || o.LabelSelector.Matches(labels.Set(x.GetLabels()))) && indexed(x, o.FieldSelector) {
			found = append(found, x)
		}
	}
	i.c.mu.Unlock()
	if !watched {
		return i.Client.List(ctx, list, opts...)
	}
	slices.SortFunc(found, func(x, y client.Object) int {
		return cmp.Or(cmp.Compare(x.GetNamespace(), y.GetNamespace()), cmp.Compare(x.GetName(), y.GetName()))
	})
	out := make([]runtime.Object, 0, len(found))
	for _, x := range found {
		if o.UnsafeDisableDeepCopy == nil || !*o.UnsafeDisableDeepCopy {
			x, _ = x.DeepCopyObject().(client.Object)
		}
		out = append(out, x)
	}
	return meta.SetList(list, out)
}

func indexed(o client.Object, by fields.Selector) bool {
	if by == nil {
		return true
	}
	for _, r := range by.Requirements() {
		if !slices.Contains(soakIndexes[r.Field](o), r.Value) {
			return false
		}
	}
	return true
}
