package binding

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/diag"
)

// StatusWriter writes the status of TargetGroupBindings beside the passes over them: a pass ends with its calls to AWS, however long the API server
// takes. Of what passes report of a binding the latest is written. It is safe for concurrent use.
type StatusWriter struct {
	Client client.Client
	now    func() time.Time
	spent  func() (end func())                // measures a write
	Wake   func(binding types.NamespacedName) // the API server begins or ends to refuse its status
	log    logr.Logger

	Queue *queue.Keyed // by namespace and name

	mu    sync.Mutex
	of    map[types.NamespacedName]*pendingStatus
	keys  map[string]types.NamespacedName // as writing knows them
	swept time.Time
}

// pendingStatus is what is to be written of a binding.
type pendingStatus struct {
	uid        types.UID
	generation int64
	ready      metav1.Condition
	written    *v1beta1.TargetGroupBindingStatus // by the last write, newer than what the cache may show; nil = none was made lately
	at         time.Time                         // of that write
	err        error                             // of the last attempt
}

// statusTimeout bounds a write of a status.
const statusTimeout = 20 * time.Second

// NewStatusWriter makes a writer; spent measures each write.
func NewStatusWriter(c client.Client, now func() time.Time, spent func() func(), log logr.Logger) *StatusWriter {
	s := &StatusWriter{
		Client: c, now: now, spent: spent, log: log, Wake: func(types.NamespacedName) {},
		of: map[types.NamespacedName]*pendingStatus{}, keys: map[string]types.NamespacedName{},
	}
	s.Queue = queue.NewKeyed(queue.FirstRetry, now, s.write)
	s.Queue.Pauses.Longest = queue.LongestAPIPause
	return s
}

// Start runs until ctx ends; it implements manager.Runnable, and runs on the leader only.
func (s *StatusWriter) Start(ctx context.Context) error { return s.Queue.Start(ctx) }

// readyOf says which generation was carried out, and whether the binding is ready.
func readyOf(o *v1beta1.TargetGroupBinding, found diag.List) metav1.Condition {
	ready := metav1.Condition{Type: "Ready", Status: metav1.ConditionTrue, Reason: "Reconciled", ObservedGeneration: o.Generation}
	for _, d := range found {
		if d.Class != diag.Note {
			ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, string(d.Code), d.Message()
			break
		}
	}
	return ready
}

// Set has the status of a binding written that follows from what a pass found. It returns why the last attempt at it failed, if it did.
func (s *StatusWriter) Set(o *v1beta1.TargetGroupBinding, found diag.List) error {
	key, ready := client.ObjectKeyFromObject(o), readyOf(o, found)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.sweep(now)
	x := s.of[key]
	switch {
	case x != nil && x.uid == o.UID && x.generation == o.Generation && x.ready == ready && (x.err != nil || !x.stands(now)):
		return x.err // it waits for its turn, or for its next attempt
	case x != nil && x.uid == o.UID && x.stands(now):
		if equality.Semantic.DeepEqual(*x.written, withReady(*x.written, o.Generation, ready)) {
			x.generation, x.ready = o.Generation, ready
			return nil
		}
	case x == nil || x.uid != o.UID:
		if equality.Semantic.DeepEqual(o.Status, withReady(o.Status, o.Generation, ready)) {
			s.drop(key)
			return nil
		}
		x = &pendingStatus{uid: o.UID}
		s.of[key], s.keys[key.String()] = x, key
	}
	x.generation, x.ready = o.Generation, ready
	s.Queue.AddNow(key.String())
	return x.err
}

// stands reports whether a status was written so lately that the cache may not show it yet.
func (x *pendingStatus) stands(now time.Time) bool {
	return x.written != nil && now.Sub(x.at) < reads.CacheLag
}

// withReady is a status with a condition.
func withReady(before v1beta1.TargetGroupBindingStatus, generation int64, ready metav1.Condition) v1beta1.TargetGroupBindingStatus {
	out := *before.DeepCopy()
	meta.SetStatusCondition(&out.Conditions, ready)
	if ready.Status == metav1.ConditionTrue {
		out.ObservedGeneration = aws.Int64(generation)
	}
	return out
}

// Len counts what is kept of bindings.
func (s *StatusWriter) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.of) + len(s.keys)
}

// forget drops what was to be written of a binding that is gone.
func (s *StatusWriter) forget(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(key)
}

// drop is forget with the lock held.
func (s *StatusWriter) drop(key types.NamespacedName) {
	delete(s.of, key)
	delete(s.keys, key.String())
}

// sweep lets go, now and then, of what was written and is in the cache by now. The lock is held.
func (s *StatusWriter) sweep(now time.Time) {
	if now.Sub(s.swept) < reads.CacheLag {
		return
	}
	s.swept = now
	maps.DeleteFunc(s.of, func(key types.NamespacedName, x *pendingStatus) bool {
		done := x.written != nil && x.err == nil && !x.stands(now)
		if done {
			delete(s.keys, key.String())
		}
		return done
	})
}

// write brings the status of a binding to what it is to be.
func (s *StatusWriter) write(ctx context.Context, id string) queue.Retry {
	s.mu.Lock()
	key := s.keys[id]
	x := s.of[key]
	if x == nil {
		s.mu.Unlock()
		return queue.Retry{}
	}
	job := *x
	stands := x.stands(s.now())
	s.mu.Unlock()

	defer s.spent()()
	o := &v1beta1.TargetGroupBinding{}
	if err := s.Client.Get(ctx, key, o); err != nil || o.UID != job.uid {
		return s.wrote(ctx, key, job, nil, err)
	}
	if stands {
		o.Status = *job.written.DeepCopy()
	}
	before := o.DeepCopy()
	o.Status = withReady(o.Status, job.generation, job.ready)
	want := o.Status.DeepCopy()
	if equality.Semantic.DeepEqual(before.Status, o.Status) {
		return s.wrote(ctx, key, job, want, nil)
	}
	bounded, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	return s.wrote(ctx, key, job, want, s.Client.Status().Patch(bounded, o, client.MergeFrom(before)))
}

// wrote takes over the end of an attempt; without a status the binding that it was for is gone.
func (s *StatusWriter) wrote(ctx context.Context, key types.NamespacedName, job pendingStatus, status *v1beta1.TargetGroupBindingStatus, err error) queue.Retry {
	s.mu.Lock()
	x := s.of[key]
	if ctx.Err() != nil || x == nil || x.uid != job.uid { // another request has it written
		s.mu.Unlock()
		return queue.Retry{}
	}
	if apierrors.IsNotFound(err) || err == nil && status == nil {
		s.drop(key)
		s.mu.Unlock()
		return queue.Retry{}
	}
	failed := x.err != nil
	if x.err = err; err == nil {
		x.written, x.at = status, s.now()
	}
	s.mu.Unlock()
	if err != nil && !failed {
		s.log.Info("the status of a binding is not written; it is tried again", "binding", key.String(), "cause", err.Error())
	}
	if (err != nil) != failed {
		s.Wake(key)
	}
	return queue.Retry{Failed: err != nil}
}
