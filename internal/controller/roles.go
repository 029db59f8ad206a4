package controller

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// ScopeCalls returns what the registry of targets calls in a scope. Nothing else is written in the scope of another
// role, whose target groups others have made.
func (w *Wiring) ScopeCalls(in awsclient.Scope) (registrar.ScopeCalls, error) {
	if in == w.Scopes.Own() {
		return registrar.ScopeCalls{ELBV2: w.Clients.ELBV2, Write: w.deps().Write, CreatedHere: w.Inventory.CreatedHere,
			Gone: w.Inventory.Gone}, nil
	}
	clients, err := w.ofRole(in)
	deps := w.deps()
	deps.Clients = clients
	return registrar.ScopeCalls{ELBV2: clients.ELBV2, Write: deps.Write, CreatedHere: func(string) bool { return false }},
		err
}

// Assumed is Elastic Load Balancing in the scope of a role.
func (w *Wiring) Assumed(in awsclient.Scope) (awsclient.ELBV2, error) {
	clients, err := w.ofRole(in)
	return clients.ELBV2, err
}

// ComputeIn is EC2 in the scope of a role.
func (w *Wiring) ComputeIn(in awsclient.Scope) (awsclient.EC2, error) {
	clients, err := w.ofRole(in)
	return clients.EC2, err
}

// ofRole are the clients in the scope of a role. The first use of one while no list limits them is in the log: the
// administrator of the controller may not be aware that bindings use roles.
func (w *Wiring) ofRole(in awsclient.Scope) (awsclient.Clients, error) {
	w.rolesNoted.Do(func() {
		if w.Config.Roles().Unlimited() {
			w.Log.Info("notice: a TargetGroupBinding names an IAM role; TargetGroupBindings of every namespace "+
				"may name every role that the controller can assume; to limit them, set --assumable-roles", "role", in.Role)
		}
	})
	return w.Scopes.Clients(in)
}

// roleCame queues the bindings of a role that can be assumed again.
func (w *Wiring) roleCame(in awsclient.Scope) {
	var list v1beta1.TargetGroupBindingList
	if w.bindings == nil || w.mgr.GetClient().List(context.Background(), &list, client.UnsafeDisableDeepCopy) != nil {
		return
	}
	for i := range list.Items {
		if o := &list.Items[i]; w.Scopes.Own().As(o.Spec.IamRoleArnToAssume, o.Spec.AssumeRoleExternalId) == in {
			w.bindings.Waker.Wake(queue.Normal, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o)})
		}
	}
}
