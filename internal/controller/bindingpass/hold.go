package bindingpass

import (
	"context"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
)

// heldError keeps the finalizer of a binding that is deleted: its rules cannot be revoked while an administrator holds
// it.
type heldError struct{ hold *hold.Hold }

// Error implements error.
func (e heldError) Error() string { return e.problem(diag.Object{}).Text }

// problem is the finding on the binding.
func (e heldError) problem(o diag.Object) diag.Diagnostic {
	g := e.hold.Guard("deleting the TargetGroupBinding would revoke its security group rules")
	return diag.New(o, "", g.Code, g.Text, g.Remedy)
}

// held is the hold that concerns a binding, and with it its rules in security groups; nil = none does. Its targets are
// never held.
func (b *Reconciler) held(ctx context.Context, o *v1beta1.TargetGroupBinding) *hold.Hold {
	if b.Holds == nil {
		return nil
	}
	key, ok := bindingobject.StackOfBinding(objects.New(reads.NewCacheReader(ctx, b.Client, nil)), o.Labels)
	if !ok {
		return b.Holds.OfBinding(bindingobject.BindingObject(o), nil)
	}
	return b.Holds.OfBinding(bindingobject.BindingObject(o), &key)
}

// admit sets the endpoints that the sources of a binding are to reach. While the binding is held, no rule changes, and
// an event says so where no stack does.
func (b *Reconciler) admit(ctx context.Context, o *v1beta1.TargetGroupBinding, want func()) (found diag.List) {
	h := b.held(ctx, o)
	if h == nil {
		want()
		return nil
	}
	b.Networking.Retain(ctx, o)
	if bindingobject.OfStack(o.Labels) {
		return nil
	}
	return diag.List{h.Note(bindingobject.BindingObject(o))}
}
