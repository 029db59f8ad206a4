package gatewaystatus

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/secret"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Reconciler keeps the finalizer and the status of the objects of one kind that Gateways rely on: an object stays until
// none names it. Of IngressClassParams, it only reports those that no class names.
type Reconciler struct {
	Kind     objects.Kind
	Config   gateway.Config
	Client   client.Client
	Live     client.Reader // the API server; nil = caches are believed
	Statuses *Statuses
	// Secrets reads Secrets, and reports their changes; nil = the objects of the kind name none.
	Secrets *secret.Reader
	// Reporter records the notes; nil = none are.
	Reporter *reporting.Reporter
	// Definitions has the kinds that the cluster serves; nil = all.
	Definitions reads.Definitions
	Index       *reads.Index[types.NamespacedName]
	departed    reads.Departed                 // Gateways that are gone
	Waker       queue.Waker[reconcile.Request] // for changes that no watch of SetUp shows

	rules
}

// rules are what differs between the kinds.
type rules struct {
	controller string
	finalizer  string // empty for kinds whose objects are free to go
	// managed reports whether an object is looked after; nil = each is.
	managed func(r *Reconciler, o client.Object) bool
	// user returns an object that names this one and keeps it; ok is false if there is none.
	user func(v *objects.View, cfg gateway.Config, o client.Object) (user string, ok bool)
	// status returns what the status becomes, and notes for events; nil = no status is kept.
	status func(v *objects.View, cfg gateway.Config, o client.Object) (gateway.Change, diag.List)
	// idle is the finding about an object without a user; nil if there is none.
	idle func(o client.Object) *diag.Diagnostic
	// reading are the kinds that the others read.
	reading []objects.Kind
}

// Kinds are the kinds that have a Reconciler. Without finalizer are those of which passes over Gateways write most of
// the status.
var Kinds = append([]objects.Kind{
	objects.GatewayClass, objects.LoadBalancerConfiguration, objects.TargetGroupConfiguration,
	objects.ListenerRuleConfiguration, objects.ListenerSet, objects.BackendTLSPolicy,
}, objects.RouteKinds...)

// New makes the reconciler of one of Kinds.
func New(kind objects.Kind, cfg gateway.Config, c client.Client, live client.Reader, statuses *Statuses) *Reconciler {
	return &Reconciler{Kind: kind, Config: cfg, Client: c, Live: live, Statuses: statuses,
		Index: reads.NewIndex[types.NamespacedName](), rules: rulesOf(kind)}
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	begun := r.Index.Begin()
	reader := secret.NewPassReader(ctx, reads.NewCacheReader(ctx, r.Client, r.Live), r.Secrets)
	reader.Definitions, reader.Departed = r.Definitions, &r.departed
	v := objects.New(reader)
	found, ok := objects.Lookup[metav1.Object](v, r.Kind, q.Namespace, q.Name)
	o, isObject := found.(client.Object)
	if !ok || !isObject {
		r.Index.Forget(q.NamespacedName)
		if r.Reporter != nil {
			r.Reporter.End(r.unit(q))
		}
		return reconcile.Result{}, v.Err()
	}
	if r.managed != nil && !r.managed(r, o) {
		r.Index.Update(q.NamespacedName, begun, v.Reads())
		return reconcile.Result{}, nil
	}
	var change gateway.Change
	var notes diag.List
	used, again := true, time.Duration(0)
	if o.GetDeletionTimestamp() == nil {
		if r.status != nil {
			change, notes = r.status(v, r.Config, o)
		}
		// passes over Gateways note those of routes, passes over Ingresses those of class parameters
		if !slices.Contains(objects.RouteKinds, r.Kind) && r.Kind != objects.IngressClassParams {
			f := annotation.Findings{}
			annotation.CheckKind(&f, owner.Object(o), o.GetAnnotations())
			notes = append(notes, f.List()...)
		}
		notes, again = r.noteIdle(v, o, notes)
	} else if r.finalizer != "" && controllerutil.ContainsFinalizer(o, r.finalizer) {
		_, used = r.user(v, r.Config, o)
	}
	stale := r.Index.Update(q.NamespacedName, begun, v.Reads())
	switch err := v.Err(); {
	case err != nil:
		return reconcile.Result{}, err
	case stale:
		return reconcile.Result{}, queue.ErrRequeue
	}
	if err := r.writeFinalizer(ctx, o, used); err != nil {
		return reconcile.Result{}, fmt.Errorf("finalizer of %s %s: %w", r.Kind, q.NamespacedName, err)
	}
	if r.Reporter != nil {
		r.Reporter.Report(r.unit(q), reporting.Report{Found: notes})
	}
	decider := none
	if r.finalizer == "" {
		decider = departed
	}
	if change.Apply != nil {
		r.Statuses.set(ctx, decider, change)
	} else if decider == departed {
		r.Statuses.withdraw(reference(r.Kind, o))
	}
	return reconcile.Result{RequeueAfter: again}, reader.Unread
}

// idleAfter is the age at which an object without a user has a note: what names it may be created later.
const idleAfter = time.Minute

// noteIdle adds a note about an object that nothing names. again is when to look again.
func (r *Reconciler) noteIdle(v *objects.View, o client.Object, notes diag.List) (all diag.List, again time.Duration) {
	if r.idle == nil {
		return notes, 0
	}
	idle := r.idle(o)
	if idle == nil || slices.ContainsFunc(notes, func(d diag.Diagnostic) bool { return d.Path == idle.Path }) {
		return notes, 0
	}
	if _, used := r.user(v, r.Config, o); used {
		return notes, 0
	}
	if young := idleAfter - r.Statuses.now().Sub(o.GetCreationTimestamp().Time); young > 0 {
		return notes, young
	}
	return append(notes, *idle), 0
}

// writeFinalizer adds the finalizer to an object, and removes it from a deleted object that nothing uses.
func (r *Reconciler) writeFinalizer(ctx context.Context, o client.Object, used bool) error {
	_, err := objectwriter.Apply(ctx, r.Client, objectwriter.Write{Object: o, Part: objectwriter.Finalizer,
		Change: func(o client.Object) bool {
			switch {
			case r.finalizer == "":
				return false
			case o.GetDeletionTimestamp() == nil:
				return controllerutil.AddFinalizer(o, r.finalizer)
			case used:
				return false
			}
			return controllerutil.RemoveFinalizer(o, r.finalizer)
		}})
	return err
}

// unit names an object to the Reporter.
func (r *Reconciler) unit(q reconcile.Request) string { return string(r.Kind) + "/" + q.String() }

// Changed queues the objects whose reads a change concerns that no watch of SetUp shows.
func (r *Reconciler) Changed(c objects.Change) {
	for _, name := range r.Index.Affected(c) {
		r.Waker.WakeAfter(queue.Coalesce, queue.Normal, reconcile.Request{NamespacedName: name})
	}
}

// events is the handler of events of a kind: those of the reconciler's own kind concern the object itself, and all
// those that read it.
func (r *Reconciler) events(kind objects.Kind) handler.TypedEventHandler[client.Object, reconcile.Request] {
	return queue.Handle(func(_ context.Context, before, after client.Object, q queue.Of[reconcile.Request]) {
		if queue.IsResync(before, after) || !queue.Relevant(before, after) {
			return
		}
		if after == nil && kind == objects.Gateway {
			r.departed.Note(kind, before)
		}
		if kind == r.Kind {
			q.AddAfter(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(queue.Newest(before, after))},
				queue.Coalesce)
		}
		for _, name := range r.Index.Affected(objects.ChangeOf(kind, before, after)) {
			q.AddAfter(reconcile.Request{NamespacedName: name}, queue.Coalesce)
		}
	})
}

// SetUp has the manager run the reconciler with workers at a time.
func (r *Reconciler) SetUp(mgr manager.Manager, workers int) error {
	c := queue.NewController(queue.Options[reconcile.Request]{Name: r.controller, Reconciler: r, Workers: workers,
		Log: mgr.GetLogger(), LogUnit: queue.LogObject})
	c.Watch(r.Waker.Source())
	for _, kind := range append([]objects.Kind{r.Kind}, r.reading...) {
		c.Watch(queue.Kind(mgr.GetCache(), readable.Kinds[kind].Object, r.events(kind)))
	}
	return mgr.Add(c)
}
