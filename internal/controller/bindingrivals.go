package controller

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/naming"
)

// bindingsByTargetGroup is the cache index of bindings by the ARN of their target group, or by its name while they have no ARN.
const bindingsByTargetGroup = "spec.targetGroupARN"

func targetGroupOf(o client.Object) []string {
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

// rivals are the other bindings of a target group that would deregister what a binding registers, and it what they register,
// the oldest first: all that stay, unless both sides share the group. Admission refuses such a binding, where it is there.
func (b *targetBindings) rivals(ctx context.Context, o *v1beta1.TargetGroupBinding) ([]v1beta1.TargetGroupBinding, error) {
	if o.Spec.TargetGroupARN == "" {
		return nil, nil
	}
	var list v1beta1.TargetGroupBindingList
	if err := b.client.List(ctx, &list, client.MatchingFields{bindingsByTargetGroup: o.Spec.TargetGroupARN}); err != nil {
		return nil, fmt.Errorf("looking for other bindings of %s: %w", o.Spec.TargetGroupARN, err)
	}
	others := slices.DeleteFunc(list.Items, func(x v1beta1.TargetGroupBinding) bool {
		return x.Namespace == o.Namespace && x.Name == o.Name || x.DeletionTimestamp != nil || x.Spec.MultiClusterTargetGroup && o.Spec.MultiClusterTargetGroup
	})
	slices.SortFunc(others, func(x, y v1beta1.TargetGroupBinding) int { return byAge(&x, &y) })
	return others, nil
}

func byAge(x, y *v1beta1.TargetGroupBinding) int {
	return cmp.Or(x.CreationTimestamp.Compare(y.CreationTimestamp.Time), cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name))
}

// heirs are those who have the target group of a binding when it is gone: its rivals, and bindings that name the group and have not
// been completed yet.
func (b *targetBindings) heirs(ctx context.Context, o *v1beta1.TargetGroupBinding) ([]v1beta1.TargetGroupBinding, error) {
	all, err := b.rivals(ctx, o)
	if err != nil {
		return nil, err
	}
	name := naming.OfTargetGroup(o.Spec.TargetGroupARN)
	if name == "" {
		return all, nil
	}
	var list v1beta1.TargetGroupBindingList
	if err := b.client.List(ctx, &list, client.MatchingFields{bindingsByTargetGroup: name}); err != nil {
		return nil, fmt.Errorf("looking for bindings that wait for target group %s: %w", name, err)
	}
	for i := range list.Items {
		if x := &list.Items[i]; x.DeletionTimestamp == nil && contradiction(x) == nil && agree(&x.Spec, &o.Spec) {
			all = append(all, *x)
		}
	}
	return all, nil
}

// agree reports that what a binding says of its target group is what the other one knows of it, so that it can be completed.
func agree(waiting, known *v1beta1.TargetGroupBindingSpec) bool {
	return matches(waiting.TargetType, known.TargetType) && matches(waiting.TargetGroupProtocol, known.TargetGroupProtocol) &&
		matches(waiting.IPAddressType, known.IPAddressType) && (waiting.VpcID == "" || waiting.VpcID == known.VpcID)
}

func matches[T comparable](waiting, known *T) bool {
	return waiting == nil || known == nil || *waiting == *known
}

// outranked tells a binding that an older one serves its target group.
func outranked(o *v1beta1.TargetGroupBinding, rivals []v1beta1.TargetGroupBinding) *diag.Diagnostic {
	if len(rivals) == 0 || byAge(o, &rivals[0]) < 0 {
		return nil
	}
	d := diag.New(bindingObject(o), "spec.targetGroupARN", diag.InvalidBinding,
		fmt.Sprintf("TargetGroup %s is already bound to TargetGroupBinding %s/%s, which is older", o.Spec.TargetGroupARN, rivals[0].Namespace, rivals[0].Name),
		"delete one of them, or set spec.multiClusterTargetGroup: true on both")
	return &d
}

// resharing reports whether an edit decides anew who serves a target group.
func resharing(before, after client.Object) bool {
	o, okO := before.(*v1beta1.TargetGroupBinding)
	n, okN := after.(*v1beta1.TargetGroupBinding)
	return okO && okN && n.Spec.TargetGroupARN != "" && o.Spec.MultiClusterTargetGroup != n.Spec.MultiClusterTargetGroup
}

// handOver has those look again that have the target group of a binding that goes, or begins or ends to share it.
func (b *targetBindings) handOver(to []v1beta1.TargetGroupBinding) {
	for i := range to {
		b.waker.wake(normal, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&to[i])})
	}
}
