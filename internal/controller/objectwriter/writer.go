package objectwriter

import (
	"context"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Writer writes in the background, so a pass ends however slow the API server is, and no object waits for another.
// For each part of an object, only the latest wanted state is written. A failed write is repeated after growing
// pauses. It is safe for concurrent use.
type Writer struct {
	Client client.Client // reads from the cache
	Queue  *queue.Keyed  // by part and object
	// Wake is called for an object when a write begins or ends to fail, and when one ends that a pass waits for.
	Wake    func(object client.ObjectKey)
	Measure func(Part) (end func()) // nil = writes are not measured
	now     func() time.Time
	log     logr.Logger

	mu      sync.Mutex
	entries map[string]*entry
	swept   time.Time

	conflicts queue.Conflicts[string]
}

// entry is what is wanted of a part of an object.
type entry struct {
	write   func(context.Context) queue.Retry // makes an attempt; nil = what is wanted was written
	err     error                             // of the last attempt
	version version
	done    bool // what is wanted was written
	// as the last write left it, which is newer than what the cache may show; nil = none was made lately
	last client.Object
	at   time.Time // of that write
}

// version identifies what is wanted.
type version struct {
	uid  types.UID
	want any
}

// New makes a writer.
func New(c client.Client, now func() time.Time, log logr.Logger) *Writer {
	w := &Writer{Client: c, Wake: func(client.ObjectKey) {}, now: now, log: log, entries: map[string]*entry{}}
	w.Queue = queue.NewKeyed(queue.FirstRetry, now, func(ctx context.Context, id string) queue.Retry {
		w.mu.Lock()
		e := w.entries[id]
		if e == nil || e.write == nil {
			w.mu.Unlock()
			return queue.Retry{}
		}
		write := e.write
		w.mu.Unlock()
		return write(ctx)
	})
	w.Queue.Tenant = namespaceOf
	return w
}

// Start runs until ctx ends; it implements manager.Runnable, and runs on the leader only.
func (w *Writer) Start(ctx context.Context) error { return w.Queue.Start(ctx) }

// Enqueue requests a write. want is comparable and identifies the wanted state: an equal value changes nothing. done
// reports that the object has the wanted state, as read, or as written so recently that the cache may not show it.
// err is the error of the last attempt.
func (w *Writer) Enqueue(x Write, want any) (done bool, err error) {
	id, v := idOf(x.Part, client.ObjectKeyFromObject(x.Object)), version{x.Object.GetUID(), want}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sweep()
	e, base := w.entries[id], x.Object
	if e != nil && (e.version.uid != v.uid || e.done && !w.stands(e)) {
		e = nil
	}
	if e != nil && e.version == v {
		return e.done, e.err
	}
	if e != nil {
		base = w.newest(e, x.Object)
	}
	updated := x.changed(base)
	if (e == nil || e.done) && updated == nil {
		if e == nil {
			delete(w.entries, id)
		} else {
			e.version = v
		}
		return true, nil
	}
	if e == nil {
		e = &entry{}
		w.entries[id] = e
	}
	e.version, e.done = v, false
	e.write = func(ctx context.Context) queue.Retry { return w.attempt(ctx, id, e, v, x) }
	if x.Minor != nil && updated != nil && x.Minor(base, updated) {
		w.Queue.Add(id)
	} else {
		w.Queue.AddNow(id)
	}
	return false, e.err
}

// Run has a function run that makes a write of another kind, as one that creates an object, in place of the one that
// was to run under this id. A new one does not end the pause after a failure.
func (w *Writer) Run(id string, do func(context.Context) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.entries[id]
	if e == nil {
		e = &entry{}
		w.entries[id] = e
	}
	v := version{want: new(byte)}
	e.version = v
	e.write = func(ctx context.Context) queue.Retry {
		err := do(ctx)
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.noteFailure(ctx, id, e, err); err == nil && e.version == v {
			delete(w.entries, id)
		}
		return queue.Retry{Failed: err != nil}
	}
	w.Queue.Add(id)
}

// idOf is the key of a write in the queue.
func idOf(p Part, object client.ObjectKey) string { return string(p) + " " + object.String() }

// namespaceOf is the namespace of the object of a write.
func namespaceOf(id string) string {
	_, object, _ := strings.Cut(id, " ")
	return stack.ParseID(object).Namespace
}

// stands reports whether the last write was made so lately that the cache may not show it. The lock is held.
func (w *Writer) stands(e *entry) bool { return e.last != nil && w.now().Sub(e.at) < reads.CacheLag }

// newest is the newer version of an object: the one that was read, or the one that the last write left. The lock is
// held.
func (w *Writer) newest(e *entry, read client.Object) client.Object {
	if !w.stands(e) {
		return read
	}
	if n, err := resourceversion.CompareResourceVersion(read.GetResourceVersion(), e.last.GetResourceVersion()); err ==
		nil && n > 0 {
		return read
	}
	return e.last
}

// attempt makes a write to the newest version of its object.
func (w *Writer) attempt(ctx context.Context, id string, e *entry, v version, x Write) queue.Retry {
	if w.Measure != nil {
		defer w.Measure(x.Part)()
	}
	key := client.ObjectKeyFromObject(x.Object)
	last, err := w.apply(ctx, e, key, v.uid, x)
	w.mu.Lock()
	if ctx.Err() != nil || w.entries[id] != e { // the process ends, or the object is gone
		w.mu.Unlock()
		return queue.Retry{}
	}
	turned := w.noteFailure(ctx, id, e, err)
	switch {
	case apierrors.IsConflict(err):
		e.last = nil
	case err == nil && last == nil:
		delete(w.entries, id)
	case err == nil:
		if e.last, e.at, e.done = last, w.now(), e.version == v; e.done {
			e.write = nil // it holds the object as it was read
		}
	}
	w.mu.Unlock()
	// the event of its end makes a pass, and none before would find it gone
	if gone := err == nil && last == nil; turned || err == nil && !gone && x.Part != Status {
		w.Wake(key)
	}
	return queue.Retry{Failed: err != nil, Soon: x.Part == Status || queue.APIUnavailable(err) ||
		apierrors.IsConflict(err)}
}

// apply returns the object as it is after the write; nil if it is gone, or another one has its name.
func (w *Writer) apply(ctx context.Context, e *entry, key client.ObjectKey, uid types.UID, x Write) (
	client.Object, error) {
	o, ok := x.Object.DeepCopyObject().(client.Object)
	if !ok {
		return nil, nil
	}
	if err := w.Client.Get(ctx, key, o); err != nil || o.GetUID() != uid {
		return nil, client.IgnoreNotFound(err)
	}
	w.mu.Lock()
	o = w.newest(e, o)
	w.mu.Unlock()
	updated := x.changed(o)
	if updated == nil {
		return o, nil
	}
	if err := x.patch(ctx, w.Client, o, updated); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	return updated, nil
}

// noteFailure keeps the error of an attempt, logs the first one, and reports whether it begins or ends to fail, or is a
// conflict that begins to last. The lock is held.
func (w *Writer) noteFailure(ctx context.Context, id string, e *entry, err error) (turned bool) {
	before := e.err
	if e.err = w.conflicts.Note(id, err, w.now()); err != nil && before == nil && ctx.Err() == nil {
		w.log.Info("a write to a Kubernetes object failed; it is tried again", "write", id, "cause", err.Error())
	}
	return (err != nil) != (before != nil) || apierrors.IsConflict(before) != apierrors.IsConflict(e.err)
}

// Forget drops what is wanted of an object that is gone.
func (w *Writer) Forget(object client.ObjectKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range []Part{Status, Counts, Spec, Metadata, Finalizer} {
		delete(w.entries, idOf(p, object))
		_ = w.conflicts.Note(idOf(p, object), nil, w.now())
	}
}

// Len returns the number of parts of objects of which something is kept.
func (w *Writer) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.entries)
}

// sweep drops, now and then, what was written and is in the cache by now. The lock is held.
func (w *Writer) sweep() {
	now := w.now()
	if now.Sub(w.swept) < reads.CacheLag {
		return
	}
	w.swept = now
	maps.DeleteFunc(w.entries, func(_ string, e *entry) bool { return e.done && !w.stands(e) })
}
