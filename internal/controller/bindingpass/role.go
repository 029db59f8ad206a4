package bindingpass

import (
	"context"
	"fmt"
	"time"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/front/admission"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// strandAfter is for how long the deletion of a binding waits for a role that AWS denies: an administrator may be about
// to grant it again.
const strandAfter = 2 * time.Minute

// scope is that in which the target group of a binding is reached: the controller's own, or that of the role which the
// binding names.
func (b *Reconciler) scope(o *v1beta1.TargetGroupBinding) awsclient.Scope {
	return b.Scope.As(o.Spec.IamRoleArnToAssume, o.Spec.AssumeRoleExternalId)
}

// group is the target group of a binding.
func (b *Reconciler) group(o *v1beta1.TargetGroupBinding) registrar.Group {
	return registrar.Group{Scope: b.scope(o), ARN: o.Spec.TargetGroupARN}
}

// balancing is Elastic Load Balancing where the target group of a binding is.
func (b *Reconciler) balancing(o *v1beta1.TargetGroupBinding) (awsclient.ELBV2, error) {
	if o.Spec.IamRoleArnToAssume == "" || b.Assumed == nil {
		return b.ELBV2, nil
	}
	return b.Assumed(b.scope(o))
}

// moveScope ends what is known of the target group of a binding in another scope, after an edit of its role or external
// id.
func (b *Reconciler) moveScope(o *v1beta1.TargetGroupBinding) {
	k, now := b.memory.get(o), b.group(o)
	if k.served == now {
		return
	}
	if k.served.ARN != "" {
		b.Registry.Forget(k.served)
		b.Health.ForgetGroup(k.served)
		k.moved = true
	}
	k.served = now
	b.memory.put(o, k)
}

// vpcOf is the VPC of the target group of a binding, as it was read last. One of another account is read only if that
// shares it; otherwise, and until it is read, it has no ranges, so that the addresses of pods, which are of the
// cluster's VPC, count as outside of it. known is false while nothing is known.
func (b *Reconciler) vpcOf(ctx context.Context, o *v1beta1.TargetGroupBinding) (vpc *facts.VPC, known bool) {
	vpc, known = b.Inventory.VPCAtHand(ctx, o.Spec.VpcID)
	if !known && o.Spec.IamRoleArnToAssume != "" && o.Spec.VpcID != b.Scope.VPC {
		return &facts.VPC{ID: o.Spec.VpcID}, true
	}
	return vpc, known
}

// zonesThere gives the name that a zone has in the account of a binding's target group: accounts may have different
// names for one zone. It is empty if that is not known, as where the role may not describe zones.
func (b *Reconciler) zonesThere(o *v1beta1.TargetGroupBinding) func(ctx context.Context, zone string) string {
	scope := b.scope(o)
	return func(ctx context.Context, zone string) string {
		if b.ZoneThere == nil {
			return ""
		}
		return b.ZoneThere(ctx, scope, zone)
	}
}

// stranded is the finding that the targets of a binding which goes stay registered, as its role cannot be used any
// longer: nothing that the controller could do would deregister them, and the binding must not stay for ever. nil = the
// deletion goes on, or waits.
func (b *Reconciler) stranded(o *v1beta1.TargetGroupBinding, err error) *diag.Diagnostic {
	if o.Spec.IamRoleArnToAssume == "" {
		return nil
	}
	refused := admission.Role(b.Roles, o)
	class := diag.Note
	if err != nil {
		class = awsclient.Classify(err).Class
	}
	waited := o.DeletionTimestamp != nil && b.Now().Sub(o.DeletionTimestamp.Time) >= strandAfter
	switch {
	case refused != nil:
	case err != nil && (class == diag.Denied || awsclient.OfRole(err) && class == diag.Invalid) && waited:
		d := bindings.Problem(o, "", err)
		refused = &d
	default:
		return nil
	}
	d := diag.New(bindingobject.BindingObject(o), "spec.iamRoleArnToAssume", diag.TargetsStranded,
		fmt.Sprintf("its targets stay registered in %s: %s", o.Spec.TargetGroupARN, refused.Text),
		"deregister it there, with a role of that account")
	return &d
}
