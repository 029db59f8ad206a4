package bindingpass

import (
	"context"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
)

// declaring is the object that declares the target group of a binding: an Ingress, also one of a group, a Service or a
// route. While it is not known which one that is, it is the object whose load balancer the binding is part of, and none
// if that is a group's.
func (b *Reconciler) declaring(ctx context.Context, o *v1beta1.TargetGroupBinding) []diag.Object {
	view := objects.New(reads.NewCacheReader(ctx, b.Client, nil))
	key, ok := bindingobject.StackOfBinding(view, o.Labels)
	if !ok {
		return nil
	}
	if of := b.declaringMember(view, o, key); of != nil {
		return []diag.Object{owner.Object(of)}
	}
	return balancerObject(view, key)
}

// admitting are the objects of declaring, and the one whose load balancer the binding is part of.
func (b *Reconciler) admitting(ctx context.Context, o *v1beta1.TargetGroupBinding) []diag.Object {
	all, view := b.declaring(ctx, o), objects.New(reads.NewCacheReader(ctx, b.Client, nil))
	if key, ok := bindingobject.StackOfBinding(view, o.Labels); ok {
		return bindings.Together(all, balancerObject(view, key))
	}
	return all
}

// balancerObject is the object whose load balancer a stack is; none if that is a group's.
func balancerObject(view *objects.View, key stack.Key) []diag.Object {
	if key.ID.Namespace == "" {
		return nil
	}
	of, ok := objects.Lookup[metav1.Object](view, objects.Kind(owner.Of(key.Owner).Kind), key.ID.Namespace, key.ID.Name)
	if !ok {
		return nil
	}
	return []diag.Object{owner.Object(of)}
}

// declaringMember is the Ingress or route whose target group, by its identity, a binding has; nil = it is not known.
func (b *Reconciler) declaringMember(view *objects.View, o *v1beta1.TargetGroupBinding, key stack.Key) metav1.Object {
	of, known := b.Inventory.KnownOwner(o.Spec.TargetGroupARN)
	if !known || of.Stack != key {
		return nil
	}
	id, service := of.TargetGroup, objects.BackendRef(o.Namespace, o.Spec.ServiceRef.Name)
	port := id[strings.LastIndexByte(id, ':')+1:]
	switch {
	case key.Owner == stack.Ingress:
		for _, i := range objects.Naming[*networkingv1.Ingress](view, objects.Ingress, service) {
			if id == naming.IngressTargetGroupID(i.Namespace, i.Name, service.Name, port) {
				return i
			}
		}
	case key.Owner.OfGateway():
		for _, kind := range objects.RouteKinds {
			if naming.RouteKindOf(id) != string(kind) {
				continue
			}
			for _, r := range objects.PermittedNaming[metav1.Object](view, kind, objects.Ref{Kind: objects.Service,
				Namespace: service.Namespace, Name: service.Name}) {
				if id == (naming.GatewayTargetGroup{Gateway: key.ID, RouteKind: string(kind), RouteNamespace: r.GetNamespace(),
					RouteName: r.GetName(), BackendNamespace: o.Namespace, BackendName: service.Name, TargetPort: port}).ID() {
					return r
				}
			}
		}
	}
	return nil
}
