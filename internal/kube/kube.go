// Package kube is what the controller and the command line share about Kubernetes: the kinds that they read, and
// TargetGroupBindings as stacks see them. It watches nothing, and writes nothing but finalizers.
// It imports controller-runtime's client for its types, api, plan, stack, naming and objects.
package kube

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/objects"
)

// Scheme knows every kind that the controller reads or writes.
func Scheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	return s, errors.Join(clientgoscheme.AddToScheme(s), v1beta1.AddToScheme(s), v1alpha1.AddToScheme(s))
}

// Kinds are the kinds that front ends may read, with what the cache calls them. Secrets are never cached.
var Kinds = map[objects.Kind]struct {
	Object client.Object
	List   client.ObjectList
}{
	objects.Ingress:            {&networkingv1.Ingress{}, &networkingv1.IngressList{}},
	objects.IngressClass:       {&networkingv1.IngressClass{}, &networkingv1.IngressClassList{}},
	objects.IngressClassParams: {&v1beta1.IngressClassParams{}, &v1beta1.IngressClassParamsList{}},
	objects.Service:            {&corev1.Service{}, &corev1.ServiceList{}},
	objects.Namespace:          {&corev1.Namespace{}, &corev1.NamespaceList{}},
	objects.TargetGroupBinding: {&v1beta1.TargetGroupBinding{}, &v1beta1.TargetGroupBindingList{}},
}

// Lists returns an empty list of every kind that front ends read, for callers that read a cluster once.
func Lists() []client.ObjectList {
	out := make([]client.ObjectList, 0, len(Kinds))
	for _, k := range Kinds {
		if l, ok := k.List.DeepCopyObject().(client.ObjectList); ok {
			out = append(out, l)
		}
	}
	return out
}

// PatchFinalizer changes the finalizers of the newest version of an object; an object that is gone needs no change.
func PatchFinalizer(ctx context.Context, c client.Client, o client.Object, change func(client.Object) bool) error {
	updated, ok := o.DeepCopyObject().(client.Object)
	if !ok || !change(updated) {
		return nil
	}
	return client.IgnoreNotFound(c.Patch(ctx, updated, client.MergeFromWithOptions(o, client.MergeFromWithOptimisticLock{})))
}
