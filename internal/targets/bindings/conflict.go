package bindings

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
)

// byPrecedence orders bindings of one target group: the one that is to serve it comes first. Of a target group of a
// stack that is the one in the namespace that its identity names, under the target group's name; labels and age, which
// the author of an object can choose, come after. Of other target groups it is the oldest.
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
	return cmp.Or(x.CreationTimestamp.Compare(y.CreationTimestamp.Time), cmp.Compare(x.Namespace, y.Namespace),
		cmp.Compare(x.Name, y.Name))
}

// Conflicts decides which of several bindings of a target group serves it.
type Conflicts struct {
	// Shared are the target groups of stacks that bindings of other namespaces may share.
	Shared allowlist.List
}

// Misplaced reports whether a binding must not serve the target group of a stack because it stands in another namespace
// than the group's: unless the administrator lets its namespace share the target group with the stack's binding. One
// with the labels of a stack is a copy.
func (c Conflicts) Misplaced(owner inventory.Owner, o *v1beta1.TargetGroupBinding,
	others []v1beta1.TargetGroupBinding) bool {
	if !owner.Placed() || owner.BindsIn(o.Namespace) {
		return false
	}
	group := o.Spec.TargetGroupARN // empty before the controller has found the group by its name
	if bindingobject.OfStack(o.Labels) || !o.Spec.MultiClusterTargetGroup ||
		!c.Shared.Allow(o.Namespace, group, cmp.Or(naming.OfTargetGroup(group), o.Spec.TargetGroupName)) {
		return true
	}
	return !slices.ContainsFunc(others, func(x v1beta1.TargetGroupBinding) bool {
		return owner.BindsIn(x.Namespace) && x.Spec.MultiClusterTargetGroup
	})
}

// Superseded returns the finding that a binding must not serve its target group, because another one does or because it
// is not in the namespace of the object that the target group was made for; nil = it serves.
func (c Conflicts) Superseded(owner inventory.Owner, o *v1beta1.TargetGroupBinding,
	others []v1beta1.TargetGroupBinding) *diag.Diagnostic {
	group := o.Spec.TargetGroupARN
	var text string
	remedy := "delete one of them, or set spec.multiClusterTargetGroup: true on both"
	if c.Misplaced(owner, o, others) {
		text = fmt.Sprintf("TargetGroup %s belongs to the load balancer of %s, and its TargetGroupBinding not "+
			"to namespace %s", group, owner.Stack, o.Namespace)
		own := slices.DeleteFunc(slices.Clone(others), func(x v1beta1.TargetGroupBinding) bool {
			return !owner.BindsIn(x.Namespace)
		})
		if x := first(owner, own); x != nil {
			text = fmt.Sprintf("TargetGroup %s is already bound to TargetGroupBinding %s/%s, in the namespace of the object "+
				"that it was made for", group, x.Namespace, x.Name)
		}
		remedy = "delete this TargetGroupBinding, which looks like a copy, or bind a target group of its own"
		if o.Spec.MultiClusterTargetGroup && !bindingobject.OfStack(o.Labels) {
			remedy = fmt.Sprintf("bind a target group of its own; the administrator of the controller can allow it with "+
				"--cross-namespace-target-groups=%s=%s", o.Namespace, naming.OfTargetGroup(group))
		}
	} else {
		x := first(owner, c.Conflicting(owner, o, others))
		if x == nil || byPrecedence(owner, o, x) < 0 {
			return nil
		}
		text = fmt.Sprintf("TargetGroup %s is already bound to TargetGroupBinding %s/%s, which is older", group,
			x.Namespace, x.Name)
		if owner.Placed() {
			text = fmt.Sprintf("TargetGroup %s is already bound to TargetGroupBinding %s/%s", group, x.Namespace, x.Name)
		}
	}
	d := diag.New(bindingobject.BindingObject(o), "spec.targetGroupARN", diag.TargetGroupBound,
		text+"; this one registers and deregisters nothing", remedy)
	return &d
}

// Serving returns those of all bindings of a target group that Superseded has nothing against, without comparing each
// with each: a tenant may make thousands.
func (c Conflicts) Serving(owner inventory.Owner, all []v1beta1.TargetGroupBinding) (
	out []*v1beta1.TargetGroupBinding) {
	var sharing []v1beta1.TargetGroupBinding // one is enough for Misplaced
	if at := slices.IndexFunc(all, func(x v1beta1.TargetGroupBinding) bool {
		return owner.BindsIn(x.Namespace) && x.Spec.MultiClusterTargetGroup
	}); at >= 0 {
		sharing = all[at : at+1]
	}
	var oldest, alone *v1beta1.TargetGroupBinding // alone is the first one that does not share
	for i := range all {
		x := &all[i]
		if c.Misplaced(owner, x, sharing) {
			continue
		}
		out = append(out, x)
		if oldest == nil || byPrecedence(owner, x, oldest) < 0 {
			oldest = x
		}
		if !x.Spec.MultiClusterTargetGroup && (alone == nil || byPrecedence(owner, x, alone) < 0) {
			alone = x
		}
	}
	return slices.DeleteFunc(out, func(x *v1beta1.TargetGroupBinding) bool {
		if !x.Spec.MultiClusterTargetGroup {
			return x != oldest
		}
		return alone != nil && byPrecedence(owner, alone, x) < 0
	})
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

// Conflicting returns the other bindings of a target group that would deregister what a binding registers, and it what
// they register: all that may serve, unless both sides share the group.
func (c Conflicts) Conflicting(owner inventory.Owner, o *v1beta1.TargetGroupBinding,
	others []v1beta1.TargetGroupBinding) []v1beta1.TargetGroupBinding {
	return slices.DeleteFunc(slices.Clone(others), func(x v1beta1.TargetGroupBinding) bool {
		return x.Spec.MultiClusterTargetGroup && o.Spec.MultiClusterTargetGroup || c.Misplaced(owner, &x, others)
	})
}

// Agree reports that what a binding says of its target group is what the other one knows of it, so that it can be
// completed.
func Agree(waiting, known *v1beta1.TargetGroupBindingSpec) bool {
	return matches(waiting.TargetType, known.TargetType) && matches(waiting.TargetGroupProtocol,
		known.TargetGroupProtocol) &&
		matches(waiting.IPAddressType, known.IPAddressType) && (waiting.VpcID == "" || waiting.VpcID == known.VpcID)
}

func matches[T comparable](waiting, known *T) bool {
	return waiting == nil || known == nil || *waiting == *known
}
