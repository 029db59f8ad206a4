package networking

import (
	"context"
	"maps"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
)

// Review has the groups looked at that waited until all bindings are known.
func (r *Reconciler) Review(ctx context.Context) {
	r.mu.Lock()
	idle := len(r.waiting) == 0 && r.swept
	r.reviews++
	r.mu.Unlock()
	if idle || !r.allKnown(ctx) {
		return
	}
	r.mu.Lock()
	groups := slices.Collect(maps.Keys(r.waiting))
	clear(r.waiting)
	swept := r.swept
	r.mu.Unlock()
	for _, g := range groups {
		r.groups.Add(g)
	}
	if !swept {
		r.groups.Add(sweepKey)
	}
}

// allKnown reports whether the needs of every binding with networking are recorded, and what is registered for it: only then may rules be revoked.
func (r *Reconciler) allKnown(ctx context.Context) bool {
	r.mu.Lock()
	last := r.unknown
	r.mu.Unlock()
	if o := new(v1beta1.TargetGroupBinding); last.Name != "" && r.Client.Get(ctx, last, o) == nil && r.isUnknown(o, r.unread()) {
		return false // without a look at all of them, as each binding of many new ones asks in turn
	}
	var list v1beta1.TargetGroupBindingList
	if err := r.Client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return false
	}
	unread := r.unread()
	for i := range list.Items {
		if o := &list.Items[i]; r.isUnknown(o, unread) {
			r.mu.Lock()
			r.unknown = client.ObjectKeyFromObject(o)
			r.mu.Unlock()
			return false
		}
	}
	return true
}

// isUnknown reports whether the needs of a binding are not recorded, or not what is registered for it, by unread.
func (r *Reconciler) isUnknown(o *v1beta1.TargetGroupBinding, unread map[string]bool) bool {
	return o.Spec.Networking != nil && o.DeletionTimestamp == nil && (!r.Table.Knows(ruleID(o)) || unread[ruleID(o)])
}

// anyRules reports whether a binding asks for rules.
func (r *Reconciler) anyRules(ctx context.Context) bool {
	var list v1beta1.TargetGroupBindingList
	err := r.Client.List(ctx, &list, client.UnsafeDisableDeepCopy)
	return err != nil || slices.ContainsFunc(list.Items, func(o v1beta1.TargetGroupBinding) bool { return o.Spec.Networking != nil })
}

// sweep has the groups looked at, once, that may hold rules of bindings that went while no process ran.
func (r *Reconciler) sweep(ctx context.Context) queue.Retry {
	if !r.allKnown(ctx) { // until then the groups would only wait
		return queue.Retry{Failed: true, Soon: true}
	}
	groups, err := r.Inventory.SecurityGroups().OfCluster(ctx)
	if r.Inventory.RefusedFirstListing(err) && !r.anyRules(ctx) { // the next review looks again
		return queue.Retry{}
	}
	if err != nil {
		if ctx.Err() == nil {
			r.Log.Info("the cluster's security groups cannot be listed, to look for rules that no binding needs", "error", err.Error())
		}
		return queue.Retry{Failed: ctx.Err() == nil}
	}
	r.mu.Lock()
	r.swept = true
	r.mu.Unlock()
	for _, g := range groups {
		r.groups.Add(g)
	}
	return queue.Retry{}
}
