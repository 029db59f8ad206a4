package bindingpass

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
)

// ByTargetGroup is the cache index of bindings by the ARN of their target group, or by its name while they have no ARN.
const ByTargetGroup = "spec.targetGroupARN"

// TargetGroupOf returns the key of a binding in the index ByTargetGroup.
func TargetGroupOf(o client.Object) []string {
	t, ok := o.(*v1beta1.TargetGroupBinding)
	if !ok {
		return nil
	}
	group := cmp.Or(t.Spec.TargetGroupARN, t.Spec.TargetGroupName)
	if group == "" {
		return nil
	}
	return []string{group}
}

// binders are the other bindings of a binding's target group, without those that are being deleted.
func (b *Reconciler) binders(ctx context.Context, o *v1beta1.TargetGroupBinding) ([]v1beta1.TargetGroupBinding, error) {
	if o.Spec.TargetGroupARN == "" {
		return nil, nil
	}
	var list v1beta1.TargetGroupBindingList
	if err := b.Client.List(ctx, &list, client.MatchingFields{ByTargetGroup: o.Spec.TargetGroupARN},
		client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("looking for other bindings of %s: %w", o.Spec.TargetGroupARN, err)
	}
	all := append(list.Items, b.OtherNamespaces.Of(ctx, o.Spec.TargetGroupARN)...)
	return slices.DeleteFunc(all, func(x v1beta1.TargetGroupBinding) bool {
		return x.Namespace == o.Namespace && x.Name == o.Name || x.DeletionTimestamp != nil
	}), nil
}

// successors are the bindings that have the target group of a binding when it is gone: those in conflict with it, and
// bindings that name the group and have not been completed yet. own is false for a binding that must not serve, so that
// nothing registered is its own. While it is not known whose the group is, successors are those whoever has it.
func (b *Reconciler) successors(ctx context.Context, o *v1beta1.TargetGroupBinding, whose *ownership) (
	successors []v1beta1.TargetGroupBinding, own bool, err error) {
	others, err := b.binders(ctx, o)
	if err != nil {
		return nil, false, err
	}
	owner, err := whose.among(ctx, others)
	if err != nil {
		return b.Conflicts.Conflicting(owner, o, others), false, err
	}
	own, successors = !b.Conflicts.Misplaced(owner, o, others), b.Conflicts.Conflicting(owner, o, others)
	name := naming.OfTargetGroup(o.Spec.TargetGroupARN)
	if name == "" {
		return successors, own, nil
	}
	var list v1beta1.TargetGroupBindingList
	if err := b.Client.List(ctx, &list, client.MatchingFields{ByTargetGroup: name}); err != nil {
		return nil, false, fmt.Errorf("looking for bindings that wait for target group %s: %w", name, err)
	}
	for i := range list.Items {
		if x := &list.Items[i]; x.DeletionTimestamp == nil && bindings.Contradiction(b.Roles, x) == nil &&
			b.scope(x) == b.scope(o) && bindings.Agree(&x.Spec, &o.Spec) && !b.Conflicts.Misplaced(owner, x, others) {
			successors = append(successors, *x)
		}
	}
	return successors, own, nil
}

// resharing reports whether an edit may change which binding serves a target group.
func resharing(before, after client.Object) bool {
	o, okO := before.(*v1beta1.TargetGroupBinding)
	n, okN := after.(*v1beta1.TargetGroupBinding)
	return okO && okN && n.Spec.TargetGroupARN != "" && o.Spec.MultiClusterTargetGroup != n.Spec.MultiClusterTargetGroup
}

// handOver queues the other bindings of a target group when one of its bindings is deleted, or starts or stops sharing
// it.
func (b *Reconciler) handOver(to []v1beta1.TargetGroupBinding) {
	for i := range to {
		if b.OtherNamespaces.hides(to[i].Namespace) {
			continue // the cache answers a question for it with an error
		}
		b.Waker.Wake(queue.Normal, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&to[i])})
	}
}
