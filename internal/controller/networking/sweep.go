package networking

import (
	"context"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/model/stack"
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

// allKnown reports whether the needs of every binding with networking are recorded, and what is registered for it: only
// then may rules be revoked. It lists the bindings once all that it found unknown are known, and only if a binding has
// come, or less is known of one, since all were known. Those that ask at the same time share one list.
func (r *Reconciler) allKnown(ctx context.Context) bool {
	if known, certain, _ := r.isKnown(ctx); certain {
		return known
	}
	r.listing.Lock()
	defer r.listing.Unlock()
	known, certain, arrivals := r.isKnown(ctx)
	if certain {
		return known
	}
	var list v1beta1.TargetGroupBindingList
	if err := r.listBindings(ctx, &list); err != nil {
		return false
	}
	var suspects []types.NamespacedName
	for i := range list.Items {
		if o := &list.Items[i]; r.isUnknown(o) {
			suspects = append(suspects, client.ObjectKeyFromObject(o))
		}
	}
	if len(suspects) == 0 && !r.cacheIsWhole(ctx) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.suspects, r.known, r.knownAt = suspects, len(suspects) == 0, arrivals
	return r.known
}

// isKnown reports what is certain without a list of all bindings, and which arrivals it knows of.
func (r *Reconciler) isKnown(ctx context.Context) (known, certain bool, arrivals int) {
	r.mu.Lock()
	arrivals, known = r.arrivals, r.known && r.knownAt == r.arrivals
	waits := r.Live != nil && !r.whole && r.Now().Before(r.wholeAfter)
	r.mu.Unlock()
	return known, known || waits || r.anySuspect(ctx), arrivals
}

const (
	// wholePage is how many bindings are read from the API server at a time.
	wholePage = 500
	// wholePause is the pause after a list of the API server that shows more than the cache has.
	wholePause = 5 * time.Second
)

// cacheIsWhole reports whether no binding of the API server is unknown. It asks once after the start: the first list of
// the cache may have been cut off on its way, and the rules of each binding that it lacks would be revoked. What is
// recorded of a binding stays when a later list lacks it. r.listing is held.
func (r *Reconciler) cacheIsWhole(ctx context.Context) bool {
	if r.Live == nil {
		return true
	}
	r.mu.Lock()
	whole := r.whole
	r.mu.Unlock()
	if whole {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, reads.LiveTimeout)
	defer cancel()
	unknown := false
	for next := ""; ; {
		var list v1beta1.TargetGroupBindingList
		err := r.Live.List(ctx, &list, client.InNamespace(r.Namespace), client.Limit(wholePage), client.Continue(next))
		for i := range list.Items {
			unknown = unknown || r.isUnknown(&list.Items[i])
		}
		if unknown = unknown || err != nil; unknown || list.Continue == "" {
			break
		}
		next = list.Continue
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.whole = !unknown; unknown {
		r.wholeAfter = r.Now().Add(wholePause)
	}
	return r.whole
}

// listBindings lists all bindings. That there are none at all, only the API server proves: it would have every rule
// revoked.
func (r *Reconciler) listBindings(ctx context.Context, list *v1beta1.TargetGroupBindingList) error {
	return reads.ConfirmingReader{Cache: r.Client, Live: r.Live}.List(ctx, list, client.InNamespace(r.Namespace),
		client.UnsafeDisableDeepCopy)
}

// anySuspect reports whether a binding is still unknown that was so when all were listed. It forgets those that are
// known or gone.
func (r *Reconciler) anySuspect(ctx context.Context) bool {
	for {
		r.mu.Lock()
		if len(r.suspects) == 0 {
			r.mu.Unlock()
			return false
		}
		last := r.suspects[len(r.suspects)-1]
		r.mu.Unlock()
		id := stack.ID{Namespace: last.Namespace, Name: last.Name}.String()
		if !r.Table.Knows(id) || r.isUnread(id) {
			o := new(v1beta1.TargetGroupBinding)
			if r.Client.Get(ctx, last, o, client.UnsafeDisableDeepCopy) == nil && r.isUnknown(o) {
				return true
			}
		}
		r.mu.Lock()
		if n := len(r.suspects); n > 0 && r.suspects[n-1] == last {
			r.suspects = r.suspects[:n-1]
		}
		r.mu.Unlock()
	}
}

// Arrived notes that a binding has come or was edited.
func (r *Reconciler) Arrived() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.arrivals++
}

// isUnknown reports whether the needs of a binding are not recorded, or not what is registered for it.
func (r *Reconciler) isUnknown(o *v1beta1.TargetGroupBinding) bool {
	return o.Spec.Networking != nil && o.DeletionTimestamp == nil &&
		(!r.Table.Knows(ruleID(o)) || r.isUnread(ruleID(o))) && r.mayHaveRules(o)
}

// mayHaveRules reports whether an earlier process, or this one, may have written rules for a binding. A user's binding
// that was never in service has none: whoever may create bindings could otherwise keep the rules of all others open.
// For a while after the start, every binding may have some: its status may not have been written. Users may write
// statuses, so that a status alone counts no longer than other rules of an earlier process.
func (r *Reconciler) mayHaveRules(o *v1beta1.TargetGroupBinding) bool {
	if served, _ := r.wasServed(o); served || r.Limits.Planned.Is(o) {
		return true
	}
	if age := r.Now().Sub(r.begun); age < statusGrace || o.Status.ObservedGeneration != nil && age < keepsInherited {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.heirs[ruleID(o)]
}

// wasServed reports whether a binding was in service, and that not by its status alone; known is false while that
// cannot be read.
func (r *Reconciler) wasServed(o *v1beta1.TargetGroupBinding) (served, known bool) {
	if o.Status.ObservedGeneration == nil || r.Served == nil {
		return o.Status.ObservedGeneration != nil, true
	}
	return r.Served(o)
}

// Reconsider returns how long it takes until the status of a binding counts no longer; 0 = it does not count, or more
// is known of the binding.
func (r *Reconciler) Reconsider(o *v1beta1.TargetGroupBinding) time.Duration {
	if o.Spec.Networking == nil || o.Status.ObservedGeneration == nil || r.Table.Placed(ruleID(o)) {
		return 0
	}
	after := max(r.begun.Add(keepsInherited).Sub(r.Now()), 0)
	switch served, known := r.wasServed(o); {
	case !known:
		return max(after, unreadPause)
	case served:
		return 0
	}
	return after
}

// unreadPause is the pause after a look at a binding of which it cannot be read whether it was in service.
const unreadPause = 10 * time.Minute

// Inherit records that bindings may need the rules of one of their namespace that ends.
func (r *Reconciler) Inherit(from *v1beta1.TargetGroupBinding, successors []v1beta1.TargetGroupBinding) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range successors {
		if successors[i].Namespace == from.Namespace && from.Spec.Networking != nil {
			r.heirs[ruleID(&successors[i])] = true
		}
	}
}

// keepsInherited is how long after a start the rules of an earlier process stay for a binding whose edit names a source
// that EC2 refuses: they may also be those of others, which no longer need them.
const keepsInherited = time.Hour

// statusGrace is the time after a start in which a binding without a status may have rules of an earlier process.
const statusGrace = 5 * time.Minute

// claims returns, of rules that a binding may need while its endpoints or the meaning of its networking are not known,
// those that may be its own: none once its needs were known, because these stay, and none if it has no rules.
func (r *Reconciler) claims(o *v1beta1.TargetGroupBinding, rules []stack.Permission) []stack.Permission {
	if r.Table.Placed(ruleID(o)) || !r.mayHaveRules(o) {
		return nil
	}
	return rules
}

// isUnread reports whether it is not known yet what is registered for a binding.
func (r *Reconciler) isUnread(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.requests[id]
	return w != nil && w.binding != nil && !w.read
}

// anyRules reports whether a binding asks for rules.
func (r *Reconciler) anyRules(ctx context.Context) bool {
	var list v1beta1.TargetGroupBindingList
	err := r.listBindings(ctx, &list)
	return err != nil || slices.ContainsFunc(list.Items, func(o v1beta1.TargetGroupBinding) bool {
		return o.Spec.Networking != nil
	})
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
			r.Log.Info("the cluster's security groups cannot be listed, to look for rules that no binding needs", "error",
				err.Error())
		}
		return queue.Retry{Failed: ctx.Err() == nil}
	}
	r.mu.Lock()
	r.swept = true
	r.mu.Unlock()
	for _, g := range groups {
		r.groups.Add(g)
	}
	r.Review(ctx) // of groups that waited for the answer of the API server
	return queue.Retry{}
}
