package binding

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/inventory"
	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/naming"
)

// ByTargetGroup is the cache index of bindings by the ARN of their target group, or by its name while they have no ARN.
const ByTargetGroup = "spec.targetGroupARN"

// TargetGroupOf is the key of a binding in the index ByTargetGroup.
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
	if err := b.Client.List(ctx, &list, client.MatchingFields{ByTargetGroup: o.Spec.TargetGroupARN}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("looking for other bindings of %s: %w", o.Spec.TargetGroupARN, err)
	}
	all := append(list.Items, b.OtherNamespaces.Of(ctx, o.Spec.TargetGroupARN)...)
	return slices.DeleteFunc(all, func(x v1beta1.TargetGroupBinding) bool {
		return x.Namespace == o.Namespace && x.Name == o.Name || x.DeletionTimestamp != nil
	}), nil
}

// ownerOf is the owner of the target group of a binding. It is read from AWS only if other bindings have the group and no listing has shown it yet.
func (b *Reconciler) ownerOf(ctx context.Context, o *v1beta1.TargetGroupBinding, others []v1beta1.TargetGroupBinding) (inventory.Owner, error) {
	if len(others) > 0 && o.Spec.IamRoleArnToAssume == "" { // the controller's own role cannot read the tags of another account's
		return b.Inventory.TargetGroupOwner(ctx, o.Spec.TargetGroupARN)
	}
	owner, _ := b.Inventory.KnownTargetGroupOwner(o.Spec.TargetGroupARN)
	return owner, nil
}

// byPrecedence orders bindings of one target group: the one that is to serve it comes first. Of a target group of a stack that is
// the one in the namespace that its identity names, under the target group's name; labels and age, which the author of an object
// can choose, come after. Of other target groups it is the oldest.
func byPrecedence(owner inventory.Owner, x, y *v1beta1.TargetGroupBinding) int {
	rank := func(o *v1beta1.TargetGroupBinding) int {
		switch {
		case !owner.Placed():
			return 0
		case !owner.BindsIn(o.Namespace):
			return 2
		case o.Name != naming.OfTargetGroup(o.Spec.TargetGroupARN):
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(rank(x), rank(y)), byAge(x, y))
}

func byAge(x, y *v1beta1.TargetGroupBinding) int {
	return cmp.Or(x.CreationTimestamp.Compare(y.CreationTimestamp.Time), cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name))
}

// misplaced reports whether a binding must not serve the target group of a stack because it stands in another namespace than the
// group's: unless its author shares the target group with the stack's binding. One with the labels of a stack is a copy.
func misplaced(owner inventory.Owner, o *v1beta1.TargetGroupBinding, others []v1beta1.TargetGroupBinding) bool {
	if !owner.Placed() || owner.BindsIn(o.Namespace) {
		return false
	}
	if kube.OfStack(o.Labels) || !o.Spec.MultiClusterTargetGroup {
		return true
	}
	return !slices.ContainsFunc(others, func(x v1beta1.TargetGroupBinding) bool {
		return owner.BindsIn(x.Namespace) && x.Spec.MultiClusterTargetGroup
	})
}

// superseded is the finding that a binding must not serve its target group, because another one does or because it is not in the
// namespace of the object that the target group was made for; nil = it serves.
func superseded(owner inventory.Owner, o *v1beta1.TargetGroupBinding, others []v1beta1.TargetGroupBinding) *diag.Diagnostic {
	group := o.Spec.TargetGroupARN
	var text string
	remedy := "delete one of them, or set spec.multiClusterTargetGroup: true on both"
	if misplaced(owner, o, others) {
		text = fmt.Sprintf("TargetGroup %s belongs to the load balancer of %s, and its TargetGroupBinding not to namespace %s", group, owner.Stack, o.Namespace)
		own := slices.DeleteFunc(slices.Clone(others), func(x v1beta1.TargetGroupBinding) bool { return !owner.BindsIn(x.Namespace) })
		if x := first(owner, own); x != nil {
			text = fmt.Sprintf("TargetGroup %s is already bound to TargetGroupBinding %s/%s, in the namespace of the object that it was made for", group, x.Namespace, x.Name)
		}
		remedy = "delete this TargetGroupBinding, which looks like a copy, or bind a target group of its own"
	} else {
		x := first(owner, conflicting(owner, o, others))
		if x == nil || byPrecedence(owner, o, x) < 0 {
			return nil
		}
		text = fmt.Sprintf("TargetGroup %s is already bound to TargetGroupBinding %s/%s, which is older", group, x.Namespace, x.Name)
		if owner.Placed() {
			text = fmt.Sprintf("TargetGroup %s is already bound to TargetGroupBinding %s/%s", group, x.Namespace, x.Name)
		}
	}
	d := diag.New(kube.BindingObject(o), "spec.targetGroupARN", diag.TargetGroupBound, text+"; this one registers and deregisters nothing", remedy)
	return &d
}

// first is the binding that is to serve the target group; nil if there is none.
func first(owner inventory.Owner, all []v1beta1.TargetGroupBinding) *v1beta1.TargetGroupBinding {
	var out *v1beta1.TargetGroupBinding
	for i := range all {
		if out == nil || byPrecedence(owner, &all[i], out) < 0 {
			out = &all[i]
		}
	}
	return out
}

// conflicting are the other bindings of a target group that would deregister what a binding registers, and it what they register: all
// that may serve, unless both sides share the group.
func conflicting(owner inventory.Owner, o *v1beta1.TargetGroupBinding, others []v1beta1.TargetGroupBinding) []v1beta1.TargetGroupBinding {
	return slices.DeleteFunc(slices.Clone(others), func(x v1beta1.TargetGroupBinding) bool {
		return x.Spec.MultiClusterTargetGroup && o.Spec.MultiClusterTargetGroup || misplaced(owner, &x, others)
	})
}

// successors are the bindings that have the target group of a binding when it is gone: those in conflict with it, and bindings that name the group and have not
// been completed yet. own is false for a binding that must not serve, so that nothing registered is its own.
func (b *Reconciler) successors(ctx context.Context, o *v1beta1.TargetGroupBinding) (successors []v1beta1.TargetGroupBinding, own bool, err error) {
	others, err := b.binders(ctx, o)
	if err != nil {
		return nil, false, err
	}
	owner, err := b.ownerOf(ctx, o, others)
	if err != nil {
		return nil, false, err
	}
	own, successors = !misplaced(owner, o, others), conflicting(owner, o, others)
	name := naming.OfTargetGroup(o.Spec.TargetGroupARN)
	if name == "" {
		return successors, own, nil
	}
	var list v1beta1.TargetGroupBindingList
	if err := b.Client.List(ctx, &list, client.MatchingFields{ByTargetGroup: name}); err != nil {
		return nil, false, fmt.Errorf("looking for bindings that wait for target group %s: %w", name, err)
	}
	for i := range list.Items {
		if x := &list.Items[i]; x.DeletionTimestamp == nil && b.contradiction(x) == nil && b.scope(x) == b.scope(o) && agree(&x.Spec, &o.Spec) && !misplaced(owner, x, others) {
			successors = append(successors, *x)
		}
	}
	return successors, own, nil
}

// agree reports that what a binding says of its target group is what the other one knows of it, so that it can be completed.
func agree(waiting, known *v1beta1.TargetGroupBindingSpec) bool {
	return matches(waiting.TargetType, known.TargetType) && matches(waiting.TargetGroupProtocol, known.TargetGroupProtocol) &&
		matches(waiting.IPAddressType, known.IPAddressType) && (waiting.VpcID == "" || waiting.VpcID == known.VpcID)
}

func matches[T comparable](waiting, known *T) bool {
	return waiting == nil || known == nil || *waiting == *known
}

// resharing reports whether an edit may change which binding serves a target group.
func resharing(before, after client.Object) bool {
	o, okO := before.(*v1beta1.TargetGroupBinding)
	n, okN := after.(*v1beta1.TargetGroupBinding)
	return okO && okN && n.Spec.TargetGroupARN != "" && o.Spec.MultiClusterTargetGroup != n.Spec.MultiClusterTargetGroup
}

// handOver has passes made over the bindings that have the target group of a binding that goes, or begins or ends to share it.
func (b *Reconciler) handOver(to []v1beta1.TargetGroupBinding) {
	for i := range to {
		if b.OtherNamespaces.hides(to[i].Namespace) {
			continue // the cache answers a question for it with an error
		}
		b.Waker.Wake(queue.Normal, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&to[i])})
	}
}
