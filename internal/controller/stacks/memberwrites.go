package stacks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/addition"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// writeMembers makes a write to each of the members, except where Change is nil, and waits for all. what names the
// write in errors. It returns the members after the writes; a member whose write was refused is unchanged.
func (s *Reconciler) writeMembers(ctx context.Context, what string, members []metav1.Object,
	write func(m client.Object) objectwriter.Write) (
	after []metav1.Object, refused refusedWrites) {
	after = slices.Clone(members)
	var writes []objectwriter.Write
	var index []int
	for i, m := range members {
		if o, ok := m.(client.Object); ok {
			x := write(o)
			if x.Object = o; x.Change != nil {
				writes, index = append(writes, x), append(index, i)
			}
		}
	}
	if len(writes) == 0 {
		return after, nil
	}
	written, errs := objectwriter.ApplyAll(ctx, s.Client, writes)
	for n, i := range index {
		if after[i] = written[n]; errs[n] != nil {
			object := owner.Object(members[i])
			refused = append(refused, refusedWrite{object: object, err: fmt.Errorf("%s %s: %w", what, object, errs[n])})
		}
	}
	return after, refused
}

// addFinalizers adds our finalizer, and the annotations that later passes rely on, to all members that lack them. It
// returns the refused writes.
func (s *Reconciler) addFinalizers(ctx context.Context, id stack.ID, w front.Input) refusedWrites {
	key := stack.Key{Owner: s.Front.Owner(), ID: id}
	name, annotations := naming.Finalizer(key), map[string]string(nil)
	if w.Decisions != nil {
		annotations = w.Decisions.Annotations
	}
	_, refused := s.writeMembers(ctx, "adding finalizer to", w.Members, func(m client.Object) objectwriter.Write {
		if len(annotations) == 0 && controllerutil.ContainsFinalizer(m, name) {
			return objectwriter.Write{} // without a copy of the member
		}
		return objectwriter.Write{Part: objectwriter.Finalizer, Marks: true, Change: func(o client.Object) (changed bool) {
			if o.GetDeletionTimestamp() != nil {
				return false
			}
			changed = annotate(o, slices.Collect(maps.Keys(annotations)), annotations)
			return controllerutil.AddFinalizer(o, name) || changed
		}}
	})
	s.noteMarked(key, w.Members, refused)
	return refused
}

// releaseMembers removes our finalizer from objects that left, because none of their resources exists any longer. It
// skips objects that still show a load balancer that is not theirs, because a write to them was refused.
func (s *Reconciler) releaseMembers(ctx context.Context, key stack.Key, w front.Input,
	unwritten refusedWrites) refusedWrites {
	kind, name := owner.Of(key.Owner), naming.Finalizer(key)
	leaving := slices.DeleteFunc(slices.Clone(w.Leaving), func(m metav1.Object) bool {
		return unwritten.of(owner.Object(m))
	})
	leaving, refused := s.writeMembers(ctx, "status of", leaving, func(client.Object) objectwriter.Write {
		return objectwriter.Write{Part: objectwriter.Status, Change: func(o client.Object) bool { return kind.Release(o) }}
	})
	for i := range refused {
		refused[i].code = diag.StatusNotCleared
	}
	leaving = slices.DeleteFunc(leaving, func(m metav1.Object) bool { return refused.of(owner.Object(m)) })
	_, unreleased := s.writeMembers(ctx, "removing finalizer from", leaving, func(client.Object) objectwriter.Write {
		return objectwriter.Write{Part: objectwriter.Finalizer, Change: func(o client.Object) bool {
			shown := showCause(o, "") // another finalizer may keep the object
			return controllerutil.RemoveFinalizer(o, name) || shown
		}}
	})
	leaving = slices.DeleteFunc(leaving, func(m metav1.Object) bool { return unreleased.of(owner.Object(m)) })
	for _, m := range leaving {
		s.Reporter.Forget(key.String(), owner.Object(m))
	}
	s.noteReleased(key, leaving)
	refused = append(refused, unreleased...)
	waiting.NoteOf(ctx).Released = len(refused)+len(unwritten) == 0
	if !w.Declared && len(refused)+len(unwritten) == 0 {
		s.forget(key)
		s.Backend.Released(key.Owner)
	}
	return refused
}

// oldest returns when the first of objects was created.
func oldest(all []metav1.Object) time.Time {
	var first time.Time
	for _, o := range all {
		if at := o.GetCreationTimestamp().Time; first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first
}

// refusedWrites are writes to members that the API server refused: for lack of a right, which concerns all members,
// or because a policy of the cluster refuses edits of one.
type refusedWrites []refusedWrite

type refusedWrite struct {
	object diag.Object
	err    error
	code   diag.Code // empty = the code of the part of the pass
}

// err is nil if nothing was refused.
func (r refusedWrites) err() error {
	var all []error
	for _, w := range r {
		all = append(all, w.err)
	}
	return errors.Join(all...)
}

// conflicted reports whether others wrote to members at the same time. That is no failure unless it lasts, but another
// pass is due.
func (s *Reconciler) conflicted(key stack.Key, r refusedWrites) bool {
	return s.conflicts.See(key, r.err(), s.Now())
}

// of reports whether a write to an object was refused.
func (r refusedWrites) of(o diag.Object) bool {
	return slices.ContainsFunc(r, func(w refusedWrite) bool { return w.object == o })
}

// found returns the findings about refused writes, on their objects.
func (r refusedWrites) found(code diag.Code) diag.List {
	var out diag.List
	for _, w := range r {
		out = append(out, reporting.APIRefusal(w.object, cmp.Or(w.code, code), w.err))
	}
	return out
}

// without returns the input without the members whose writes were refused.
func (r refusedWrites) without(w front.Input) front.Input {
	w.LoadBalancer.Members = slices.DeleteFunc(slices.Clone(w.LoadBalancer.Members),
		func(m intent.Member) bool { return r.of(m.Object) })
	w.Members = slices.DeleteFunc(slices.Clone(w.Members), func(o metav1.Object) bool { return r.of(owner.Object(o)) })
	return w
}

// endRefused ends a pass that cannot continue after refused writes. The pass is repeated.
func (s *Reconciler) endRefused(ctx context.Context, t passReport, code diag.Code, refused refusedWrites) (
	reconcile.Result, error) {
	if s.conflicted(t.key, refused) {
		return reconcile.Result{}, refused.err()
	}
	return s.endFailed(ctx, t, refused.found(code), refused.err())
}

// additions returns notes about what members use beyond the existing controller, if --existing-features-only is set:
// such objects are older than the flag, or no webhook answered when they were written. A group reports them with its
// first load balancer.
func (s *Reconciler) additions(key stack.Key, w front.Input) (found diag.List) {
	if _, n := naming.ShardOf(key.ID); n > 0 || !s.Compile.ExistingFeaturesOnly {
		return nil
	}
	for _, m := range w.Members {
		kind, _ := objects.KindOf(m)
		o, err := addition.Tree(m, string(kind))
		if err != nil {
			continue // an object of the API server has a form in JSON
		}
		for _, u := range addition.Of(o) {
			if !u.Row.Written && u.Row.Effect != addition.Ignored {
				found = append(found, diag.New(owner.Object(m), u.Field, diag.AdditionInUse, u.Missing(), addition.Remedy))
			}
		}
	}
	return found
}
