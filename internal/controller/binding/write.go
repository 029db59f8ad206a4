package binding

import (
	"context"
	"maps"
	"sync"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/naming"
)

// ObjectWriter makes the writes to TargetGroupBindings that passes over them ask for: the finalizer, what completes the spec, and the end of the finalizer. Where
// they are made beside the passes, a pass that needs one ends, and the end of the write brings the binding back: however long the API server takes, it
// holds up no other binding. It is safe for concurrent use.
type ObjectWriter struct {
	Async bool // false = a pass makes its writes itself
	now   func() time.Time
	Wake  func(binding types.NamespacedName) // a write ended, or failed for the first time
	log   logr.Logger

	Queue *queue.Keyed // by kind of write, namespace and name

	mu        sync.Mutex
	of        map[string]*pendingWrite
	protected map[types.NamespacedName]types.UID // bindings that are known to have had our finalizer
	// groups are the target groups of bindings whose spec is being completed, as they were read.
	groups map[types.NamespacedName]knownGroup
	swept  time.Time
}

// knownGroup is a target group, as a version of a binding names it.
type knownGroup struct {
	uid        types.UID
	generation int64
	group      *elbtypes.TargetGroup
}

// pendingWrite is one that was asked for.
type pendingWrite struct {
	binding    types.NamespacedName
	uid        types.UID
	generation int64
	do         func(context.Context) error
	err        error     // of the last attempt
	done       time.Time // zero: not yet
}

// writeKind tells the writes to a binding apart.
type writeKind string

const (
	addingFinalizer   writeKind = "finalizer "
	completing        writeKind = "completion "
	removingFinalizer writeKind = "end "
)

// NewObjectWriter makes a writer whose passes write themselves, until Async is set.
func NewObjectWriter(now func() time.Time, log logr.Logger) *ObjectWriter {
	w := &ObjectWriter{now: now, Wake: func(types.NamespacedName) {}, log: log, of: map[string]*pendingWrite{}, protected: map[types.NamespacedName]types.UID{}, groups: map[types.NamespacedName]knownGroup{}}
	w.Queue = queue.NewKeyed(queue.FirstRetry, now, w.write)
	return w
}

// Start runs until ctx ends; it implements manager.Runnable, and runs on the leader only.
func (w *ObjectWriter) Start(ctx context.Context) error { return w.Queue.Start(ctx) }

// ask has a write made to a binding as a pass saw it, unless that was asked for, or done so lately that the cache may not show it. It reports whether the write is
// done, and if not, why the last attempt at it failed.
func (w *ObjectWriter) ask(ctx context.Context, o *v1beta1.TargetGroupBinding, kind writeKind, do func(context.Context) error) (done bool, err error) {
	if !w.Async {
		err := do(ctx)
		return err == nil, err
	}
	key := client.ObjectKeyFromObject(o)
	id := string(kind) + key.String()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sweep()
	x := w.of[id]
	if x != nil && x.uid == o.UID && x.generation == o.Generation && (x.done.IsZero() || w.now().Sub(x.done) < reads.CacheLag) {
		return !x.done.IsZero(), x.err
	}
	w.of[id] = &pendingWrite{binding: key, uid: o.UID, generation: o.Generation, do: do}
	w.Queue.AddNow(id)
	return false, nil
}

// again is an error that another pass is to follow: none if the write is tried again beside.
func (w *ObjectWriter) again(err error) error {
	if w.Async {
		return nil
	}
	return err
}

// write makes an attempt.
func (w *ObjectWriter) write(ctx context.Context, id string) queue.Retry {
	w.mu.Lock()
	x := w.of[id]
	if x == nil || !x.done.IsZero() {
		w.mu.Unlock()
		return queue.Retry{}
	}
	do := x.do
	w.mu.Unlock()

	bounded, cancel := context.WithTimeout(ctx, statusTimeout)
	err := do(bounded)
	cancel()

	w.mu.Lock()
	if ctx.Err() != nil || w.of[id] != x { // another request has it made
		w.mu.Unlock()
		return queue.Retry{}
	}
	failed := x.err != nil
	if x.err = err; err == nil {
		x.done = w.now()
	}
	w.mu.Unlock()
	if err != nil && !failed {
		w.log.Info("a write to a binding failed; it is tried again", "binding", x.binding.String(), "cause", err.Error())
	}
	if err == nil || !failed {
		w.Wake(x.binding)
	}
	return queue.Retry{Failed: err != nil, Soon: queue.APIUnavailable(err) || apierrors.IsConflict(err)}
}

// Len counts what is kept of bindings.
func (w *ObjectWriter) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.of) + len(w.protected) + len(w.groups)
}

// forget drops what was to be written to a binding that is gone.
func (w *ObjectWriter) forget(binding types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, kind := range []writeKind{addingFinalizer, completing, removingFinalizer} {
		delete(w.of, string(kind)+binding.String())
	}
	delete(w.protected, binding)
	delete(w.groups, binding)
}

// sweep lets go, now and then, of what was written and is in the cache by now. The lock is held.
func (w *ObjectWriter) sweep() {
	now := w.now()
	if now.Sub(w.swept) < reads.CacheLag {
		return
	}
	w.swept = now
	maps.DeleteFunc(w.of, func(_ string, x *pendingWrite) bool { return !x.done.IsZero() && now.Sub(x.done) >= reads.CacheLag })
}

// learnt notes the target group of a binding whose spec it is to complete; nil = the spec is complete.
func (w *ObjectWriter) learnt(o *v1beta1.TargetGroupBinding, group *elbtypes.TargetGroup) {
	if !w.Async {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if key := client.ObjectKeyFromObject(o); group != nil {
		w.groups[key] = knownGroup{o.UID, o.Generation, group}
	} else {
		delete(w.groups, key)
	}
}

// known is the target group that completes a binding, if it was read for this version of it.
func (w *ObjectWriter) known(o *v1beta1.TargetGroupBinding) *elbtypes.TargetGroup {
	w.mu.Lock()
	defer w.mu.Unlock()
	if x := w.groups[client.ObjectKeyFromObject(o)]; x.uid == o.UID && x.generation == o.Generation {
		return x.group
	}
	return nil
}

// protects notes that a binding has our finalizer.
func (w *ObjectWriter) protects(binding types.NamespacedName, uid types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.protected[binding] = uid
}

func (w *ObjectWriter) knownProtected(binding types.NamespacedName, uid types.UID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.protected[binding] == uid
}

// protect has our finalizer put on a binding, and reports whether targets may be registered for it: without one the binding could go while they stay. A binding
// that had it once in this life is served while it is put on again.
func (b *Reconciler) protect(ctx context.Context, o *v1beta1.TargetGroupBinding) (ok bool, err error) {
	key, uid, c := client.ObjectKeyFromObject(o), o.UID, b.Client
	if controllerutil.ContainsFinalizer(o, naming.BindingFinalizer) {
		b.Writes.protects(key, uid)
		return true, nil
	}
	known := b.Writes.Async && b.Writes.knownProtected(key, uid)
	done, err := b.Writes.ask(ctx, o, addingFinalizer, func(ctx context.Context) error {
		now, err := sameBinding(ctx, c, key, uid)
		if now == nil || now.DeletionTimestamp != nil {
			return err
		}
		err = kube.PatchFinalizer(ctx, c, now, func(o client.Object) bool { return controllerutil.AddFinalizer(o, naming.BindingFinalizer) })
		if err == nil {
			b.Writes.protects(key, uid)
		}
		return err
	})
	return done || known, err
}

// unprotect has our finalizer taken off a binding.
func (b *Reconciler) unprotect(ctx context.Context, o *v1beta1.TargetGroupBinding) (done bool, err error) {
	key, uid, c := client.ObjectKeyFromObject(o), o.UID, b.Client
	return b.Writes.ask(ctx, o, removingFinalizer, func(ctx context.Context) error {
		now, err := sameBinding(ctx, c, key, uid)
		if now == nil {
			return err
		}
		return kube.PatchFinalizer(ctx, c, now, func(o client.Object) bool { return controllerutil.RemoveFinalizer(o, naming.BindingFinalizer) })
	})
}

// sameBinding is a binding as the cache has it now; nil if it is gone, or another one has its name.
func sameBinding(ctx context.Context, c client.Client, key types.NamespacedName, uid types.UID) (*v1beta1.TargetGroupBinding, error) {
	o := &v1beta1.TargetGroupBinding{}
	if err := c.Get(ctx, key, o); err != nil || o.UID != uid {
		return nil, client.IgnoreNotFound(err)
	}
	return o, nil
}
