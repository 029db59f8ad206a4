package controller

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/backoff"
	"github.com/k8s-lbc/lbc/internal/checkpoint"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/targethealth"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/inventory"
	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/status"
	"github.com/k8s-lbc/lbc/internal/targets"
)

// targetBindings registers the endpoints of bindings: the fast lane, which never waits for load balancer work.
type targetBindings struct {
	client    client.Client
	live      client.Reader // the API server; nil = caches are believed
	elbv2     cloud.ELBV2
	inventory *inventory.Inventory
	registry  *targets.Registry
	rules     *rules
	reporter  *status.Reporter
	metrics   *metrics.Metrics
	health    *targethealth.Watch
	drains    *drains
	deleted   func(binding client.ObjectKey) bool // by its stack, which needs it no more
	gates     *targethealth.Gates
	statuses  *bindingStatuses
	writes    *bindingWrites
	endings   endings
	waker     queue.Waker[reconcile.Request]
	failOpen  bool
	max       int
	requeue   time.Duration
	rereads   bool // the periodic resync has target groups read again
	claims    *claimMaps
	kept      *checkpoint.Keeper // nil = a restart forgets what is registered
	missing   nodeWaits
	unheard   queue.UnavailableUnits[reconcile.Request]
	changes   *changes
	failures  *backoff.Failures[types.NamespacedName] // attempts at targets
	gone      func(arn string) bool                   // the target group was deleted by this process
	left      func()                                  // a binding is gone, and its rules with it
	// lost hears that the target group of a stack does not exist any more.
	lost func(key stack.Key, arn string)
}

// Reconcile makes one pass over a binding. Whatever it reads of AWS goes before the calls of all others, as its writes do.
func (b *targetBindings) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	r, err := b.reconcile(ctx, req)
	b.unheard.Note(req, err)
	return r, err
}

func (b *targetBindings) reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	ctx = cloud.WithPriority(ctx, cloud.Vital)
	end, err := b.kept.BeginSoon(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	defer end()
	b.metrics.CountPass(metrics.BindingControllerLabel, req.Namespace, req.Name)
	defer b.metrics.StartStageOf(metrics.BindingControllerLabel, metrics.StageBindingReconcile)()
	o := &v1beta1.TargetGroupBinding{}
	if err := b.client.Get(ctx, req.NamespacedName, o); err != nil {
		if apierrors.IsNotFound(err) {
			b.forget(req.NamespacedName)
			b.rules.review(ctx) // others may have waited for it
			b.left()
			return reconcile.Result{}, b.gates.Absent(ctx, req.NamespacedName)
		}
		return reconcile.Result{}, err
	}
	if o.DeletionTimestamp != nil {
		return reconcile.Result{}, b.cleanUp(ctx, o)
	}
	b.endings.forget(req.NamespacedName) // of a former binding of that name
	protected, err := b.protect(ctx, o)
	unwritten := notWritten(o, diag.FinalizerNotAdded, err)
	if !protected { // its end brings the binding back
		b.partly(ctx, o, unwritten)
		b.rules.hold(ctx, o)
		if err = b.writes.again(err); err != nil {
			err = fmt.Errorf("adding finalizer: %w", err)
		}
		return reconcile.Result{}, err
	}
	complete, d := b.complete(ctx, o)
	switch {
	case complete && d != nil:
		unwritten = append(unwritten, *d)
	case d != nil:
		b.hold(ctx, o, diag.List{*d})
		return b.later(*d)
	case !complete:
		return reconcile.Result{}, nil // our own edit brings us back
	}
	return b.serve(ctx, o, unwritten)
}

func unitOf(o *v1beta1.TargetGroupBinding) string {
	return "binding:" + o.Namespace + "/" + o.Name
}

// report tells of a pass over a binding, unless it ends with the process.
func (b *targetBindings) report(ctx context.Context, o *v1beta1.TargetGroupBinding, a status.Account) {
	if ctx.Err() == nil {
		b.reporter.Report(unitOf(o), a)
	}
}

// later retries what may get right by itself; what only an edit cures waits for the edit.
func (b *targetBindings) later(d diag.Diagnostic) (reconcile.Result, error) {
	if d.Class == diag.Invalid {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{RequeueAfter: b.requeue}, nil
}

// serve brings target group and security groups to the endpoints that there are. It tells in addition of what the API server does not take.
func (b *targetBindings) serve(ctx context.Context, o *v1beta1.TargetGroupBinding, unwritten diag.List) (reconcile.Result, error) {
	others, err := b.binders(ctx, o)
	if err != nil {
		return reconcile.Result{}, err
	}
	owner, err := b.ownerOf(ctx, o, others)
	if err != nil {
		b.partly(ctx, o, diag.List{b.problem(o, "spec.targetGroupARN", err)})
		b.rules.hold(ctx, o)
		return reconcile.Result{}, err
	}
	if d := superseded(owner, o, others); d != nil {
		var again reconcile.Result
		if b.rules.elsewhere != nil { // no watch tells when a binding of another namespace goes
			again.RequeueAfter = elsewhereInterval
		}
		b.hold(ctx, o, diag.List{*d})
		return again, nil
	}
	since := b.changes.take(client.ObjectKeyFromObject(o))
	endpoints, found, known, err := b.endpoints(ctx, o)
	if err != nil { // what is registered stays
		b.changes.keep(client.ObjectKeyFromObject(o), since)
		if ctx.Err() == nil {
			b.partly(ctx, o, diag.List{status.APIRefusal(kube.BindingObject(o), diag.ObjectsUnread, err)})
		}
		b.rules.hold(ctx, o)
		return reconcile.Result{}, err
	}
	if !known {
		b.hold(ctx, o, found)
		return reconcile.Result{}, nil
	}
	id := stack.ID{Namespace: o.Namespace, Name: o.Name}
	zone, zonesKnown := b.zones(ctx, o)
	unseen, ownerKnown := b.mayServe(ctx, o)
	request := targets.Request{
		Binding: id, ARN: o.Spec.TargetGroupARN, Want: endpoints, Since: since, Max: b.max, Unseen: unseen,
		Claims: b.claimsOf(o),
		Zone:   zone, HomeZone: b.homeZone(ctx),
	}
	held := b.holdTargets(ctx, o, request, found)
	b.rules.want(ctx, o, slices.Concat(endpoints, held))
	change, err := b.registry.Sync(ctx, request)
	gatesErr := b.gates.Observe(ctx, o, answered(endpoints, change), change)
	if !o.Spec.MultiClusterTargetGroup && b.claims.kept(id) { // it was shared until now
		if err := b.claims.drop(ctx, id); err != nil {
			return reconcile.Result{}, err
		}
	}
	unadmitted, settled := b.rules.found(o)
	if change.Pending && err == nil { // the end of each call brings the binding back
		return reconcile.Result{}, gatesErr
	}
	missing := err != nil && cloud.Classify(err).Code == cloud.CodeTargetGroupNotFound
	key, owned := kube.OwnerOfBinding(o.Labels)
	lost := missing && owned && !b.gone(o.Spec.TargetGroupARN)
	if lost {
		b.lost(key, o.Spec.TargetGroupARN) // its stack makes another group, or deletes the binding
	}
	atWork := lost && b.failures.NumRequeues(client.ObjectKeyFromObject(o)) == 0
	if err != nil && (b.gone(o.Spec.TargetGroupARN) || len(endpoints) == 0 && missing) {
		err = nil // the group went with its load balancer, and the binding is about to follow
	}
	if err != nil && !atWork {
		found = append(found, b.problem(o, "spec.targetGroupARN", err))
	}
	found = append(append(found, unadmitted...), unwritten...)
	if len(held) > 0 {
		found = append(found, targetsHeld(o, held))
	}
	if len(change.NotOurs) > 0 && ownerKnown {
		found = append(found, b.rules.elsewhere.registeredByOthers(o, change.NotOurs))
	}
	if change.LeftOut > 0 {
		found = append(found, diag.New(kube.BindingObject(o), "spec.targetGroupARN", diag.QuotaExceeded,
			fmt.Sprintf("%d endpoints are not registered: --max-targets-per-target-group=%d", change.LeftOut, b.max), "raise the flag, or run fewer pods"))
	}
	if change.Registered+change.Deregistered > 0 {
		logf.FromContext(ctx).Info("targets changed", "registered", change.Registered, "deregistered", change.Deregistered)
		b.health.Expect(o.Spec.TargetGroupARN, kube.BindingObject(o))
	}
	b.metrics.SetTargetGroup(o)
	about := status.Account{Objects: []diag.Object{kube.BindingObject(o)}, Changed: change.Registered+change.Deregistered > 0}
	if about.Found = found; (settled || found.HasErrors()) && !atWork {
		about.Found = b.withStatus(o, found)
	} else { // its rules wake it when they are written, and its stack ends what it waits for
		about.Objects, about.Waiting = nil, about.Objects
	}
	b.report(ctx, o, about)
	if err != nil {
		return reconcile.Result{RequeueAfter: b.retryAfter(client.ObjectKeyFromObject(o), err, change.Retry, zonesKnown)}, nil
	}
	b.failures.Forget(client.ObjectKeyFromObject(o))
	if gatesErr != nil || len(held)+len(change.NotOurs) == 0 {
		return reconcile.Result{}, gatesErr
	}
	return reconcile.Result{RequeueAfter: b.requeue}, nil
}

// notWritten tells that the API server did not take a write; that somebody else wrote at the same time is nothing to tell.
func notWritten(o *v1beta1.TargetGroupBinding, code diag.Code, err error) diag.List {
	if err == nil || apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil
	}
	return diag.List{status.APIRefusal(kube.BindingObject(o), code, err)}
}

// hold leaves targets as they are, and the rules that may be theirs, of a binding that cannot be understood: who mistypes must not
// cut off what serves. An edit of what is wrong brings the binding back.
func (b *targetBindings) hold(ctx context.Context, o *v1beta1.TargetGroupBinding, found diag.List) {
	b.report(ctx, o, status.Account{Waiting: []diag.Object{kube.BindingObject(o)}, Found: b.withStatus(o, found)})
	b.rules.hold(ctx, o)
}

// withStatus has the status written that follows from what was found. What it returns tells in addition that the API server refuses it, if it does: that is
// known once it was tried, which brings the binding back.
func (b *targetBindings) withStatus(o *v1beta1.TargetGroupBinding, found diag.List) diag.List {
	return append(found, notWritten(o, diag.StatusNotWritten, b.statuses.put(o, found))...)
}

// claimsOf are the claims of a binding whose target group is shared among clusters; nil if it is not.
func (b *targetBindings) claimsOf(o *v1beta1.TargetGroupBinding) targets.Claims {
	if !o.Spec.MultiClusterTargetGroup {
		return nil
	}
	return b.claims
}

func (b *targetBindings) problem(o *v1beta1.TargetGroupBinding, path string, err error) diag.Diagnostic {
	d := cloud.Problem("", err)
	d.Object, d.Path = kube.BindingObject(o), path
	return d
}

// partly tells what a pass found that ended early.
func (b *targetBindings) partly(ctx context.Context, o *v1beta1.TargetGroupBinding, found diag.List) {
	b.report(ctx, o, status.Account{Found: found, Partial: true})
}

// strandedTargets tells that the targets of a binding that goes stay, as this version assumes no roles.
func strandedTargets(o *v1beta1.TargetGroupBinding) diag.Diagnostic {
	return diag.New(kube.BindingObject(o), "spec.iamRoleArnToAssume", diag.UnsupportedFeature,
		"what was registered through an assumed role stays registered in "+o.Spec.TargetGroupARN, "deregister it there, with that role")
}

func (b *targetBindings) forget(key client.ObjectKey) {
	b.health.Forget(key)
	b.missing.note(key, nil)
	b.failures.Forget(key)
	b.changes.take(key)
	b.writes.forget(key)
	b.endings.forget(key)
	b.statuses.forget(key)
	b.reporter.End("binding:" + key.Namespace + "/" + key.Name)
}
