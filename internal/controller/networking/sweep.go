package networking

import (
	"context"
	"maps"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
	if idle {
		r.anySuspect(ctx) // forgets those that are known
		return
	}
	if !r.allKnown(ctx) {
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
// then may rules be revoked. It lists the bindings at the start, until all were known once. After that, only bindings
// that suspect names can be unknown. Callers that ask at the same time share one list.
func (r *Reconciler) allKnown(ctx context.Context) bool {
	if known, certain := r.isKnown(ctx); certain {
		return known
	}
	r.listing.Lock()
	defer r.listing.Unlock()
	if known, certain := r.isKnown(ctx); certain {
		return known
	}
	r.mu.Lock()
	r.listed = true // before the list, which may lack what comes meanwhile
	r.mu.Unlock()
	var list v1beta1.TargetGroupBindingList
	if err := r.listBindings(ctx, &list); err != nil {
		return false
	}
	for i := range list.Items {
		if o := &list.Items[i]; r.isUnknown(o) {
			r.mu.Lock()
			r.suspect(client.ObjectKeyFromObject(o))
			r.mu.Unlock()
		}
	}
	if r.anySuspect(ctx) || !r.cacheIsWhole(ctx) {
		return false
	}
	r.mu.Lock()
	r.complete = true
	r.mu.Unlock()
	return !r.anySuspect(ctx)
}

// isKnown reports what is certain without a list of all bindings.
func (r *Reconciler) isKnown(ctx context.Context) (known, certain bool) {
	r.mu.Lock()
	complete := r.complete
	waits := r.Live != nil && !r.whole && r.Now().Before(r.wholeAfter)
	r.mu.Unlock()
	some := r.anySuspect(ctx)
	return complete && !some, complete || some || waits
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

// suspect notes that a binding may be unknown. r.mu is held.
func (r *Reconciler) suspect(binding types.NamespacedName) {
	if !r.listed { // the first list finds it
		return
	}
	if r.suspected == nil {
		r.suspected = map[types.NamespacedName]int{}
	}
	if r.suspected[binding] == 0 {
		r.suspects = append(r.suspects, binding)
	}
	r.suspicions++
	r.suspected[binding] = r.suspicions
}

// suspectID is suspect for the name of a binding in the table. r.mu is held.
func (r *Reconciler) suspectID(id string) {
	of := stack.ParseID(id)
	r.suspect(types.NamespacedName{Namespace: of.Namespace, Name: of.Name})
}

// anySuspect reports whether a suspect is unknown. It forgets suspects that are known or gone, until it finds one that
// is unknown. The next call begins with another suspect, so that one that stays unknown keeps no others in memory.
func (r *Reconciler) anySuspect(ctx context.Context) bool {
	for {
		r.mu.Lock()
		if len(r.suspects) == 0 {
			r.mu.Unlock()
			return false
		}
		first := r.suspects[0]
		since := r.suspected[first]
		r.mu.Unlock()
		unknown := r.isUnknownNow(ctx, first)
		r.mu.Lock()
		if len(r.suspects) > 0 && r.suspects[0] == first {
			r.suspects = r.suspects[1:]
			if unknown || r.suspected[first] != since { // it was suspected again meanwhile
				r.suspects = append(r.suspects, first)
			} else {
				delete(r.suspected, first)
			}
		}
		r.mu.Unlock()
		if unknown {
			return true
		}
	}
}

// isUnknownNow reports whether a binding is unknown. One that cannot be read is.
func (r *Reconciler) isUnknownNow(ctx context.Context, binding types.NamespacedName) bool {
	id := stack.ID{Namespace: binding.Namespace, Name: binding.Name}.String()
	if r.Table.Knows(id) && !r.isUnread(id) {
		return false
	}
	o := new(v1beta1.TargetGroupBinding)
	if err := r.Client.Get(ctx, binding, o, client.UnsafeDisableDeepCopy); err != nil {
		return !apierrors.IsNotFound(err)
	}
	return r.isUnknown(o)
}

// Arrived notes that a binding has come or was edited.
func (r *Reconciler) Arrived(o *v1beta1.TargetGroupBinding) {
	if o.Spec.Networking == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.suspect(client.ObjectKeyFromObject(o))
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
			r.suspect(client.ObjectKeyFromObject(&successors[i]))
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

// sweep has the groups looked at, once, that may hold rules of bindings that went while no process ran.
func (r *Reconciler) sweep(ctx context.Context) queue.Retry {
	if !r.allKnown(ctx) { // until then the groups would only wait
		return queue.Retry{Failed: true, Soon: true}
	}
	groups, err := r.Inventory.SecurityGroups().OfCluster(ctx)
	if r.Inventory.RefusedFirstListing(err) && !r.Table.Any() { // the next review looks again
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
