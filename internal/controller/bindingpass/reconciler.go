// Package bindingpass reconciles TargetGroupBindings: which endpoints a binding has, which of several bindings
// serves a target group, and the binding's completed spec, status, finalizer and deletion. Package registrar registers
// targets; controller/networking and controller/targethealth do the work that follows. It does not import
// controller, which wires it.
package bindingpass

import (
	"context"
	"errors"
	"time"

	"github.com/aws/smithy-go"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/networking"
	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/targethealth"
	"github.com/k8s-lbc/lbc/internal/controller/tracing"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/policy/iamroles"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// Reconciler registers the endpoints of bindings. A pass never waits for work on load balancers. It waits for AWS only
// where a binding ends, has an incomplete spec, names its target group by name, or shares it with another binding; for
// the first check of a binding that a user made it waits one second at most.
type Reconciler struct {
	Client    client.Client
	APIReader client.Reader // reads from the API server what the caches may lack; nil = the caches suffice
	Shared    *readable.Shared
	ELBV2     awsclient.ELBV2
	Scope     awsclient.Scope // of ELBV2
	// Assumed is Elastic Load Balancing in the scope of a role that a binding names, among Roles; nil = there are no such
	// bindings.
	Assumed func(awsclient.Scope) (awsclient.ELBV2, error)
	Roles   iamroles.Roles
	// Bindable are the target groups without tags of this cluster that bindings may name; nil = none.
	Bindable allowlist.List
	// Conflicts decide which of several bindings of a target group serves it.
	Conflicts bindings.Conflicts
	// Podless are the addresses that endpoints without Pod may have; nil = none.
	Podless   allowlist.Addresses
	Preceding *Preceding
	// ZoneThere is the name that a zone of the own account has in that of a scope, empty while that is not known. It does
	// not wait for AWS; nil = it is never known.
	ZoneThere          func(ctx context.Context, in awsclient.Scope, zone string) string
	Inventory          *inventory.Inventory
	Registry           *registrar.Registry
	Networking         *networking.Reconciler
	OtherNamespaces    *OtherNamespaces // nil = the caches show all namespaces
	Reporter           *reporting.Reporter
	Metrics            *metrics.Metrics
	Health             *targethealth.Watch
	Drains             *networking.Drains
	DeletedByStack     func(binding client.ObjectKey) bool // whether its stack deleted the binding
	DefinitionEnds     func(context.Context) bool          // whether that of bindings is being removed; nil = never
	Gates              *targethealth.Gates
	Writes             *objectwriter.Writer // of statuses, finalizers and completed specs
	Counts             *Counts              // nil = none are shown
	memory             memory
	healthPorts        healthPorts
	Waker              queue.Waker[reconcile.Request]
	FailOpen           bool
	ExcludedNodes      bool   // pods on nodes with the label that excludes these from load balancers are no targets
	QUICVariable       string // the environment variable with the server ids of pods
	MaxTargets         int
	Now                func() time.Time
	RequeueAfter       time.Duration
	RereadAtResync     bool // the periodic resync has target groups read again
	RegisteredTargets  *ConfigMaps
	Pods               *Pods                                         // nil = the cache has all pods
	Traces             *tracing.Passes[reconcile.Request]            // nil = none
	Waiting            *waiting.Board                                // nil = what waits is not counted, and not woken
	Holds              *hold.Book                                    // nil = nothing is held
	Begin              func(context.Context) (end func(), err error) // called first; reads checkpoints
	missingNodes       waits
	evidence           evidence
	nodesRead          nodeReads // nodes by which passes choose among the endpoints of pods
	nodesKeeping       nodeReads // nodes by which passes keep instances that are no longer wanted
	nodeLists          nodeLists
	resolved           resolved
	forwards           forwards
	Unavailable        queue.UnavailableUnits[reconcile.Request]
	Changes            *ChangeTimes
	Failures           *backoff.Failures[types.NamespacedName] // attempts at targets
	TargetGroupDeleted func(arn string) bool                   // whether this process deleted the target group
	OnGone             func()                                  // called when a binding and its rules are gone
	// Contested reports whether the controller of another cluster of the same name registers targets in a target group;
	// nil = none does.
	Contested func(arn string) bool
	// DrainSeconds is for how many seconds the load balancer of a binding may need a pod that ends; nil = it is not known.
	DrainSeconds func(ctx context.Context, o *v1beta1.TargetGroupBinding) int64
	// Dropped reports whether the stack of a binding no longer declares it. Then a missing Service is not reported; nil =
	// it is always reported.
	Dropped func(ctx context.Context, o *v1beta1.TargetGroupBinding) bool
	// OnTargetGroupLost is called when the target group of a stack no longer exists.
	OnTargetGroupLost func(key stack.Key, arn string)
}

// Reconcile makes one pass over a binding, and one trace. Its calls to AWS have priority over those of stacks.
func (b *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	ctx, trace := b.Traces.Start(ctx, req, metrics.BindingControllerLabel)
	if trace.Recorded() {
		trace.Set("lbc.target_group_binding", req.String())
	}
	ctx, note := waiting.Start(ctx)
	r, err := b.reconcile(ctx, req)
	trace.End(queue.Failure(err))
	b.Unavailable.Note(req, err)
	return b.noteWaiting(ctx, req, note, r, err)
}

func (b *Reconciler) reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	ctx = awsclient.WithPriority(ctx, awsclient.Vital)
	end, err := b.Begin(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	defer end()
	b.Metrics.CountPass(metrics.BindingControllerLabel, req.Namespace, req.Name)
	defer b.Metrics.StartStage(metrics.BindingControllerLabel, metrics.StageBindingReconcile)()
	o := &v1beta1.TargetGroupBinding{}
	spent := b.Metrics.StartStage(metrics.BindingControllerLabel, metrics.StageBindingLoad)
	loading, trace := tracing.Start(ctx, "load")
	// what o shares with the cache no pass changes: writes are made to copies
	err = b.Client.Get(loading, req.NamespacedName, o, client.UnsafeDisableDeepCopy)
	trace.End(client.IgnoreNotFound(err))
	spent()
	if err != nil {
		if apierrors.IsNotFound(err) {
			if ended, err := b.endVanished(ctx, req.NamespacedName); !ended {
				return reconcile.Result{}, err
			}
			b.Forget(req.NamespacedName)
			b.Networking.Review(ctx) // the rules of other bindings may have waited for it
			b.OnGone()
			again, err := b.Gates.Absent(ctx, req.NamespacedName)
			return reconcile.Result{RequeueAfter: again}, err
		}
		return reconcile.Result{}, err
	}
	b.Preceding.touch(o)
	if o.DeletionTimestamp != nil {
		waiting.NoteOf(ctx).Leaving = o.DeletionTimestamp.Time
		return reconcile.Result{}, b.cleanUp(ctx, o)
	}
	spent = b.Metrics.StartStage(metrics.BindingControllerLabel, metrics.StageBindingFinalizer)
	finalized, err := b.ensureFinalizer(o)
	spent()
	unwritten := notWritten(o, diag.FinalizerNotAdded, err)
	if !finalized { // the end of this write queues the binding
		b.reportPartial(ctx, o, unwritten)
		b.Networking.Retain(ctx, o)
		return reconcile.Result{}, nil
	}
	complete, d := b.complete(ctx, o)
	switch {
	case complete && d != nil:
		unwritten = append(unwritten, *d)
	case d != nil:
		b.suspend(ctx, o, diag.List{*d})
		return b.retryLater(*d)
	case !complete:
		return reconcile.Result{}, nil // the completed spec is an edit, which queues the binding
	}
	d, again := b.verify(ctx, o)
	if d != nil {
		b.suspend(ctx, o, diag.List{*d})
		return b.retryLater(*d)
	}
	res, err := b.newPass(o, unwritten).run(ctx)
	if again && err == nil && res.RequeueAfter == 0 {
		res.RequeueAfter = b.RequeueAfter
	}
	return res, err
}

func unitOf(o *v1beta1.TargetGroupBinding) string {
	return "binding:" + o.Namespace + "/" + o.Name
}

// report reports a pass over a binding, unless the process ends.
func (b *Reconciler) report(ctx context.Context, o *v1beta1.TargetGroupBinding, a reporting.Report) {
	if ctx.Err() != nil {
		b.Reporter.End(unitOf(o)) // the next process records what this one did
		return
	}
	n := waiting.NoteOf(ctx)
	d, _ := reporting.Cause(a.Found, bindingobject.BindingObject(o))
	n.Found, n.Cause = a.Found, d.Code
	b.Metrics.CountBindingFindings(a.Found)
	a.Version = reporting.SpecOf(o)
	b.Reporter.Report(unitOf(o), a)
}

// retryLater queues the binding again unless only an edit helps: the edit queues it.
func (b *Reconciler) retryLater(d diag.Diagnostic) (reconcile.Result, error) {
	if d.Class == diag.Invalid {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{RequeueAfter: b.RequeueAfter}, nil
}

// countFailure counts a failure of the work on a binding's targets.
func (b *Reconciler) countFailure(o *v1beta1.TargetGroupBinding, work metrics.BindingWork) {
	b.Metrics.CountBindingFailure(o.Spec.TargetType != nil && *o.Spec.TargetType == v1beta1.TargetTypeInstance, work)
}

// workOf names the part of a pass that failed with an error: the operation of AWS, or the record of targets in a shared
// target group.
func workOf(err error) metrics.BindingWork {
	var call *smithy.OperationError
	if errors.As(err, &call) {
		return metrics.BindingWork(call.OperationName)
	}
	if apierrors.ReasonForError(err) != metav1.StatusReasonUnknown {
		return metrics.RecordTargets
	}
	return ""
}

// notWritten is the finding that the API server refused a write. There is none if the write was a conflict, or the
// object is gone.
func notWritten(o *v1beta1.TargetGroupBinding, code diag.Code, err error) diag.List {
	if err == nil || apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil
	}
	return diag.List{reporting.APIRefusal(bindingobject.BindingObject(o), code, err)}
}

// suspend reports what is wrong with a binding, and leaves its targets and rules as they are: a typing mistake must not
// cut off targets that serve. An edit of what is wrong queues the binding.
func (b *Reconciler) suspend(ctx context.Context, o *v1beta1.TargetGroupBinding, found diag.List) {
	b.report(ctx, o, reporting.Report{Waiting: []diag.Object{bindingobject.BindingObject(o)},
		Found: b.withStatus(o, found)})
	b.Networking.Retain(ctx, o)
	if after := b.Networking.Reconsider(o); after > 0 {
		b.Waker.WakeAfter(after, queue.Normal, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o)})
	}
}

// registeredOf returns where the targets of a binding are recorded, nil if clusters do not share its target group, and
// which targets stay registered whatever is recorded. own are the keys of targets that are known to be the binding's.
func (b *Reconciler) registeredOf(ctx context.Context, whose *ownership, own map[string]bool) (
	registrar.RegisteredTargets, func(registrar.Target) bool, error) {
	if !whose.binding.Spec.MultiClusterTargetGroup {
		return nil, nil, nil
	}
	o := whose.binding
	ofOthers, err := b.ofOthers(ctx, whose)
	if owner, known := whose.known(); b.Preceding == nil || known && naming.NamespaceOfTargetGroup(owner.TargetGroup) ==
		o.Namespace { // that of a route's target group is not certain
		return b.RegisteredTargets, ofOthers, err
	}
	unproven := func(registrar.Target) bool { return false }
	if err == nil {
		unproven, err = b.unprovenOf(ctx, o, own)
	}
	return sharedRecord{b, o}, func(t registrar.Target) bool {
		return ofOthers != nil && ofOthers(t) || unproven(t)
	}, err
}

// reportPartial reports the findings of a pass that ended early.
func (b *Reconciler) reportPartial(ctx context.Context, o *v1beta1.TargetGroupBinding, found diag.List) {
	b.report(ctx, o, reporting.Report{Found: found, Partial: true})
}

// Forget drops what is kept of a binding that is gone.
func (b *Reconciler) Forget(key client.ObjectKey) {
	b.Health.Forget(key)
	b.missingNodes.note(key, nil)
	b.evidence.forget(key)
	b.nodesRead.forget(key)
	b.nodesKeeping.forget(key)
	b.resolved.forget(key)
	b.forwards.forget(key)
	b.Failures.Forget(key)
	b.Changes.take(key)
	b.Writes.Forget(key)
	b.Counts.Forget(key)
	b.memory.forget(key)
	b.Inventory.Refusals().Forget(registrar.TargetCalls(stack.ID{Namespace: key.Namespace, Name: key.Name}))
	b.Preceding.forget(key)
	b.Pods.forget(key)
	b.Reporter.End("binding:" + key.Namespace + "/" + key.Name)
}
