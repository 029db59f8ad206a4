package controller

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/world"
)

// cacheReader answers a world.View from the informer caches. A read of a cache that has synced cannot fail but for a missing
// object, so that errors mean absence.
type cacheReader struct {
	ctx    context.Context //nolint:containedctx // a View is read without contexts; this one lives as long as one pass
	reader client.Reader
}

func (r cacheReader) Get(kind world.Kind, namespace, name string) (metav1.Object, bool) {
	k, ok := kube.Kinds[kind]
	if !ok {
		return nil, false
	}
	o, ok := k.Object.DeepCopyObject().(client.Object)
	if !ok || r.reader.Get(r.ctx, client.ObjectKey{Namespace: namespace, Name: name}, o) != nil {
		return nil, false
	}
	return o, true
}

func (r cacheReader) List(kind world.Kind, namespace string) []metav1.Object {
	k, ok := kube.Kinds[kind]
	if !ok {
		return nil
	}
	list, ok := k.List.DeepCopyObject().(client.ObjectList)
	if !ok || r.reader.List(r.ctx, list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy) != nil {
		return nil
	}
	var out []metav1.Object
	_ = meta.EachListItem(list, func(o runtime.Object) error {
		if m, ok := o.(metav1.Object); ok {
			out = append(out, m)
		}
		return nil
	})
	return out
}
