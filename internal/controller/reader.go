package controller

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
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

// sureReader asks the API server for what the cache does not hold. Objects that are applied together reach the caches of their kinds in
// any order: nobody must be told that a Service is missing, or lose its targets, because that of the other kind was faster.
type sureReader struct {
	client.Reader               // the cache
	live          client.Reader // nil = the cache is believed
}

func (r sureReader) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	err := r.Reader.Get(ctx, key, o, opts...)
	if r.live == nil || !apierrors.IsNotFound(err) || r.live.Get(ctx, key, o, opts...) != nil {
		return err // also if the API server does not answer: then it is as the cache says
	}
	return nil
}

// referred are the kinds that others name. What is asked for because it may have gone itself is not asked for twice.
var referred = map[world.Kind]bool{world.Service: true, world.IngressClass: true, world.IngressClassParams: true, world.Namespace: true}

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
