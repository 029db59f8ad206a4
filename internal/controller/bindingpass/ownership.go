package bindingpass

import (
	"context"
	"time"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
)

// ownerTimeout is how long a pass over a binding that has not served waits for whose a target group is.
const ownerTimeout = time.Second

// ownership says during one pass whose the target group of a binding is. It asks AWS at most once.
type ownership struct {
	inventory *inventory.Inventory
	binding   *v1beta1.TargetGroupBinding

	asked bool
	owner inventory.Owner // AWS's answer
	err   error
}

func (b *Reconciler) ownership(o *v1beta1.TargetGroupBinding) *ownership {
	return &ownership{inventory: b.Inventory, binding: o}
}

// assumed reports that the target group is read under a role, and is of another account: the controller's own role
// cannot read its tags. Naming a role makes no target group of the controller's account one of others, also while that
// account is not known.
func (w *ownership) assumed() bool {
	return w.binding.Spec.IamRoleArnToAssume != "" && w.inventory.OfOtherAccount(w.binding.Spec.TargetGroupARN)
}

// learnAccount has the inventory know its account, by which assumed decides. It does not wait for long.
func (w *ownership) learnAccount(ctx context.Context) {
	if w.binding.Spec.IamRoleArnToAssume == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, ownerTimeout)
	defer cancel()
	w.inventory.LearnAccount(ctx)
}

// known is the owner as far as it is known without a call to AWS.
func (w *ownership) known() (inventory.Owner, bool) {
	return w.inventory.KnownOwner(w.binding.Spec.TargetGroupARN)
}

// ask is the owner as AWS says.
func (w *ownership) ask(ctx context.Context) (inventory.Owner, error) {
	if !w.asked {
		w.owner, w.err = w.inventory.TargetGroupOwner(ctx, w.binding.Spec.TargetGroupARN)
		w.asked = true
	}
	return w.owner, w.err
}

// askBriefly is ask, but does not wait for long.
func (w *ownership) askBriefly(ctx context.Context) (inventory.Owner, error) {
	ctx, cancel := context.WithTimeout(ctx, ownerTimeout)
	defer cancel()
	return w.ask(ctx)
}

// untold reports whether another attempt at the tags of a target group would tell no more.
func untold(err error) bool {
	class := awsclient.Classify(err).Class
	return class == diag.Denied || class == diag.Invalid
}

// unlisted reports whether the target group is unknown only because this process has listed none yet, and the binding
// looks like one of a stack that has served. Users can give a binding that look, which ends with the first listing.
func (w *ownership) unlisted() bool {
	_, known := w.known()
	return !known && !w.assumed() && !w.inventory.HasListed() && bindingobject.OfStack(w.binding.Labels) &&
		w.binding.Status.ObservedGeneration != nil
}

// among is the owner of a target group that other bindings may have, too. AWS is asked only if no listing has shown the
// target group: it may be younger, and one of a stack. Before the first listing, a binding that has served and that has
// its target group alone does not wait for AWS. If AWS denies the tags, and no listing was ever complete, the
// controller has a role for bindings only, and a target group that no other binding has is a user's.
func (w *ownership) among(ctx context.Context, others []v1beta1.TargetGroupBinding) (inventory.Owner, error) {
	o := w.binding
	w.learnAccount(ctx)
	if len(others) > 0 && !w.assumed() {
		return w.ask(ctx)
	}
	owner, known := w.known()
	served := o.Status.ObservedGeneration != nil && !w.inventory.HasListed()
	if known || served || w.assumed() || o.Spec.TargetGroupARN == "" ||
		o.DeletionTimestamp != nil {
		return owner, nil
	}
	owner, err := w.askBriefly(ctx)
	if err != nil {
		class := awsclient.Classify(err).Class
		if class == diag.Denied && !w.inventory.HasListed() || class == diag.Invalid {
			return inventory.Owner{}, nil
		}
	}
	return owner, err
}

// external reports whether the target group is not of a stack of this cluster, if need be by asking AWS.
func (w *ownership) external(ctx context.Context, ask func(context.Context) (inventory.Owner, error)) (bool, error) {
	w.learnAccount(ctx)
	if w.assumed() {
		return true, nil
	}
	owner, known := w.known()
	if !known {
		var err error
		if owner, err = ask(ctx); err != nil {
			return false, err
		}
	}
	return owner.External(), nil
}
