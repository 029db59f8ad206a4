package bindingpass

import (
	"context"
	"fmt"
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
	var namespaces []string
	ports := map[int32]bool{}
	for i := range others {
		x := &others[i]
		switch {
		case x.Namespace == o.Namespace, b.OtherNamespaces.hides(x.Namespace), !b.mayBind(owner, x, append(others, *o)):
		case !TargetsPods(o):
			if err := b.nodePortOf(ctx, x, ports); err != nil {
				return nil, err
			}
		case !slices.Contains(namespaces, x.Namespace):
			if err := b.Pods.require(ctx, x, b.Client, b.APIReader); err != nil {
				return nil, err
			}
			namespaces = append(namespaces, x.Namespace)
		}
	}
	return func(t registrar.Target) bool {
		return ports[t.Port] || slices.ContainsFunc(namespaces, func(namespace string) bool {
			pods, err := b.podsAt(ctx, namespace, map[string]bool{t.ID: true})
			return err != nil || slices.ContainsFunc(pods, func(p *corev1.Pod) bool { return !registrar.Ended(p) })
		})
	}, nil
}

// mayBind reports whether a binding may register targets in its target group beside the others that have it.
func (b *Reconciler) mayBind(owner inventory.Owner, o *v1beta1.TargetGroupBinding,
	all []v1beta1.TargetGroupBinding) bool {
	rest := slices.DeleteFunc(slices.Clone(all), func(x v1beta1.TargetGroupBinding) bool {
		return x.Namespace == o.Namespace && x.Name == o.Name
	})
	arn := o.Spec.TargetGroupARN
	return b.Conflicts.Superseded(owner, o, rest) == nil &&
		(!owner.External() || b.Bindable.Allow(o.Namespace, arn, naming.OfTargetGroup(arn)))
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
