// Package objectwriter writes to Kubernetes objects. It writes the latest wanted state of a part of an object, as a
// patch of the newest version, so entries of other writers survive. A pass that needs the result waits for it
// (Apply, ApplyAll). Others leave the write to a Writer, which repeats failed writes and requeues the pass.
package objectwriter

import (
	"context"
	"maps"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// Concurrency is how many writes of one ApplyAll are under way at once. It holds for each caller, so that an API
	// server which hangs on one kind of object delays no other stack.
	Concurrency = 16
	// Timeout bounds one write.
	Timeout = 20 * time.Second
)

// Part is a part of an object that is written by itself.
type Part string

// Parts of objects.
const (
	Status   Part = "status"
	Counts   Part = "counts" // of the status, which change by themselves
	Spec     Part = "spec"
	Metadata Part = "metadata"
	// with a lock: it fails with a conflict where the object is another version than the one that was read
	Finalizer Part = "finalizer"
)

// Write is the wanted content of a part of an object.
type Write struct {
	Object client.Object // as it was read; it stays as it is
	Part   Part
	Locked bool // also of another part than Finalizer
	// Marks is set for a write that something is made after: of an object that is gone it fails with a conflict.
	Marks bool
	// Change brings a version of the object to what is wanted, and reports whether that changed it. It may be called more
	// than once.
	Change func(o client.Object) (changed bool)
	// Minor reports that a change waits for further ones, for the Delay of the Writer's queue; nil = none does.
	Minor func(from, to client.Object) bool
}

// changed is a version of the object as it is wanted; nil if it is so already.
func (x Write) changed(o client.Object) client.Object {
	updated, ok := o.DeepCopyObject().(client.Object)
	if !ok || !x.Change(updated) {
		return nil
	}
	return updated
}

// patch brings the API server's object from one version to another.
func (x Write) patch(ctx context.Context, c client.Client, from, to client.Object) error {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	patch := MergeFrom(from)
	if x.Locked || x.Part == Finalizer {
		patch = MergeFrom(from, client.MergeFromWithOptimisticLock{})
	}
	if x.Part == Status || x.Part == Counts {
		return c.Status().Patch(ctx, to, patch)
	}
	return c.Patch(ctx, to, patch)
}

// Apply makes a write and returns the object as it is then. An object that is gone needs no write, unless it marks.
func Apply(ctx context.Context, c client.Client, x Write) (client.Object, error) {
	after, errs := ApplyAll(ctx, c, []Write{x})
	return after[0], errs[0]
}

// ApplyAll makes writes to different objects, Concurrency of them at once, and waits for all. It returns the objects as
// they are then, and the errors of writes that failed, each at the place of its write.
func ApplyAll(ctx context.Context, c client.Client, writes []Write) (after []client.Object, errs []error) {
	after, errs = make([]client.Object, len(writes)), make([]error, len(writes))
	var running errgroup.Group
	limited := false
	for i, x := range writes {
		updated := x.changed(x.Object)
		if after[i] = x.Object; updated == nil {
			continue
		}
		if !limited { // most passes change nothing
			running.SetLimit(Concurrency)
			limited = true
		}
		running.Go(func() error {
			err := x.patch(ctx, c, x.Object, updated)
			if x.Marks && apierrors.IsNotFound(err) {
				err = apierrors.NewConflict(schema.GroupResource{}, x.Object.GetName(), err)
			}
			if errs[i] = client.IgnoreNotFound(err); errs[i] == nil {
				after[i] = updated
			}
			return nil
		})
	}
	_ = running.Wait()
	return after, errs
}

// MergeFrom is like client.MergeFrom, for objects whose labels and annotations others write too. When the last known
// entry of such a map is removed, a plain merge patch sets the map to null, and would also remove entries that
// others have added since. This patch names each entry.
func MergeFrom(from client.Object, o ...client.MergeFromOption) client.Patch {
	return mergePatch{Patch: client.MergeFromWithOptions(from, o...), from: from, options: o}
}

type mergePatch struct {
	client.Patch

	from    client.Object
	options []client.MergeFromOption
}

// Data implements client.Patch.
func (p mergePatch) Data(to client.Object) ([]byte, error) {
	if !emptied(p.from.GetLabels(), to.GetLabels()) && !emptied(p.from.GetAnnotations(), to.GetAnnotations()) {
		return p.Patch.Data(to)
	}
	from, ok := filled(p.from)
	filledTo, also := filled(to)
	if !ok || !also {
		return p.Patch.Data(to)
	}
	return client.MergeFromWithOptions(from, p.options...).Data(filledTo)
}

func emptied(from, to map[string]string) bool { return len(from) > 0 && len(to) == 0 }

// filled is a copy of o with one more label and annotation, which is the same in each copy and so in no patch between
// two.
func filled(o client.Object) (_ client.Object, ok bool) {
	c, ok := o.DeepCopyObject().(client.Object)
	if !ok {
		return nil, false
	}
	c.SetLabels(filledMap(c.GetLabels()))
	c.SetAnnotations(filledMap(c.GetAnnotations()))
	return c, true
}

func filledMap(m map[string]string) map[string]string {
	out := map[string]string{"": ""}
	maps.Copy(out, m)
	return out
}
