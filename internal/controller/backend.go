package controller

import (
	"context"
	"slices"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/apply"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/inventory"
	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// backendGroup deletes the cluster's shared security group when the last load balancer is gone. It looks at start, too, so that
// a group that was left behind by a restart in the middle of deletions goes as well.
type backendGroup struct {
	client    client.Reader
	inventory *inventory.Inventory
	run       func(context.Context, plan.Plan) apply.Result
	cluster   string
	log       logr.Logger
	asked     chan struct{}
}

const (
	// backendRetry is the pause between attempts while network interfaces or rules still refer to the group.
	backendRetry = 2 * time.Second
	// A look that finds the group needed is repeated so often, first after this pause and then after ever longer ones: the cache may
	// still show the object whose release was the reason to look, for as long as a minute if the machine has much else to do.
	backendLooks = 10
	backendPause = 200 * time.Millisecond
)

func newBackendGroup(c client.Reader, inv *inventory.Inventory, run func(context.Context, plan.Plan) apply.Result, cluster string, log logr.Logger) *backendGroup {
	return &backendGroup{client: c, inventory: inv, run: run, cluster: cluster, log: log, asked: make(chan struct{}, 1)}
}

// check asks for a look; it never blocks.
func (b *backendGroup) check() {
	select {
	case b.asked <- struct{}{}:
	default:
	}
}

// Start runs until ctx ends; it implements manager.Runnable.
func (b *backendGroup) Start(ctx context.Context) error {
	b.check()
	var again <-chan time.Time
	looks := 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.asked:
			looks = backendLooks
		case <-again:
		}
		again = nil
		needed, err := b.needed(ctx)
		looks--
		switch {
		case err == nil && needed && looks > 0:
			again = time.After(backendPause << (backendLooks - 1 - looks))
		case err == nil && needed:
		case err != nil || !b.remove(ctx):
			again = time.After(backendRetry)
		}
	}
}

// backendKey is the stack under which the group's deletion runs; it owns nothing else.
var backendKey = stack.Key{Owner: "elbv2.k8s.aws", ID: stack.ID{Name: stack.BackendSecurityGroup}}

// remove deletes the group, which nobody needs; false asks for another attempt.
func (b *backendGroup) remove(ctx context.Context) (settled bool) {
	f, err := b.inventory.Answer(ctx, []facts.Need{{Kind: facts.NeedSecurityGroups}})
	if err != nil || len(f.Errors) > 0 {
		return false
	}
	settled = true
	want := naming.BackendTracking(b.cluster)
	for id, g := range f.SecurityGroups {
		if !kube.HasLabels(g.Tags, want) {
			continue
		}
		p := plan.DeleteShared(backendKey, plan.SecurityGroup{GroupID: id, SecurityGroup: stack.SecurityGroup{ID: stack.BackendSecurityGroup}})
		o := b.run(ctx, p).Outcomes[p.Steps[0].ID]
		if o.State == apply.Done {
			b.log.Info("deleted the shared backend security group", "group", id)
			continue
		}
		b.log.V(1).Info("the shared backend security group is still in use", "group", id, "outcome", o.State, "on", o.On)
		settled = false
	}
	return settled
}

// needed reports whether any object still carries a finalizer of ours, or a binding still lets the group in: AWS keeps a group
// that a rule refers to, and the rules go after the load balancers.
func (b *backendGroup) needed(ctx context.Context) (bool, error) {
	var ingresses networkingv1.IngressList
	if err := b.client.List(ctx, &ingresses, client.UnsafeDisableDeepCopy); err != nil {
		return false, err
	}
	for i := range ingresses.Items {
		ing := &ingresses.Items[i]
		if slices.ContainsFunc(ing.Finalizers, func(f string) bool {
			_, ours := naming.FinalizerGroup(f, ing.Namespace, ing.Name)
			return ours
		}) {
			return true, nil
		}
	}
	var services corev1.ServiceList
	if err := b.client.List(ctx, &services, client.UnsafeDisableDeepCopy); err != nil {
		return false, err
	}
	for i := range services.Items {
		if slices.Contains(services.Items[i].Finalizers, naming.ServiceFinalizer) {
			return true, nil
		}
	}
	group, known := b.inventory.SharedGroup()
	if !known {
		return false, nil
	}
	var bindings v1beta1.TargetGroupBindingList
	if err := b.client.List(ctx, &bindings, client.UnsafeDisableDeepCopy); err != nil {
		return false, err
	}
	return slices.ContainsFunc(bindings.Items, func(o v1beta1.TargetGroupBinding) bool { return admits(&o, group) }), nil
}

// admits reports whether a binding asks for rules whose source is the group.
func admits(o *v1beta1.TargetGroupBinding, group string) bool {
	if o.Spec.Networking == nil {
		return false
	}
	return slices.ContainsFunc(o.Spec.Networking.Ingress, func(r v1beta1.NetworkingIngressRule) bool {
		return slices.ContainsFunc(r.From, func(p v1beta1.NetworkingPeer) bool {
			return p.SecurityGroup != nil && p.SecurityGroup.GroupID == group
		})
	})
}
