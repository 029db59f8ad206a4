package bindingpass

import (
	"context"
	"errors"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/tracing"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// pass reconciles one binding: its target group, and the security group rules that its targets need, follow its
// endpoints. Its phases are methods, which run lists.
type pass struct {
	reconciler *Reconciler
	binding    *v1beta1.TargetGroupBinding
	name       client.ObjectKey
	id         stack.ID
	unwritten  diag.List // writes to the binding that the API server refused

	whose      *ownership
	unowned    error     // of the read that shows whose the target group is
	since      time.Time // when the first change came that no earlier pass has handled; zero = it is not known
	endpoints  registrar.Endpoints
	port       int32            // of endpoints without one
	closed     bindings.Targets // nodes that are not wanted, as they forward to endpoints that are not the namespace's
	found      diag.List
	preceding  protectedTargets // targets that were registered before the binding
	ownerKnown bool             // whether it is known who registered the targets of the group
	zonesKnown bool             // whether it is known which addresses are outside the VPC
	request    registrar.Request
	kept       []registrar.Endpoint // targets that the brake keeps registered
	moved      []registrar.Endpoint // targets of a former port that stay until those of the new one are healthy
	unproven   error                // of the API server, which does not show whether missing endpoints have left
	unread     bool                 // which targets an edit of the Service leaves registered is not known yet
	unsure     bool                 // nor is whether it was edited before the process began
	onHold     diag.List            // that an administrator holds the binding
	change     registrar.Change
	err        error // of the calls for targets
	gatesErr   error
	settled    bool      // the security group rules are written
	unadmitted diag.List // findings about these rules
	replacing  bool      // the binding's stack replaces a target group that AWS no longer has
}

func (b *Reconciler) newPass(o *v1beta1.TargetGroupBinding, unwritten diag.List) *pass {
	return &pass{
		reconciler: b, binding: o, name: client.ObjectKeyFromObject(o), id: stack.ID{Namespace: o.Namespace, Name: o.Name},
		unwritten: unwritten, whose: b.ownership(o),
	}
}

// run runs the phases of a pass.
func (p *pass) run(ctx context.Context) (reconcile.Result, error) {
	left := queue.InOrder(ctx,
		p.checkConflict,   // may the binding have its target group?
		p.resolve,         // the endpoints that it wants
		p.makeRequest,     // what the registrar is to register, and must not deregister
		p.requestRules,    // hands the endpoints to networking; the last phase before targets are written
		p.sync,            // starts the writes of targets
		p.gate,            // writes the readiness gates of pods
		p.classifyFailure, // decides what a failed write means
		p.report,
	)
	return left.Result, left.Err
}

// retain ends a pass because of an error, and leaves targets and rules as they are. found are its findings; nil = the
// pass reports nothing.
func (p *pass) retain(ctx context.Context, found diag.List, err error) queue.Exit {
	if found != nil {
		p.reconciler.reportPartial(ctx, p.binding, found)
	}
	p.reconciler.Networking.Retain(ctx, p.binding)
	return queue.Ended(reconcile.Result{}, err)
}

// problem is the finding about a call for the target group that failed.
func (p *pass) problem(err error) diag.List {
	return diag.List{bindings.Problem(p.binding, "spec.targetGroupARN", err)}
}

// checkConflict ends the pass if another binding has the target group, or the binding may not name it.
func (p *pass) checkConflict(ctx context.Context) queue.Exit {
	b, o := p.reconciler, p.binding
	others, err := b.binders(ctx, o)
	if err != nil {
		return queue.Ended(reconcile.Result{}, err)
	}
	owner, err := p.whose.among(ctx, others)
	if err != nil {
		return p.withoutOwner(ctx, err)
	}
	if d := b.Conflicts.Superseded(owner, o, others); d != nil {
		var again reconcile.Result
		if b.OtherNamespaces != nil { // no watch reports that a binding of another namespace is deleted
			again.RequeueAfter = PollInterval
		}
		if err := b.withdraw(ctx, p.whose); err != nil {
			return p.retain(ctx, append(diag.List{*d}, p.problem(err)...), err)
		}
		b.suspend(ctx, o, diag.List{*d})
		return queue.Ended(again, nil)
	}
	switch d, err := b.unbindable(ctx, p.whose, owner); {
	case d != nil:
		b.suspend(ctx, o, diag.List{*d})
		return queue.Ended(reconcile.Result{}, nil)
	case err != nil:
		return p.withoutOwner(ctx, err)
	}
	return queue.Exit{}
}

// withoutOwner ends a pass that cannot read whose the target group is, unless the binding has served it since its last
// edit: then its pods are registered, and what others registered stays. Nobody who binds the group too can stop it.
func (p *pass) withoutOwner(ctx context.Context, err error) queue.Exit {
	if !inService(p.binding) {
		return p.retain(ctx, p.problem(err), err)
	}
	p.unowned = err
	return queue.Exit{}
}

// inService reports whether a binding as it is now has served its target group, and was not told since that it may not.
func inService(o *v1beta1.TargetGroupBinding) bool {
	ready := meta.FindStatusCondition(o.Status.Conditions, "Ready")
	return ready != nil && ready.Reason != string(diag.TargetGroupBound) && ready.Reason != string(
		diag.TargetGroupNotAllowed) && o.Status.ObservedGeneration != nil && *o.Status.ObservedGeneration == o.Generation
}

// resolve finds the endpoints that the binding wants.
func (p *pass) resolve(ctx context.Context) queue.Exit {
	b, o := p.reconciler, p.binding
	p.since = b.Changes.take(p.name)
	resolving, trace := tracing.Start(ctx, "endpoints")
	known, err := false, b.Pods.require(resolving, o, b.Client, b.APIReader)
	if err == nil {
		var of Resolved
		of, err = b.Endpoints(resolving, o)
		p.unproven = of.unproven
		p.endpoints, p.port, p.found, known = of.Endpoints, of.Port, of.Found, of.Known
		p.request.Emptied, p.request.Unconfirmed, p.unsure = of.emptied, of.unconfirmed, of.unsure
		if of.elsewhere {
			p.closed, p.endpoints = of.Targets, registrar.Endpoints{}
		}
	}
	trace.SetCount("lbc.endpoints", p.endpoints.Len())
	trace.End(err)
	if err != nil {
		return p.unresolved(ctx, err)
	}
	// an edit of the Service is seen here before its stack deletes the binding
	if slices.ContainsFunc(p.found, unserved) && b.Dropped != nil && b.Dropped(ctx, o) {
		b.Networking.Retain(ctx, o)
		return queue.Ended(reconcile.Result{RequeueAfter: b.RequeueAfter}, nil)
	}
	if !known {
		b.suspend(ctx, o, p.found)
		return queue.Ended(reconcile.Result{}, nil)
	}
	return queue.Exit{}
}

// unresolved ends a pass that does not know the endpoints: what is registered stays.
func (p *pass) unresolved(ctx context.Context, err error) queue.Exit {
	b, o := p.reconciler, p.binding
	b.Changes.restore(p.name, p.since)
	if errors.Is(err, reads.ErrListing) || errors.Is(err, errUnconfirmed) {
		b.Networking.Retain(ctx, o)
		return queue.Ended(reconcile.Result{RequeueAfter: listingPause}, nil)
	}
	if ctx.Err() != nil {
		return p.retain(ctx, nil, err)
	}
	b.countFailure(o, metrics.ResolveEndpoints)
	return p.retain(ctx, diag.List{reporting.APIRefusal(bindingobject.BindingObject(o), diag.ObjectsUnread, err)}, err)
}

// makeRequest makes the request to the registrar. It first finds the targets that the binding must not deregister,
// because they were registered before it: without them nothing is registered.
func (p *pass) makeRequest(ctx context.Context) queue.Exit {
	b, o := p.reconciler, p.binding
	b.moveScope(o)
	own := p.closed
	if own.Endpoints.Len() == 0 {
		own = bindings.Targets{Endpoints: p.endpoints, Port: p.port}
	}
	preceding, err := b.precedingOf(ctx, p.whose, own)
	if err != nil {
		b.Changes.restore(p.name, p.since)
		b.countFailure(o, workOf(err))
		return p.retain(ctx, p.problem(err), err)
	}
	p.preceding = preceding
	b.Preceding.noteServed(o)
	if k := b.memory.get(o); k.withdrawn {
		k.withdrawn = false
		b.memory.put(o, k)
	}
	zone, zonesKnown := b.Zones(ctx, o)
	p.zonesKnown = zonesKnown
	var unseen bool
	unseen, p.ownerKnown = b.mayServe(ctx, o)
	if !preceding.known || p.unowned != nil || b.Contested != nil && b.Contested(o.Spec.TargetGroupARN) {
		unseen, p.ownerKnown = true, false // what others registered stays, without a note on the binding
	}
	emptied, unconfirmed, former := p.request.Emptied, p.request.Unconfirmed, map[string]registrar.Endpoint(nil)
	if emptied {
		if former, err = b.former(ctx, o); err != nil {
			b.Changes.restore(p.name, p.since)
			return p.retain(ctx, p.problem(err), err)
		}
	}
	record, ofOthers, err := b.registeredOf(ctx, p.whose, preceding.own)
	if err != nil { // new targets do not wait for the pods of others
		ofOthers = func(registrar.Target) bool { return true }
		b.Waker.WakeAfter(listingPause, queue.Normal, reconcile.Request{NamespacedName: p.name})
	}
	p.request = registrar.Request{
		Emptied: emptied, Former: former, Unconfirmed: unconfirmed,
		Keep:  unconfirmed && p.unproven != nil && !TargetsPods(o),
		Group: b.group(o), Binding: p.id, Want: p.endpoints, Port: p.port, Since: p.since, Max: b.MaxTargets, Unseen: unseen,
		New:      o.Status.ObservedGeneration == nil || b.memory.get(o).moved,
		Withheld: len(b.memory.get(o).unidentified) > 0,
		Record:   record, OfOthers: ofOthers, Preceding: preceding.keys, Own: preceding.own,
		Balancer: p.balancer(ctx),
		Zone:     zone, HomeZone: b.homeZone(o),
	}
	return queue.Exit{}
}

// requestRules has networking write the security group rules that the wanted targets need, and those that stay.
func (p *pass) requestRules(ctx context.Context) queue.Exit {
	b, o := p.reconciler, p.binding
	if b.memory.edited(o, p.endpoints.Len()) {
		b.Inventory.Refusals().RetryRefused(registrar.TargetCalls(p.id))
	}
	p.kept = b.keepServing(ctx, o, p.request, p.found)
	p.unread = b.Registry.Unread(p.request.Group)
	if len(p.kept) == 0 && !p.unread && p.unproven == nil && p.endpoints.Len() > 0 {
		b.memory.release(o)
	}
	p.moved = b.Registry.Moved(p.request)
	p.onHold = b.admit(ctx, o, func() { p.wantRules(ctx, p.moved) })
	return queue.Exit{}
}

// wantRules has networking write the rules of the wanted targets, of kept ones, and of those of a former port.
func (p *pass) wantRules(ctx context.Context, moved []registrar.Endpoint) {
	b, o := p.reconciler, p.binding
	if p.moved = moved; p.unread {
		b.Networking.Retain(ctx, o)
		return
	}
	taken := b.Registry.WithoutRefused(p.request.Group, p.endpoints).With(slices.Concat(p.kept, moved)...)
	b.Networking.Want(ctx, o, p.request.Group, bindings.Targets{Endpoints: taken, Port: p.port})
}

// sync hands the request to the registrar, whose calls may end after the pass.
func (p *pass) sync(ctx context.Context) queue.Exit {
	b := p.reconciler
	syncing, trace := tracing.Start(ctx, "targets")
	p.change, p.err = b.Registry.Sync(syncing, p.request)
	trace.End(p.err)
	draining, known := b.Registry.FoundDraining(p.request.Group)
	if _, registered := b.Registry.Members(p.request.Group); p.unsure && registered && p.err == nil {
		return queue.Ended(reconcile.Result{RequeueAfter: queue.Coalesce}, nil) // the next pass is sure
	}
	if p.request.Unconfirmed {
		unwanted, registered := b.Registry.Unwanted(p.request.Group)
		if known = known && registered; unwanted && p.err == nil && p.unproven == nil { // the next pass compares
			return queue.Ended(reconcile.Result{RequeueAfter: queue.Coalesce}, nil)
		}
	}
	if !p.unread && (known || p.err != nil) {
		if moved := b.Registry.Moved(p.request); len(moved) > len(p.moved) { // Sync has read them
			p.onHold = b.admit(ctx, p.binding, func() { p.wantRules(ctx, moved) })
		}
		b.Networking.Read(ctx, p.binding, draining)
	}
	return queue.Exit{}
}

// gate notes the readiness gates of pods; they are written in the background. It ends the pass if calls are in
// progress: their end queues the binding.
func (p *pass) gate(ctx context.Context) queue.Exit {
	b, o := p.reconciler, p.binding
	p.gatesErr = b.Gates.Observe(ctx, o, p.request.Group, p.endpoints, p.change)
	if p.gatesErr != nil && ctx.Err() == nil {
		b.Metrics.CountFailure(metrics.BindingControllerLabel, metrics.GatesNotWritten)
	}
	if !o.Spec.MultiClusterTargetGroup && b.RegisteredTargets.Exists(p.id) { // clusters shared the group until now
		if err := b.RegisteredTargets.Delete(ctx, p.id); err != nil {
			return queue.Ended(reconcile.Result{}, err)
		}
	}
	p.unadmitted, p.settled = b.Networking.Findings(o)
	if p.change.Pending && p.err == nil {
		waiting.NoteOf(ctx).InProgress = p.gatesErr == nil
		return queue.Ended(reconcile.Result{}, p.gatesErr)
	}
	return queue.Exit{}
}

// classifyFailure decides what an error of the calls for targets means.
func (p *pass) classifyFailure(ctx context.Context) queue.Exit {
	b, o := p.reconciler, p.binding
	missing := p.err != nil && awsclient.Classify(p.err).Code == awsclient.CodeTargetGroupNotFound
	deleted := b.TargetGroupDeleted(o.Spec.TargetGroupARN)
	lost := false
	if missing && !deleted {
		var key stack.Key
		key, lost = bindingobject.StackOfBinding(objects.New(reads.NewCacheReader(ctx, b.Client, nil)), o.Labels)
		if lost {
			b.OnTargetGroupLost(key, o.Spec.TargetGroupARN) // the stack creates another group, or deletes the binding
		}
	}
	p.replacing = lost && b.Failures.NumRequeues(p.name) == 0
	if p.err != nil && (deleted || p.endpoints.Len() == 0 && missing) {
		p.err = nil // the group was deleted with its load balancer, and the binding is deleted next
	}
	if p.err != nil && !p.replacing {
		b.countFailure(o, workOf(p.err))
		p.found = append(p.found, p.problem(p.err)...)
	}
	return queue.Exit{}
}
