package bindingpass

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// ofOthers says which targets of a target group that a binding shares, or shared, stay registered whatever its record
// says: pods in the namespaces of the other bindings of the target group, and targets at node ports of their Services.
// The record may be a ConfigMap that the tenant of the binding writes. Nil = there are none.
func (b *Reconciler) ofOthers(ctx context.Context, whose *ownership) (func(registrar.Target) bool, error) {
	o := whose.binding
	others, err := b.binders(ctx, o)
	if err != nil || len(others) == 0 {
		return nil, err
	}
	owner, err := whose.among(ctx, others)
	if err != nil {
		owner = inventory.Owner{} // then each of them may serve
	}
	namespaces, ports := map[string]bool{}, map[int32]bool{}
	for _, x := range b.Conflicts.Serving(owner, append(others, *o)) {
		switch {
		case x.Namespace == o.Namespace, b.OtherNamespaces.hides(x.Namespace), owner.External() && !b.Bindable.Allow(
			x.Namespace, x.Spec.TargetGroupARN, naming.OfTargetGroup(x.Spec.TargetGroupARN)):
		case !TargetsPods(o):
			if err := b.nodePortOf(ctx, x, ports); err != nil {
				return nil, err
			}
		case !namespaces[x.Namespace]:
			if err := b.Pods.require(ctx, x, b.Client, b.APIReader); err != nil {
				return nil, err
			}
			namespaces[x.Namespace] = true
		}
	}
	among := slices.Collect(maps.Keys(namespaces))
	return func(t registrar.Target) bool {
		return ports[t.Port] || slices.ContainsFunc(among, func(namespace string) bool {
			pods, err := b.podsAt(ctx, namespace, map[string]bool{t.ID: true})
			return err != nil || slices.ContainsFunc(pods, func(p *corev1.Pod) bool { return !registrar.Ended(p) })
		})
	}, nil
}

// unprovenOf says which targets in the record of a binding stay because nothing shows that they are this cluster's: the
// tenant of the binding may have written into the ConfigMap what another cluster registered. Proof is that the binding
// has registered them (see proven), that it wants them (own), or that a pod of its namespace has the address.
func (b *Reconciler) unprovenOf(ctx context.Context, o *v1beta1.TargetGroupBinding, own map[string]bool) (
	func(registrar.Target) bool, error) {
	proven, err := b.proven(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := b.Pods.require(ctx, o, b.Client, b.APIReader); err != nil {
		return nil, err
	}
	return func(t registrar.Target) bool {
		if key := t.Key(); proven[key] || own[key] {
			return false
		}
		of, err := map[string]bool(nil), error(nil)
		if TargetsPods(o) {
			of, err = b.podAddresses(ctx, o.Namespace, t.ID)
		}
		return err != nil || !of[t.ID]
	}, nil
}

// nodePortOf adds the node port at which a binding has its targets.
func (b *Reconciler) nodePortOf(ctx context.Context, o *v1beta1.TargetGroupBinding, ports map[int32]bool) error {
	svc := &corev1.Service{}
	err := b.Client.Get(ctx, client.ObjectKey{Namespace: o.Namespace, Name: o.Spec.ServiceRef.Name}, svc,
		client.UnsafeDisableDeepCopy)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("reading Service %s/%s: %w", o.Namespace, o.Spec.ServiceRef.Name, err)
	}
	if port, d := registrar.ServicePortOf(o, svc); err == nil && d == nil {
		ports[port.NodePort] = true
	}
	return nil
}
