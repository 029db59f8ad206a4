package controller

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/cache"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/inventory"
	"github.com/k8s-lbc/lbc/internal/inventory/network"
	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/secgroup"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/targets"
)

// rules has the security groups of endpoints let the sources of bindings in, beside the passes over bindings: a pass says what it
// wants, returns at once, and is woken when there is something else to tell. The groups of the endpoints are found binding by
// binding, and each group is brought to what all bindings want of it by itself, so that a call to EC2 that hangs for one delays
// neither registrations nor others.
type rules struct {
	client     client.Client
	inventory  *inventory.Inventory
	interfaces *network.Interfaces
	chooser    secgroup.Chooser
	vpc        string // of the cluster
	table      *secgroup.Table
	keeper     *secgroup.Keeper
	elsewhere  *elsewhere // nil = the caches show all namespaces
	wake       func(binding types.NamespacedName)
	log        logr.Logger

	placing *queue.Keyed // by binding
	groups  *queue.Keyed // by security group; sweepKey stands for those that no binding names

	mu      sync.Mutex
	wanted  map[string]*wantedRules // by binding
	ending  map[string]bool         // names under which rules stay while targets drain, of which nothing was looked up yet
	waiting map[string]bool         // groups that hold rules which cannot be judged before more is known
	swept   bool                    // groups of former bindings were looked for
	reviews int                     // how often review was asked, so that bring notices those that came while it looked
}

// wantedRules is what a binding wants, and what is known of it.
type wantedRules struct {
	binding   *v1beta1.TargetGroupBinding // as its last pass saw it
	endpoints []targets.Endpoint
	serial    int // grows with each pass

	placed  diag.List        // what is wrong with its endpoints or its networking
	refused map[string]error // by group
	awaited map[string]bool  // groups that were not brought there yet
	looked  bool             // its endpoints were looked for
	settled bool             // all of it was done or refused once
}

// behindAnswers is when a run is made again that rests on answers which were past their lifetime and which AWS is being asked for.
const behindAnswers = 15 * time.Second

// lingerRules is how long a group to which nothing is new waits to be looked at. A look goes through the needs of all bindings: it must not follow on each of
// a thousand changes that concern the endpoints of bindings and not their rules.
const lingerRules = 500 * time.Millisecond

// sweepKey is no name of a security group.
const sweepKey = ""

func newRules(c client.Client, inv *inventory.Inventory, i *network.Interfaces, chooser secgroup.Chooser, vpc string, run secgroup.Runner, pause time.Duration, now func() time.Time, log logr.Logger) *rules {
	table := secgroup.NewTable()
	r := &rules{
		client: c, inventory: inv, interfaces: i, chooser: chooser, vpc: vpc, table: table, keeper: secgroup.NewKeeper(chooser.Cluster, table, inv.SecurityGroups(), run),
		wake: func(types.NamespacedName) {}, log: log,
		wanted: map[string]*wantedRules{}, ending: map[string]bool{}, waiting: map[string]bool{},
	}
	r.placing, r.groups = queue.NewKeyed(pause, now, r.place), queue.NewKeyed(pause, now, r.bring)
	r.groups.Add(sweepKey) // a process that ended may have left rules, and there may be no binding whose pass would ask for them
	return r
}

// Start runs until ctx ends; it implements manager.Runnable.
func (r *rules) Start(ctx context.Context) error {
	var running sync.WaitGroup
	for _, k := range []*queue.Keyed{r.placing, r.groups} {
		running.Go(func() { _ = k.Start(ctx) })
	}
	running.Wait()
	return nil
}

func ruleID(o *v1beta1.TargetGroupBinding) string {
	return stack.ID{Namespace: o.Namespace, Name: o.Name}.String()
}

// want takes note of the endpoints that a binding's sources are to reach. Before their groups are known, every rule that may be
// theirs stays.
func (r *rules) want(ctx context.Context, o *v1beta1.TargetGroupBinding, endpoints []targets.Endpoint) {
	id := ruleID(o)
	if o.Spec.Networking == nil {
		if r.table.Knows(id) {
			r.release(ctx, id)
		}
		return
	}
	r.holdUnknown(ctx, o)
	r.mu.Lock()
	w := r.wanted[id]
	if w == nil {
		w = &wantedRules{refused: map[string]error{}, awaited: map[string]bool{}}
		r.wanted[id] = w
	}
	same := w.binding != nil && w.binding.UID == o.UID && w.binding.Generation == o.Generation && slices.Equal(w.endpoints, endpoints)
	w.binding, w.endpoints = o.DeepCopy(), endpoints
	w.serial++
	r.mu.Unlock()
	if same {
		r.placing.Add(id)
	} else {
		r.placing.AddNow(id)
	}
}

// found tells what is in the way of what a binding wants; settled is false until all of it was tried once.
func (r *rules) found(o *v1beta1.TargetGroupBinding) (found diag.List, settled bool) {
	if o.Spec.Networking == nil {
		return nil, true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.wanted[ruleID(o)]
	if w == nil {
		return nil, false
	}
	return w.found(), w.settled
}

// hold has the rules stay that endpoints of a binding may need while it cannot be told what they are. What is wrong with its
// networking is told when that comes to matter.
func (r *rules) hold(ctx context.Context, o *v1beta1.TargetGroupBinding) {
	if o.Spec.Networking == nil {
		return
	}
	unplaced, unclear, _ := r.permissions(ctx, o, nil)
	id := ruleID(o)
	r.mu.Lock()
	if w := r.wanted[id]; w != nil {
		w.binding = nil // what is being looked up for it is out of date
		w.serial++
	}
	t := r.table.Extend(id, nil, append(unplaced, unclear...))
	r.mu.Unlock()
	r.touch(ctx, t)
}

// holdUnknown has the rules stay that a binding may need of which nothing is recorded since the start.
func (r *rules) holdUnknown(ctx context.Context, o *v1beta1.TargetGroupBinding) {
	if !r.table.Knows(ruleID(o)) {
		r.hold(ctx, o)
	}
}

// release lets go of the rules that a binding, or a name under which they stayed, wants.
func (r *rules) release(ctx context.Context, id string) {
	r.mu.Lock()
	delete(r.wanted, id)
	delete(r.ending, id)
	t := r.table.Set(id, nil)
	r.mu.Unlock()
	r.touch(ctx, t)
}

// keepFor has the rules of a binding that ends stay under another name until that is released. A later process sweeps them away, for it
// knows nothing of the name; in groups where it would not find them they do not stay.
func (r *rules) keepFor(ctx context.Context, id, name string) {
	r.mu.Lock()
	delete(r.wanted, id)
	r.ending[name] = true
	t := r.table.Transfer(id, name)
	r.mu.Unlock()
	r.touch(ctx, t)
	r.placing.AddNow(name)
}

// touch has the groups brought to a changed table, and those that wait if all bindings are known now.
func (r *rules) touch(ctx context.Context, t secgroup.Touched) {
	for _, g := range t.Changed {
		r.groups.AddNow(g)
	}
	for _, g := range t.Same {
		r.groups.Add(g)
	}
	r.review(ctx)
}

// review has the groups looked at that waited until all bindings are known.
func (r *rules) review(ctx context.Context) {
	r.mu.Lock()
	idle := len(r.waiting) == 0 && r.swept
	r.reviews++
	r.mu.Unlock()
	if idle || !r.complete(ctx) {
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

// complete tells whether the needs of every binding with networking are recorded: only then may rules be revoked.
func (r *rules) complete(ctx context.Context) bool {
	var list v1beta1.TargetGroupBindingList
	if err := r.client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return false
	}
	for i := range list.Items {
		o := &list.Items[i]
		if o.Spec.Networking != nil && o.DeletionTimestamp == nil && !r.table.Knows(ruleID(o)) {
			return false
		}
	}
	return true
}

// place finds the groups of a binding's endpoints and records what it needs of each.
func (r *rules) place(ctx context.Context, id string) queue.Retry {
	ctx = cloud.WithPriority(ctx, cloud.Vital) // targets without their rules serve nothing
	r.mu.Lock()
	w := r.wanted[id]
	if w == nil || w.binding == nil {
		ending := r.ending[id]
		r.mu.Unlock()
		if ending {
			r.restrict(ctx, id)
		}
		return queue.Retry{}
	}
	o, endpoints, serial := w.binding, w.endpoints, w.serial
	r.mu.Unlock()

	ctx, stale := cache.NoteStale(ctx)
	need, unclear, found, placed := r.needs(ctx, o, endpoints)
	if ctx.Err() != nil {
		return queue.Retry{}
	}
	r.mu.Lock()
	if w = r.wanted[id]; w == nil || w.serial != serial { // there is a newer request, or none any more
		r.mu.Unlock()
		return queue.Retry{}
	}
	var t secgroup.Touched
	if placed {
		t = r.table.Set(id, need)
	} else {
		t = r.table.Extend(id, need, unclear)
	}
	before := w.found()
	w.placed, w.looked = found, true
	clear(w.awaited)
	for _, g := range slices.Concat(t.Changed, t.Same) {
		w.awaited[g] = true
	}
	maps.DeleteFunc(w.refused, func(g string, _ error) bool { return !w.awaited[g] })
	news := w.news(before)
	r.mu.Unlock()
	if news { // not for what lasts: the pass that would tell it again asks to place the binding again
		r.wake(client.ObjectKeyFromObject(o))
	}
	r.touch(ctx, t)
	return r.again(queue.Retry{Failed: len(found) > 0}, stale)
}

// again has a run that rests on what AWS is being asked again made once more.
func (r *rules) again(next queue.Retry, stale func() bool) queue.Retry {
	if at := r.placing.Now().Add(behindAnswers); stale() && next.At.Before(at) {
		next.At = at
	}
	return next
}

// restrict ends what stays under a name in groups that a later process would not find.
func (r *rules) restrict(ctx context.Context, name string) {
	groups, err := r.inventory.SecurityGroups().OfCluster(ctx)
	if err != nil {
		groups = nil
	}
	r.mu.Lock()
	var t secgroup.Touched
	if r.ending[name] {
		delete(r.ending, name)
		t = r.table.Restrict(name, groups)
	}
	r.mu.Unlock()
	r.touch(ctx, t)
}

// bring has one group hold what bindings need of it, and tells those that are concerned.
func (r *rules) bring(ctx context.Context, group string) queue.Retry {
	ctx = cloud.WithPriority(ctx, cloud.Vital)
	if group == sweepKey {
		return r.sweep(ctx)
	}
	r.mu.Lock()
	reviews := r.reviews
	r.mu.Unlock()
	ctx, stale := cache.NoteStale(ctx)
	out := r.keeper.Reconcile(ctx, group, func() bool { return !r.complete(ctx) || r.elsewhere.needsRules(ctx) })
	if ctx.Err() != nil {
		return queue.Retry{}
	}
	var concerned []types.NamespacedName
	told := false
	r.mu.Lock()
	if out.Waits {
		r.waiting[group] = true
	}
	for id, w := range r.wanted {
		if !w.awaited[group] && w.refused[group] == nil {
			continue
		}
		before := w.found()
		perms := r.table.Of(id, group)
		err := out.Of(perms)
		if err != nil {
			w.refused[group], told = fmt.Errorf("security group %s: %w", group, err), true
		} else {
			delete(w.refused, group)
		}
		if out.Until.IsZero() {
			delete(w.awaited, group)
			if err != nil {
				w.awaited[group] = true // it is tried again
			}
		}
		if news := w.news(before); w.binding != nil && (news || w.settled && len(w.found()) > 0) {
			concerned = append(concerned, client.ObjectKeyFromObject(w.binding))
		}
	}
	missed := out.Waits && r.reviews != reviews // by a review that did not find the group waiting yet
	r.mu.Unlock()
	if missed {
		r.review(ctx)
	}
	for _, b := range concerned {
		r.wake(b)
	}
	if out.Err != nil && !told {
		r.log.Info("rules that no binding needs cannot be revoked yet", "group", group, "error", out.Err.Error())
	}
	return r.again(queue.Retry{Failed: out.Err != nil || len(out.Missing) > 0, At: out.Until}, stale)
}

// sweep has the groups looked at, once, that may hold rules of bindings that went while no process ran.
func (r *rules) sweep(ctx context.Context) queue.Retry {
	if !r.complete(ctx) { // until then the groups would only wait
		return queue.Retry{Failed: true, Soon: true}
	}
	groups, err := r.inventory.SecurityGroups().OfCluster(ctx)
	if err != nil {
		if ctx.Err() == nil {
			r.log.Info("the cluster's security groups cannot be listed, to look for rules that no binding needs", "error", err.Error())
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

// found are the findings of a binding. The lock is held.
func (w *wantedRules) found() diag.List {
	out := slices.Clone(w.placed)
	var errs []error
	for _, g := range slices.Sorted(maps.Keys(w.refused)) {
		errs = append(errs, w.refused[g])
	}
	return append(out, networkProblem(w.binding, diag.RulesNotWritten, joinOnce(errs))...)
}

// news reports whether a binding's pass has something else to tell than before. The lock is held.
func (w *wantedRules) news(before diag.List) bool {
	if w.binding == nil {
		return false
	}
	settled := w.settled
	open := maps.Clone(w.awaited)
	maps.DeleteFunc(open, func(g string, _ bool) bool { return w.refused[g] != nil })
	w.settled = w.settled || w.looked && len(open) == 0
	return w.settled && (!settled || !slices.Equal(before, w.found()))
}

// networkProblem tells why the sources of a binding are not let in, or not any more, as they should be.
func networkProblem(o *v1beta1.TargetGroupBinding, code diag.Code, err error) diag.List {
	if err == nil || o == nil {
		return nil
	}
	d := cloud.Problem("", err)
	d.Object, d.Path, d.Code = kube.BindingObject(o), "spec.networking", code
	return diag.List{d}
}
