package networking

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/securitygroup"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

// enqueue has the groups brought to a changed table, and those that wait if all bindings are known now.
func (r *Reconciler) enqueue(ctx context.Context, t sgsync.Touched) {
	for _, g := range t.Changed {
		r.groups.AddNow(g)
	}
	for _, g := range t.Same {
		r.groups.Add(g)
	}
	r.Review(ctx)
}

// place finds the groups of a binding's endpoints and records what it needs of each.
func (r *Reconciler) place(ctx context.Context, id string) queue.Retry {
	// targets without their rules serve nothing
	ctx = awsclient.WithCause(awsclient.WithPriority(ctx, awsclient.Vital), awsclient.TargetRules)
	r.mu.Lock()
	w := r.requests[id]
	if w == nil || w.binding == nil {
		ending := r.ending[id] != ""
		r.mu.Unlock()
		if ending {
			return r.restrict(ctx, id)
		}
		return queue.Retry{}
	}
	o, targets, serial, x := w.binding, w.targets, w.serial, drain{id, w.of}
	r.mu.Unlock()

	ctx, stale := cache.NoteStale(ctx)
	need, unclear, found, placed := r.networks().Needs(ctx, o, targets)
	toTargets, asked := r.networks().ToTargets(ctx, o, targets)
	targeted := placed && len(need) > 0
	if placed {
		served, err := r.addServed(ctx, o, need, toTargets, bindings.Listening(targets))
		if err == nil {
			err = r.addStanding(ctx, o, need, asked)
		}
		placed, unclear = err == nil, asked
		found = append(append(found, served...), bindings.NetworkProblem(o, diag.EndpointNotResolved, err)...)
	}
	if ctx.Err() != nil {
		return queue.Retry{}
	}
	if !placed { // before the lock, which claims takes
		unclear = append(unclear, r.claims(o, toTargets)...)
	}
	r.mu.Lock()
	if w = r.requests[id]; w == nil || w.serial != serial { // there is a newer request, or none any more
		r.mu.Unlock()
		return queue.Retry{}
	}
	var t sgsync.Touched
	if placed {
		if r.drains != nil && r.Table.Lend(id, x.String(), need, fromSourcesOf(asked)) {
			r.lend(id, x.String()) // as in Transfer
			r.bindings.AddNow(x.String())
			r.drains.follow(x)
		}
		t = r.Table.Set(id, need)
	} else {
		t = r.Table.Extend(id, need, unclear)
	}
	before := w.findings()
	w.notPlaced, w.looked, w.targeted = found, true, w.targeted || targeted
	r.await(id, w, t)
	news := w.changed(before)
	r.mu.Unlock()
	if news { // not for what lasts: the pass that would report it again asks to place the binding again
		r.Wake(client.ObjectKeyFromObject(o))
	}
	r.enqueue(ctx, t)
	return r.again(r.rerun(queue.Retry{Failed: found.HasErrors()}, stale), found)
}

// again has a binding with a note placed again when tags of groups are read again: no event shows that somebody has
// tagged a group. The time also ends a circle: its group wakes a binding with findings, whose pass has it placed, which
// has the group looked at.
func (r *Reconciler) again(next queue.Retry, found diag.List) queue.Retry {
	if len(found) > 0 && !next.Failed && next.At.IsZero() {
		next.At = r.bindings.Now().Add(securitygroup.Lifetime)
	}
	return next
}

// await notes the groups whose rules a binding waits for. r.mu is held.
func (r *Reconciler) await(id string, w *request, t sgsync.Touched) {
	clear(w.awaited)
	for _, g := range slices.Concat(t.Changed, t.Same) {
		w.awaited[g] = true
		if r.asking[g] == nil {
			r.asking[g] = map[string]bool{}
		}
		r.asking[g][id] = true
	}
	maps.DeleteFunc(w.refused, func(g string, _ error) bool { return !w.awaited[g] })
}

// addServed adds to what a binding needs those rules of toTargets that it needed before, where need has no port of a
// target for their source: an edit of the ports may have misspelt them. What an earlier process wrote for the binding
// is not known: every rule of the cluster that stands may be that. It returns the finding about the rules that stay.
func (r *Reconciler) addServed(ctx context.Context, o *v1beta1.TargetGroupBinding, need map[string][]stack.Permission,
	toTargets []stack.Permission, at sgsync.Listening) (found diag.List, err error) {
	id := ruleID(o)
	if !r.Table.Placed(id) && !r.mayHaveRules(o) {
		return nil, nil
	}
	for _, g := range slices.Sorted(maps.Keys(need)) {
		serving, _ := at.Limit(need[g])
		unreached := slices.DeleteFunc(slices.Clone(toTargets), fromSourcesOf(serving))
		if len(unreached) == 0 {
			continue
		}
		former := admitting(r.Table.Of(id, g))
		if !r.Table.Placed(id) {
			standing, unread := r.rules.Standing(ctx, g)
			if unread != nil {
				return nil, fmt.Errorf("security group %s: %w", g, unread)
			}
			former = standing.Admits
		}
		for _, p := range unreached {
			if !former(p) {
				continue
			}
			if sgsync.NodePort(p) {
				p.Description = sgsync.Standing
			}
			need[g] = append(slices.Clip(need[g]), p)
			if !r.Limits.Planned.Is(o) { // else the edit was of a Service, which is told that it leads nowhere
				found = diag.List{bindings.FormerRulesStay(o, at)}
			}
		}
	}
	return found, nil
}

// fromSourcesOf reports whether a permission has the source and protocol of any of others.
func fromSourcesOf(others ...[]stack.Permission) func(stack.Permission) bool {
	source := func(p stack.Permission) stack.Permission {
		p.FromPort, p.ToPort, p.Description = 0, 0, ""
		return p
	}
	all := map[stack.Permission]bool{}
	for _, p := range slices.Concat(others...) {
		all[source(p)] = true
	}
	return func(p stack.Permission) bool { return all[source(p)] }
}

// rerun has a run that rests on what AWS is being asked again made once more.
func (r *Reconciler) rerun(next queue.Retry, stale func() bool) queue.Retry {
	if at := r.bindings.Now().Add(behindAnswers); stale() && next.At.Before(at) {
		next.At = at
	}
	return next
}

// restrict ends what stays under a name in groups that a later process would not find. All of it stays while these are
// not known.
func (r *Reconciler) restrict(ctx context.Context, name string) queue.Retry {
	groups, err := r.Inventory.SecurityGroups().OfCluster(ctx)
	if err != nil {
		r.noteUnlisted(name, err)
		return queue.Retry{Failed: ctx.Err() == nil}
	}
	r.mu.Lock()
	var t sgsync.Touched
	var wake func()
	if r.ending[name] != "" {
		t = r.Table.Restrict(name, groups)
		wake = r.close(name, t.Changed)
	}
	r.mu.Unlock()
	r.enqueue(ctx, t)
	if wake != nil {
		wake()
	}
	return queue.Retry{}
}

// reconcileGroup has one group admit what bindings need of it, and wakes the bindings that have something else to
// report.
func (r *Reconciler) reconcileGroup(ctx context.Context, group string) queue.Retry {
	ctx = awsclient.WithCause(awsclient.WithPriority(ctx, awsclient.Vital), awsclient.TargetRules)
	if group == sweepKey {
		return r.sweep(ctx)
	}
	r.mu.Lock()
	reviews, closing := r.reviews, r.closingIn(group)
	r.mu.Unlock()
	ctx, stale := cache.NoteStale(ctx)
	out := r.rules.Reconcile(ctx, group, func() bool { return !r.allKnown(ctx) || r.Unseen(ctx) })
	if ctx.Err() != nil {
		return queue.Retry{}
	}
	var concerned []types.NamespacedName
	reported := false
	r.mu.Lock()
	if out.Waits {
		r.waiting[group] = true
	}
	for id := range r.asking[group] {
		w := r.requests[id]
		if w == nil || !w.awaited[group] && w.refused[group] == nil {
			delete(r.asking[group], id)
			continue
		}
		before := w.findings()
		perms := r.Table.Of(id, group)
		err := out.Of(id, perms)
		if err != nil {
			w.refused[group], reported = fmt.Errorf("security group %s: %w", group, err), true
		} else {
			delete(w.refused, group)
		}
		if out.Until.IsZero() {
			delete(w.awaited, group)
			if err != nil {
				w.awaited[group] = true // it is tried again
			}
		}
		if news := w.changed(before); w.binding != nil && (news || w.settled && len(w.findings()) > 0) {
			concerned = append(concerned, client.ObjectKeyFromObject(w.binding))
		}
	}
	if len(r.asking[group]) == 0 {
		delete(r.asking, group)
	}
	missed := out.Waits && r.reviews != reviews // by a review that did not find the group waiting yet
	r.mu.Unlock()
	if missed {
		r.Review(ctx)
	}
	for _, b := range concerned {
		r.Wake(b)
	}
	if out.Err != nil && !reported {
		r.Log.Info("rules that no binding needs cannot be revoked yet", "group", group, "error", out.Err.Error())
	}
	next := r.rerun(queue.Retry{Failed: out.Err != nil || len(out.Refused)+len(out.Full) > 0, At: out.Until}, stale)
	r.noteClosed(group, closing, out.Err, (out.Err == nil || out.Ungranted) && next.At.IsZero())
	return next
}
