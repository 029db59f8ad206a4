package controller

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/world"
)

// kinds are the kinds that front ends may read, with what the cache calls them. Secrets are never cached.
var kinds = map[world.Kind]struct {
	object client.Object
	list   client.ObjectList
}{
	world.Ingress:            {&networkingv1.Ingress{}, &networkingv1.IngressList{}},
	world.IngressClass:       {&networkingv1.IngressClass{}, &networkingv1.IngressClassList{}},
	world.IngressClassParams: {&v1beta1.IngressClassParams{}, &v1beta1.IngressClassParamsList{}},
	world.Service:            {&corev1.Service{}, &corev1.ServiceList{}},
	world.Namespace:          {&corev1.Namespace{}, &corev1.NamespaceList{}},
	world.TargetGroupBinding: {&v1beta1.TargetGroupBinding{}, &v1beta1.TargetGroupBindingList{}},
}

// cacheReader answers a world.View from the informer caches. A read of a cache that has synced cannot fail but for a missing
// object, so that errors mean absence.
type cacheReader struct {
	ctx    context.Context //nolint:containedctx // a View is read without contexts; this one lives as long as one pass
	reader client.Reader
}

func (r cacheReader) Get(kind world.Kind, namespace, name string) (metav1.Object, bool) {
	k, ok := kinds[kind]
	if !ok {
		return nil, false
	}
	o, ok := k.object.DeepCopyObject().(client.Object)
	if !ok || r.reader.Get(r.ctx, client.ObjectKey{Namespace: namespace, Name: name}, o) != nil {
		return nil, false
	}
	return o, true
}

func (r cacheReader) List(kind world.Kind, namespace string) []metav1.Object {
	k, ok := kinds[kind]
	if !ok {
		return nil
	}
	list, ok := k.list.DeepCopyObject().(client.ObjectList)
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

// Lists returns an empty list of every kind that front ends read, for callers that read a cluster once.
func Lists() []client.ObjectList {
	out := make([]client.ObjectList, 0, len(kinds))
	for _, k := range kinds {
		if l, ok := k.list.DeepCopyObject().(client.ObjectList); ok {
			out = append(out, l)
		}
	}
	return out
}
