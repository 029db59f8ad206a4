// Package kube has what the controller and the command line share about Kubernetes: the kinds that they read, and conversions of
// TargetGroupBindings from and to those of stacks. It watches and writes nothing.
// It may import controller-runtime's client, api, plan/elb, stack, naming, objects and diag.
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

// Kinds are the kinds that front ends may read, with their Go types. Secrets are never cached.
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
	for k := range Kinds {
		out = append(out, List(k))
	}
	return out
}

// List returns an empty list of a kind that front ends read.
func List(kind objects.Kind) client.ObjectList {
	l, _ := Kinds[kind].List.DeepCopyObject().(client.ObjectList)
	return l
}

// Cluster reads the pods and nodes of endpoints (it implements targets.Cluster).
type Cluster struct {
	Reader client.Reader
}

// Pod returns a pod, if it exists.
func (c Cluster) Pod(ctx context.Context, namespace, name string) (*corev1.Pod, bool) {
	p := &corev1.Pod{}
	return p, c.Reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, p) == nil
}

// Node returns a node, if it exists.
func (c Cluster) Node(ctx context.Context, name string) (*corev1.Node, bool) {
	n := &corev1.Node{}
	return n, c.Reader.Get(ctx, client.ObjectKey{Name: name}, n) == nil
}
