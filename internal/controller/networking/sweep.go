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

// allKnown reports whether the needs of every binding with networking are recorded: only then may rules be revoked.
func (r *Reconciler) allKnown(ctx context.Context) bool {
	var list v1beta1.TargetGroupBindingList
	if err := r.Client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return false
	}
	for i := range list.Items {
		o := &list.Items[i]
		if o.Spec.Networking != nil && o.DeletionTimestamp == nil && !r.Table.Knows(ruleID(o)) {
			return false
		}
	}
	return true
}

// sweep has the groups looked at, once, that may hold rules of bindings that went while no process ran.
func (r *Reconciler) sweep(ctx context.Context) queue.Retry {
	if !r.allKnown(ctx) { // until then the groups would only wait
		return queue.Retry{Failed: true, Soon: true}
	}
	groups, err := r.Inventory.SecurityGroups().OfCluster(ctx)
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
